"""The command line: what it writes, what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import petroserve
from petrography.image_codec import decode_image, decode_labels, encode_png
from tests.command_runs import Run
from tests.http_service import running_service, settings_for
from tests.tiny_model import CODES, paint
from tests.written_files import ANALYSED

ROOT = Path(__file__).resolve().parents[1]
# Two grains: 10 x 10 px of class 1 and 20 x 30 px of class 3 of the tiny model.
INDICES = np.zeros((90, 140), dtype=np.uint8)
INDICES[10:20, 20:30] = 1
INDICES[40:60, 70:100] = 3
TRUTH = np.array(CODES, dtype=np.uint8)[INDICES]

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "field.png"
    path.write_bytes(encode_png(paint(INDICES)))
    return path


def write_labels(path: Path, labels: NDArray[np.uint8]) -> Path:
    path.write_bytes(encode_png(labels))
    return path


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_analyse_writes_every_artefact_and_prints_the_table(
    run: Run, photograph: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    status, printed, complaints = run(
        "analyse", photograph, "--out", out, "--models", model_folder, "--um-per-px", 0.5
    )
    assert (status, complaints) == (0, "")
    assert names_in(out) == ANALYSED
    np.testing.assert_array_equal(decode_labels((out / "labels.png").read_bytes()), TRUTH)
    result = json.loads((out / "result.json").read_text())
    areas_px = {phase["code"]: phase["area_px"] for phase in result["modal"]}
    assert areas_px == {0: TRUTH.size - 700, 1: 100, 6: 600}
    assert result["scale"] == {"um_per_px": 0.5, "source": "request"}
    assert "chalcopyrite" in printed
    assert str(photograph) in printed


def test_analyse_masks_what_the_association_leaves_out(
    run: Run, photograph: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--models", model_folder, "--association", "Ccp,Gn")
    assert run("analyse", photograph, "--out", out, *options)[0] == 0
    labels = decode_labels((out / "labels.png").read_bytes())
    assert set(np.unique(labels)) <= {0, 1, 2}


@pytest.mark.anyio
async def test_command_line_and_http_give_identical_labels(
    photograph: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noisy = np.random.default_rng(5).integers(0, 256, (150, 170, 3), dtype=np.uint8)
    photograph.write_bytes(encode_png(noisy))
    out = tmp_path / "out"
    words = ["analyse", str(photograph), "--out", str(out), "--models", str(model_folder)]
    assert petroserve.main([*words, "--resampling-factor", "0.7"]) == 0
    capsys.readouterr()
    async with running_service(settings_for(model_folder, tmp_path / "kept")) as (client, _):
        answer = await client.post(
            "/v1/analyses",
            files={
                "image": photograph.read_bytes(),
                "request": (None, '{"resampling_factor": 0.7}', "application/json"),
            },
        )
        assert answer.status_code == 201, answer.text
        for name in ("labels.png", "confidence.png", "overlay.jpg", "modal.csv", "grains.csv"):
            served = await client.get(f"/v1/analyses/{answer.json()['id']}/{name}")
            assert served.content == (out / name).read_bytes(), name


def test_several_images_go_to_folders_of_their_names(
    run: Run, photograph: Path, model_folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(photograph.read_bytes())
    out = tmp_path / "out"
    status, printed, _ = run("analyse", photograph, other, "--out", out, "--models", model_folder)
    assert status == 0
    assert names_in(out) == {"field", "other"}
    assert names_in(out / "other") == ANALYSED
    assert printed.count("symbol") == 2


def test_one_bad_image_does_not_stop_the_others(
    run: Run, photograph: Path, model_folder: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(photograph.read_bytes()[:100])
    out = tmp_path / "out"
    status, _, complaints = run("analyse", bad, photograph, "--out", out, "--models", model_folder)
    assert status == 2
    assert complaints.startswith(f"petroserve: {bad}: ")
    assert names_in(out) == {"field"}


def test_two_images_of_one_name_are_refused_before_anything_is_written(
    run: Run, photograph: Path, model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    twin = tmp_path / "b" / "field.tif"
    twin.write_bytes(photograph.read_bytes())
    out = tmp_path / "out"
    status, _, complaints = run("analyse", photograph, twin, "--out", out, "--models", model_folder)
    assert status == 2
    assert "would both be written to" in complaints
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--um-per-px", "nan"), "--um-per-px: "),
        (("--um-per-px", "-1"), "--um-per-px: "),
        (("--resampling-factor", "1e9"), "resampling_factor asks for"),
        (("--association", "Xy"), "association names 'Xy'"),
        (("--model", "granite"), "model 'granite' is not served"),
        (("--model", "tiny:7"), "served are tiny:1"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(
    run: Run,
    photograph: Path,
    model_folder: Path,
    tmp_path: Path,
    options: Sequence[str],
    reason: str,
) -> None:
    status, printed, complaints = run(
        "analyse", photograph, "--out", tmp_path / "out", "--models", model_folder, *options
    )
    assert (status, printed) == (2, "")
    assert reason in complaints
    assert complaints.startswith("petroserve: ")
    assert complaints.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_image_is_named(run: Run, model_folder: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    status, _, complaints = run(
        "analyse", missing, "--out", tmp_path / "out", "--models", model_folder
    )
    assert (status, complaints.count("\n")) == (2, 1)
    assert f"{missing} is no file" in complaints


def test_a_missing_models_folder_is_named(run: Run, photograph: Path, tmp_path: Path) -> None:
    status, _, complaints = run(
        "analyse", photograph, "--out", tmp_path / "out", "--models", tmp_path / "none"
    )
    assert status == 2
    assert f"models folder {tmp_path / 'none'} does not exist" in complaints


def test_models_are_those_of_the_checkout_where_nothing_names_others(
    run: Run, tmp_path: Path, model_folder: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    clean_environment.chdir(photographs)
    shipped = run("models", "list")
    assert shipped[0] == 0
    assert "lumenstone-pspnet" in shipped[1]

    clean_environment.setenv("PETROSERVE_MODELS_FOLDER", str(tmp_path / "none"))
    assert run("models", "list")[0] == 2, "what is stated and not there is not replaced"

    clean_environment.delenv("PETROSERVE_MODELS_FOLDER")
    (photographs / "models").symlink_to(model_folder)
    assert "lumenstone-pspnet" not in run("models", "list")[1], "those that are here come first"


def test_a_folder_of_that_name_beside_an_installation_is_not_taken(
    run: Run, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed" / "models").mkdir(parents=True)
    clean_environment.setattr("command_line.settings._CHECKOUT", tmp_path / "installed")
    clean_environment.chdir(tmp_path)

    status, _, complaints = run("models", "list")

    assert status == 2
    assert "models folder models does not exist; set PETROSERVE_MODELS_FOLDER" in complaints


def test_phantom_writes_photograph_mask_and_truth(run: Run, tmp_path: Path) -> None:
    words = ("phantom", "--recipe", "S2", "--seed", 3, "--size", "60x80", "--out")
    assert run(*words, tmp_path / "a")[0] == 0
    assert run(*words, tmp_path / "b")[0] == 0
    labels = decode_labels((tmp_path / "a" / "labels.png").read_bytes())
    image = decode_image((tmp_path / "a" / "image.png").read_bytes())
    truth = json.loads((tmp_path / "a" / "truth.json").read_text())
    assert labels.shape == (60, 80)
    assert image.pixels.shape == (60, 80, 3)
    assert (truth["recipe"], truth["seed"]) == ("S2", 3)
    for code, fraction in truth["area_fraction"].items():
        assert fraction == pytest.approx(float((labels == int(code)).mean()), abs=1e-12)
    for name in names_in(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_section_that_no_memory_holds_is_refused(run: Run, tmp_path: Path) -> None:
    size = "99999999x99999999"
    status, _, complaints = run(
        "phantom", "--recipe", "S1", "--size", size, "--out", tmp_path / "out"
    )
    assert status == 2
    assert complaints.startswith("petroserve: not enough memory: ")
    assert not (tmp_path / "out").exists()


def test_phantom_refuses_an_unknown_recipe(run: Run, tmp_path: Path) -> None:
    status, _, complaints = run(
        "phantom", "--recipe", "cheese", "--size", "9x9", "--out", tmp_path / "out"
    )
    assert status == 2
    assert "known recipes are" in complaints


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Path, Path]:
    """Prediction and truth: 60 px right, 20 wrong, 20 not annotated."""
    truth = np.zeros((10, 10), dtype=np.uint8)
    truth[:, 4:] = 6
    truth[:, 8:] = 255
    prediction = np.zeros((10, 10), dtype=np.uint8)
    prediction[:, 4:6] = 8
    prediction[:, 6:] = 6
    return (
        write_labels(tmp_path / "prediction.png", prediction),
        write_labels(tmp_path / "truth.png", truth),
    )


def test_evaluate_scores_known_labels(run: Run, judged: tuple[Path, Path], tmp_path: Path) -> None:
    prediction, truth = judged
    out = tmp_path / "out"
    status, printed, _ = run("evaluate", "--prediction", prediction, "--truth", truth, "--out", out)
    assert status == 0
    written = {"metrics.json", "tables.md", "confusion.csv", "error_map.png"}
    assert names_in(out) - {"confusion.png", "panel.png"} == written
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["pixels"] == 80
    assert metrics["pixel_accuracy"] == 0.75
    assert metrics["iou"] == {"0": 1.0, "6": 0.5, "8": 0.0}
    assert metrics["mean_iou"] == 0.5
    assert metrics["balanced_accuracy"]["6"] == 0.75
    assert metrics["modal_error_pp"] == {"0": 0.0, "6": -25.0, "8": 25.0}
    # Borders: of 10 px, the prediction has that of the background where it is, and its own two
    # columns further right.
    assert metrics["border_px"] == 3
    assert metrics["boundary_f1"]["0"] == 1.0
    assert "| Py/Mrc | 40 | 0.500 |" in (out / "tables.md").read_text()
    assert (out / "confusion.csv").read_text().splitlines() == [
        "truth,Bg,Py/Mrc,Sp,other",
        "Bg,40,0,0,0",
        "Py/Mrc,0,20,20,0",
        "Sp,0,0,0,0",
    ]
    errors = decode_image((out / "error_map.png").read_bytes()).pixels
    assert len(np.unique(errors.reshape(-1, 3), axis=0)) == 3
    assert "pixel accuracy 0.7500" in printed


def test_evaluate_counts_the_classes_of_an_association(
    run: Run, judged: tuple[Path, Path], tmp_path: Path
) -> None:
    prediction, truth = judged
    status, printed, _ = run(
        "evaluate", "--prediction", prediction, "--truth", truth, "--association", "6"
    )
    assert status == 0
    assert "20 px predicted as another class" in printed
    assert "mean IoU 0.7500" in printed


def test_evaluate_refuses_labels_of_another_size(
    run: Run, judged: tuple[Path, Path], tmp_path: Path
) -> None:
    small = write_labels(tmp_path / "small.png", TRUTH[:5, :5])
    status, _, complaints = run("evaluate", "--prediction", small, "--truth", judged[1])
    assert status == 2
    assert "wanted the same size" in complaints


def test_models_are_listed_and_verified(run: Run, model_folder: Path) -> None:
    status, printed, _ = run("models", "list", "--models", model_folder)
    assert (status, printed.split("\t")[0]) == (0, "tiny:1")
    status, printed, _ = run("models", "verify", "--models", model_folder)
    assert (status, printed.split("\t")[:2]) == (0, ["tiny:1", "good"])


def test_an_altered_model_fails_its_verification(run: Run, model_folder: Path) -> None:
    graph = model_folder / "tiny" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    status, _, complaints = run("models", "verify", "--models", model_folder)
    assert status == 1
    assert "SHA-256" in complaints


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        (("analyse", "field.png", "--out", "out"), "onnxruntime", "cpu"),
        (("train", "run.toml"), "torch", "cpu,train"),
        (("export", "best.pt", "models"), "torch", "cpu,train"),
        (("import", "weights.pt", "run.toml"), "torch", "cpu,train"),
        (("batch", "photographs", "results"), "ray", "cpu,batch"),
    ],
)
def test_a_missing_extra_is_named(
    photograph: Path, words: Sequence[str], package: str, extra: str, tmp_path: Path
) -> None:
    # A package of this name that cannot be imported stands before the installed one.
    broken = tmp_path / "without" / package
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(f"raise ModuleNotFoundError(name={package!r})")
    ended = subprocess.run(
        [sys.executable, str(ROOT / "petroserve.py"), *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(broken.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    wanted = (
        f"petroserve: {package} is not installed; in the checkout of Petroserve: "
        f"pip install -c constraints.txt '.[{extra}]' (for CUDA gpu instead of cpu)\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", wanted)


@pytest.mark.torch
def test_train_says_which_configuration_is_missing(run: Run, tmp_path: Path) -> None:
    status, _, complaints = run("train", tmp_path / "none.toml")
    assert status == 2
    assert complaints == f"petroserve: {tmp_path / 'none.toml'}: No such file or directory\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("analyse",),
        ("measure", "labels.png"),
        ("phantom", "--recipe", "S1", "--size", "big", "--out", "out"),
        ("models",),
        ("test-model", "tiny", "--data", ".", "--subset", "S1v1"),
    ],
)
def test_wrong_usage_ends_with_status_2(
    words: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        petroserve.main(words)
    assert ended.value.code == 2
    assert "usage: petroserve" in capsys.readouterr().err


def test_a_name_commands_no_terminal(run: Run, tmp_path: Path) -> None:
    _, _, complaint = run("analyse", tmp_path / "\x1b[31mä\nb.png", "--out", tmp_path / "out")
    assert "\N{REPLACEMENT CHARACTER}[31mä b.png is no file" in complaint
    assert complaint.count("\n") == 1
