"""Reports of test-model and evaluate, folds: tables, charts, files, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.assessment.charts import png_of, radar_chart
from export.assessment.folds import folds_markdown, merge_folds, read_fold
from export.assessment.report import file_name, report_files
from export.assessment.tables import per_image_csv, report_markdown
from export.judging import check_fields, find_model, measure_model, open_model
from petrography.accuracy import MetricsReport, parse_metrics, scores_of_present
from petrography.errors import ConfigurationError, LabelImageError
from petrography.image_codec import decode_image
from petrography.model_card import parse_card
from petrography.report.evaluation.confusion_chart import confusion_chart
from petrography.report.evaluation.panel import panel
from tests.command_runs import Run
from tests.tiny_model import CODES, COLOURS, write_model
from training.lumenstone import find_fields

SUBSETS = {"S1v1": "S1"}


def write_field(root: Path, stem: str, truth: np.ndarray, image: np.ndarray | None = None) -> None:
    """Write a field of subset S1v1, split test, whose colours are those of the tiny model."""
    if image is None:
        index = np.searchsorted(CODES, np.where(truth == 255, 0, truth))
        image = COLOURS[index]
    for kind, pixels in (("imgs", image[..., ::-1]), ("masks", truth)):
        folder = root / "S1v1" / kind / "test"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{stem}.png"), np.ascontiguousarray(pixels))


def blocks(seed: int, codes: tuple[int, ...] = (0, 1, 6)) -> np.ndarray:
    drawn = np.random.default_rng(seed).choice(np.array(codes, dtype=np.uint8), (4, 5))
    return np.kron(drawn, np.ones((16, 16), dtype=np.uint8))


def write_data(root: Path) -> Path:
    """Three fields without galena: right, one block wrong, and a part that nobody annotated."""
    write_field(root, "a1", blocks(1))
    truth = blocks(2)
    seen = truth.copy()
    seen[:16, :16] = np.where(seen[:16, :16] == 2, 0, 2)  # mapped as galena
    write_field(root, "a2", truth, COLOURS[np.searchsorted(CODES, seen)])
    truth = blocks(3)
    truth[:, 60:] = 255
    write_field(root, "a3", truth)
    return root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of the tiny model."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder)
    write_model(folder, version=2)
    return folder


@pytest.fixture(scope="module")
def report(models: Path, tmp_path_factory: pytest.TempPathFactory) -> MetricsReport:
    data = write_data(tmp_path_factory.mktemp("data"))
    paths = find_fields(data, SUBSETS, split="test")
    opened = [open_model(find_model(models, f"tiny:{version}")) for version in (1, 2)]
    measured = [measure_model(one, paths, border_px=2) for one in opened]
    return MetricsReport(data="S1v1 test, 3 images", models=tuple(measured))


@pytest.fixture(scope="module")
def files(report: MetricsReport) -> dict[str, bytes]:
    return report_files(report)


def test_the_figures_of_known_maps(report: MetricsReport) -> None:
    # S1 holds every class of the tiny model, so given and open are one map.
    given, opened = report.models[0].sets
    assert (given.name, given.association) == ("S1", "S1")
    assert (opened.name, opened.association) == ("all classes open", None)
    assert given.confusion == opened.confusion
    assert given.pixels == 64 * 80 * 2 + 64 * 60
    assert given.pixel_accuracy == pytest.approx(1 - 256 / given.pixels)
    found = scores_of_present(np.array(given.confusion), given.confusion_codes)
    assert given.mean_iou == pytest.approx(found.mean_iou)
    # The model is the nearest colour.
    assert given.baseline is not None
    assert given.baseline.mean_iou == pytest.approx(given.mean_iou)
    assert given.spread["pixel_accuracy"].worst_image == "S1v1/a2"
    assert given.spread["mean_modal_error_pp"].worst == pytest.approx(2 * 100 / 20 / 4)
    assert [one.pixel_accuracy for one in given.per_image] == [1.0, 0.95, 1.0]


def test_an_absent_class_is_named_and_in_no_mean(report: MetricsReport) -> None:
    given = report.models[0].sets[0]
    assert given.absent == (2,)
    assert [one.code for one in given.classes] == [0, 1, 6]
    assert given.mean_iou == pytest.approx(np.mean([one.iou for one in given.classes]))
    assert "Absent from the set, and in no mean: Gn." in report_markdown(report)


def test_a_report_reads_back_equal(report: MetricsReport, files: dict[str, bytes]) -> None:
    assert parse_metrics(files["metrics.json"], source="metrics.json") == report
    with pytest.raises(LabelImageError, match=r"other\.json is no metrics\.json"):
        parse_metrics(b"{}", source="other.json")


def test_every_image_has_a_line(report: MetricsReport) -> None:
    rows = list(csv.DictReader(io.StringIO(per_image_csv(report))))
    assert len(rows) == 2 * 2 * 3
    second = next(one for one in rows if one["image"] == "S1v1/a2")
    assert float(second["pixel_accuracy"]) == pytest.approx(0.95)
    assert float(second["modal_error_pp_Gn"]) == pytest.approx(5.0)
    assert second["iou_Gn"] == ""


def test_all_charts_are_pictures(report: MetricsReport, files: dict[str, bytes]) -> None:
    charts = {name for name in files if name.endswith(".png")}
    assert charts == {
        "charts/reliability_tiny_1.png",
        "charts/reliability_tiny_2.png",
        "charts/confusion_tiny_1_S1.png",
        "charts/confusion_tiny_1_all_classes_open.png",
        "charts/confusion_tiny_2_S1.png",
        "charts/confusion_tiny_2_all_classes_open.png",
        "charts/iou_S1.png",
        "charts/iou_all_classes_open.png",
        "charts/radar_S1.png",
        "charts/radar_all_classes_open.png",
    }
    for name in charts:
        pixels = decode_image(files[name]).pixels
        assert min(pixels.shape[:2]) > 200
        assert pixels.std() > 5
    # Equal figures give equal bytes.
    assert png_of(radar_chart(report.models, "S1")) == files["charts/radar_S1.png"]


def test_a_confusion_with_others_is_drawn() -> None:
    confusion = np.array([[5, 1, 0], [0, 0, 0]])
    assert png_of(confusion_chart(confusion, (0, 6), title="t")).startswith(b"\x89PNG")


def test_a_panel_has_a_picture_for_each_part() -> None:
    truth = blocks(1)
    with_image = decode_image(png_of(panel(COLOURS[truth % 4], truth, truth, title="t"))).pixels
    without = decode_image(png_of(panel(None, truth, truth, title="t"))).pixels
    assert with_image.shape[1] > 1.2 * without.shape[1]
    with pytest.raises(LabelImageError, match="same size"):
        panel(COLOURS[truth % 4][:5], truth, truth, title="t")


@pytest.mark.parametrize(
    ("name", "wanted"), [("S1v1/a03", "S1v1_a03"), ("a:2", "a_2"), ("S1+S2", "S1+S2")]
)
def test_names_become_file_names(name: str, wanted: str) -> None:
    assert file_name(name) == wanted


# --- the command -----------------------------------------------------------------------------


def test_test_model_prints_and_writes(run: Run, models: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    status, printed, _ = run(
        "test-model", "tiny:1", "tiny:2", "--models", models, "--data", data,
        "--subset", "S1v1=S1", "--out", out,
    )  # fmt: skip
    assert status == 0
    assert printed.count("| **mean IoU** |") == 4
    assert "tiny:2" in printed
    assert "absent, in no mean: Gn" in printed
    report = parse_metrics((out / "metrics.json").read_bytes(), source="metrics.json")
    assert [(one.name, one.version) for one in report.models] == [("tiny", 1), ("tiny", 2)]
    assert len(list((out / "panels").iterdir())) == 6
    errors = decode_image((out / "errors" / "tiny_1_S1v1_a2.png").read_bytes()).pixels
    assert errors.shape == (64, 80, 3)
    assert (errors[:16, :16] == errors[0, 0]).all()
    assert (errors[20, 20] != errors[0, 0]).any()


def test_test_model_takes_another_layout(run: Run, models: Path, data: Path) -> None:
    words = ["test-model", "tiny:1", "--models", models, "--data", data, "--subset", "mine=S1"]
    words += ["--images", "S1v1/imgs/test", "--masks", "S1v1/masks/test", "--mask-codes"]
    status, printed, _ = run(*words, "0=0, 1=2, 2=1, 4=4, 6=6, 8=8, 11=11")
    assert status == 0
    # Folders that know no split hold no test split.
    assert "mine undivided, 3 images" in printed
    status, _, complaints = run(*words, "0=0,4=32")
    assert status == 2
    assert "mask_codes tells the meaning of [0, 4]" in complaints


@pytest.mark.parametrize("codes", ["", "0", "0=0,0=1", "255=0", "1=99", "-1=0", "1=1,"])
def test_mask_codes_that_mean_nothing_are_refused(run: Run, codes: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run("test-model", "tiny", "--data", ".", f"--mask-codes={codes}")
    assert ended.value.code == 2
    assert "wanted GIVEN=CODE" in capsys.readouterr().err


def test_files_are_refused_before_a_model_runs(data: Path, models: Path) -> None:
    known = [open_model(find_model(models, "tiny:1")).card]
    mask = data / "S1v1" / "masks" / "test" / "a2.png"

    def refused() -> str:
        with pytest.raises(ConfigurationError) as caught:
            check_fields(find_fields(data, SUBSETS, split="test"), known)
        return str(caught.value)

    good = mask.read_bytes()
    cv2.imwrite(str(mask), np.full((64, 80), 8, np.uint8))
    assert f"{mask} holds codes [8]" in refused()
    cv2.imwrite(str(mask), np.full((64, 80), 77, np.uint8))
    assert f"{mask} cannot be used" in refused()
    cv2.imwrite(str(mask), np.full((64, 80), 255, np.uint8))
    assert f"{mask} has no annotated pixel" in refused()
    cv2.imwrite(str(mask), np.zeros((64, 81), np.uint8))
    assert "wanted equal (height, width)" in refused()
    mask.write_bytes(good[: len(good) // 2])
    assert f"{mask} cannot be used" in refused()


@pytest.mark.parametrize("factor", ["0", "-1", "nan", "inf"])
def test_an_impossible_factor_is_refused(run: Run, models: Path, data: Path, factor: str) -> None:
    status, _, complaints = run(
        "test-model", "tiny", "--models", models, "--data", data, "--subset", "S1v1=S1",
        f"--resampling-factor={factor}",
    )  # fmt: skip
    assert status == 2
    assert "resampling_factor is" in complaints


# --- folds -----------------------------------------------------------------------------------


@pytest.fixture
def fold_reports(report: MetricsReport, tmp_path: Path) -> list[Path]:
    """Two folds of one model each, on images of different names."""
    folders = []
    for number, model in enumerate(report.models):
        text = model.model_dump_json().replace("S1v1/", f"fold{number}/")
        fold = MetricsReport.model_validate({"data": "d", "models": [json.loads(text)]})
        folder = tmp_path / f"fold{number}"
        folder.mkdir()
        (folder / "metrics.json").write_text(fold.model_dump_json())
        folders.append(folder)
    return folders


def test_folds_give_mean_and_spread(fold_reports: list[Path]) -> None:
    folds = [read_fold(path) for path in fold_reports]
    first = folds[1].evaluations[0]
    worse = {"mean_iou": first.mean_iou - 0.2, "iou": {0: first.iou[0] - 0.1, 6: first.iou[6]}}
    lower = first.model_copy(update=worse)
    other = folds[1].model_copy(update={"evaluations": (lower, folds[1].evaluations[1])})
    given = merge_folds([folds[0], other]).sets[0]
    assert given.images == 6
    mean_iou = given.figures["mean_iou"]
    assert mean_iou.mean == pytest.approx(first.mean_iou - 0.1)
    assert mean_iou.standard_deviation == pytest.approx(0.2 / np.sqrt(2))
    assert given.iou[0].lowest == pytest.approx(first.iou[0] - 0.1)
    # A class that one fold does not hold has the figure of the other alone.
    assert len(given.iou[1].folds) == 1
    assert given.iou[1].standard_deviation is None
    assert "| IoU Ccp |" in folds_markdown(merge_folds([folds[0], other]))


def test_the_command_merges_folds(run: Run, fold_reports: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "merged"
    status, printed, _ = run("folds", *fold_reports, "--out", out)
    assert status == 0
    assert "2 folds" in printed
    assert json.loads((out / "folds.json").read_text())["sets"][0]["association"] == "S1"


def test_cards_are_folds_too(models: Path) -> None:
    card_file = models / "tiny" / "1" / "model.json"
    assert (
        read_fold(card_file).evaluations
        == parse_card(card_file.read_bytes(), source="card").evaluations
    )
    assert read_fold(card_file.parent).evaluations == ()


def test_what_is_no_fold_is_refused(
    fold_reports: list[Path], report: MetricsReport, tmp_path: Path
) -> None:
    one = read_fold(fold_reports[0])
    with pytest.raises(ConfigurationError, match="wanted two or more"):
        merge_folds([one])
    with pytest.raises(ConfigurationError, match="more than one fold"):
        merge_folds([one, one])
    shorter = read_fold(fold_reports[1]).model_copy(update={"evaluations": one.evaluations[:1]})
    renamed = shorter.evaluations[0].model_copy(update={"images": ("x",)})
    with pytest.raises(ConfigurationError, match="judges sets"):
        merge_folds([one, shorter.model_copy(update={"evaluations": (renamed,)})])
    two = tmp_path / "two.json"
    two.write_text(report.model_dump_json())
    with pytest.raises(ConfigurationError, match="holds 2 models"):
        read_fold(two)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigurationError, match="holds neither"):
        read_fold(empty)
    shutil.copy(fold_reports[0] / "metrics.json", empty / "model.json")
    with pytest.raises(ConfigurationError, match="cannot be used as a fold"):
        read_fold(empty)
