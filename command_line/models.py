"""Say what the models folder holds, and whether it is sound."""

from __future__ import annotations

import argparse

from command_line.files import DONE, AddCommand
from command_line.settings import FAILED_VERIFICATION, add_models_folder, complain, settings_of
from petrography.errors import ModelCardError

__all__ = ["add_commands", "list_models", "verify_models"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands; they stand below ``models``."""
    for name, run, what in (
        ("list", list_models, "names, versions, architectures and classes, from the cards"),
        ("verify", verify_models, "check digests and graphs, and run every model once"),
    ):
        add_models_folder(add_command(name, run, what))


def list_models(arguments: argparse.Namespace) -> int:
    """Print one line a model."""
    from petrography.minerals import mineral
    from service.repository import read_cards

    for _, card in read_cards(settings_of(arguments).models_folder):
        symbols = ",".join(mineral(code).symbol for code in card.classes)
        print(f"{card.name}:{card.version}\t{card.architecture}\t{symbols}\t{card.description}")
    return DONE


def verify_models(arguments: argparse.Namespace) -> int:
    """Open and run every model."""
    from service.repository import open_repository

    try:
        for model in open_repository(settings_of(arguments)):
            seconds = model.warm_up()
            card = model.card
            print(f"{card.name}:{card.version}\tgood\t{card.onnx_sha256}\t{seconds:.2f} s")
    except ModelCardError as error:
        return complain(str(error), FAILED_VERIFICATION)
    return DONE
