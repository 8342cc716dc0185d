"""Files beside a result in SENAITE: stored once, shown by the sample.

SENAITE lets nobody link a file to an analysis over its API, and a file to a sample only whom it
lets edit samples. That is asked first, so that no file is stored which nothing shows. A stored
file has no title of its own; whose it is stands in its keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Literal

from petrography.errors import LimsRefusedError, LimsUnreachableError
from service.lims.fields_of_sample import Reportable
from service.lims.senaite_client import SenaiteClient
from service.lims.senaite_records import SenaiteSample

__all__ = ["TRIES", "filed"]

# Of one write whose answers are lost; between them the state is read.
TRIES = 3


def filed(
    client: SenaiteClient,
    result: Reportable,
    sample: SenaiteSample,
    files: Mapping[str, bytes],
    *,
    is_open: bool,
) -> Iterator[tuple[str, Literal["submitted", "already there", "refused"], str]]:
    """Store files and have the sample show them: name of each, what became of it, why.

    Parameters
    ----------
    client : SenaiteClient
        A signed-in user.
    result : Result or FieldsOfSample
        To which they belong; its id and version are part of their keys.
    sample : SenaiteSample
        That is to show them.
    files : mapping of str to bytes
        By name.
    is_open : bool
        Whether anything may be written to the sample.
    """
    shown = {_keys_of(client, uid) for uid in sample.attachments} if files else set()
    for name, content in files.items():
        keys = _keys(result, name, content)
        if keys in shown:
            yield name, "already there", ""
        elif not is_open:
            yield name, "refused", f"the sample is {sample.state} already"
        else:
            why = _tried(partial(_shown, client, sample.uid, keys, name, content))
            yield name, "refused" if why else "submitted", why


def _keys_of(client: SenaiteClient, uid: str) -> str:
    """Keys of a file, empty where the account may not read it: then it is of another."""
    try:
        return client.attachment_keys(uid)
    except LimsRefusedError:
        return ""


def _keys(result: Reportable, name: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()[:16]
    return f"petroserve {result.id} v{result.version} {name} {digest}"


def _tried(write: Callable[[], str]) -> str:
    """Begin again after a lost answer: what is there already is found."""
    for _ in range(TRIES - 1):
        try:
            return write()
        except LimsUnreachableError:
            continue
    return write()


def _shown(client: SenaiteClient, uid: str, keys: str, name: str, content: bytes) -> str:
    """Store a file unless it is there, and link it; why it cannot be, empty where it is."""
    try:
        sample = client.sample(uid)
        client.link(sample, ())
        folder = sample.path.rpartition("/")[0]
        file = client.find_attachment(folder, keys) or client.create_attachment(
            parent_path=folder, filename=name, content=content, keys=keys
        )
        client.link(sample, (file,))
    except LimsRefusedError as error:
        return f"it takes an account that may edit samples, such as a LabManager: {error}"
    return ""
