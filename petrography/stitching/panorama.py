"""The way of a panorama, from fields to something that can be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.calibration.flat_field import FlatField, apply_flat_field
from petrography.calibration.lens import LensModel
from petrography.errors import ImageTooLargeError, InvalidParameterError, RegistrationError
from petrography.images import Image
from petrography.stitching.fields import (
    FieldCache,
    PanoramaField,
    Survey,
    load_checked,
    require_fields,
    survey_field,
)
from petrography.stitching.flat_fielding import Shading, earned_shading
from petrography.stitching.gains import estimate_gains
from petrography.stitching.layout import GridLayout
from petrography.stitching.lenses import LensMap, MeasuredLens, RadialLens
from petrography.stitching.linking import Links, find_links
from petrography.stitching.matching import Matcher
from petrography.stitching.mosaic import PlacedField, canvas_shape
from petrography.stitching.overlaps import sample_overlaps
from petrography.stitching.progress import Progress, counted
from petrography.stitching.refinement import refine_links
from petrography.stitching.rendering import STRIP_PX, render_coverage, render_rows
from petrography.stitching.report import StitchReport
from petrography.stitching.report_making import Findings, describe
from petrography.stitching.rough_lens import rough_lenses
from petrography.stitching.seams import Ownership, find_seams
from petrography.stitching.solving import Model, Solution, solve

__all__ = ["Estimate", "Stitching", "stitch"]

# Fields that are kept while drawing; a row of fields and the next one should fit.
DRAWING_MEMORY_BYTES = 1 << 29
# A colour that no mineral has under reflected light.
SEAM_RGB = (255, 0, 255)

Estimate: TypeAlias = Literal["estimate"]


@dataclass(frozen=True)
class Stitching:
    """A panorama that is ready to be drawn.

    Attributes
    ----------
    report : StitchReport
        Everything but the pixels.
    fields : tuple of PanoramaField
        As given.
    field_shapes : tuple of tuple of int
        Their (height, width) in pixels.
    placed : tuple of PlacedField
        Those that are drawn.
    ownership : Ownership
        Where each of them is seen.
    given_flat_field : FlatField or None
        What every field is corrected with first.
    """

    report: StitchReport
    fields: tuple[PanoramaField, ...]
    field_shapes: tuple[tuple[int, int], ...]
    placed: tuple[PlacedField, ...]
    ownership: Ownership
    given_flat_field: FlatField | None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the panorama in pixels."""
        return self.report.height_px, self.report.width_px

    @property
    def evened_fields(self) -> tuple[PanoramaField, ...]:
        """The fields, corrected by the given flat field where there is one."""
        return tuple(_evened(field, self.given_flat_field) for field in self.fields)

    def preview(self, *, seam_lines: bool = False) -> Image:
        """Draw a small picture of the panorama, unblended.

        Parameters
        ----------
        seam_lines : bool
            Whether the seams are drawn on it.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            One pixel for each cell of the seams, a few pixels of the panorama.
        """
        picture = self.ownership.picture.copy()
        if seam_lines:
            picture[self.ownership.seams] = SEAM_RGB
        return picture

    def rows(
        self, *, strip_px: int = STRIP_PX, memory_bytes: int = DRAWING_MEMORY_BYTES
    ) -> Iterator[Image]:
        """Draw the panorama from top to bottom.

        Parameters
        ----------
        strip_px : int
            Rows of a strip; the last may have fewer.
        memory_bytes : int
            How much the loaded fields may take; less memory means loading them more often.

        Yields
        ------
        ndarray of uint8, shape (rows, width, 3)
            Black where no field reaches.
        """
        cache = FieldCache(self.evened_fields, memory_bytes)
        return render_rows(
            self.placed, self.ownership, self.shape, cache.__getitem__, strip_px=strip_px
        )

    def coverage(self, *, strip_px: int = STRIP_PX) -> Iterator[NDArray[np.bool_]]:
        """Tell from top to bottom which pixels of the panorama a field reaches.

        Parameters
        ----------
        strip_px : int
            Rows of a strip; the last may have fewer.

        Yields
        ------
        ndarray of bool, shape (rows, width)
            False where `rows` is black and merged labels are 255.
        """
        return render_coverage(self.placed, self.ownership, self.shape, strip_px=strip_px)


def stitch(
    fields: Sequence[PanoramaField],
    *,
    grid: GridLayout | None = None,
    model: Model = "auto",
    flat_field: FlatField | Estimate | None = "estimate",
    lens: LensModel | Estimate | None = "estimate",
    matcher: Matcher | None = None,
    max_px: int | None = None,
    on_progress: Progress | None = None,
) -> Stitching:
    """Join overlapping fields to a panorama.

    Every field is loaded once for a look, once to measure its overlaps at full resolution, and
    again when it is drawn.

    Parameters
    ----------
    fields : sequence of PanoramaField
        At least two.
    grid : GridLayout, optional
        Where the fields lie, as the stage moved; without it all pairs are compared.
    model : {"auto", "translation", "similarity", "affine"}
        What a field may do against the others: only lie elsewhere, also be turned and scaled, also
        be sheared. ``auto`` takes the simplest that fits to half a pixel.
    flat_field : FlatField, "estimate" or None
        Shading to correct: measured, found from the overlaps (used only if it makes them more
        alike), or none.
    lens : LensModel, "estimate" or None
        Distortion to correct: measured, found from the overlaps together with the places (used
        only if it makes them fit better), or none.
    matcher : callable, optional
        From two images, uint8 (height, width, 3), grey and reduced, to the `Matches` between
        them; used instead of SIFT features.
    max_px : int, optional
        Most pixels of the panorama.
    on_progress : callable, optional
        Told step, number done and number of parts: ``look`` at the fields, ``compare`` pairs,
        ``measure`` overlaps. What it raises ends the work.

    Returns
    -------
    Stitching
        The largest group of overlapping fields, ready to be drawn. What is left out is named in
        its report.

    Raises
    ------
    InvalidParameterError
        If there are fewer than two fields, names repeat, the grid has another number of places, or
        a field is not what it was announced to be.
    RegistrationError
        If no two fields overlap, or the grid does not fit.
    ImageTooLargeError
        If the panorama has more than `max_px` pixels.

    References
    ----------
    Brown & Lowe 2007, doi:10.1007/s11263-006-0002-3; Nikolaev, Korshunov & Khvostikov 2024,
    doi:10.5194/isprs-annals-X-2-W1-2024-39-2024 (panoramas of polished sections).
    """
    fields = tuple(fields)
    require_fields(fields)
    if grid is not None:
        grid.require_count(len(fields))
    given = flat_field if isinstance(flat_field, FlatField) else None
    evened = [_evened(field, given) for field in fields]
    surveys = [survey_field(field) for field in counted(evened, "look", on_progress)]
    lenses, find_k1, warnings = _lenses(surveys, lens)
    links = find_links(surveys, grid, matcher, on_progress)
    one_size = len({survey.shape for survey in surveys}) == 1
    rough = rough_lenses(links.found, lenses, find_k1=one_size and not isinstance(lens, LensModel))
    # Patches are compared without regard to brightness, so no field is corrected for it.
    edges = refine_links(links.found, surveys, rough, _counted_load(fields, links, on_progress))
    if not edges:
        raise RegistrationError(_no_overlap(surveys, links))
    solution = solve(surveys, edges, model=model, lenses=lenses, find_k1=find_k1)
    placed, shading, more = _placed(surveys, solution, estimate=flat_field == "estimate")
    shape = canvas_shape([field.box for field in placed])
    _require_pixels(shape, max_px)
    report = describe(
        Findings(surveys, links, edges, solution, placed),
        shape=shape,
        flat_field="given" if given else "estimated" if shading else "none",
        warnings=(*warnings, *more),
    )
    return Stitching(
        report=report,
        fields=fields,
        field_shapes=tuple(survey.shape for survey in surveys),
        placed=placed,
        ownership=find_seams(placed, surveys, shape),
        given_flat_field=given,
    )


def _counted_load(
    fields: Sequence[PanoramaField], links: Links, on_progress: Progress | None
) -> Callable[[int], Image]:
    """Load checked fields by index, and tell how many are loaded."""
    overlapping = {index for link in links.found for index in (link.first, link.second)}
    numbers = count(1)

    def load(index: int) -> Image:
        pixels = load_checked(fields[index])
        if on_progress is not None:
            # Overlaps that were missed are sought from the other side: a second loading.
            on_progress("measure", min(next(numbers), len(overlapping)), len(overlapping))
        return pixels

    return load


def _require_pixels(shape: tuple[int, int], max_px: int | None) -> None:
    height_px, width_px = shape
    if max_px is not None and height_px * width_px > max_px:
        msg = (
            f"the panorama has {width_px} x {height_px} pixels, the limit is {max_px}; stitch "
            "fewer fields, or reduce them first"
        )
        raise ImageTooLargeError(msg)


def _evened(field: PanoramaField, flat: FlatField | None) -> PanoramaField:
    """Make a field that is corrected by a given flat field when it is loaded."""
    if flat is None:
        return field
    return replace(field, load=lambda: apply_flat_field(field.load(), flat))


def _lenses(
    surveys: Sequence[Survey], lens: LensModel | Estimate | None
) -> tuple[list[LensMap], bool, list[str]]:
    """Give the lens of every field to begin with, whether to look for k1, and warnings."""
    shapes = {survey.shape for survey in surveys}
    if lens is None or lens == "estimate":
        straight: list[LensMap] = [RadialLens(survey.shape) for survey in surveys]
        if lens == "estimate" and len(shapes) > 1:
            return straight, False, ["fields of several sizes: no lens was estimated"]
        return straight, lens == "estimate", []
    measured: LensMap = MeasuredLens(lens)
    odd = [survey.name for survey in surveys if survey.shape != measured.shape]
    if odd:
        msg = (
            f"the lens was measured on images of {lens.width_px} x {lens.height_px} px; other "
            f"sizes have {', '.join(odd)}"
        )
        raise InvalidParameterError(msg)
    return [measured] * len(surveys), False, []


def _no_overlap(surveys: Sequence[Survey], links: Links) -> str:
    reasons = [f"{s.name} is {s.emptiness}" for s in surveys if s.emptiness]
    reasons += [f"{edge.a} and {edge.b}: {edge.reason}" for edge in links.rejected]
    return "; ".join([f"no two of the {len(surveys)} fields overlap with certainty", *reasons])


def _placed(
    surveys: Sequence[Survey], solution: Solution, *, estimate: bool
) -> tuple[tuple[PlacedField, ...], Shading | None, list[str]]:
    """Bring the first component to the panorama, with the shading and the gains of its fields."""
    placement = solution.placements[0]
    overlaps = sample_overlaps(solution.edges[0], surveys, placement.matrices, placement.lenses)
    shading: Shading | None = None
    warnings: list[str] = []
    if estimate:
        shading, warnings = earned_shading(surveys, placement.members, overlaps)
    shadings = {} if shading is None else dict.fromkeys(placement.members, shading)
    gains = estimate_gains(placement.members, overlaps, shadings)
    placed = [
        PlacedField(
            index=index,
            shape=surveys[index].shape,
            matrix=placement.matrices[index],
            lens=placement.lenses[index],
            gain=gains[index],
            shading=shading,
        )
        for index in sorted(placement.members)
    ]
    return _from_origin(placed), shading, warnings


def _from_origin(placed: Sequence[PlacedField]) -> tuple[PlacedField, ...]:
    """Move all fields by whole pixels, so that the panorama begins at 0, 0."""
    boxes = [field.box for field in placed]
    offset = np.array([min(box[1] for box in boxes), min(box[0] for box in boxes)])
    shift = np.array([[0.0, 0.0, -offset[0]], [0.0, 0.0, -offset[1]]])
    return tuple(replace(field, matrix=field.matrix + shift) for field in placed)
