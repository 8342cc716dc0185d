"""Stitching against OpenCV's Stitcher and against chained homographies, on fields of known places.

The fields are photographs of a phantom section with shading and a lens that bends, written as JPEG.
Every way runs in a process of its own, from files to a file. The error of a way is the root mean
square distance, over a lattice of points of every field, between where it puts them and where they
are, after the one similarity that fits both best (no way can know how the truth is turned).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bench_analysis import forget_peak_mib, status_mib
from benchmarks.recording import machine, recorded_options, tell
from benchmarks.sift_homography import homography, key_points

WAYS = ("petroserve", "petroserve-grid", "opencv-stitcher", "chained-homographies")
HEIGHT_PX, WIDTH_PX = 2547, 3396
ROWS, COLS, OVERLAP, K1 = 5, 5, 0.25, -0.02

Floats = NDArray[np.float64]
Places = dict[str, Floats]


def main() -> None:
    """Run the ways in turn, or one way in this process (``--way``)."""
    parser = recorded_options(__doc__)
    parser.add_argument("--fields", type=Path, help="folder to keep the painted fields in")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--way", choices=(*WAYS, "paint"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way == "paint":
        paint(arguments.fields)
        return
    if arguments.way:
        print(json.dumps(run_one_way(arguments.way, arguments.fields)))
        return
    with tempfile.TemporaryDirectory() as folder:
        fields = arguments.fields or Path(folder)
        table = compare(fields, arguments.ways, arguments.repeat)
    tell(table, arguments)


def paint(folder: Path) -> None:
    """Photograph a phantom section in fields, with the truth beside them."""
    from petrography.image_codec import encode_jpeg
    from petrography.phantoms import section_fields

    section = section_fields(
        "S1",
        11,
        ROWS,
        COLS,
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
        overlap=OVERLAP,
        distortion_k1=K1,
        jitter_px=15.0,
    )
    for field in section.photographs():
        (folder / f"{field.name}.jpg").write_bytes(encode_jpeg(field.image, quality=94))
    (folder / "poses.json").write_text(json.dumps(section.truth), encoding="utf-8")


def compare(folder: Path, ways: list[str], repeat: int) -> str:
    """Measure all ways and write a Markdown section."""
    if not (folder / "poses.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        in_own_process("paint", folder)
    runs = {way: [in_own_process(way, folder) for _ in range(repeat)] for way in ways}
    about = (
        f"Phantom S1, overlap {OVERLAP:.0%}, k1 {K1} of the half diagonal, shading; JPEG in, file "
        f"out. {machine()}, OpenCV {cv2.__version__}; medians of {repeat}, "
        "`python benchmarks/bench_stitching.py`."
    )
    lines = [
        f"### Panorama of {ROWS} x {COLS} fields of {WIDTH_PX} x {HEIGHT_PX} px",
        "",
        about,
        "",
        (
            "| way | fields placed | RMSE against the truth, px | seconds | processor seconds "
            "| peak memory above idle, MiB |"
        ),
        "|---|--:|--:|--:|--:|--:|",
    ]
    for way, results in runs.items():
        figures = {
            name: statistics.median(float(result[name]) for result in results)
            for name in ("placed", "rmse_px", "seconds", "processor_seconds", "peak_mib")
        }
        lines.append(
            f"| {way} | {figures['placed']:.0f} of {ROWS * COLS} | {figures['rmse_px']:.2f} "
            f"| {figures['seconds']:.1f} | {figures['processor_seconds']:.1f} "
            f"| {figures['peak_mib']:.0f} |"
        )
    return "\n".join(lines)


def in_own_process(way: str, folder: Path) -> dict[str, float]:
    """Run one way in a fresh interpreter and read its figures."""
    command = [sys.executable, __file__, "--way", way, "--fields", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: dict[str, float] = json.loads((done.stdout.splitlines() or ["{}"])[-1])
    return figures


def run_one_way(way: str, folder: Path) -> dict[str, float]:
    """Run a way once and compare its places with the truth."""
    work: dict[str, Callable[[Path, Path], Places]] = {
        "petroserve": petroserve,
        "petroserve-grid": petroserve_grid,
        "opencv-stitcher": opencv_stitcher,
        "chained-homographies": chained_homographies,
    }
    idle_mib = forget_peak_mib()
    began, processor_began = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as out:
        found = work[way](folder, Path(out) / "panorama.tif")
    return {
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - processor_began,
        "peak_mib": status_mib("VmHWM") - idle_mib,
        "placed": len(found),
        "rmse_px": error_px(found, true_places(folder)),
    }


def lattice() -> Floats:
    """Points of a photograph at which places are compared, shape (n, 2)."""
    x, y = np.meshgrid(np.linspace(0, WIDTH_PX - 1, 9), np.linspace(0, HEIGHT_PX - 1, 7))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def true_places(folder: Path) -> Places:
    """Where the lattice of every photograph is on the panorama."""
    from petrography.calibration.lens import LensModel, undistort_points

    truth = json.loads((folder / "poses.json").read_text(encoding="utf-8"))
    lens = LensModel(height_px=HEIGHT_PX, width_px=WIDTH_PX, k1=truth["lens"]["k1"])
    straight = undistort_points(lattice(), lens)
    return {
        field["name"]: straight @ np.array(field["matrix"])[:, :2].T
        + np.array(field["matrix"])[:, 2]
        for field in truth["fields"]
    }


def error_px(found: Places, true: Places) -> float:
    """Root mean square distance after the best similarity; infinite where nothing was placed."""
    from petrography.registration import applied, fit_similarity

    names = sorted(found)
    if len(names) < 2:
        return float("inf")
    ours = np.concatenate([found[name] for name in names])
    theirs = np.concatenate([true[name] for name in names])
    gaps = applied(fit_similarity(ours, theirs), ours) - theirs
    return float(np.sqrt((gaps**2).sum(axis=1).mean()))


def photographs(folder: Path) -> list[Path]:
    """Files of the fields, row by row."""
    return sorted(folder.glob("r*c*.jpg"))


def petroserve(folder: Path, out: Path, *, on_grid: bool = False) -> Places:
    """Stitch as the command line does."""
    from petrography.calibration.lens import LensModel, undistort_points
    from petrography.image_codec import write_pyramid
    from petrography.stitching import GridLayout, PanoramaField, stitch

    fields = [PanoramaField(path.stem, partial(pixels_of, path)) for path in photographs(folder)]
    grid = GridLayout(rows=ROWS, cols=COLS, overlap_fraction=OVERLAP) if on_grid else None
    stitching = stitch(fields, grid=grid)
    with out.open("w+b") as file:
        write_pyramid(file, stitching.rows(), *stitching.shape)
    report = stitching.report
    straight = LensModel(height_px=HEIGHT_PX, width_px=WIDTH_PX)
    points = undistort_points(lattice(), report.lens.model if report.lens else straight)
    return {
        tile.name: points @ np.array(tile.matrix)[:, :2].T + np.array(tile.matrix)[:, 2]
        for tile in report.tiles
        if tile.component == 0
    }


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """Decode a photograph as the service does."""
    from petrography.image_codec import decode_image

    return decode_image(path.read_bytes()).pixels


def petroserve_grid(folder: Path, out: Path) -> Places:
    """Stitch with the grid named."""
    return petroserve(folder, out, on_grid=True)


def opencv_stitcher(folder: Path, out: Path) -> Places:
    """Stitch with OpenCV's high-level stitcher for flat originals."""
    paths = photographs(folder)
    images = [read(path) for path in paths]
    stitcher = cv2.Stitcher.create(cv2.Stitcher_SCANS)
    status, panorama = stitcher.stitch(images)
    if status != cv2.Stitcher_OK:
        return {}
    cv2.imwrite(str(out), panorama)
    scale = stitcher.workScale()
    points = np.column_stack([lattice() * scale, np.ones(len(lattice()))])
    # For flat originals `R` is the affine map from the panorama to the field, at the working scale.
    return {
        paths[index].stem: (points @ np.linalg.inv(camera.R.astype(np.float64)).T)[:, :2] / scale
        for index, camera in zip(stitcher.component(), stitcher.cameras(), strict=True)
    }


def chained_homographies(folder: Path, out: Path) -> Places:
    """Fit a homography to each field and the one before it, and multiply them on.

    Fields of a row are chained from left to right, rows by their first fields; later fields are
    drawn over earlier ones.
    """
    images = {path.stem: read(path) for path in photographs(folder)}
    seen = {name: key_points(in_grey(image), most=8000) for name, image in images.items()}
    chained: dict[str, Floats] = {}
    for name in images:
        row, col = int(name[1]), int(name[3])
        before = f"r{row}c{col - 1}" if col else f"r{row - 1}c0"
        step = homography(seen[before], seen[name]) if before in seen else np.eye(3)
        if step is not None and (before in chained or not chained):
            chained[name] = chained.get(before, np.eye(3)) @ step
    draw_over(images, chained, out)
    return {
        name: cv2.perspectiveTransform(lattice()[None], matrix)[0]
        for name, matrix in chained.items()
    }


def read(path: Path) -> NDArray[np.uint8]:
    """Read a photograph, blue first."""
    return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


def in_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the colour away."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def draw_over(images: dict[str, NDArray[np.uint8]], chained: dict[str, Floats], out: Path) -> None:
    """Draw all fields into one picture in memory and write it."""
    places = [cv2.perspectiveTransform(lattice()[None], chained[name])[0] for name in chained]
    low = np.floor(np.min([place.min(axis=0) for place in places], axis=0))
    high = np.ceil(np.max([place.max(axis=0) for place in places], axis=0))
    # A chain that has gone astray can ask for any size.
    width, height = np.minimum(high - low + 1, (3 * COLS * WIDTH_PX, 3 * ROWS * HEIGHT_PX)).astype(
        int
    )
    if width * height > 4 * ROWS * COLS * WIDTH_PX * HEIGHT_PX:
        return
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    shift = np.array([[1.0, 0.0, -low[0]], [0.0, 1.0, -low[1]], [0.0, 0.0, 1.0]])
    for name, matrix in chained.items():
        cv2.warpPerspective(
            images[name],
            shift @ matrix,
            (int(width), int(height)),
            dst=canvas,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
    cv2.imwrite(str(out), canvas)


if __name__ == "__main__":
    main()
