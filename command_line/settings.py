"""What the commands share about the service's settings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.settings import Settings

__all__ = ["add_models_folder", "settings_of"]


def add_models_folder(parser: argparse.ArgumentParser) -> None:
    """Describe the models folder."""
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="models folder (default: the setting, ./models)"
    )


def settings_of(arguments: argparse.Namespace, **stated: object) -> Settings:
    """Read the settings; what the command line states goes before the environment."""
    from service.settings import read_settings

    return read_settings(models_folder=arguments.models, **stated)
