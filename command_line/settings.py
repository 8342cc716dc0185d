"""What the commands share about the service's settings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.settings import Settings

__all__ = ["add_models_folder", "settings_of"]

_CHECKOUT = Path(__file__).resolve().parents[1]


def add_models_folder(parser: argparse.ArgumentParser) -> None:
    """Describe the models folder."""
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="models folder (default: the setting, ./models, or that of the checkout)",
    )


def settings_of(arguments: argparse.Namespace, **stated: object) -> Settings:
    """Read the settings; what the command line states goes before the environment.

    Where nothing states a models folder and there is none here, it is that of the checkout, so that
    the command of `make demo` analyses photographs wherever they lie.
    """
    from service.settings import read_settings

    settings = read_settings(models_folder=arguments.models, **stated)
    of_checkout = _CHECKOUT / "models"
    if "models_folder" in settings.model_fields_set or settings.models_folder.is_dir():
        return settings
    # Beside an installation there may be any folder of that name.
    if not ((_CHECKOUT / "pyproject.toml").is_file() and of_checkout.is_dir()):
        return settings
    return read_settings(models_folder=of_checkout, **stated)
