"""The pages about how it was found out: quality, model, definitions, reviews, provenance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reportlab.platypus import KeepTogether, Spacer

from petrography.model_card import sha256_hex
from petrography.report.pages.grids import facts_grid, heading, lined_table
from petrography.report.pages.lettering import BOLD, MONO, MUTED, markup, paragraph
from petrography.report.pages.measured import WIDTH
from petrography.report.provenance import fact, provenance_json
from petrography.report.result import Result

__all__ = ["about_definitions", "about_model", "about_origin", "about_quality", "about_reviews"]

# Those that the pages use; result.json has all of them.
_DEFINED = (
    "area_percent", "ore_percent", "mass_percent", "ci95", "total_ci95", "not_found", "grain",
    "minimum_size", "edge_rule", "ecd", "p80_ci95", "edge_corrected", "intercept",
    "contact_length", "association_percent",
)  # fmt: skip


def about_quality(result: Result) -> list[Any]:
    """Write whether the image was fit, and what was done with less than was wanted."""
    quality, certainty = result.quality, result.uncertainty
    facts = [
        ("Focus", _figure(quality.focus, "", " (a sharp photograph: 0.35)")),
        ("Clipped pixels", _percent(quality.clipping)),
        ("Dark pixels", _percent(quality.dark_fraction)),
        ("Hue from training", _figure(quality.hue_distance, " CIEDE2000")),
        ("Colour from training", _figure(quality.colour_distance, " CIEDE2000")),
        ("Mean confidence", None if certainty is None else f"{certainty.mean_confidence:.3f}"),
    ]
    story = [heading("Quality of the image"), Spacer(1, 3), facts_grid(facts, WIDTH)]
    if quality.calibrate_first:
        urgent = (
            "The colours are so far from those of the training images that the map is guesswork."
        )
        story += [Spacer(1, 3), paragraph(urgent, font=BOLD)]
    return [
        KeepTogether(story),
        *_bullets("Warnings", quality.warnings),
        *_bullets("Done with less than was wanted", result.degradations),
    ]


def _figure(value: float | None, unit: str, remark: str = "") -> str | None:
    return None if value is None else f"{value:.3g}{unit}{remark}"


def _percent(fraction: float | None) -> str | None:
    return None if fraction is None else f"{100 * fraction:.2f} %"


def _bullets(title: str, texts: Sequence[str]) -> list[Any]:
    if not texts:
        return [paragraph(f"{title}: none.", 7.2, space_pt=2)]
    listed = [paragraph(f"{title}:", 7.2, font=BOLD, space_pt=1)]
    return [Spacer(1, 3), *listed, *(paragraph(f"• {text}", 7.2, space_pt=1) for text in texts)]


def about_model(result: Result) -> list[Any]:
    """Write how good the model was on images that it had not seen, beside the plain baseline."""
    if result.model is None:
        return []
    told = fact(result, "model", "evaluations")
    rows = [_accuracy_row(one) for one in (told if isinstance(told, list) else [])]
    named = result.model.full_name
    architecture = fact(result, "model", "architecture") or "architecture not recorded"
    story = [heading("Model"), Spacer(1, 3), paragraph(f"{named}, {architecture}.", space_pt=2)]
    if fact(result, "model", "phantom_fraction") == 1.0:
        story.append(paragraph("Trained on phantoms only, never on real ore.", font=BOLD))
    if rows:
        header = (
            "told of the deposit", "held-out images", "mean IoU", "nearest colour",
            "pixel accuracy", "nearest colour",
        )  # fmt: skip
        widths = [WIDTH - 5 * 74, *[74] * 5]
        story += [lined_table(header, rows, widths), Spacer(1, 2)]
        story += _whose_figures(result)
    else:
        story.append(paragraph("No accuracy on held-out images is recorded.", colour=MUTED))
    data = fact(result, "model", "training_data")
    if data:
        story.append(paragraph(f"Trained on: {data}.", 6.9, colour=MUTED))
    return [KeepTogether(story)]


def _whose_figures(result: Result) -> list[Any]:
    judge = fact(result, "model", "judged_by")
    if not isinstance(judge, dict):
        return []
    text = (
        f"These figures are those of {judge.get('name')}:{judge.get('version')}, the same network "
        "trained without these images; this version was trained on all of them."
    )
    return [paragraph(text, 7.2, space_pt=2)]


def _accuracy_row(evaluation: object) -> list[str]:
    told = evaluation if isinstance(evaluation, dict) else {}
    names = ("mean_iou", "baseline_mean_iou", "pixel_accuracy", "baseline_pixel_accuracy")
    figures = (told.get(name) for name in names)
    return [
        str(told.get("association") or "nothing: all classes open"),
        str(told.get("images", "–")),
        *(f"{one:.3f}" if isinstance(one, float) else "–" for one in figures),
    ]


def about_definitions(result: Result) -> list[Any]:
    """Write what the numbers mean."""
    known = {name: result.definitions[name] for name in _DEFINED if name in result.definitions}
    texts = [
        paragraph(
            f'<font name="{BOLD}">{markup(name)}</font>: {markup(text)}.', 6.3, is_markup=True
        )
        for name, text in known.items()
    ]
    if not texts:
        return []
    return [heading("Definitions"), Spacer(1, 2), *texts]


def about_reviews(result: Result) -> list[Any]:
    """Write who gave the result its status."""
    if not result.reviews:
        text = "Nobody has reviewed this result yet: it is preliminary."
        return [KeepTogether([heading("Review"), Spacer(1, 2), paragraph(text)])]
    rows = [
        [
            str(one.version),
            one.status,
            one.reviewer + (f" (key {one.key_id})" if one.key_id else ""),
            one.reviewed_utc.strftime("%Y-%m-%d %H:%M UTC%z").removesuffix("+0000"),
            one.meaning
            + (f": {one.reason}" if one.reason else "")
            + (f" (numbers of analysis {one.analysis})" if one.analysis else ""),
        ]
        for one in result.reviews
    ]
    widths = [34, 52, 110, 92, 0]
    widths[-1] = int(WIDTH - sum(widths))
    header = ("version", "status", "reviewer", "when", "meaning")
    return [heading("Review"), lined_table(header, rows, widths, texts=5)]


def about_origin(result: Result) -> list[Any]:
    """Write from what the result was made, so that it can be made again."""
    software = fact(result, "software")
    asked_by = [fact(result, "asked_by", name) for name in ("tenant", "key_id")]
    facts = [
        ("Image", _digest(fact(result, "image", "sha256"))),
        ("Decoded pixels", _digest(fact(result, "image", "pixels_sha256"))),
        ("Model", _digest(fact(result, "model", "onnx_sha256"))),
        ("Model card", _digest(fact(result, "model", "card_sha256"))),
        ("Calibration", fact(result, "request", "calibration") or "none"),
        ("Asked by", ", ".join(map(str, filter(None, asked_by))) or None),
        ("Ran on", _ran_on(result)),
        ("Software", _listed(software if isinstance(software, dict) else {})),
        ("provenance.json", _digest(sha256_hex(provenance_json(result)))),
    ]
    note = paragraph(
        "Digests are SHA-256. provenance.json holds every parameter after defaults; "
        "petroserve replay makes the analysis again from it and compares the bytes.",
        6.9,
        colour=MUTED,
    )
    grid = facts_grid(facts, WIDTH, columns=1)
    return [KeepTogether([heading("Provenance"), Spacer(1, 3), grid, Spacer(1, 3), note])]


def _digest(value: object) -> Any:
    return None if value is None else paragraph(value, 6.6, font=MONO)


def _ran_on(result: Result) -> str | None:
    provider = fact(result, "runtime", "provider")
    gpu = fact(result, "runtime", "gpu", "name")
    return None if provider is None else ", ".join(str(one) for one in (provider, gpu) if one)


def _listed(software: dict[str, Any]) -> str | None:
    return ", ".join(f"{name} {version}" for name, version in software.items()) or None
