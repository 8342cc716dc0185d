"""report.pdf: the same bytes, readable numbers, text of clients as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pypdfium2
import pytest
from hypothesis import given, settings

from petrography.image_codec import encode_jpeg
from petrography.report import Result, Sample, contact_entry, reviewed
from petrography.report.pages import report_pdf
from petrography.report.pages.charts import scale_bar
from petrography.statistics import measure_contacts
from tests.lims.painted_results import painted_labels, painted_result

PICTURE = encode_jpeg(np.full((240, 320, 3), 90, dtype=np.uint8))
A4_PT = (595, 842)


def pages_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return texts


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(pages_of(pdf)).split())


def whole_result(**fields: Any) -> Result:
    contacts = contact_entry(measure_contacts(painted_labels()), um_per_px=0.5)
    return painted_result(contacts=contacts, **fields)


def test_it_is_a_few_pages_of_a4_and_the_same_bytes_again() -> None:
    first = report_pdf(whole_result(), PICTURE)

    assert first == report_pdf(whole_result(), PICTURE)
    document = pypdfium2.PdfDocument(first)
    assert 1 <= len(document) <= 3
    assert {tuple(map(round, page.get_size())) for page in document} == {A4_PT}
    assert document.get_metadata_dict()["CreationDate"] == "D:20261120210400Z"
    document.close()


def test_the_numbers_of_the_result_stand_in_it() -> None:
    result = whole_result()
    text = text_of(report_pdf(result, PICTURE))

    for entry in result.modal:
        assert f"{entry.name} ({entry.symbol}) {entry.area_percent:.2f}" in text
        assert entry.ci95 is not None
        assert f"{entry.ci95[0]:.2f} – {entry.ci95[1]:.2f}" in text
    for grain in result.grains.values():
        assert grain.ecd_um is not None
        assert f"{grain.ecd_um.area_p50:.1f} {grain.ecd_um.area_p80:.1f}" in text
    assert "PRELIMINARY" in text
    assert "tiny:2" in text
    assert "Nobody has reviewed this result yet" in text
    for missing in result.not_found:
        assert f"{missing.symbol} < {missing.reported_percent:.2g} %" in text
    assert result.definitions["minimum_size"] in text


def test_grades_of_gold_are_not_rounded_away() -> None:
    result = whole_result(
        element_percent={"Cu": 12.34, "Au": 0.0448},
        element_ci95={"Cu": (10.06, 14.0), "Au": (0.0191, 0.0888)},
    )
    text = text_of(report_pdf(result))
    assert "Cu 12.3 (10.1 – 14.0), Au 0.045 (0.019 – 0.089)" in text


def test_every_page_tells_which_result_it_is_of() -> None:
    result = whole_result()
    texts = pages_of(report_pdf(result, PICTURE))

    for number, text in enumerate(texts, start=1):
        assert f"{result.id} · version 1 · preliminary" in text
        assert f"page {number} of {len(texts)}" in text


def test_the_accuracy_of_the_model_stands_beside_the_baseline() -> None:
    told = {
        "association": None, "images": 17, "mean_iou": 0.7395, "baseline_mean_iou": 0.3672,
        "pixel_accuracy": 0.8978, "baseline_pixel_accuracy": 0.6759,
    }  # fmt: skip
    provenance = {"model": {"evaluations": [told], "phantom_fraction": 1.0}}
    text = text_of(report_pdf(whole_result(provenance=provenance)))

    assert "nothing: all classes open 17 0.740 0.367 0.898 0.676" in text or (
        "nothing: all classes open 17 0.739 0.367 0.898 0.676" in text
    )
    assert "never on real ore" in text


def test_figures_of_another_version_are_said_to_be_its() -> None:
    told = {"association": "S1", "images": 12, "mean_iou": 0.84, "pixel_accuracy": 0.92}
    judge = {"name": "tiny", "version": 1, "onnx_sha256": "0" * 64}
    model = {"evaluations": [told], "judged_by": judge}
    text = text_of(report_pdf(whole_result(provenance={"model": model})))
    assert "These figures are those of tiny:1, the same network trained without these" in text


def test_a_reviewed_result_names_its_reviewer_and_a_rejected_one_is_marked() -> None:
    at = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    final = reviewed(whole_result(), "final", reviewer="Grace Hopper", at=at)
    rejected = reviewed(
        final, "rejected", reviewer="Grace Hopper", at=at, reason="another <sample>"
    )

    assert "Grace Hopper 2026-11-21 12:30 UTC reviewed and approved" in text_of(report_pdf(final))
    texts = pages_of(report_pdf(rejected))
    assert all("REJECTED" in text for text in texts)
    assert "not valid: another <sample>" in " ".join("".join(texts).split())


@pytest.mark.parametrize("um_per_px", [None, 0.5])
def test_lengths_are_physical_only_with_a_scale(um_per_px: float | None) -> None:
    text = text_of(report_pdf(whole_result(um_per_px=um_per_px), PICTURE))
    assert ("P80, µm" in text, "P80, px" in text) == (um_per_px is not None, um_per_px is None)


def test_an_empty_result_has_a_report_too() -> None:
    bare = painted_result(None, um_per_px=None).model_copy(
        update={"grains": {}, "provenance": {}, "model": None, "definitions": {}, "contacts": None}
    )
    assert "Sample not named" in text_of(report_pdf(bare))


def test_letters_of_many_scripts_are_there() -> None:
    name = "Проба № 7 µm² ± Ω ½"
    text = text_of(report_pdf(painted_result(f"{name} 矿石 광석")))
    assert name in text
    assert "矿石 광석" in text


@settings(max_examples=3, deadline=None)
@given(st.text(min_size=1, max_size=256), st.text(max_size=60))
def test_any_text_of_a_client_is_only_text(name: str, operator: str) -> None:
    sample = Sample.model_construct(id=name, section=operator, operator=operator, instrument=None)
    pdf = report_pdf(painted_result(contacts=None).model_copy(update={"sample": sample}))
    assert len(pages_of(pdf)) <= 4


def test_markup_of_a_client_is_shown_as_it_is() -> None:
    name = "<font size=900>x</font> </para><b> &lt; <img src='file:none'/> <a href='x'>"
    assert re.sub(r"\s", "", name) in re.sub(r"\s", "", text_of(report_pdf(painted_result(name))))


@pytest.mark.parametrize("um_per_pt", [1e-3, 0.02, 1.0, 7.7, 300.0])
def test_a_scale_bar_has_a_round_length(um_per_pt: float) -> None:
    bar, label = scale_bar(um_per_pt).contents
    number, unit = label.text.split()
    length_um = float(number) * (1000 if unit == "mm" else 1)
    assert bar.width * um_per_pt == pytest.approx(length_um)
    assert 10 < bar.width < 75
    assert number.strip("0.") in {"1", "2", "5"}
