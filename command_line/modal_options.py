"""Options of the modal composition, shared by the commands that measure."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from petrography.errors import InvalidParameterError

if TYPE_CHECKING:
    from petrography.pipeline import ModalOptions

__all__ = ["add_modal_options", "modal_options"]

_OPTIONS = {
    "not_analysed": "--not-analysed",
    "other_uncertainty_percent": "--uncertainty",
    "wanted_error_percent": "--wanted-error",
}


def add_modal_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument(
        "--not-analysed",
        metavar="CODE,...",
        default="Res",
        help="phases outside the analysed area, by code or symbol; 'none' for none (default: Res)",
    )
    parser.add_argument(
        "--uncertainty",
        action="append",
        default=[],
        metavar="NAME=PERCENT",
        help="a further standard uncertainty in per cent of each share, such as preparation=2",
    )
    parser.add_argument(
        "--wanted-error",
        type=float,
        default=10.0,
        metavar="PERCENT",
        help="error of a share that the representative area is given for (default: 10)",
    )


def modal_options(arguments: argparse.Namespace) -> ModalOptions:
    """Read the options.

    Raises
    ------
    InvalidParameterError
        If a phase is unknown, an uncertainty is no name with a number, or a number is impossible.
    """
    from pydantic import ValidationError

    from petrography.pipeline import ModalOptions

    stated = {
        "not_analysed": _codes(arguments.not_analysed),
        "other_uncertainty_percent": dict(map(_named_percent, arguments.uncertainty)),
        "wanted_error_percent": arguments.wanted_error,
    }
    try:
        return ModalOptions.model_validate(stated)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = _OPTIONS[str(first["loc"][0])]
        msg = f"{option} is {first['input']!r}: {first['msg']}"
        raise InvalidParameterError(msg) from None


def _codes(text: str) -> tuple[int, ...]:
    from petrography.minerals import association_codes

    try:
        return () if text.strip().lower() == "none" else association_codes(text)
    except InvalidParameterError:
        msg = (
            f"--not-analysed is {text[:80]!r}; wanted mineral codes or symbols separated by "
            "commas, such as 'Res,Bg', or 'none'"
        )
        raise InvalidParameterError(msg) from None


def _named_percent(text: str) -> tuple[str, float]:
    name, _, percent = text.rpartition("=")
    try:
        return _present(name), float(percent)
    except ValueError:
        msg = f"--uncertainty is {text[:80]!r}; wanted NAME=PERCENT, such as preparation=2"
        raise InvalidParameterError(msg) from None


def _present(name: str) -> str:
    if not name:
        msg = "no name"
        raise ValueError(msg)
    return name
