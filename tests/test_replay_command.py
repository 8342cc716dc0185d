"""`petroserve replay`: the same bytes again, or the reason why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest

import petroserve
from tests.http_service import png
from tests.tiny_model import nearest_colour_model, paint, write_model

pytestmark = pytest.mark.usefixtures("clean_environment")

LABELS = np.kron(np.array([[0, 1, 2], [3, 1, 0], [2, 2, 3]]), np.ones((30, 40), dtype=np.intp))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with models, an image and its analysis."""
    folder = tmp_path_factory.mktemp("first")
    write_model(folder / "models")
    (folder / "image.png").write_bytes(png(paint(LABELS)))
    analyse(folder, "--um-per-px", "0.5", "--outputs", "default,report.pdf,analysis.xlsx")
    return folder


@pytest.fixture
def bench(first: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(first, tmp_path / "bench")
    return tmp_path / "bench"


def analyse(folder: Path, *options: str) -> None:
    command = ["analyse", str(folder / "image.png"), "--out", str(folder / "analysis")]
    assert petroserve.main([*command, "--models", str(folder / "models"), *options]) == 0


def replay(folder: Path, *options: str) -> int:
    return petroserve.main(
        [
            "replay",
            str(folder / "analysis" / "result.json"),
            *("--image", str(folder / "image.png"), "--models", str(folder / "models")),
            *options,
        ]
    )


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "analysis" / "result.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def rows(output: str) -> dict[str, tuple[str, str]]:
    lines = [line.split(maxsplit=1) for line in output.splitlines()[1:]]
    return {name: (rest[:9].strip(), rest[9:].strip()) for name, rest in lines}


def test_the_same_bytes_come_out_again(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(first, "--out", str(tmp_path / "again")) == 0

    found = rows(capsys.readouterr().out)
    assert set(found) == {path.name for path in (first / "analysis").iterdir()}
    assert set(found.values()) == {("as it was", "equal")}
    for path in (first / "analysis").iterdir():
        again = (tmp_path / "again" / path.name).read_bytes()
        assert (again == path.read_bytes()) or path.name == "result.json"


def test_altered_and_missing_files_are_told_apart(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bench / "analysis" / "labels.png").unlink()
    assert replay(bench) == 0
    assert rows(capsys.readouterr().out)["labels.png"] == ("not kept", "equal")

    with (bench / "analysis" / "modal.csv").open("a") as file:
        file.write("0")
    assert replay(bench) == 1
    assert rows(capsys.readouterr().out)["modal.csv"] == ("altered", "equal")


def test_a_number_that_was_changed_is_found(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(bench, lambda content: content["modal"][1].update(area_percent=12.5))
    assert replay(bench) == 1
    found = rows(capsys.readouterr().out)
    assert found.pop("result.json") == ("as it was", "different")
    assert {again for _, again in found.values()} == {"equal"}


def test_a_file_that_does_not_come_out_again_is_found(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(content: dict[str, Any]) -> None:
        (labels,) = (one for one in content["artefacts"] if one["name"] == "labels.png")
        labels["sha256"] = "0" * 64

    rewrite(bench, change)
    assert replay(bench) == 1
    assert rows(capsys.readouterr().out)["labels.png"] == ("altered", "different")


def test_reviews_and_timings_may_differ(bench: Path) -> None:
    rewrite(bench, lambda content: content.update(timings_s={"decode": 7.0}))
    result = bench / "analysis" / "result.json"
    command = ["lims", "review", str(result), "--status", "final", "--reviewer", "Grace"]
    assert petroserve.main([*command, "--out", str(bench / "v2.json")]) == 0
    result.write_bytes((bench / "v2.json").read_bytes())
    assert replay(bench) == 0


def test_under_other_software_the_files_that_name_it_are_left_out(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(bench, lambda content: content["provenance"]["software"].update(numpy="1.0"))
    assert replay(bench) == 0
    found = rows(capsys.readouterr().out)
    other = {name for name, (_, again) in found.items() if again == "other software"}
    assert other == {"provenance.json", "report.pdf", "analysis.xlsx"}
    assert found["labels.png"] == found["result.json"] == ("as it was", "equal")


def test_an_analysis_that_the_service_keeps_is_found_by_its_id(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result_id = json.loads((first / "analysis" / "result.json").read_text())["id"]
    shutil.copytree(first / "analysis", tmp_path / "analyses" / result_id)
    options = ("--image", str(first / "image.png"), "--models", str(first / "models"))
    assert petroserve.main(["replay", result_id, "--store", str(tmp_path), *options]) == 0
    theirs = tmp_path / "tenants" / "lab" / "analyses"
    theirs.mkdir(parents=True)
    (tmp_path / "analyses" / result_id).rename(theirs / result_id)
    assert petroserve.main(["replay", result_id, "--store", str(tmp_path), *options]) == 2
    of_lab = ["replay", result_id, "--store", str(tmp_path), "--tenant", "lab"]
    assert petroserve.main([*of_lab, *options]) == 0
    capsys.readouterr()
    for unknown in ("1234", "../analyses"):
        assert petroserve.main(["replay", unknown, "--store", str(tmp_path), *options]) == 2
        assert f"no result.json of an analysis {unknown!r} is kept" in capsys.readouterr().err


def another_image(folder: Path) -> None:
    (folder / "image.png").write_bytes(png(paint(LABELS.T)))


def another_graph(folder: Path) -> None:
    shutil.rmtree(folder / "models")
    write_model(folder / "models", nearest_colour_model(opset=16), opset=16)


def another_card(folder: Path) -> None:
    card = folder / "models" / "tiny" / "1" / "model.json"
    card.write_text(card.read_text().replace("Nearest colour, for tests.", "Another."))


def no_model(folder: Path) -> None:
    shutil.rmtree(folder / "models")
    write_model(folder / "models", version=2)


def no_request(folder: Path) -> None:
    rewrite(folder, lambda content: content["provenance"].update(request={"what": 1}))


def a_view(folder: Path) -> None:
    rewrite(folder, lambda content: content["provenance"].update(views={"x30": "0" * 64}))


def fields(folder: Path) -> None:
    rewrite(folder, lambda content: content["provenance"]["parameters"].update(segmented="fields"))


def a_panorama(folder: Path) -> None:
    parts = {"segmented": "panorama"}
    rewrite(folder, lambda content: content["provenance"]["parameters"].update(parts))


def a_label_image(folder: Path) -> None:
    rewrite(folder, lambda content: content.update(model=None))


def a_flat_field(folder: Path) -> None:
    rewrite(folder, lambda content: content["provenance"].update(flat_field="0" * 16))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (another_image, "the image has SHA-256"),
        (another_graph, "the model.onnx has SHA-256"),
        (another_card, "the model.json has SHA-256"),
        (no_model, "'tiny:1' is not served"),
        (no_request, "no request that can be made again"),
        (a_view, "had a view 'x30'"),
        (fields, "fields of a panorama"),
        (a_panorama, "no field of the panorama reaches"),
        (a_label_image, "a label image was measured"),
        (a_flat_field, "no calibration.json of a calibration '0000"),
    ],
)
def test_what_is_not_that_of_the_analysis_is_refused(
    bench: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], None],
    reason: str,
) -> None:
    change(bench)
    assert replay(bench, "--store", str(bench / "store")) == 2
    assert reason in capsys.readouterr().err


def test_what_no_file_is_given_for_is_named(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(first, "--view", "x.png") == 2
    assert "wanted PART=FILE" in capsys.readouterr().err


def test_a_report_of_a_later_version_names_its_reviewer(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = str(bench / "analysis" / "result.json")
    later = str(bench / "analysis" / "v2.json")
    command = ["lims", "review", result, "--status", "final", "--reviewer", "Grace Hopper"]
    assert petroserve.main([*command, "--out", later]) == 0
    assert petroserve.main(["report", later, "--out", str(bench / "v2.pdf")]) == 0
    assert capsys.readouterr().out.endswith("v2.pdf: version 2, final\n")

    document = pypdfium2.PdfDocument(bench / "v2.pdf")
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    assert "FINAL" in text
    assert "Grace Hopper" in text
