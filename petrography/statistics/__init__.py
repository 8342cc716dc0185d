"""What a label image says of the ore: modal composition with honest intervals, and its grains.

`composition` counts areas (`cell_counts` by strips), `intervals` puts 95 % intervals on them,
`assay` and `assay_intervals` turn areas into mass and elements, `detection` says what was not seen, `grains` finds and measures connected components, `grain_sizes` sums them up.
`held_out` and `map_errors` add what mistakes of the map can do to the composition.
"""

from petrography.statistics.assay import element_percent, mass_percent, parse_formula
from petrography.statistics.composition import (
    RESIN_CODE,
    Composition,
    CompositionCounter,
    PhaseShare,
    modal_composition,
)
from petrography.statistics.detection import DetectionLimit
from petrography.statistics.grain_sizes import GrainSummary, SizeQuantiles, summarise_grains
from petrography.statistics.grains import MIN_GRAIN_AREA_PX, Grains, measure_grains
from petrography.statistics.held_out import HeldOutConfusion, held_out_confusion
from petrography.statistics.intervals import BlockDesign
from petrography.statistics.map_errors import CorrectedShare, MapErrors, map_errors

__all__ = [
    "MIN_GRAIN_AREA_PX",
    "RESIN_CODE",
    "BlockDesign",
    "Composition",
    "CompositionCounter",
    "CorrectedShare",
    "DetectionLimit",
    "GrainSummary",
    "Grains",
    "HeldOutConfusion",
    "MapErrors",
    "PhaseShare",
    "SizeQuantiles",
    "element_percent",
    "held_out_confusion",
    "map_errors",
    "mass_percent",
    "measure_grains",
    "modal_composition",
    "parse_formula",
    "summarise_grains",
]
