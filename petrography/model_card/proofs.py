"""Proofs about tiles, times and variants of lower precision."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from petrography.field_types import Fraction, Positive, Sha256
from petrography.stored_documents import Document

__all__ = ["Derivation", "GridShift", "HaloProof", "Timing", "VariantScore"]


class HaloProof(Document):
    """Proof that a tile's core is what the whole image would have given (mode ``halo``).

    Attributes
    ----------
    positions : int
        Random places that were compared.
    core_px : int
        Side of the core at each.
    max_probability_difference : float
        Between tile and whole, over places, pixels and classes.
    max_change_from_outside : float
        The same, after noise of full contrast had replaced everything outside the halo.
    """

    mode: Literal["halo"] = "halo"
    positions: int = Field(ge=1)
    core_px: int = Field(ge=1)
    max_probability_difference: float
    max_change_from_outside: float


class GridShift(Document):
    """How far labels depend on where the tiles lie (mode ``blend``), associations given.

    Attributes
    ----------
    data : str
        The images.
    images : int
        How many were large enough.
    agreement : float
        Fraction of pixels with the same label when the grid moves by half a tile.
    seam_gradient_ratio : float or None
        Mean step of the confidence across borders of tiles over that across lines beside them.
    """

    mode: Literal["blend"] = "blend"
    data: str
    images: int = Field(ge=1)
    agreement: Fraction
    seam_gradient_ratio: float | None


class Timing(Document):
    """Time of one tile, measured when the version was made: trust ratios on one machine.

    Attributes
    ----------
    provider : {"cpu", "cuda"}
        Where the graph ran.
    machine : str
        Processor or GPU, and the version of ONNX Runtime.
    threads : int
        CPU threads of one run.
    tile_px : int
        Side of the tile.
    runs : int
        Of which the median and the quartiles are given.
    median_ms, lower_quartile_ms, upper_quartile_ms : float
        Milliseconds for one tile, the input and output copies included.
    """

    provider: Literal["cpu", "cuda"]
    machine: str
    threads: int = Field(ge=1)
    tile_px: int = Field(ge=1)
    runs: int = Field(ge=1)
    median_ms: Positive
    lower_quartile_ms: Positive
    upper_quartile_ms: Positive


class VariantScore(Document):
    """A variant beside the version it derives from, on the same validation images.

    Attributes
    ----------
    classes_given : bool
        Whether only the classes of each image's association were allowed.
    label_agreement : float
        Fraction of all pixels with the same label in both.
    mean_iou, pixel_accuracy : float
        Of the variant, pooled over the images.
    float32_mean_iou, float32_pixel_accuracy : float
        Of the version it derives from.
    """

    classes_given: bool
    label_agreement: Fraction
    mean_iou: Fraction
    pixel_accuracy: Fraction
    float32_mean_iou: Fraction
    float32_pixel_accuracy: Fraction


class Derivation(Document):
    """Where a variant of lower precision comes from, and the proof that it may stand in.

    Attributes
    ----------
    version, onnx_sha256 : int, str
        The float32 version.
    method : str
        How it was converted, on what it was calibrated, what was left in float32.
    data : str
        The validation images of the scores.
    scores : tuple of VariantScore
        With the classes given and with all open.
    least_agreement : float
        Bound on the label agreement that was demanded.
    largest_iou_loss : float
        Bound on what mean IoU may lose.
    accepted_below_bound : bool
        Whether the maker published it although it did not keep a bound.
    onnx_bytes, float32_onnx_bytes : int
        Sizes of the two files.
    float32_timings : tuple of Timing
        The float32 version, its runs taking turns with those in `ModelCard.timings`.
    """

    version: int = Field(ge=1)
    onnx_sha256: Sha256
    method: str
    data: str
    scores: tuple[VariantScore, ...] = Field(min_length=1)
    least_agreement: Fraction
    largest_iou_loss: Fraction
    accepted_below_bound: bool
    onnx_bytes: int = Field(ge=1)
    float32_onnx_bytes: int = Field(ge=1)
    float32_timings: tuple[Timing, ...]
