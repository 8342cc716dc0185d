"""What the commands share that analyse an image: their options, and the way from bytes to files."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from command_line.files import written_folder
from command_line.modal_options import add_modal_options, modal_options
from command_line.outputs import add_outputs, chosen_outputs
from command_line.settings import add_models_folder, settings_of
from command_line.stage_views import ViewFile
from petrography.errors import InvalidParameterError, with_given

if TYPE_CHECKING:
    from petrography.calibration import (
        ColourCalibration,
        Corrections,
        FlatField,
        LensModel,
    )
    from petrography.pipeline import AnalysisRequest
    from petrography.report import Result
    from service.engine import JoinedFields
    from service.repository import LoadedModel
    from service.settings import Settings

__all__ = [
    "STATED_OF_IMAGE",
    "PreparedAnalysis",
    "StatedAnalysis",
    "add_analysis_options",
    "prepare_analysis",
    "state_analysis",
]

# What a CSV may state of an image beside its sample.
STATED_OF_IMAGE = ("um_per_px", "association")
# What an analysis calls the file of its region.
_REGION_PART = "region"


@dataclass(frozen=True)
class StatedAnalysis:
    """What the options of an analysis say: all of it, but the open model and the images.

    It can be sent to other processes.
    """

    request: AnalysisRequest
    settings: Settings
    corrections: Corrections

    def opened(
        self, parts: Mapping[str, Callable[[], bytes]] | None = None, *, panorama: bool = False
    ) -> PreparedAnalysis:
        """Open the model.

        Raises
        ------
        InputError
            If there is no such model, or it cannot do what is asked.
        """
        from petrography.pipeline import require_possible
        from service.repository import open_repository

        model = open_repository(self.settings).get(self.request.model)
        require_possible(self.request, model.card, panorama=panorama)
        return PreparedAnalysis(self.request, model, self.settings, self.corrections, parts or {})


@dataclass(frozen=True)
class PreparedAnalysis:
    """All that an analysis needs but the image."""

    request: AnalysisRequest
    model: LoadedModel
    settings: Settings
    corrections: Corrections
    parts: Mapping[str, Callable[[], bytes]]

    def of_sample(self, sample_id: str | None, barcode_raw: str | None = None) -> PreparedAnalysis:
        """The same analysis, of a sample that the laboratory names so, with the barcode as read.

        Raises
        ------
        InvalidParameterError
            If it can be no name, or the barcode does not match the pattern that is set.
        """
        from pydantic import ValidationError

        from petrography.errors import field_problems
        from petrography.report import Sample
        from service.engine import read_barcode_patterns

        try:
            sample = Sample(id=sample_id, barcode_raw=barcode_raw)
        except ValidationError as error:
            msg = f"--sample-id or --barcode-raw: {field_problems(error)}"
            raise InvalidParameterError(msg) from None
        read_barcode_patterns(self.settings).require(sample)
        return replace(self, request=self.request.model_copy(update={"sample": sample}))

    def of_stated(self, stated: Mapping[str, str], *, source: str) -> PreparedAnalysis:
        """The same analysis, with what a CSV states of one image.

        Parameters
        ----------
        stated : mapping of str to str
            um_per_px, association, and fields of the sample such as sample_id.
        source : str
            What states it, for the message.

        Raises
        ------
        InvalidParameterError
            If it makes no sense, or the barcode does not match the pattern that is set.
        """
        from pydantic import ValidationError

        from petrography.errors import field_problems
        from petrography.pipeline import AnalysisRequest, require_possible
        from service.engine import read_barcode_patterns

        own: dict[str, object] = {name: stated[name] for name in STATED_OF_IMAGE if name in stated}
        others = {name: value for name, value in stated.items() if name not in own}
        sample = {name.removeprefix("sample_"): value for name, value in others.items()}
        if sample:
            own["sample"] = sample
        try:
            request = AnalysisRequest.model_validate(self.request.model_dump() | own)
        except ValidationError as error:
            msg = f"{source} cannot be used: {field_problems(error)}"
            raise InvalidParameterError(msg) from None
        require_possible(request, self.model.card)
        if request.sample is not None:
            read_barcode_patterns(self.settings).require(request.sample)
        return replace(self, request=request)

    def run(self, image: Path, folder: Path, *, joined: JoinedFields | None = None) -> str:
        """Analyse an image behind a progress bar, write its files and return its modal table."""
        from petrography.report import modal_table

        return modal_table(self.analyse(image, folder, joined=joined))

    def analyse(self, image: Path, folder: Path, *, joined: JoinedFields | None = None) -> Result:
        """The same, returning the result."""
        from tqdm import tqdm

        from service.engine import ONE_PHOTOGRAPH, ScratchFiles, analyse_image

        with (
            ScratchFiles(self.settings.scratch_folder) as scratch,
            written_folder(folder) as sink,
            # A bar appears on a terminal only.
            tqdm(desc=image.name, unit="tile", disable=None, leave=False) as bar,
        ):

            def on_progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            return analyse_image(
                sink,
                scratch.view(image),
                self.request,
                self.model,
                settings=self.settings,
                workspace=scratch,
                analysis_id=str(uuid.uuid4()),
                corrections=self.corrections,
                parts=self.parts,
                joined=joined or ONE_PHOTOGRAPH,
                on_progress=on_progress,
            )


def add_analysis_options(parser: argparse.ArgumentParser, *, model: str = "--model") -> None:
    """Describe the options of an analysis; `model` is the one that names the model."""
    parser.add_argument("--um-per-px", type=float, help="size of an image pixel in micrometres")
    parser.add_argument(
        "--resampling-factor", type=float, help="model pixels per image pixel, instead of a scale"
    )
    parser.add_argument(
        model, dest="analysis_model", metavar="NAME[:VERSION]", help="default: the setting"
    )
    parser.add_argument(
        "--association",
        metavar="S1|S2|S3|CODE,...",
        help="what the deposit is known to hold: only these classes may occur",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="colour calibration of `petroserve calibrate fit`, applied before anything is seen",
    )
    add_modal_options(parser)
    add_outputs(parser)
    add_models_folder(parser)


def prepare_analysis(
    arguments: argparse.Namespace,
    *,
    views: Mapping[str, ViewFile] | None = None,
    region: Path | None = None,
    flat_field: FlatField | None = None,
    lens: LensModel | None = None,
) -> PreparedAnalysis:
    """Check the options and open the model; without `views`, for a panorama.

    Raises
    ------
    InputError
        If an option cannot be used.
    """
    stated = state_analysis(arguments, views=views, region=region, flat_field=flat_field, lens=lens)
    readers = {name: view.path.read_bytes for name, view in (views or {}).items()}
    if region is not None:
        readers[_REGION_PART] = region.read_bytes
    return stated.opened(readers, panorama=views is None)


def state_analysis(
    arguments: argparse.Namespace,
    *,
    views: Mapping[str, ViewFile] | None = None,
    region: Path | None = None,
    flat_field: FlatField | None = None,
    lens: LensModel | None = None,
) -> StatedAnalysis:
    """Read the options.

    Raises
    ------
    InputError
        If one cannot be used, whatever the model.
    """
    from petrography.calibration import Corrections

    corrections = Corrections(_calibration(arguments.calibration), flat_field, lens)
    request = _request(arguments, corrections, views or {}, region)
    return StatedAnalysis(request, settings_of(arguments), corrections)


def _calibration(path: Path | None) -> ColourCalibration | None:
    from petrography.calibration import parse_calibration

    return None if path is None else parse_calibration(path.read_bytes(), source=str(path))


def _request(
    arguments: argparse.Namespace,
    corrections: Corrections,
    views: Mapping[str, ViewFile],
    region: Path | None,
) -> AnalysisRequest:
    from pydantic import ValidationError

    from petrography.pipeline import ON_REQUEST, AnalysisRequest, ArtefactName

    names = ("um_per_px", "resampling_factor", "association")
    stated = {name: getattr(arguments, name) for name in names}
    stated["model"] = arguments.analysis_model
    stated["outputs"] = chosen_outputs(arguments.outputs, get_args(ArtefactName), ON_REQUEST)
    stated |= corrections.ids()
    stated["modal"] = modal_options(arguments)
    stated["views"] = tuple(
        {"part": name, "light": view.light, "stage_angle_deg": view.stage_angle_deg}
        for name, view in views.items()
    )
    stated["region"] = None if region is None else _REGION_PART
    try:
        return AnalysisRequest.model_validate(stated)
    except ValidationError as error:
        problems = "; ".join(
            f"--{str(problem['loc'][0]).replace('_', '-')}: "
            f"{with_given(problem['msg'], problem['input'])}"
            for problem in error.errors(include_url=False)
        )
        raise InvalidParameterError(problems) from None
