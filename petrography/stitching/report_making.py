"""From what was found to the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from petrography.registration import rows_of
from petrography.stitching.fields import Survey
from petrography.stitching.lenses import MeasuredLens, RadialLens
from petrography.stitching.linking import Links
from petrography.stitching.mosaic import PlacedField
from petrography.stitching.refinement import Edge
from petrography.stitching.report import (
    EdgeReport,
    LensReport,
    StitchReport,
    TileReport,
    Unplaced,
)
from petrography.stitching.solving import Solution, inlying

__all__ = ["Findings", "describe"]


@dataclass(frozen=True)
class Findings:
    """All that is known when the places are found.

    Attributes
    ----------
    surveys : sequence of Survey
        Of all fields.
    links : Links
        Overlaps as they were suspected.
    edges : sequence of Edge
        Those that could be measured.
    solution : Solution
        Places of all fields that overlap another.
    placed : sequence of PlacedField
        Those that are drawn.
    """

    surveys: Sequence[Survey]
    links: Links
    edges: Sequence[Edge]
    solution: Solution
    placed: Sequence[PlacedField]


def describe(
    findings: Findings,
    *,
    shape: tuple[int, int],
    flat_field: Literal["none", "given", "estimated"],
    warnings: Sequence[str],
) -> StitchReport:
    """Write the report of a panorama of (height, width) `shape`."""
    solution = findings.solution
    edges, rmse_px = _edges(findings)
    return StitchReport(
        height_px=shape[0],
        width_px=shape[1],
        tiles=tuple(_tiles(findings)),
        edges=edges,
        rmse_px=rmse_px,
        loop_closure_px=solution.loop_closure_px(findings.surveys),
        components=len(solution.placements),
        unplaced=tuple(_unplaced(findings)),
        rejected=(*findings.links.rejected, *solution.rejected),
        model=solution.placements[0].model,
        lens=_lens(findings),
        flat_field=flat_field,
        warnings=tuple(warnings),
    )


def _tiles(findings: Findings) -> list[TileReport]:
    drawn = {field.index: field for field in findings.placed}
    tiles = []
    for component, placement in enumerate(findings.solution.placements):
        for index in sorted(placement.members):
            field = drawn.get(index)
            matrix = placement.matrices[index] if field is None else field.matrix
            tiles.append(
                TileReport(
                    name=findings.surveys[index].name,
                    matrix=rows_of(matrix),
                    component=component,
                    gain=1.0 if field is None else field.gain,
                )
            )
    return tiles


def _edges(findings: Findings) -> tuple[tuple[EdgeReport, ...], float]:
    """Describe all edges, and give the root mean square distance over all of them."""
    described, squares = [], []
    for placement, edges in zip(findings.solution.placements, findings.solution.edges, strict=True):
        for edge, distances, inside in zip(
            edges, placement.distances_px, inlying(placement), strict=True
        ):
            squared = distances[inside] ** 2
            squares.append(squared)
            described.append(
                EdgeReport(
                    a=findings.surveys[edge.first].name,
                    b=findings.surveys[edge.second].name,
                    inliers=int(inside.sum()),
                    rmse_px=float(np.sqrt(squared.mean()))
                    if len(squared)
                    else float(distances.min()),
                    method=edge.method,
                )
            )
    return tuple(described), float(np.sqrt(np.concatenate(squares).mean()))


def _unplaced(findings: Findings) -> list[Unplaced]:
    drawn = set(findings.solution.placements[0].members)
    return [
        Unplaced(name=survey.name, reason=_reason(index, findings))
        for index, survey in enumerate(findings.surveys)
        if index not in drawn
    ]


def _reason(index: int, findings: Findings) -> str:
    survey = findings.surveys[index]
    if survey.emptiness:
        return survey.emptiness
    for placement in findings.solution.placements[1:]:
        if index in placement.members:
            others = [findings.surveys[i].name for i in placement.members if i != index]
            return f"overlaps {', '.join(others)}, but none of the fields that are drawn"
    contradicting = [
        edge.b if edge.a == survey.name else edge.a
        for edge in (*findings.links.rejected, *findings.solution.rejected)
        if survey.name in {edge.a, edge.b}
    ]
    if contradicting:
        return f"its overlaps with {', '.join(contradicting)} contradict the others"
    suspected = [
        findings.surveys[link.second if link.first == index else link.first].name
        for link in findings.links.found
        if index in {link.first, link.second}
    ]
    if suspected:
        return f"looks like {', '.join(suspected)}, but not in detail at full resolution"
    return "no overlap with any other field was found"


def _lens(findings: Findings) -> LensReport | None:
    lens = findings.solution.placements[0].lenses[0]
    if isinstance(lens, MeasuredLens):
        return LensReport(source="given", model=lens.model)
    if isinstance(lens, RadialLens) and lens.k1 != 0.0:
        return LensReport(source="estimated", model=lens.as_model())
    return None
