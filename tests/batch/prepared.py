"""An analysis that is prepared as the workers prepare it, with the tiny model, and its archive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from command_line.batch.archive import ArchiveImage
from command_line.batch.one_image import WhereTo
from command_line.batch.places import FolderPlace
from command_line.one_analysis import PreparedAnalysis, StatedAnalysis
from petrography.calibration import Corrections
from petrography.image_codec import encode_png
from petrography.pipeline import AnalysisRequest
from service.settings import Settings
from tests.tiny_model import CODES, paint


def painted_png(seed: int, height_px: int = 40, width_px: int = 50) -> bytes:
    """A photograph of blocks of all phases, another one for each seed."""
    blocks = np.random.default_rng(seed).integers(0, len(CODES), (height_px // 10, width_px // 10))
    return encode_png(paint(np.kron(blocks, np.ones((10, 10), np.intp))))


def prepare(models: Path, **asked: object) -> PreparedAnalysis:
    """Open the tiny model for a request."""
    request = AnalysisRequest.model_validate(asked)
    return StatedAnalysis(request, Settings(models_folder=models), Corrections()).opened()


def asking(prepared: PreparedAnalysis, **asked: object) -> PreparedAnalysis:
    """The same, asked otherwise."""
    request = AnalysisRequest.model_validate(prepared.request.model_dump() | asked)
    return replace(prepared, request=request)


def archive_at(folder: Path) -> WhereTo:
    """An archive with one photograph, ``s1/a.png``, and where its results go."""
    (folder / "in" / "s1").mkdir(parents=True)
    (folder / "in" / "s1" / "a.png").write_bytes(painted_png(1))
    return WhereTo(FolderPlace(folder / "in"), FolderPlace(folder / "out"))


def image(**stated: str) -> ArchiveImage:
    """That photograph."""
    return ArchiveImage("s1/a.png", "s1/a", stated)
