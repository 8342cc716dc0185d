"""What is told of a panorama: every place, every edge, how well it closes, what was left out."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from petrography.calibration.lens import LensModel
from petrography.registration import Rounded, Row
from petrography.stitching.placement import PlacementModel

__all__ = ["EdgeReport", "LensReport", "RejectedEdge", "StitchReport", "TileReport", "Unplaced"]

MatrixRows: TypeAlias = tuple[Row, Row]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TileReport(_Part):
    """A placed field.

    Attributes
    ----------
    name : str
        Its name.
    matrix : 2 x 3
        Takes (x, y, 1) of the field, undistorted where `StitchReport.lens` is given, to (x, y) of
        the panorama, in pixels.
    component : int
        0 is what is drawn; fields of other components join nothing in it, and their places count
        from their own origin.
    gain : float
        Factor on the levels of all channels.
    """

    name: str
    matrix: MatrixRows
    component: int
    gain: Rounded


class EdgeReport(_Part):
    """Two fields that overlap.

    Attributes
    ----------
    a, b : str
        Their names.
    inliers : int
        Pairs of points that agree with the whole panorama.
    rmse_px : float
        Root mean square distance of those on the panorama.
    method : str
        How the overlap was found: features, matcher or phase (correlation).
    """

    a: str
    b: str
    inliers: int
    rmse_px: Rounded
    method: str


class RejectedEdge(_Part):
    """Two fields whose overlap was not believed, and why."""

    a: str
    b: str
    reason: str


class Unplaced(_Part):
    """A field that is left out, and why."""

    name: str
    reason: str


class LensReport(_Part):
    """The lens that was corrected.

    Attributes
    ----------
    source : str
        ``given`` or ``estimated``.
    model : LensModel
        Its distortion, which can be stored and used for other panoramas.
    """

    source: Literal["given", "estimated"]
    model: LensModel


class StitchReport(_Part):
    """Everything about a panorama but its pixels.

    Attributes
    ----------
    height_px, width_px : int
        Size of the panorama.
    tiles : tuple of TileReport
        All fields that overlap another.
    edges : tuple of EdgeReport
        All overlaps that were used.
    rmse_px : float
        Root mean square distance between the two places of all inlying pairs of points.
    loop_closure_px : float or None
        Largest miss of a field after going round a loop of overlaps; None without a loop.
    components : int
        Groups of fields that do not overlap each other; 1 if all placed fields are drawn.
    unplaced : tuple of Unplaced
        Fields that are not drawn, by name, with the reason.
    rejected : tuple of RejectedEdge
        Overlaps that contradict the others.
    model : str
        What fields were allowed to do against each other.
    lens : LensReport or None
        None where nothing was corrected.
    flat_field : str
        ``none``, ``given`` or ``estimated``.
    warnings : tuple of str
        What a careful reader should know.
    """

    height_px: int
    width_px: int
    tiles: tuple[TileReport, ...]
    edges: tuple[EdgeReport, ...]
    rmse_px: Rounded
    loop_closure_px: Rounded | None
    components: int
    unplaced: tuple[Unplaced, ...]
    rejected: tuple[RejectedEdge, ...]
    model: PlacementModel
    lens: LensReport | None
    flat_field: Literal["none", "given", "estimated"]
    warnings: tuple[str, ...] = Field(default=())
