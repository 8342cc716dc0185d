"""The commands of who makes models: train, import, reopen, export and export-variant.

Those of who judges them are in `judging_commands`.

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from petrography.minisign import SecretKey

from export import judging_commands

__all__ = ["add_commands"]

AddCommand = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]

_DONE = 0


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands.

    Parameters
    ----------
    add_command : callable
        From name, function and help to the parser of a new command. The function gets the parsed
        arguments and returns the exit status.
    """
    trained = add_command("train", _train, "train a network, or go on with it (extra train)")
    trained.add_argument("config", type=Path, metavar="CONFIG.toml")
    judging_commands.add_commands(add_command)
    imported = add_command("import", _import, "weights of others to a checkpoint (extra train)")
    imported.add_argument("weights", type=Path, metavar="WEIGHTS", help=".pt, .pth or .safetensors")
    imported.add_argument(
        "config", type=Path, metavar="CONFIG.toml", help="a run's, with the section [foreign]"
    )
    reopened = add_command(
        "reopen", _reopen, "a served model to a checkpoint, to train it further (extra train)"
    )
    reopened.add_argument("model", metavar="NAME[:VERSION]", help="a float32 version")
    reopened.add_argument(
        "config", type=Path, metavar="CONFIG.toml", help="of the run that will start from it"
    )
    reopened.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))
    exported = add_command("export", _export, "a checkpoint to a served model (extra train)")
    exported.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    exported.add_argument("models", type=Path, metavar="MODELS", help="the models folder")
    exported.add_argument("--data", type=Path, help="where the training data lie now, if elsewhere")
    exported.add_argument(
        "--tile-px", type=int, help="side of the tiles in service (default: chosen by the network)"
    )
    exported.add_argument(
        "--judged-by",
        type=Path,
        metavar="FOLDER",
        help="for a run on all images: MODELS/NAME/VERSION of one without the validation images",
    )
    exported.add_argument(
        "--guided-filter",
        action="store_true",
        help="draw the borders of a network that was trained without, where the colours change",
    )
    _add_publication(exported)
    _describe_variant(
        add_command("export-variant", _export_variant, "a served model in lower precision (train)")
    )


def _add_publication(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", type=int, help="default: one above the highest that exists")
    parser.add_argument(
        "--sign", type=Path, metavar="KEY", help="secret key of minisign to sign the version with"
    )


def _describe_variant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="NAME[:VERSION]", help="the float32 version")
    parser.add_argument("--precision", choices=("float16", "int8"), required=True)
    parser.add_argument(
        "--data", type=Path, help="where the images of its training lie, if they are photographs"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))
    parser.add_argument(
        "--publish-anyway",
        action="store_true",
        help="even where it agrees too seldom with float32; the card says so",
    )
    _add_publication(parser)


def _train(arguments: argparse.Namespace) -> int:
    from training.loop import train

    print(train(arguments.config, progress=sys.stderr.isatty()))
    return _DONE


def _import(arguments: argparse.Namespace) -> int:
    from training.foreign.importing import import_weights

    imported = import_weights(arguments.weights, arguments.config)
    print(f"{imported.told}\n{imported.checkpoint}")
    return _DONE


def _reopen(arguments: argparse.Namespace) -> int:
    from export.judging import find_model
    from export.reopening import reopen_model

    print(reopen_model(find_model(arguments.models, arguments.model), arguments.config))
    return _DONE


def _export(arguments: argparse.Namespace) -> int:
    from export.checkpoint_export import export_checkpoint

    folder = export_checkpoint(
        arguments.checkpoint,
        arguments.models,
        data_root=arguments.data,
        version=arguments.version,
        tile_px=arguments.tile_px,
        judge=arguments.judged_by,
        key=_signing_key(arguments.sign),
        guided_filter=arguments.guided_filter,
    )
    print(folder)
    return _DONE


def _export_variant(arguments: argparse.Namespace) -> int:
    from export.judging import find_model, verified_model
    from export.variant_table import variant_table
    from export.variants import VariantOptions, export_variant

    folder = export_variant(
        find_model(arguments.models, arguments.model),
        arguments.precision,
        data_root=arguments.data,
        options=VariantOptions(
            version=arguments.version,
            publish_anyway=arguments.publish_anyway,
            key=_signing_key(arguments.sign),
        ),
    )
    print(folder)
    print(variant_table(verified_model(folder)[0]))
    return _DONE


def _signing_key(path: Path | None) -> SecretKey | None:
    """Read the key before the work begins, and ask for its password now."""
    if path is None:
        return None
    from export.signing import ask_password, read_secret_key

    return read_secret_key(path, password=ask_password)
