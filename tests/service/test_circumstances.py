"""What a result tells of where it was made and from what, where that is not plain to see."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petrography.model_card import sha256_hex
from petrography.pipeline import AnalysisRequest
from petrography.report import Result
from service.audit import Who, entries_of
from service.audit.entry import MAX_LINE_BYTES
from service.engine import Auditing, Engine, PanoramaRequest, RegistrationRequest, gpu_libraries
from service.runtime import OnnxPredictor
from service.settings import Settings
from tests.http_service import settings_for
from tests.service.test_engine import FIELD, started
from tests.service.test_imaging_engine import FIELDS, FileInMemory, file

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine(model_folder: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    async with started(settings_for(model_folder, tmp_path / "artefacts")) as running:
        yield running


def digests(name: str, sent: FileInMemory, pixels: Any) -> dict[str, Any]:
    return {
        "name": name,
        "sha256": sha256_hex(sent.content),
        "pixels_sha256": sha256_hex(np.ascontiguousarray(pixels).data),
    }


async def test_a_registration_and_a_panorama_name_the_digests_of_their_inputs(
    engine: Engine,
) -> None:
    (first, one), (second, other) = FIELDS.items()
    sent, next_sent = file(first, one), file(second, other)
    again = file("again", one)

    laid = await engine.imaging.register(again, [sent], RegistrationRequest())
    joined = await engine.imaging.stitch([sent, next_sent], None, PanoramaRequest())

    assert json.loads(laid.document)["inputs"] == [
        digests("again", again, one),
        digests(first, sent, one),
    ]
    assert json.loads(joined.document)["inputs"] == [
        digests(first, sent, one),
        digests(second, next_sent, other),
    ]


@pytest.mark.parametrize(
    ("used", "told"), [(("cuda",), "cuda"), (("cpu",), "cpu"), (("cpu", "cuda"), "cuda, cpu")]
)
async def test_the_provider_is_the_one_that_was_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, used: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(OnnxPredictor, "providers", used)

    made = await engine.analyse(io.BytesIO(FIELD), AnalysisRequest())

    assert json.loads(made.document)["provenance"]["runtime"]["provider"] == told


async def test_many_views_with_long_names_fit_into_a_line_of_the_audit_log(
    engine: Engine, tmp_path: Path
) -> None:
    made = await engine.analyse(io.BytesIO(FIELD), AnalysisRequest())
    result = Result.model_validate_json(made.document)
    settings = Settings(audit_folder=tmp_path / "log")

    for extra in ({}, {"x": "1" * 64}, {f"{number}{'n' * 190}": "0" * 64 for number in range(500)}):
        provenance = result.provenance | {"views": extra}
        with_views = result.model_copy(update={"provenance": provenance})
        Auditing(settings).analysis_made(with_views, made.document, Who())

    told = [one.facts["views_sha256"] for one in entries_of(settings.audit_log_folder)]
    assert told[0] is None
    assert len({*told}) == 3
    assert all(len(str(one)) == 64 for one in told[1:])
    assert all(len(one.line()) < MAX_LINE_BYTES for one in entries_of(settings.audit_log_folder))


def test_libraries_of_a_gpu_are_asked_where_they_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = tmp_path / "maps"
    monkeypatch.setattr(gpu_libraries, "_MAPS", maps)
    assert gpu_libraries.loaded_libraries() == {}
    rows = ["cudnn.so.9", "cudart.so.12", "cudart.so.12", "m.so.6", "cudnn_graph.so.9"]
    maps.write_text("".join(f"7f-80 r-xp 0 08:01 99   /usr/lib/lib{row}\n" for row in rows))
    # They are not there: nothing can be asked, and nothing fails.
    assert gpu_libraries.loaded_libraries() == {"cudart": None, "cudnn": None}


class Library:
    """Answers like cuDNN and cuBLAS."""

    def __init__(self, number: int) -> None:
        self.number = number

    @property
    def cudnnGetVersion(self) -> Any:
        class Asked:
            def __call__(_, number: int = self.number) -> int:
                return number

        return Asked()


@pytest.mark.parametrize(("number", "version"), [(8907, "8.9.7"), (91002, "9.10.2")])
def test_the_number_of_cudnn_is_read_in_both_of_its_forms(number: int, version: str) -> None:
    library: Any = Library(number)
    assert gpu_libraries._cudnn(library) == version
