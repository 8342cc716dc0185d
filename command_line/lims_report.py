"""Which report goes with a result into the LIMS: that of this very version, or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from petrography.errors import MissingPartError

if TYPE_CHECKING:
    from petrography.report import Result

__all__ = ["report_beside"]

_REPORT, _OVERLAY = "report.pdf", "overlay.jpg"


def report_beside(path: Path, result: Result) -> dict[str, bytes]:
    """Give the report of a result, if its analysis was to make one.

    Parameters
    ----------
    path : Path
        Of the result.json; files are looked for beside it and taken by their digests only.
    result : Result
        Its content.

    Returns
    -------
    dict of str to bytes
        The report that the analysis wrote; of a version that a review made a new one, for the old
        says what stood before: *preliminary*, or other numbers. Empty where no report was wanted,
        or that of the analysis does not lie there.

    Raises
    ------
    MissingPartError
        If a review made the version, and the picture for its report does not lie there.
    """
    from command_line.report import report_of

    if _REPORT not in {one.name for one in result.artefacts}:
        return {}
    if result.version == 1:
        content = _recorded(path, result, _REPORT)
        return {} if content is None else {_REPORT: content}
    if _recorded(path, result, _OVERLAY) is None:
        msg = (
            f"no report is sent: that of the analysis is of another version, and {_OVERLAY} of "
            f"version {result.version} does not lie beside {path.name}; wanted it there, or "
            "--attach with the file that `petroserve report` writes"
        )
        raise MissingPartError(msg)
    return {_REPORT: report_of(result, path.with_name(_OVERLAY))}


def _recorded(path: Path, result: Result, name: str) -> bytes | None:
    """Read a file beside a result if it is the one that its analysis wrote."""
    from petrography.model_card import sha256_hex

    written = {one.name: one.sha256 for one in result.artefacts}
    file = path.with_name(name)
    if name not in written or not file.is_file():
        return None
    content = file.read_bytes()
    return content if sha256_hex(content) == written[name] else None
