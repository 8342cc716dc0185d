"""Many views of one place: where each lies over the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from petrography.errors import InvalidParameterError, MissingPartError
from petrography.images import Image
from petrography.registration.crossed_polars import (
    CrossedView,
    compare_with_partner,
    place_by_partners,
)
from petrography.registration.pairwise import register
from petrography.registration.series_report import RegistrationReport
from petrography.registration.stage_view import MAX_STAGE_ANGLE_DEG, StageView
from petrography.registration.view_registration import ViewRegistration, identity

__all__ = ["register_views"]


def register_views(
    reference: StageView,
    views: Sequence[StageView],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> RegistrationReport:
    """Lay views over a reference; all of them, or none.

    Plane-polarised views are matched with the reference, near their stage angle if it is known.
    Views between crossed polars lie as the plane-polarised view of the same stage angle does: same
    stage, same camera. Analysers that move the picture are measured on such pairs, and a view that
    was moved in between is seen and matched by itself. Without a partner they are matched with the
    reference.

    Parameters
    ----------
    reference : StageView
        What the views are laid over; a stage angle that is not given is 0.
    views : sequence of StageView
        At least one; names must differ.
    on_progress : callable, optional
        Called before every view with how many are done and how many there are.

    Returns
    -------
    RegistrationReport
        The same for the same views in the same order, always.

    Raises
    ------
    MissingPartError
        If there are no views.
    InvalidParameterError
        If two views have one name, an angle is not within -3600 to 3600 degrees, or an image is
        no uint8 RGB array.
    RegistrationError
        If a view does not fit with certainty; the message names it and says why.
    """
    _require_views(reference, views)
    fixed = reference.read()
    # The reference is its own partner, at the angle from which all others are counted.
    known = {
        reference.name: (
            replace(reference, stage_angle_deg=reference.stage_angle_deg or 0.0),
            identity(reference.name),
        )
    }
    crossed: list[CrossedView] = []
    # Partners first; the order of views is otherwise kept.
    for done, view in enumerate(sorted(views, key=lambda view: view.light)):
        if on_progress is not None:
            on_progress(done, len(views))
        pixels = view.read()
        compared = _compared(view, pixels, known.values())
        if compared is None:
            turn = view.turned_since_deg(reference)
            lies = register(fixed, pixels, name=view.name, stage_angle_deg=turn)
            known[view.name] = view, lies
        else:
            crossed.append(compared)
    placed = place_by_partners(crossed, _shape(fixed))
    found = {name: lies for name, (_, lies) in known.items()}
    found.update((lies.name, lies) for lies in placed.views)
    return RegistrationReport(
        reference=reference.name,
        height_px=fixed.shape[0],
        width_px=fixed.shape[1],
        views=tuple(found[view.name] for view in views),
        analyser_shift_px=placed.analyser_shift_px,
        warnings=placed.warnings,
    )


def _compared(
    view: StageView, pixels: Image, known: Iterable[tuple[StageView, ViewRegistration]]
) -> CrossedView | None:
    """Compare with the plane-polarised view of the same stage angle; None without one."""
    if view.light == "PPL":
        return None
    for partner, lies in known:
        if partner.light == "PPL" and view.is_turned_as(partner):
            plain = partner.read()
            # Another size is another setting of the camera.
            if plain.shape == pixels.shape:
                return compare_with_partner(view.name, pixels, plain, lies)
    return None


def _require_views(reference: StageView, views: Sequence[StageView]) -> None:
    if not views:
        msg = (
            f"only the reference {reference.name} is given; wanted at least one view to lay over it"
        )
        raise MissingPartError(msg)
    for name, count in Counter([reference.name, *(view.name for view in views)]).items():
        if count > 1:
            msg = f"{count} views are called {name!r}; wanted a name of its own for each"
            raise InvalidParameterError(msg)
    for view in (reference, *views):
        # Written so that a NaN, which compares false with everything, is refused too.
        if not abs(view.stage_angle_deg or 0.0) <= MAX_STAGE_ANGLE_DEG:
            msg = (
                f"stage angle of {view.name} is {view.stage_angle_deg:g}; wanted "
                f"{-MAX_STAGE_ANGLE_DEG:g} to {MAX_STAGE_ANGLE_DEG:g} degrees"
            )
            raise InvalidParameterError(msg)


def _shape(pixels: Image) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]
