"""`kill -9` while somebody draws: every entry of the record is whole, and nothing that was answered is lost."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

from benchmarks.killed_service import KilledService, variables_of
from petrography.annotation import Annotation, Superpixels
from petrography.image_codec import decode_labels
from service.engine.annotations.documents import StepList
from service.engine.annotations.record import standing
from tests.annotated import EVERY_SQUARE, PHOTOGRAPH

KILLS = 6


class Pencil(threading.Thread):
    """Draws, and takes every fourth step back, until nobody answers."""

    def __init__(self, place: str) -> None:
        super().__init__(daemon=True)
        self._place = place
        self.answered: list[int] = []
        self.refused: list[str] = []

    def run(self) -> None:
        with httpx.Client(timeout=60.0) as client:
            while not self.refused:
                for number in range(4):
                    if not self._done(client, number):
                        return

    def _done(self, client: httpx.Client, number: int) -> bool:
        try:
            if number < 3:
                strokes = [EVERY_SQUARE[len(self.answered) % 12]]
                answer = client.post(f"{self._place}/steps", json={"strokes": strokes})
            else:
                last = client.get(self._place).json()["last_step"]
                answer = client.delete(f"{self._place}/steps/{last}")
        except httpx.HTTPError:
            return False
        if answer.status_code != 200:
            self.refused.append(answer.text)
            return False
        self.answered.append(int(answer.headers["etag"].strip('"').rpartition("-")[2]))
        return True


@contextmanager
def killed_service(folder: Path, models: Path) -> Iterator[KilledService]:
    service = KilledService(variables_of(folder, models))
    try:
        yield service
    finally:
        service.close()


def test_a_record_survives_kills(model_folder: Path, tmp_path: Path) -> None:
    moments, place, longest, written = random.Random(5), "", 0, 0
    with killed_service(tmp_path, model_folder) as service:
        for _ in range(KILLS):
            service.start()
            service.wait_until_ready()
            if not place:
                files = {"image": ("field.png", PHOTOGRAPH)}
                begun = httpx.post(f"{service.address}/v1/annotations", files=files, timeout=60.0)
                place = begun.headers["location"]
            pencil = Pencil(f"{service.address}{place}")
            pencil.start()
            wait_until_drawn(pencil)
            time.sleep(moments.uniform(0.0, 0.3))
            service.kill()
            pencil.join()
            assert pencil.refused == []
            # What a kill cut off may be on record, and is then the last.
            written = len(kept_numbers(tmp_path, place))
            assert written in {pencil.answered[-1], pencil.answered[-1] + 1}
            longest = max(longest, len(pencil.answered))
        service.start()
        service.wait_until_ready()
        require_whole(f"{service.address}{place}", written)
    assert longest > 4


def wait_until_drawn(pencil: Pencil) -> None:
    deadline_s = time.monotonic() + 60.0
    while not pencil.answered and time.monotonic() < deadline_s:
        time.sleep(0.001)
    assert pencil.answered


def kept_numbers(folder: Path, place: str) -> list[int]:
    """Numbers of the entries on the disk: without gaps."""
    kept = folder / "artefacts" / "annotations" / place.rpartition("/")[2]
    numbers = sorted(int(path.name.split(".")[1]) for path in kept.glob("step.*.json"))
    assert numbers == list(range(1, len(numbers) + 1))
    return numbers


def require_whole(address: str, count: int) -> None:
    """The record has all entries, and what is shown is what they give."""
    record = StepList.model_validate_json(httpx.get(f"{address}/steps", timeout=60.0).content)
    assert len(record.entries) == count
    kept = httpx.get(f"{address}/superpixels.npz", timeout=60.0).content
    again = Annotation(Superpixels.from_bytes(kept))
    for entry in standing(record.entries):
        again.draw(entry.strokes)
    shown = decode_labels(httpx.get(f"{address}/labels.png", timeout=60.0).content)
    assert np.array_equal(shown, again.labels)
