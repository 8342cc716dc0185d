"""Makes the parts of README.md and of pages in docs that are made: the picture, tables and rules.

``python docs/readme_parts.py`` from the root of the repository rewrites them; the tests fail when
the tables and rules are not those of the code and of the shipped model cards.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from petrography.image_codec import encode_jpeg
from petrography.images import resample_image
from petrography.minerals import ASSOCIATIONS, MINERALS, mineral
from petrography.model_card import Evaluation, ModelCard
from petrography.phantoms import phantom
from petrography.report import overlay
from service.repository import read_cards
from service.settings import Settings
from service.status import HTTP_PROBLEMS, STATUS_TABLE

__all__ = [
    "PAGES",
    "accuracy_tables",
    "default_model_table",
    "import_rules",
    "minerals_table",
    "picture",
    "problems_table",
    "settings_table",
    "with_parts",
]

ROOT = Path(__file__).resolve().parents[1]
PICTURE = Path("docs/images/section.jpg")
# Set by BentoML and by the supervisor of workers, not by users.
_NOT_FOR_USERS = {"prometheus_multiproc_dir", "start_folder", "supervisor_pid"}


def picture() -> bytes:
    """Paint a section: the photograph beside its exact mineral map, as a JPEG."""
    painted = phantom("S1", seed=9, height_px=960, width_px=1280)
    mapped = overlay(painted.image, painted.labels, opacity=0.5)
    photograph = np.full((mapped.shape[0], painted.image.shape[1], 3), 250, dtype=np.uint8)
    photograph[: painted.image.shape[0]] = painted.image
    gap = np.full((mapped.shape[0], 8, 3), 250, dtype=np.uint8)
    return encode_jpeg(resample_image(np.hstack([photograph, gap, mapped]), 0.5), quality=90)


def settings_table() -> str:
    """Write every setting with its default and meaning."""
    rows = [
        (f"`PETROSERVE_{name.upper()}`", _default(field.default), _one_line(field.description))
        for name, field in Settings.model_fields.items()
        if name not in _NOT_FOR_USERS
    ]
    return _table(("variable", "default", "meaning"), rows)


def _default(value: object) -> str:
    return "" if value in (None, "") else f"`{value}`"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def minerals_table() -> str:
    """Write every phase with its code, the assemblages that it is in, and which models know it."""
    cards = [card for _, card in read_cards(ROOT / "models")]
    rows = [
        (
            str(phase.code),
            phase.symbol,
            phase.name,
            phase.formula or "",
            ", ".join(name for name, codes in ASSOCIATIONS.items() if phase.code in codes),
            ", ".join(f"`{card.name}`" for card in cards if phase.code in card.classes),
        )
        for phase in MINERALS.values()
    ]
    return _table(("code", "symbol", "name", "formula", "assemblages", "known to"), rows)


def default_model_table() -> str:
    """Write every figure that the card of the default model has, for the page on training."""
    card = min((card for _, card in read_cards(ROOT / "models")), key=lambda card: card.name)
    head = ("set", "mean IoU (nearest colour)", "pixel accuracy (nearest colour)")
    head += ("without borders", "boundary F1", "balanced accuracy", "ECE", "modal error, pp")
    rows = [
        (
            f"{one.association or 'all classes open'}, {len(one.images)} images",
            f"{one.mean_iou:.3f} ({one.baseline_mean_iou:.3f})",
            f"{one.pixel_accuracy:.3f} ({one.baseline_pixel_accuracy:.3f})",
            _figure(one.void_border_mean_iou),
            _figure(_mean(one.boundary_f1)),
            _figure(_mean(one.balanced_accuracy)),
            _figure(one.ece),
            _figure(one.mean_modal_error_pp, ".2f"),
        )
        for one in card.evaluations
    ]
    singles = [one.mean_iou for one in card.evaluations[0].per_image]
    spread = (
        f"Of single images with {card.evaluations[0].association} given the median mean IoU is "
        f"{np.median(singles):.3f}, the worst {min(singles):.3f}."
    )
    return "\n\n".join((f"{_judged(card)}.", _table(head, rows), spread))


def _mean(by_class: Mapping[int, float]) -> float | None:
    return float(np.mean(list(by_class.values()))) if by_class else None


def _figure(value: float | None, form: str = ".3f") -> str:
    return "" if value is None else format(value, form)


def accuracy_tables() -> str:
    """Write the accuracy of the shipped models, from their cards."""
    cards = [card for _, card in read_cards(ROOT / "models")]
    if not any(card.evaluations for card in cards):
        return "No model with a measured accuracy is shipped yet."
    return "\n\n".join(_accuracy_of(card) for card in cards if card.evaluations)


def _accuracy_of(card: ModelCard) -> str:
    head = ("what may occur", "fields", "mean IoU", "pixel accuracy", "nearest colour: mean IoU")
    rows = [
        (
            evaluation.association or "all classes",
            str(len(evaluation.images)),
            f"{evaluation.mean_iou:.3f}",
            f"{evaluation.pixel_accuracy:.3f}",
            f"{evaluation.baseline_mean_iou:.3f} ({evaluation.baseline_pixel_accuracy:.3f})",
        )
        for evaluation in card.evaluations
    ]
    data = "; ".join(dict.fromkeys(evaluation.data for evaluation in card.evaluations))
    title = f"{_judged(card)}, {card.architecture}, on {data}:"
    classes = [code for code in card.classes if any(code in one.iou for one in card.evaluations)]
    symbols = ("IoU by mineral", *(mineral(code).symbol for code in classes))
    by_class = [_class_row(evaluation, classes) for evaluation in card.evaluations]
    return "\n\n".join(
        (title, _table((*head[:-1], head[-1] + " (accuracy)"), rows), _table(symbols, by_class))
    )


def _judged(card: ModelCard) -> str:
    if card.judged_by is None:
        return f"`{card.name}` version {card.version}"
    judge = card.judged_by
    return (
        f"`{card.name}` version {card.version} is trained on all images; these are the figures of "
        f"version {judge.version}, which was trained without those that it is judged on"
    )


def _class_row(evaluation: Evaluation, classes: list[int]) -> tuple[str, ...]:
    figures = (f"{evaluation.iou[code]:.2f}" if code in evaluation.iou else "" for code in classes)
    return (evaluation.association or "all classes", *figures)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(_lines(head, rows))


def _lines(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def problems_table() -> str:
    """Write every type of problem with its status over HTTP and gRPC, by status."""
    # HTTP's own first: where an error has the same name, its row tells gRPC's code too.
    known = {one.slug: (http, "", one.title) for http, one in HTTP_PROBLEMS.items()}
    known |= {one.slug: (one.http, f"`{one.grpc}`", one.title) for one in STATUS_TABLE.values()}
    rows = [
        (f"`{slug}`", str(http), grpc, title)
        for slug, (http, grpc, title) in sorted(known.items(), key=lambda one: (one[1][0], one[0]))
    ]
    return _table(("type", "HTTP", "gRPC", "title"), rows)


def import_rules() -> str:
    """Write the layers of all packages, and of the parts of each, from the upper to the lower."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    drawn = [_drawn(contract) for contract in contracts if contract["type"] == "layers"]
    return "\n".join(("```", "\n\n".join(drawn), "```"))


def _drawn(contract: Mapping[str, Any]) -> str:
    layers: list[str] = contract["layers"]
    if "containers" not in contract:
        return "  >  ".join(layers)
    (package,) = contract["containers"]
    names = [f"{package}:", *[""] * (len(layers) - 1)]
    return "\n".join(f"{name:<14}{layer}" for name, layer in zip(names, layers, strict=True))


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"minerals": minerals_table, "accuracy": accuracy_tables},
    "docs/api.md": {"problems": problems_table},
    "docs/architecture.md": {"import rules": import_rules},
    "docs/settings.md": {"settings": settings_table},
    "docs/training.md": {"default model": default_model_table},
}


def with_parts(text: str, page: str) -> str:
    """Put the made parts into the text of a page, between their marks.

    Raises
    ------
    ValueError
        If a mark is missing.
    """
    for name, make in PAGES[page].items():
        begin, end = f"<!-- {name}: made by docs/readme_parts.py -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", flags=re.DOTALL)
        if not pattern.search(text):
            msg = f"{page} has no part between {begin!r} and {end!r}"
            raise ValueError(msg)
        made = make()
        text = pattern.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)
    return text


def main() -> int:
    """Rewrite the picture and the pages."""
    (ROOT / PICTURE).parent.mkdir(exist_ok=True)
    (ROOT / PICTURE).write_bytes(picture())
    for page in PAGES:
        path = ROOT / page
        path.write_text(with_parts(path.read_text(encoding="utf-8"), page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
