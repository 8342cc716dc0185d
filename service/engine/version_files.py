"""The names of the versions of an analysis, and whether its newest one stands for good."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from service.engine.kinds import ANALYSES

__all__ = ["StandsForGood", "newest_of", "version_file"]

_NAME = re.compile(r"result\.([1-9][0-9]{0,8})\.json", re.ASCII)
_FOR_GOOD = {"final", "corrected"}
_REMEMBERED = 100_000


def version_file(version: int) -> str:
    """Name the file of a version.

    Examples
    --------
    >>> version_file(1), version_file(2)
    ('result.json', 'result.2.json')
    """
    return ANALYSES.document if version == 1 else f"result.{version}.json"


def newest_of(names: Iterable[str]) -> int:
    """Find the newest version by the names of the files of an analysis.

    Examples
    --------
    >>> newest_of(["result.json", "labels.png", "result.2.json"])
    2
    """
    found = map(_NAME.fullmatch, names)
    return max((int(match[1]) for match in found if match), default=1)


class StandsForGood:
    """Tells whether somebody vouches for an analysis: its newest version is final or corrected.

    A version never changes, so that each is read once.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], bool] = {}

    def tell(self, place: str, names: Iterable[str], read: Callable[[int], bytes]) -> bool:
        """Tell it of one analysis.

        Parameters
        ----------
        place : str
            Which one.
        names : iterable of str
            Its files.
        read : callable
            Reads the document of a version.

        Returns
        -------
        bool
            True as well where the newest version cannot be read: it may be worth keeping.
        """
        version = newest_of(names)
        if version == 1:
            # No review, no status but preliminary.
            return False
        known = self._known.get((place, version))
        if known is not None:
            return known
        try:
            content = read(version)
        except OSError:
            # Nothing to remember: it may be read the next time.
            return True
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        known = self._known[place, version] = _is_for_good(content)
        return known


def _is_for_good(content: bytes) -> bool:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return True
    return not isinstance(document, dict) or document.get("status") in _FOR_GOOD
