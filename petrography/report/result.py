"""result.json: the one record of an analysis that machines and people read.

The JSON Schema that is published is generated from `Result`; the two cannot differ. No number is
ever NaN or infinite. Without a scale, lengths and areas are in pixels and the physical fields are
null: nothing is guessed.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from petrography.errors import InvalidParameterError, PetroserveError
from petrography.field_types import Code, Count, Fraction, NotNegative, Percent, Positive, Sha256
from petrography.registration import RegistrationReport
from petrography.report.contact_models import Contacts
from petrography.report.grain_figures import (
    AstmNumbers,
    EdgeCorrectedEntry,
    InterceptEntry,
    ShapeEntry,
    SieveEntry,
    Sizes,
    TouchingEntry,
)
from petrography.report.modal_uncertainty import ModalUncertainty, NotFound
from petrography.report.review import Review
from petrography.report.texture_models import Liberation, Textures
from petrography.stored_documents import Document, parsed

__all__ = [
    "RESULT_SCHEMA_VERSION",
    "Artefact",
    "Contacts",
    "GrainEntry",
    "ModalBasis",
    "ModalCorrection",
    "ModalEntry",
    "ModelReference",
    "PhaseAnisotropy",
    "Quality",
    "Result",
    "Sample",
    "Scale",
    "Sizes",
    "SmallEntry",
    "Uncertainty",
    "parse_result",
    "result_json",
    "result_schema",
    "result_schema_json",
]

RESULT_SCHEMA_VERSION: Literal[1] = 1


def _require_finite(value: JsonValue) -> JsonValue:
    # Depth is bounded: whatever can be written as JSON was built by our own code or parsed by
    # pydantic, which bounds it too.
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"{value} cannot be written as JSON; wanted a finite number"
        raise ValueError(msg)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        _require_finite(part)
    return value


# Control characters break rows of tables and messages that others read line by line; marks of
# direction (UAX 9) show another text than there is, and blanks show none.
_UNFIT = r"\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069"
Text = Annotated[
    str, Field(max_length=256, pattern=rf"^(?:[^{_UNFIT}]*[^{_UNFIT}\s][^{_UNFIT}]*)?$")
]
# What a scanner sends: GS1 codes hold group separators (0x1d), readers end with a tab or a return.
Barcode = Annotated[str, Field(max_length=256, pattern=r"^[^\x00\u202a-\u202e\u2066-\u2069]*$")]
FiniteJson = Annotated[JsonValue, AfterValidator(_require_finite)]


class Sample(Document):
    """What was photographed, as the laboratory names it."""

    id: Text | None = None
    section: Text | None = None
    field: Text | None = None
    operator: Text | None = None
    instrument: Text | None = None
    barcode_raw: Barcode | None = None
    """The text of the label exactly as the scanner read it; nothing is read out of it."""


class ModelReference(Document):
    """The model that drew the mineral map."""

    name: str
    version: Annotated[int, Field(ge=1)]
    sha256: Sha256
    """Of the ONNX file."""

    @property
    def full_name(self) -> str:
        """Name and version."""
        return f"{self.name}:{self.version}"


class Scale(Document):
    """Pixel size of the input image."""

    um_per_px: Positive
    source: str
    """Who said so: the request, or a field of the image file."""


class ModalEntry(Document):
    """One phase of the modal composition."""

    code: Code
    symbol: str
    name: str
    area_percent: Percent
    """Of the whole annotated field."""
    ci95: tuple[Percent, Percent] | None
    """95 % interval of area_percent; null where one image shows no scatter to judge by."""
    ore_percent: Percent | None
    """Of the ore minerals only; null for a phase that is no ore."""
    ore_ci95: tuple[Percent, Percent] | None
    area_px: Count
    area_um2: NotNegative | None
    mass_percent: Percent | None
    """Of the mass of the ore minerals."""
    total_ci95: tuple[Percent, Percent] | None = None
    """95 % interval of area_percent that covers mistakes of the mineral map as well; null without
    held-out images of the model."""
    corrected_percent: Percent | None = None
    """area_percent corrected with the held-out confusion of the model; see modal_correction."""
    corrected_ci95: tuple[Percent, Percent] | None = None
    analysed_percent: Percent | None = None
    """Of the analysed area; null for a phase that is left out of it."""
    analysed_ci95: tuple[Percent, Percent] | None = None
    mass_ci95: tuple[Percent, Percent] | None = None
    uncertainty: ModalUncertainty | None = None
    """Null where one image shows no scatter to judge by."""


class IntervalMethod(Document):
    """How the 95 % intervals were made."""

    method: Literal["block bootstrap"] = "block bootstrap"
    level: Fraction
    blocks: Count
    block_px: tuple[NotNegative, NotNegative]
    """Mean height and width of a block."""
    correlation_length_px: NotNegative
    resamples: Count
    seed: int
    independent_samples: NotNegative | None = None
    """Of the texture as a whole: annotated area over its integral range; null for one phase."""
    error_growth: NotNegative | None = None
    """Standard error over that by blocks of half the side; 2 where correlation has no end."""


class ModalBasis(Document):
    """What the percentages are percentages of."""

    field_px: Count
    """area_percent: annotated pixels of the whole field."""
    ore_px: Count
    """ore_percent: pixels of ore minerals."""
    unlabelled_px: Count
    """Pixels in no basis."""
    intervals: IntervalMethod
    analysed_px: Count | None = None
    """analysed_percent: annotated pixels without those of not_analysed."""
    not_analysed: tuple[int, ...] = ()
    """Codes that are left out of the analysed area."""


class ModalCorrection(Document):
    """Where total_ci95, corrected_percent and corrected_ci95 come from.

    The shares of the map stay the headline: on real ore the correction made single images worse.
    """

    method: Literal["least squares on the simplex, rates of the held-out confusion"] = (
        "least squares on the simplex, rates of the held-out confusion"
    )
    data: str
    """The held-out images."""
    association: str | None
    """What the model was told of them; null for all classes open."""
    images: Count
    effective_size: NotNegative
    """Independent pixels of a class that one held-out image is worth."""
    effective_size_source: Literal["held-out images", "default"]
    condition_number: NotNegative | None
    """Of the rates; null where they are singular."""
    level: Fraction
    simulations: Count
    seed: int
    not_mapped: dict[str, Percent]
    """Corrected percentages of phases that the map does not show, above 0.01."""


class SmallEntry(Document):
    """Components below the minimum area: counted, in no other figure of the grains."""

    count: Count
    area_px: Count


class GrainEntry(Document):
    """The grains of one mineral."""

    code: Code
    name: str
    count: Count
    area_px: Count
    area_um2: NotNegative | None
    touching_edge: Count
    """Grains cut by the edge of the image, or of what is annotated; included with what is seen of
    them."""
    below_minimum: SmallEntry
    ecd_px: Sizes | None
    ecd_um: Sizes | None
    p80_ci95_px: tuple[NotNegative, NotNegative] | None = None
    """95 % interval of area_p80; null where too few grains are larger than it."""
    p80_ci95_um: tuple[NotNegative, NotNegative] | None = None
    edge_corrected: EdgeCorrectedEntry | None = None
    """Null where grains that the edge cuts hold more than half of the area, and where what is
    annotated is no rectangle."""
    shapes: ShapeEntry | None = None
    sieve_classes: tuple[SieveEntry, ...] = ()
    intercept: InterceptEntry | None = None
    astm_e112: AstmNumbers | None = None
    """Null without a scale."""
    touching: TouchingEntry | None = None
    """Null where touching grains were not asked to be told apart."""


class PhaseAnisotropy(Document):
    """How one phase changes with the stage between crossed polars."""

    code: Code
    symbol: str
    name: str
    tested_px: Count
    """Pixels with enough views, at the size of the harmonic channels."""
    anisotropic_percent: Percent | None
    """Of the tested pixels: brightness turns by more than noise does."""
    median_amplitude: NotNegative | None
    """Of the brightness that turns, over the tested pixels; linear light, 1 is white."""


class Quality(Document):
    """Whether the image was fit to be analysed."""

    focus: NotNegative | None
    """Detail of one octave over that of the next, noise taken off; a sharp photograph has 0.35."""
    clipping: Fraction | None
    """Share of pixels with a channel at 255."""
    dark_fraction: Fraction | None
    """Share of pixels with no channel above 16."""
    hue_distance: NotNegative | None
    """CIEDE2000 between the bright colours and those of the training images at any exposure."""
    calibrate_first: bool
    """The colours are so far from the training images that the mineral map is guesswork: by the
    hue of the photograph, or by the colours of the phases that were found in it."""
    colour_distance: NotNegative | None
    """Mean CIEDE2000 between the phases of the image and their colours in the training images."""
    warnings: tuple[str, ...]


class Uncertainty(Document):
    """What the model says of its own certainty."""

    mean_confidence: Fraction
    ece: Fraction | None
    """Expected calibration error on the model's validation images."""


class Artefact(Document):
    """One file that belongs to the analysis."""

    name: str
    media_type: str
    sha256: Sha256
    href: str


class Result(Document):
    """One analysis of one image."""

    schema_version: Literal[1] = RESULT_SCHEMA_VERSION
    id: str
    version: Annotated[int, Field(ge=1)] = 1
    """Grows with every correction."""
    status: Literal["preliminary", "final", "corrected", "rejected"] = "preliminary"
    sample: Sample = Sample()
    model: ModelReference | None
    """Null where an existing label image was measured."""
    scale: Scale | None
    modal: tuple[ModalEntry, ...]
    modal_basis: ModalBasis
    modal_correction: ModalCorrection | None = None
    """Null where no model drew the map, or its card holds no confusion."""
    element_percent: dict[str, Percent] | None
    """Mass per cent in the ore minerals, from their formulae."""
    element_ci95: dict[str, tuple[Percent, Percent]] | None = None
    not_found: tuple[NotFound, ...] = ()
    """Phases that were looked for and not found."""
    grains: dict[str, GrainEntry]
    """By mineral symbol."""
    contacts: Contacts | None = None
    textures: Textures | None = None
    liberation: Liberation | None = None
    registration: RegistrationReport | None = None
    """How other views of the place lie over the image."""
    anisotropy: tuple[PhaseAnisotropy, ...] | None = None
    """By phase; null without 3 or more usable views between crossed polars."""
    quality: Quality
    degradations: tuple[str, ...]
    """What was done with less than was asked or wanted."""
    uncertainty: Uncertainty | None
    timings_s: dict[str, NotNegative]
    artefacts: tuple[Artefact, ...]
    definitions: dict[str, str]
    """What the numbers mean."""
    provenance: dict[str, FiniteJson]
    reviews: tuple[Review, ...] = ()
    """Every change of the status, the oldest first."""


def result_json(result: Result) -> bytes:
    """Write result.json: UTF-8, indented by two, fields in the order of the schema."""
    return (result.model_dump_json(indent=2) + "\n").encode()


def parse_result(
    data: bytes, *, source: str, refusal: type[PetroserveError] = InvalidParameterError
) -> Result:
    """Read result.json.

    Parameters
    ----------
    data : bytes
        Its content.
    source : str
        What the bytes are, for the message.
    refusal : type of PetroserveError
        What is raised.

    Raises
    ------
    PetroserveError
        The `refusal`, if it is no such file.
    """
    return parsed(Result, data, what="result.json", source=source, refusal=refusal)


def result_schema() -> dict[str, JsonValue]:
    """JSON Schema (draft 2020-12) of result.json.

    Examples
    --------
    >>> result_schema()["title"]
    'Result'
    """
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def result_schema_json() -> str:
    """Write the schema as the text of ``docs/result.schema.json``."""
    return json.dumps(result_schema(), indent=2, ensure_ascii=False) + "\n"
