"""Files beside a result in SENAITE: stored once, shown by the first analysis that is submitted.

An analysis takes a file in the very write that submits it: afterwards it is closed. So the file is
offered with every submission until one was taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from petrography.errors import LimsUnreachableError
from service.lims.fields_of_sample import Reportable
from service.lims.senaite_client import SenaiteClient
from service.lims.senaite_records import Analysis, SenaiteSample

__all__ = ["TRIES", "Parcel", "packed"]

# Of one write whose answers are lost; between them the state is read.
TRIES = 3
_WAITING = {"unassigned", "assigned"}


@dataclass
class Parcel:
    """Files, and the analysis that is to show them.

    Attributes
    ----------
    uids : dict of str to str or None
        By name; None for a file that was not stored, because no analysis can show it.
    shown : frozenset of str
        Uids that an analysis shows already.
    fitting : tuple of Analysis
        Those that could show them.
    is_taken : bool
        Whether an analysis was submitted with them.
    """

    uids: dict[str, str | None]
    shown: frozenset[str]
    fitting: tuple[Analysis, ...]
    is_taken: bool = False

    def fields_for(self, analysis: Analysis) -> dict[str, list[str]]:
        """What an update of an analysis says of files; nothing once another took them."""
        new = [uid for uid in self.uids.values() if uid is not None and uid not in self.shown]
        if not new or self.is_taken or analysis.state not in _WAITING:
            return {}
        return {"Attachment": [*analysis.attachments, *new]}

    def told(self, client: SenaiteClient) -> Iterator[tuple[str, bool, bool]]:
        """Look after sending: name of each file, whether it is shown now, whether it was before."""
        if self.uids:
            now = _shown([client.analysis(one.uid) for one in self.fitting])
            for name, uid in self.uids.items():
                yield name, uid in now, uid in self.shown


def packed(
    client: SenaiteClient,
    result: Reportable,
    sample: SenaiteSample,
    fitting: Sequence[Analysis],
    files: Mapping[str, bytes],
) -> Parcel:
    """Store files that are not there yet, if an analysis that waits can show them.

    Parameters
    ----------
    client : SenaiteClient
        A signed-in user.
    result : Result or FieldsOfSample
        To which they belong; its id and version are part of their titles.
    sample : SenaiteSample
        Beside which they lie.
    fitting : sequence of Analysis
        That can show them.
    files : mapping of str to bytes
        By name.
    """
    has_place = any(one.state in _WAITING for one in fitting)
    uids = {
        name: _stored(client, sample, _title(result, name, content), name, content)
        if has_place
        else client.find_attachment(_title(result, name, content))
        for name, content in files.items()
    }
    return Parcel(uids, _shown(fitting), tuple(fitting))


def _shown(analyses: Sequence[Analysis]) -> frozenset[str]:
    return frozenset(uid for one in analyses for uid in one.attachments)


def _title(result: Reportable, name: str, content: bytes) -> str:
    return f"{result.id} v{result.version} {name} {hashlib.sha256(content).hexdigest()[:16]}"


def _stored(
    client: SenaiteClient, sample: SenaiteSample, title: str, name: str, content: bytes
) -> str:
    """Store a file unless one of its title is there; returns its uid."""
    tries = 0
    while (found := client.find_attachment(title)) is None:
        tries += 1
        try:
            return client.create_attachment(
                parent_path=sample.path.rpartition("/")[0],
                title=title,
                filename=name,
                content=content,
                keys="petroserve",
            )
        except LimsUnreachableError:
            if tries == TRIES:
                raise
    return found
