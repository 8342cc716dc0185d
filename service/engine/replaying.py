"""An analysis made again from what its provenance tells, and its files compared byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue, ValidationError

from petrography.calibration import (
    ColourCalibration,
    Corrections,
    FlatField,
    LensModel,
    optics_id,
)
from petrography.errors import InvalidParameterError, MissingPartError, field_problems
from petrography.image_codec import Encoded
from petrography.model_card import sha256_hex
from petrography.pipeline import AnalysisRequest, FileSink, FilesInMemory, PartReaders
from petrography.report import Result
from petrography.report.provenance import fact
from petrography.workspace import IN_MEMORY, Workspace
from service.engine.artefact_store import ArtefactStore
from service.engine.kinds import ANALYSES
from service.engine.one_image import analyse_image
from service.engine.stored_corrections import stored_optics
from service.repository import LoadedModel, Repository
from service.settings import Settings

__all__ = [
    "MAY_DIFFER",
    "TELL_WHAT_COMPUTED",
    "Compared",
    "compared",
    "corrections_of",
    "flat_field_of",
    "kept_result",
    "model_of",
    "replay",
    "request_of",
]

Verdict = Literal["equal", "different", "other software", "not kept", "altered"]

MAY_DIFFER: dict[str, str] = {
    "timings_s": "how long the stages took",
    "version": "reviews count versions; the numbers are those of the analysis",
    "status": "given by reviews",
    "reviews": "given by people",
}
"""Fields of result.json that are not compared, and why."""

TELL_WHAT_COMPUTED: frozenset[str] = frozenset({"provenance.json", "report.pdf", "analysis.xlsx"})
"""Files that name the software and the hardware: compared only where these are the same."""

_WHAT_COMPUTED = ("software", "runtime")


@dataclass(frozen=True)
class Compared:
    """One file of an analysis beside that of its replay.

    Attributes
    ----------
    name : str
        Of the file.
    recorded_sha256 : str
        As result.json tells; of result.json itself, what its comparable content has.
    kept : {"equal", "not kept", "altered"}
        Whether the file beside result.json is still the one that was recorded.
    again : {"equal", "different", "other software"}
        Whether the replay made the same bytes.
    """

    name: str
    recorded_sha256: str
    kept: Verdict
    again: Verdict

    @property
    def is_right(self) -> bool:
        """Whether nothing speaks against the analysis."""
        return self.kept != "altered" and self.again != "different"


def request_of(result: Result) -> AnalysisRequest:
    """Read what was asked of an analysis.

    Raises
    ------
    InvalidParameterError
        If the result does not tell, or the analysis cannot be made again from one image.
    """
    if result.model is None:
        msg = "no model drew its map: a label image was measured; use `petroserve measure` again"
        raise InvalidParameterError(msg)
    segmented = fact(result, "parameters", "segmented")
    if segmented == "panorama":
        msg = (
            "its map leaves out what no field of the panorama reaches, which the image alone does "
            "not tell; stitch the fields again with `petroserve stitch`"
        )
        raise InvalidParameterError(msg)
    if segmented == "fields":
        msg = (
            "its map was joined from the fields of a panorama, of which it records no digests; "
            "stitch the fields again with `petroserve stitch`"
        )
        raise InvalidParameterError(msg)
    try:
        return AnalysisRequest.model_validate(fact(result, "request"), strict=False)
    except ValidationError as error:
        msg = f"its provenance tells of no request that can be made again: {field_problems(error)}"
        raise InvalidParameterError(msg) from None


def model_of(result: Result, repository: Repository) -> LoadedModel:
    """Find the model that drew the map of an analysis, and no other.

    Raises
    ------
    ModelNotFoundError
        If this version is not there.
    InvalidParameterError
        If another graph or another card has its name and version.
    """
    named = result.model
    if named is None:
        msg = "no model drew the map of this result"
        raise InvalidParameterError(msg)
    model = repository.get(named.full_name)
    _require_digest("model.onnx", named.sha256, model.card.onnx_sha256)
    card_sha256 = fact(result, "model", "card_sha256")
    if card_sha256 is not None:
        # Results of old do not tell it.
        _require_digest("model.json", card_sha256, model.card_sha256)
    return model


def corrections_of(result: Result, flat_field: FlatField | None) -> Corrections:
    """Read the calibrations of an analysis from its provenance.

    Parameters
    ----------
    result : Result
        The analysis.
    flat_field : FlatField or None
        The one that it names; it is too long to be in the provenance.

    Raises
    ------
    MissingPartError
        If the analysis was corrected with a flat field and none is given.
    InvalidParameterError
        If the flat field is another one, or a calibration cannot be read.
    """
    named = fact(result, "flat_field")
    if named is not None and flat_field is None:
        msg = f"the analysis was corrected with the flat field {named}; wanted that file"
        raise MissingPartError(msg)
    if flat_field is not None:
        _require_digest("flat field", named, optics_id(flat_field))
    colours, lens = fact(result, "calibration"), fact(result, "lens")
    try:
        return Corrections(
            calibration=None if colours is None else ColourCalibration.model_validate(colours),
            flat_field=flat_field,
            lens=None if lens is None else LensModel.model_validate(lens),
        )
    except ValidationError as error:
        msg = f"the calibration in the provenance cannot be read: {field_problems(error)[:300]}"
        raise InvalidParameterError(msg) from None


def kept_result(settings: Settings, analysis_id: str, owner: str = "") -> Path:
    """Find result.json of an analysis that is kept.

    Parameters
    ----------
    settings : Settings
        `artefacts_folder` is used.
    analysis_id : str
        As a person states it.
    owner : str
        Whose it is; empty without API keys.

    Raises
    ------
    AnalysisNotFoundError
        If it is not kept.
    """
    store = _store(settings)
    folder = store.folder_of(ANALYSES, analysis_id, owner)
    if folder is None:
        raise store.not_found(ANALYSES, analysis_id, ANALYSES.document)
    return folder / ANALYSES.document


def flat_field_of(result: Result, settings: Settings, owner: str = "") -> FlatField | None:
    """Read the flat field that an analysis names from where its owner keeps it, if it names one.

    Raises
    ------
    CalibrationNotFoundError
        If it is not kept.
    """
    named = fact(result, "flat_field")
    if named is None:
        return None
    return stored_optics(_store(settings), str(named), None, owner).flat_field


def _store(settings: Settings) -> ArtefactStore:
    return ArtefactStore(
        settings.artefacts_folder,
        max_count=settings.artefacts_max_count,
        max_bytes=settings.artefacts_max_bytes,
    )


def replay(
    result: Result,
    image: Encoded,
    model: LoadedModel,
    *,
    settings: Settings,
    sink: FileSink | None = None,
    corrections: Corrections | None = None,
    parts: PartReaders | None = None,
    workspace: Workspace = IN_MEMORY,
) -> Result:
    """Make an analysis again.

    Parameters
    ----------
    result : Result
        The analysis.
    image : bytes or memoryview
        Its encoded image.
    model : LoadedModel
        See `model_of`.
    settings : Settings
        The limits on bytes and pixels are used.
    sink : FileSink, optional
        Takes the files.
    corrections : Corrections, optional
        See `corrections_of`.
    parts : mapping of str to callable, optional
        What reads the views and the region, by the names of their parts.
    workspace : Workspace
        Gives the arrays that are as large as the image.

    Returns
    -------
    Result
        Under the id, the times and the name of who asked of the first.

    Raises
    ------
    InvalidParameterError
        If image, views or region are not those of the analysis, by their SHA-256.
    """
    request = request_of(result)
    _require_digest("image", fact(result, "image", "sha256"), sha256_hex(image))
    readers = dict(parts or {})
    for what, part, digest in _recorded_parts(result):
        if part not in readers:
            msg = f"the analysis had a {what} {part!r}; wanted its file too"
            raise MissingPartError(msg)
        _require_digest(f"{what} {part!r}", digest, sha256_hex(readers[part]()))
    return analyse_image(
        sink or FilesInMemory(),
        image,
        request,
        model,
        settings=settings,
        workspace=workspace,
        analysis_id=result.id,
        corrections=corrections or Corrections(),
        parts=readers,
        repeated=result,
        href_prefix=_href_prefix(result),
    )


def _recorded_parts(result: Result) -> Iterator[tuple[str, str, JsonValue]]:
    for what, recorded in (("view", fact(result, "views")), ("region", fact(result, "region"))):
        digests = recorded if isinstance(recorded, dict) else {}
        yield from ((what, part, digest) for part, digest in digests.items())


def _href_prefix(result: Result) -> str:
    for artefact in result.artefacts:
        return artefact.href.removesuffix(artefact.name)
    return ""


def _require_digest(what: str, recorded: JsonValue, given: str | None) -> None:
    if recorded != given:
        msg = f"the {what} has SHA-256 {given}; the analysis was made with {recorded}"
        raise InvalidParameterError(msg)


def compared(result: Result, again: Result, folder: Path | None) -> list[Compared]:
    """Compare an analysis with its replay.

    Parameters
    ----------
    result, again : Result
        The analysis and its replay.
    folder : Path or None
        Where the files of the analysis are kept.

    Returns
    -------
    list of Compared
        By the order of result.json, which comes last itself.
    """
    same_tools = all(fact(result, part) == fact(again, part) for part in _WHAT_COMPUTED)
    made = {one.name: one.sha256 for one in again.artefacts}
    found = [
        Compared(
            one.name,
            one.sha256,
            _kept(folder, one.name, one.sha256),
            "other software"
            if one.name in TELL_WHAT_COMPUTED and not same_tools
            else _verdict(one.sha256 == made.get(one.name)),
        )
        for one in result.artefacts
    ]
    contents = [_comparable(one, same_tools=same_tools) for one in (result, again)]
    digest = sha256_hex(json.dumps(contents[0], sort_keys=True).encode())
    extra = made.keys() - {one.name for one in result.artefacts}
    whole = _verdict(contents[0] == contents[1] and not extra)
    return [*found, Compared("result.json", digest, "equal", whole)]


def _verdict(equal: bool) -> Verdict:
    return "equal" if equal else "different"


def _kept(folder: Path | None, name: str, recorded_sha256: str) -> Verdict:
    path = None if folder is None else folder / name
    if path is None or not path.is_file():
        return "not kept"
    return "equal" if sha256_hex(path.read_bytes()) == recorded_sha256 else "altered"


def _comparable(result: Result, *, same_tools: bool) -> dict[str, Any]:
    """The content of result.json without what may differ."""
    content: dict[str, Any] = result.model_dump(mode="json", exclude=set(MAY_DIFFER))
    if not same_tools:
        for part in _WHAT_COMPUTED:
            content["provenance"].pop(part, None)
        for artefact in content["artefacts"]:
            if artefact["name"] in TELL_WHAT_COMPUTED:
                artefact.pop("sha256")
    return content
