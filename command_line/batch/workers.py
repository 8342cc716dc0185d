"""Workers by Ray Data: processes of this machine, or of a cluster.

Only paths and rows go through Ray; every worker reads the photographs and writes the results
itself.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from command_line.batch.archive import ArchiveImage
from command_line.batch.division import Division
from command_line.batch.one_image import ImageRow, WhereTo, row_of
from petrography.errors import ConfigurationError

if TYPE_CHECKING:
    from command_line.one_analysis import PreparedAnalysis, StatedAnalysis

__all__ = ["ImageWorker", "Work", "analysed_rows"]

# Beyond as many photographs a task has several.
_MOST_TASKS = 10_000
# A photograph over which a worker died is tried once more: the cause may have been another's.
_TRIES_MORE = 1


@dataclass(frozen=True)
class Work:
    """What all workers do.

    Attributes
    ----------
    stated : StatedAnalysis
        What is asked of every photograph.
    places : WhereTo
        Where they lie, and where results go.
    model_sha256 : tuple of (str or None)
        Digests of graph and card of the model, as `digests` tells them: all workers must have it.
    """

    stated: StatedAnalysis
    places: WhereTo
    model_sha256: tuple[str | None, ...]

    @staticmethod
    def digests(prepared: PreparedAnalysis) -> tuple[str | None, ...]:
        """Tell which model is open."""
        return prepared.model.card.onnx_sha256, prepared.model.card_sha256


class ImageWorker:
    """What one worker holds: the open model.

    Parameters
    ----------
    work : Work
        What it does.
    threads : int
        That it may have at work.

    Raises
    ------
    ConfigurationError
        If this machine has another model of the name.
    """

    def __init__(self, work: Work, threads: int) -> None:
        import cv2

        # Its pool would otherwise be as large as the machine, in every worker.
        cv2.setNumThreads(threads)
        settings = work.stated.settings.model_copy(update={"threads": threads})
        self._prepared = replace(work.stated, settings=settings).opened()
        self._places = work.places
        if Work.digests(self._prepared) != work.model_sha256:
            name = self._prepared.model.card.full_name
            msg = f"a worker has another {name} than the machine where the batch began"
            raise ConfigurationError(msg)

    def __call__(self, task: dict[str, str]) -> dict[str, str]:
        """Analyse one photograph: from its description to its row, both as JSON."""
        image = ArchiveImage(**json.loads(task["image"]))
        return {"row": row_of(image, self._places, self._prepared).model_dump_json()}


def analysed_rows(
    ray: Any, images: Sequence[ArchiveImage], work: Work, division: Division
) -> Iterator[ImageRow]:
    """Analyse photographs, each by the worker that is free next.

    Parameters
    ----------
    ray : module
        Of `command_line.batch.cluster`, connected.
    images : sequence of ArchiveImage
        At least one.
    work : Work
        What to do.
    division : Division
        How many workers do it.

    Yields
    ------
    ImageRow
        As they come; none for a photograph over which two workers died.

    Raises
    ------
    ConfigurationError
        If the workers cannot begin.
    """
    share = division.among([node["Resources"] for node in ray.nodes() if node["Alive"]])
    tasks = [{"image": json.dumps(asdict(image))} for image in images]
    dataset = ray.data.from_items(tasks, override_num_blocks=min(len(tasks), _MOST_TASKS))
    with warnings.catch_warnings():
        # Tries and restarts have no other name yet; pyproject.toml ends before they lose this one.
        warnings.simplefilter("ignore", ray.util.annotations.RayDeprecationWarning)
        rows = dataset.map(
            ImageWorker,
            fn_constructor_args=(work, share.threads),
            compute=ray.data.ActorPoolStrategy(size=share.count, max_tasks_in_flight_per_actor=1),
            num_cpus=share.threads,
            num_gpus=share.gpus or None,
            max_restarts=-1,
            max_task_retries=_TRIES_MORE,
        )
    try:
        for row in rows.iter_rows():
            yield ImageRow.model_validate_json(row["row"])
    except ray.exceptions.RayError as error:
        # The last line is what was raised, those before it are the way through Ray.
        msg = f"the workers ended before the work: {str(error).strip().splitlines()[-1]}"
        raise ConfigurationError(msg) from error
