"""Train networks, and bring weights that are there already to a checkpoint to begin with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_line.exit_status import DONE
from command_line.files import AddCommand

__all__ = ["add_commands", "import_foreign", "reopen", "train"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands."""
    trained = add_command("train", train, "train a network, or go on with it (extra train)")
    trained.add_argument("config", type=Path, metavar="CONFIG.toml")
    imported = add_command(
        "import", import_foreign, "weights of others to a checkpoint (extra train)"
    )
    imported.add_argument("weights", type=Path, metavar="WEIGHTS", help=".pt, .pth or .safetensors")
    imported.add_argument(
        "config", type=Path, metavar="CONFIG.toml", help="a run's, with the section [foreign]"
    )
    reopened = add_command(
        "reopen", reopen, "a served model to a checkpoint, to train it further (extra train)"
    )
    reopened.add_argument("model", metavar="NAME[:VERSION]", help="a float32 version")
    reopened.add_argument(
        "config", type=Path, metavar="CONFIG.toml", help="of the run that will start from it"
    )
    reopened.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))


def train(arguments: argparse.Namespace) -> int:
    """Train a network, and print the folder of the run."""
    from training.loop import train as train_network

    print(train_network(arguments.config, progress=sys.stderr.isatty()))
    return DONE


def import_foreign(arguments: argparse.Namespace) -> int:
    """Make a checkpoint of weights of others."""
    from training.foreign.importing import import_weights

    imported = import_weights(arguments.weights, arguments.config)
    print(f"{imported.told}\n{imported.checkpoint}")
    return DONE


def reopen(arguments: argparse.Namespace) -> int:
    """Make a checkpoint of a served model."""
    from export.judging import find_model
    from export.reopening import reopen_model

    print(reopen_model(find_model(arguments.models, arguments.model), arguments.config))
    return DONE
