"""Judging models side by side, and the folder of files that tells of it.

::

    REPORT/metrics.json  tables.md  per_image.csv
    REPORT/charts/    confusion, reliability and IoU of every model and set, radar of all models
    REPORT/panels/    image, truth, prediction and errors of every field
    REPORT/errors/    error maps at full size
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.assessment.charts import (
    class_iou_chart,
    png_of,
    radar_chart,
    reliability_chart,
)
from export.assessment.tables import per_image_csv, report_markdown
from export.replaced_file import replace_file
from petrography.accuracy import MetricsReport, ModelMetrics, SetMetrics, error_map
from petrography.channels import RGB_CHANNELS, picture
from petrography.image_codec import encode_png
from petrography.minerals import UNLABELLED_CODE
from petrography.report.evaluation.confusion_chart import confusion_chart
from petrography.report.evaluation.panel import panel
from petrography.segmentation import Segmentation
from training.evaluation import Mode
from training.lumenstone import Field

__all__ = ["FieldPictures", "file_name", "report_files", "write_report"]


def file_name(text: str) -> str:
    """Turn a name into one that every file system takes."""
    return "".join(sign if sign.isalnum() or sign in "-+" else "_" for sign in text)


@dataclass(frozen=True)
class FieldPictures:
    """Writes the pictures of every field while it is in memory.

    Attributes
    ----------
    folder : Path
        The report.
    model : str
        ``name:version``.
    channels : tuple of str
        Names of the channels of the fields.
    """

    folder: Path
    model: str
    channels: tuple[str, ...] = RGB_CHANNELS

    def __call__(self, one: Field, mode: Mode, seen: Segmentation) -> None:
        """Write panel and error map of a field; only of the map with its association given."""
        if mode != "given":
            return
        name = f"{file_name(self.model)}_{file_name(one.name)}.png"
        right = seen.labels == one.truth
        accuracy = float(right[one.truth != UNLABELLED_CODE].mean())
        title = f"{one.name}, {self.model}, pixel accuracy {accuracy:.3f}"
        image = picture(one.image, self.channels)
        drawn = png_of(panel(image, one.truth, seen.labels, title=title))
        replace_file(self.folder / "panels" / name, drawn)
        replace_file(self.folder / "errors" / name, encode_png(error_map(one.truth, seen.labels)))


def write_report(folder: Path, report: MetricsReport) -> None:
    """Write metrics, tables and charts into a folder."""
    for name, content in report_files(report).items():
        replace_file(folder / name, content)


def report_files(report: MetricsReport) -> dict[str, bytes]:
    """Files of a report by their names in its folder."""
    files = {
        "metrics.json": report.model_dump_json(indent=2).encode() + b"\n",
        "tables.md": report_markdown(report).encode(),
        "per_image.csv": per_image_csv(report).encode(),
    }
    for model in report.models:
        name = model.full_name
        sets = {one.name: one for one in model.sets}
        reliability = reliability_chart(sets, title=name)
        files[f"charts/reliability_{file_name(name)}.png"] = png_of(reliability)
        for one in model.sets:
            title = f"{name}, {one.name}"
            drawn = confusion_chart(np.array(one.confusion), one.confusion_codes, title=title)
            files[f"charts/confusion_{file_name(name)}_{file_name(one.name)}.png"] = png_of(drawn)
    return {**files, **_comparisons(report.models)}


def _comparisons(models: Sequence[ModelMetrics]) -> dict[str, bytes]:
    files = {}
    for set_name in _common_sets(models):
        chosen = {model.full_name: _set_of(model, set_name) for model in models}
        files[f"charts/iou_{file_name(set_name)}.png"] = png_of(
            class_iou_chart(chosen, title=f"{set_name}: IoU by class")
        )
        files[f"charts/radar_{file_name(set_name)}.png"] = png_of(radar_chart(models, set_name))
    return files


def _common_sets(models: Sequence[ModelMetrics]) -> list[str]:
    names = [[one.name for one in model.sets] for model in models]
    return [name for name in names[0] if all(name in others for others in names)]


def _set_of(model: ModelMetrics, name: str) -> SetMetrics:
    return next(one for one in model.sets if one.name == name)
