"""Whether the runs that a run starts from were fitted to what it is validated on.

A network that starts from weights which have seen its validation images is judged on what it knows.
Images are compared by their bytes: another split, fold or name of a subset hides none. Whatever
cannot be compared is a doubt, put into words for the log and the card.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from petrography.errors import ConfigurationError
from training.checkpoint import Checkpoint, load_checkpoint
from training.config import DataConfig, TrainingConfig, read_config
from training.lumenstone import FieldPaths, data_sha256
from training.splitting import split_paths

__all__ = ["doubts_about_start", "doubts_about_told_runs"]

# The words by which a model card tells of earlier runs; see `export.checkpoint_export`.
_NEXT_RUN = re.compile(r"(?m)^which started from ")
_TOLD_RUN = re.compile(
    r"(averaged weights|encoder|weights for colours|weights of fewer blocks) after epoch \d+ of the run\n"
)
_TOLD_DOUBTS = re.compile(r"(?m)^Whether these saw validation images is not known: .*$")


def doubts_about_start(config: TrainingConfig) -> tuple[str, ...]:
    """Compare what the runs before were fitted to with the validation images of this one.

    Parameters
    ----------
    config : TrainingConfig
        Of this run; its `data` lie where they are now.

    Returns
    -------
    tuple of str
        What could not be compared; empty where all was, where a run starts from chance, and where
        its scores judge nothing anyway (``train_on_all``).

    Raises
    ------
    ConfigurationError
        If a run before was fitted to a validation image, or its checkpoint cannot be read.
    """
    starts = list(config.network.starts)
    if not starts or config.data.train_on_all or not config.data.subsets:
        return ()
    validation = split_paths(config.data)[1]
    held = _names_by_digest(validation)
    doubts: list[str] = []
    for path, saved in _runs_before(starts, doubts):
        seen, doubt = _fitted_to(saved, path, config.data.root)
        _require_unseen(held, seen, str(path))
        doubts += [doubt] if doubt else []
        doubts += doubts_about_told_runs(saved.told_before, config.data.root, validation)
    return tuple(doubts)


def doubts_about_told_runs(
    told: str | None, root: Path, validation: Sequence[FieldPaths]
) -> tuple[str, ...]:
    """Do the same with the runs that a model card tells of.

    Parameters
    ----------
    told : str or None
        ``training.started_from`` of the card.
    root : Path
        Where the images lie now; the card leaves that out.
    validation : sequence of FieldPaths
        What the model was judged on.

    Returns
    -------
    tuple of str
        What could not be compared.

    Raises
    ------
    ConfigurationError
        If a run before was fitted to a validation image.
    """
    if told is None:
        return ()
    doubts = _TOLD_DOUBTS.findall(told)
    held = _names_by_digest(validation)
    for number, text in enumerate(_NEXT_RUN.split(_TOLD_DOUBTS.sub("", told)), start=1):
        source = f"run {number} before, as the card tells of it,"
        try:
            train = _training_paths(_told_config(text, source), root)
        except ConfigurationError as error:
            doubts.append(f"{source} cannot be followed: {error}")
        else:
            _require_unseen(held, _names_by_digest(train), source)
    return tuple(doubts)


def _told_config(text: str, source: str) -> TrainingConfig:
    head = _TOLD_RUN.match(text)
    if head is None:
        msg = f"it is no run: {text.strip()[:200]}"
        raise ConfigurationError(msg)
    return read_config(text[head.end() :], source=source)


def _runs_before(starts: list[Path], doubts: list[str]) -> Iterator[tuple[Path, Checkpoint]]:
    """Follow checkpoints to what they started from; the first ones must be there."""
    direct, waiting, known = set(starts), list(starts), set(starts)
    while waiting:
        path = waiting.pop(0)
        try:
            saved = load_checkpoint(path)
            further = saved.config.network.starts
        except ConfigurationError as error:
            if path in direct:
                raise
            doubts.append(f"an earlier run cannot be followed: {error}")
            continue
        yield path, saved
        waiting += [one for one in further if one not in known]
        known |= {*further}


def _fitted_to(saved: Checkpoint, path: Path, root: Path) -> tuple[Mapping[str, str], str | None]:
    """Digests and names of the images of an earlier run, and what is doubtful about them."""
    if saved.origin is not None:
        return {}, f"what the weights in {path.name} were fitted to only their origin tells"
    found: list[tuple[FieldPaths, ...]] = []
    for folder in dict.fromkeys((saved.config.data.root, root)):
        try:
            train = _training_paths(saved.config, folder)
        except ConfigurationError:
            continue
        if not train or data_sha256(train) == saved.data_sha256:
            return _names_by_digest(train), None
        found.append(train)
    if not found:
        return {}, f"the images that {path.name} was fitted to are not where they were"
    # They were changed since; what is still there is what it most likely saw.
    return _names_by_digest(found[0]), f"the images that {path.name} was fitted to were changed"


def _training_paths(config: TrainingConfig, root: Path) -> tuple[FieldPaths, ...]:
    if not config.data.subsets:
        return ()  # sections that were painted for it
    data: DataConfig = config.data.model_copy(update={"root": root})
    return split_paths(data)[0]


def _names_by_digest(paths: Sequence[FieldPaths]) -> dict[str, str]:
    return {hashlib.sha256(one.image.read_bytes()).hexdigest(): one.name for one in paths}


def _require_unseen(held: Mapping[str, str], seen: Mapping[str, str], source: str) -> None:
    met = sorted(held[digest] for digest in held.keys() & seen.keys())
    if met:
        msg = (
            f"{source} was fitted to validation images of this run: {', '.join(met[:5])}"
            f"{' and others' if len(met) > 5 else ''}; start from a run of the same split, or set "
            "data.train_on_all and export it with a judge"
        )
        raise ConfigurationError(msg)
