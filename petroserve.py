"""The one command line of Petroserve: arguments in, files and a table out.

It holds no behaviour of its own. Every command imports what it needs when it is called, so that
analysing needs no torch and training no server; an extra that is not installed is named.

Exit status: 0 done, 1 a model failed its verification, 2 the input, the settings or the
installation is at fault (one line on stderr says how).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export import command_line
from petrography.errors import (
    ConfigurationError,
    InputError,
    InvalidParameterError,
    ModelCardError,
    PetroserveError,
)

if TYPE_CHECKING:
    from petrography.images import Labels
    from petrography.pipeline import AnalysisRequest
    from service.repository import LoadedModel
    from service.settings import Settings

__all__ = ["main"]

DONE, FAILED_VERIFICATION, AT_FAULT, INTERRUPTED = 0, 1, 2, 130

# Modules whose absence means that an extra was not installed.
EXTRAS = {
    "cpu": {"onnxruntime"},
    "train": {"onnx", "onnxscript", "segmentation_models_pytorch", "tensorboard", "torch"},
}

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process when omitted.

    Returns
    -------
    int
        The exit status.
    """
    parsed = build_parser().parse_args(arguments)
    run: Command = parsed.run
    try:
        with _extras_named():
            return run(parsed)
    except PetroserveError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or 'file'}: {error.strerror or error}")
    except MemoryError as error:
        return _complain(f"not enough memory: {str(error) or 'use smaller images'}")
    except KeyboardInterrupt:
        return INTERRUPTED


def _complain(message: str, status: int = AT_FAULT) -> int:
    print(f"petroserve: {' '.join(message.split())}", file=sys.stderr)
    return status


@contextmanager
def _extras_named() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        for extra, modules in EXTRAS.items():
            if missing in modules:
                msg = f"{missing} is not installed; pip install 'petroserve[{extra}]'"
                raise ConfigurationError(msg) from None
        raise


def build_parser() -> argparse.ArgumentParser:
    """Describe all commands."""
    parser = argparse.ArgumentParser(
        prog="petroserve", description="Microscope images of ore in, mineralogy out."
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Command, what: str) -> argparse.ArgumentParser:
        described = commands.add_parser(name, help=what, description=what)
        described.set_defaults(run=run)
        return described

    _describe_analyse(command("analyse", analyse, "photographs to mineral maps and tables"))
    _describe_serve(command("serve", serve, "the service over HTTP; more settings: README"))
    _describe_phantom(command("phantom", phantom, "paint a section of ore with exact masks"))
    _describe_measure(command("measure", measure, "composition and grains of a label image"))
    _describe_evaluate(command("evaluate", evaluate, "a label image against the truth"))
    command_line.add_commands(command)
    models_parser = commands.add_parser("models", help="what the models folder holds")
    tasks = models_parser.add_subparsers(required=True, metavar="list|verify")
    for name, run, what in (
        ("list", list_models, "names, versions, architectures and classes, from the cards"),
        ("verify", verify_models, "check digests and graphs, and run every model once"),
    ):
        task = tasks.add_parser(name, help=what, description=what)
        task.set_defaults(run=run)
        _add_models(task)
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("petroserve")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _add_out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=what)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help="models folder (default: the setting, ./models)"
    )


def _settings(arguments: argparse.Namespace, **stated: object) -> Settings:
    from service.settings import read_settings

    return read_settings(models_folder=arguments.models, **stated)


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write under temporary names first, so that a file is there as a whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        temporary = folder / f"{name}.tmp"
        temporary.write_bytes(content)
        temporary.replace(folder / name)


def _json(content: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(content, indent=2)}\n".encode()


def _describe_analyse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    _add_out(parser, "folder of the results; with several images one sub-folder each")
    parser.add_argument("--um-per-px", type=float, help="size of an image pixel in micrometres")
    parser.add_argument(
        "--resampling-factor", type=float, help="model pixels per image pixel, instead of a scale"
    )
    parser.add_argument("--model", metavar="NAME[:VERSION]", help="default: the setting")
    parser.add_argument(
        "--association",
        metavar="S1|S2|S3|CODE,...",
        help="what the deposit is known to hold: only these classes may occur",
    )
    _add_models(parser)


def analyse(arguments: argparse.Namespace) -> int:
    """Analyse photographs with one model."""
    from service.repository import open_repository

    folders = _result_folders(arguments.images, arguments.out)
    request, settings = _analysis_request(arguments), _settings(arguments)
    model = open_repository(settings).get(request.model)
    status = DONE
    for image, folder in folders.items():
        try:
            table = _analyse_image(image, folder, request, model, settings)
        except InputError as error:
            # The other images are worth analysing all the same.
            status = _complain(f"{image}: {error}")
        else:
            print(f"{image}\n{table}\n")
    return status


def _result_folders(images: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where the results of each image go; checked before anything is written."""
    by_folder: dict[Path, Path] = {}
    for image in images:
        if not image.is_file():
            msg = f"{image} is no file; wanted a PNG, JPEG or TIFF image"
            raise InvalidParameterError(msg)
        folder = out if len(images) == 1 else out / image.stem
        if folder in by_folder:
            msg = (
                f"{by_folder[folder]} and {image} would both be written to {folder}; rename one, "
                "or analyse them one at a time"
            )
            raise InvalidParameterError(msg)
        by_folder[folder] = image
    return {image: folder for folder, image in by_folder.items()}


def _analysis_request(arguments: argparse.Namespace) -> AnalysisRequest:
    from pydantic import ValidationError

    from petrography.pipeline import AnalysisRequest

    names = ("model", "um_per_px", "resampling_factor", "association")
    try:
        return AnalysisRequest.model_validate({name: getattr(arguments, name) for name in names})
    except ValidationError as error:
        problems = "; ".join(
            f"--{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise InvalidParameterError(problems) from None


def _analyse_image(
    image: Path, folder: Path, request: AnalysisRequest, model: LoadedModel, settings: Settings
) -> str:
    """Analyse one photograph, write its files and return its modal table."""
    from tqdm import tqdm

    from petrography.report import modal_table
    from service.engine import analyse_image

    # A bar appears on a terminal only.
    with tqdm(desc=image.name, unit="tile", disable=None, leave=False) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        analysis = analyse_image(
            image.read_bytes(),
            request,
            model,
            settings=settings,
            analysis_id=str(uuid.uuid4()),
            on_progress=on_progress,
        )
    _write_files(folder, analysis.artefacts)
    return modal_table(analysis.result)


def _describe_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: the setting, 127.0.0.1)")
    parser.add_argument("--http-port", type=int, help="port of HTTP (default: the setting, 3000)")
    _add_models(parser)


def serve(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from service.bento import serve as serve_until_stopped

    settings = _settings(arguments, host=arguments.host, http_port=arguments.http_port)
    serve_until_stopped(settings)
    return DONE


def _describe_phantom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", required=True, help="what it is made of, such as S1 or S2")
    parser.add_argument("--seed", type=int, default=0, help="the same seed paints the same section")
    parser.add_argument("--size", type=_height_and_width, required=True, metavar="HxW", help="px")
    _add_out(parser, "folder for image.png, labels.png and truth.json")


def _height_and_width(text: str) -> tuple[int, int]:
    try:
        height_px, width_px = (int(side) for side in text.lower().split("x"))
    except ValueError:
        msg = f"size is {text[:40]!r}; wanted HEIGHTxWIDTH in px, such as 960x1280"
        raise argparse.ArgumentTypeError(msg) from None
    return height_px, width_px


def phantom(arguments: argparse.Namespace) -> int:
    """Paint a section; write photograph, mask and truth."""
    from petrography.image_codec import encode_png
    from petrography.phantoms import phantom as paint

    painted = paint(arguments.recipe, arguments.seed, *arguments.size)
    files = {
        "image.png": encode_png(painted.image),
        "labels.png": encode_png(painted.labels),
        "truth.json": _json(painted.truth),
    }
    _write_files(arguments.out, files)
    print(f"{arguments.out}: {', '.join(files)}")
    return DONE


def _read_labels(path: Path) -> tuple[Labels, str]:
    """Read a label image; returns its codes and its SHA-256."""
    from petrography.image_codec import decode_labels
    from petrography.model_card import sha256_hex

    data = path.read_bytes()
    return decode_labels(data, name=str(path)), sha256_hex(data)


def _describe_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", type=Path, metavar="LABELS", help="PNG or TIFF of mineral codes")
    parser.add_argument("--um-per-px", type=float, help="pixel size; lengths are in px without it")
    _add_out(parser, "folder for modal.csv, grains.csv and grains.geojson")


def measure(arguments: argparse.Namespace) -> int:
    """Measure a label image."""
    from petrography.model_input import require_positive_scale
    from petrography.pipeline import measure as measure_labels
    from petrography.report import label_image_files, label_image_result, modal_table

    if arguments.um_per_px is not None:
        require_positive_scale(arguments.um_per_px)
    labels, digest = _read_labels(arguments.labels)
    measured = measure_labels(labels)
    result = label_image_result(
        measured.composition, measured.grains, identity=digest, um_per_px=arguments.um_per_px
    )
    _write_files(arguments.out, label_image_files(result, measured.grains))
    print(modal_table(result))
    return DONE


def _describe_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prediction", type=Path, required=True, metavar="LABELS")
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="LABELS", help="255: not annotated, ignored"
    )
    parser.add_argument(
        "--association", help="classes that count (default: those of truth and prediction)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for metrics.json, confusion.csv, error_map.png"
    )


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a label image and say where it is wrong."""
    from petrography.accuracy import (
        classes_to_judge,
        confusion_csv,
        confusion_with_other,
        error_map,
        scores,
        scores_table,
    )
    from petrography.image_codec import encode_png

    (truth, _), (prediction, _) = map(_read_labels, (arguments.truth, arguments.prediction))
    codes = classes_to_judge(truth, prediction, association=arguments.association)
    confusion = confusion_with_other(truth, prediction, codes)
    result = scores(confusion, codes)
    print(scores_table(result))
    if arguments.out is not None:
        metrics = {"association": arguments.association, **result.as_json()}
        files = {
            "metrics.json": _json(metrics),
            "confusion.csv": confusion_csv(confusion, codes).encode(),
            "error_map.png": encode_png(error_map(truth, prediction)),
        }
        _write_files(arguments.out, files)
    return DONE


def list_models(arguments: argparse.Namespace) -> int:
    """Print one line a model."""
    from petrography.minerals import mineral
    from service.repository import read_cards

    for _, card in read_cards(_settings(arguments).models_folder):
        symbols = ",".join(mineral(code).symbol for code in card.classes)
        print(f"{card.name}:{card.version}\t{card.architecture}\t{symbols}\t{card.description}")
    return DONE


def verify_models(arguments: argparse.Namespace) -> int:
    """Open and run every model."""
    from service.repository import open_repository

    try:
        for model in open_repository(_settings(arguments)):
            seconds = model.warm_up()
            card = model.card
            print(f"{card.name}:{card.version}\tgood\t{card.onnx_sha256}\t{seconds:.2f} s")
    except ModelCardError as error:
        return _complain(str(error), FAILED_VERIFICATION)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
