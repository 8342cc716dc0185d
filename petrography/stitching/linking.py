"""All pairs of fields that may overlap, tried one way after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from petrography.errors import RegistrationError
from petrography.registration import applied
from petrography.stitching.affine import corners
from petrography.stitching.features import Features, detect_features
from petrography.stitching.fields import Survey
from petrography.stitching.layout import GridLayout, Neighbours, all_pairs
from petrography.stitching.matching import Link, Matcher, link_by_features, link_by_matcher
from petrography.stitching.phase_correlation import link_by_phase
from petrography.stitching.progress import Progress, counted
from petrography.stitching.report import RejectedEdge

__all__ = ["Links", "find_links"]

# Of two neighbours the second must lie this far in the direction of the step and this little
# beside it, over the side of a field: anything else is another place of the grid.
SMALLEST_STEP, LARGEST_SIDESTEP = 0.2, 0.4
# With this share of neighbours somewhere else it is the grid that is wrong, not the fields.
CONTRADICTING_SHARE = 0.25


@dataclass(frozen=True)
class Links:
    """What was found.

    Attributes
    ----------
    found : tuple of Link
        Pairs that overlap.
    rejected : tuple of RejectedEdge
        Pairs that overlap, but not as the grid says.
    """

    found: tuple[Link, ...]
    rejected: tuple[RejectedEdge, ...]


def find_links(
    surveys: Sequence[Survey],
    grid: GridLayout | None,
    matcher: Matcher | None,
    on_progress: Progress | None = None,
) -> Links:
    """Find overlaps between fields.

    Parameters
    ----------
    surveys : sequence of Survey
        Of all fields.
    grid : GridLayout, optional
        Then only its neighbours are compared, by phase correlation where features do not do;
        otherwise all pairs are, by features.
    matcher : callable, optional
        Used instead of features.
    on_progress : callable, optional
        Told how many pairs were compared.

    Returns
    -------
    Links
        In the order of the fields.

    Raises
    ------
    RegistrationError
        If more neighbours overlap otherwise than the grid says than overlap as it says.
    """
    features = [Features.none() if matcher else detect_features(s.grey) for s in surveys]

    def link(first: int, second: int) -> Link | None:
        if surveys[first].emptiness or surveys[second].emptiness:
            return None
        if matcher is not None:
            return link_by_matcher((first, second), surveys, matcher)
        return link_by_features((first, second), surveys, features)

    if grid is None:
        pairs = counted(list(all_pairs(len(surveys))), "compare", on_progress)
        every = (link(first, second) for first, second in pairs)
        return Links(tuple(found for found in every if found is not None), ())
    found, rejected = [], []
    for neighbours in counted(list(grid.neighbours()), "compare", on_progress):
        candidate = link(neighbours.first, neighbours.second)
        if candidate is not None and not _follows(candidate, neighbours, surveys):
            rejected.append(_contradiction(candidate, neighbours, surveys))
            continue
        if candidate is None and not any(_empty(neighbours, surveys)):
            candidate = link_by_phase(neighbours, surveys, grid)
        if candidate is not None:
            found.append(candidate)
    _require_fitting_grid(grid, len(found), len(rejected))
    return Links(tuple(found), tuple(rejected))


def _empty(neighbours: Neighbours, surveys: Sequence[Survey]) -> Iterator[bool]:
    return (surveys[i].emptiness is not None for i in (neighbours.first, neighbours.second))


def _offset(link: Link, surveys: Sequence[Survey]) -> tuple[float, float]:
    """Where the middle of the second field lies from that of the first, over its sides."""
    first, second = surveys[link.first].shape, surveys[link.second].shape
    middle = applied(link.matrix, corners(second).mean(axis=0)[None])[0]
    x, y = (middle - corners(first).mean(axis=0)) / (first[1], first[0])
    return float(x), float(y)


def _follows(link: Link, neighbours: Neighbours, surveys: Sequence[Survey]) -> bool:
    x, y = _offset(link, surveys)
    along, across = (x, y) if neighbours.step_x else (y, x)
    return along >= SMALLEST_STEP and abs(across) <= LARGEST_SIDESTEP


def _contradiction(link: Link, neighbours: Neighbours, surveys: Sequence[Survey]) -> RejectedEdge:
    x, y = _offset(link, surveys)
    wanted = "on the right" if neighbours.step_x else "below"
    reason = (
        f"the grid has it {wanted}, the images have it {abs(x):.2f} widths to the "
        f"{'right' if x > 0 else 'left'} and {abs(y):.2f} heights {'below' if y > 0 else 'above'}"
    )
    return RejectedEdge(a=surveys[link.first].name, b=surveys[link.second].name, reason=reason)


def _require_fitting_grid(grid: GridLayout, found: int, rejected: int) -> None:
    if rejected >= max(2, CONTRADICTING_SHARE * (found + rejected)):
        msg = (
            f"grid {grid.rows}x{grid.cols}, order {grid.order}, does not fit the fields: {found} "
            f"neighbours overlap as it says and {rejected} otherwise; another order (row, snake, "
            "columns, columns-snake) may fit, or leave the grid out"
        )
        raise RegistrationError(msg)
