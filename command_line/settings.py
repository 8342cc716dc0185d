"""What the commands share about the service's settings, and about complaints."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.settings import Settings

__all__ = ["AT_FAULT", "FAILED_VERIFICATION", "add_models_folder", "complain", "settings_of"]

FAILED_VERIFICATION, AT_FAULT = 1, 2


def add_models_folder(parser: argparse.ArgumentParser) -> None:
    """Describe the models folder."""
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="models folder (default: the setting, ./models)"
    )


def settings_of(arguments: argparse.Namespace, **stated: object) -> Settings:
    """Read the settings; what the command line states goes before the environment."""
    from service.settings import read_settings

    return read_settings(models_folder=arguments.models, **stated)


def complain(message: str, status: int = AT_FAULT) -> int:
    """Say on one line of stderr what is at fault; returns the exit status."""
    print(f"petroserve: {' '.join(message.split())}", file=sys.stderr)
    return status
