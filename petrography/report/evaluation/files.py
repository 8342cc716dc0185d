"""The files about label images that were judged."""

from __future__ import annotations

from functools import partial

from petrography.accuracy import JudgedLabels, confusion_csv, error_map
from petrography.image_codec import encode_png
from petrography.images import Image, Labels
from petrography.report.evaluation.confusion_chart import confusion_chart
from petrography.report.evaluation.panel import panel
from petrography.report.evaluation.score_tables import scores_markdown
from petrography.report.plots import rendered

__all__ = ["judgement_files", "pair_files"]


def judgement_files(judged: JudgedLabels) -> dict[str, bytes]:
    """Write what tells of all images together, by file name.

    Parameters
    ----------
    judged : JudgedLabels
        The figures.

    Returns
    -------
    dict of str to bytes
        ``tables.md``, ``confusion.csv`` and ``confusion.png``; equal figures give equal bytes.
    """
    codes = judged.scores.codes
    draw = partial(confusion_chart, judged.confusion, codes, title="confusion")
    return {
        "tables.md": scores_markdown(judged.scores).encode(),
        "confusion.csv": confusion_csv(judged.confusion, codes).encode(),
        "confusion.png": rendered(draw, "png", title="confusion"),
    }


def pair_files(truth: Labels, prediction: Labels, image: Image | None) -> dict[str, bytes]:
    """Draw where one prediction is wrong, by file name.

    Parameters
    ----------
    truth, prediction : ndarray of uint8, shape (height, width)
        Codes; 255 in the truth is not judged.
    image : ndarray of uint8, shape (height, width, 3), or None
        The photograph, for the panel.

    Returns
    -------
    dict of str to bytes
        ``error_map.png``, of the size of the truth, and ``panel.png``, reduced.

    Raises
    ------
    LabelImageError
        If the sizes differ.
    """
    title = "prediction against truth"
    draw = partial(panel, image, truth, prediction, title=title)
    return {
        "error_map.png": encode_png(error_map(truth, prediction)),
        "panel.png": rendered(draw, "png", title=title),
    }
