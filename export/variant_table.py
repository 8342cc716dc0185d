"""What the card of a variant proves, as a table for people."""

from __future__ import annotations

from petrography.errors import ConfigurationError
from petrography.model_card import ModelCard

__all__ = ["variant_table"]

_MEBIBYTE = 1024**2


def variant_table(card: ModelCard) -> str:
    """Write the figures of a variant and of its float32 version side by side, as Markdown.

    Raises
    ------
    ConfigurationError
        If the card is not that of a variant.
    """
    derived = card.derived_from
    if derived is None:
        msg = f"{card.full_name} is float32; wanted a variant of lower precision"
        raise ConfigurationError(msg)
    rows = [
        ("file, MiB", derived.float32_onnx_bytes / _MEBIBYTE, derived.onnx_bytes / _MEBIBYTE, ".2f")
    ]
    for one in derived.scores:
        which = "classes given" if one.classes_given else "all classes open"
        rows += [
            (f"labels agree, {which}", 1.0, one.label_agreement, ".4f"),
            (f"mean IoU, {which}", one.float32_mean_iou, one.mean_iou, ".4f"),
            (f"pixel accuracy, {which}", one.float32_pixel_accuracy, one.pixel_accuracy, ".4f"),
        ]
    for base, own in zip(derived.float32_timings, card.timings, strict=True):
        what = f"ms a tile of {own.tile_px} px, {own.provider}, threads {own.threads}"
        rows.append((what, base.median_ms, own.median_ms, ".1f"))
    head = (
        f"| {card.name} | float32, version {derived.version} | {card.precision}, version "
        f"{card.version} |"
    )
    lines = [f"| {what} | {base:{form}} | {own:{form}} |" for what, base, own, form in rows]
    return "\n".join((head, "|---|--:|--:|", *lines))
