"""The option that says which files are made."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable

from petrography.errors import InvalidParameterError

__all__ = ["add_outputs", "chosen_outputs"]

_DEFAULT, _ALL = "default", "all"


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Describe the option."""
    parser.add_argument(
        "--outputs",
        metavar="NAME,...",
        default=_DEFAULT,
        help=(
            "files to make beside result.json, as modal.csv,analysis.xlsx; `default` stands for "
            "those that are cheap, `all` for all"
        ),
    )


def chosen_outputs(
    text: str, known: Iterable[str], on_request: Collection[str]
) -> tuple[str, ...] | None:
    """Read the option.

    Parameters
    ----------
    text : str
        Names separated by commas.
    known : iterable of str
        All names.
    on_request : collection of str
        Those that ``default`` does not stand for.

    Returns
    -------
    tuple of str or None
        The names in the order of `known`; None for the default.

    Raises
    ------
    InvalidParameterError
        If a name is not known.

    Examples
    --------
    >>> chosen_outputs("default, b", ["a", "b", "c"], {"b", "c"})
    ('a', 'b')
    """
    names = tuple(known)
    asked = {name.strip() for name in text.split(",")}
    unknown = asked - {*names, _DEFAULT, _ALL}
    if unknown:
        msg = (
            f"--outputs: no file is called {', '.join(map(repr, sorted(unknown)))}; wanted "
            f"{_DEFAULT}, {_ALL} or some of {', '.join(names)}"
        )
        raise InvalidParameterError(msg)
    if asked == {_DEFAULT}:
        return None
    if _ALL in asked:
        return names
    if _DEFAULT in asked:
        asked |= {name for name in names if name not in on_request}
    return tuple(name for name in names if name in asked)
