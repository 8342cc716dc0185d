"""What a label image says of the ore: modal composition with honest intervals, and its grains.

`composition` counts areas, `intervals` puts 95 % intervals on them, `assay` turns areas into mass
and elements, `grains` finds and measures connected components, `grain_sizes` sums them up.
"""

from petrography.statistics.assay import element_percent, mass_percent, parse_formula
from petrography.statistics.composition import Composition, PhaseShare, modal_composition
from petrography.statistics.grain_sizes import GrainSummary, SizeQuantiles, summarise_grains
from petrography.statistics.grains import MIN_GRAIN_AREA_PX, Grains, measure_grains
from petrography.statistics.intervals import BlockDesign

__all__ = [
    "MIN_GRAIN_AREA_PX",
    "BlockDesign",
    "Composition",
    "GrainSummary",
    "Grains",
    "PhaseShare",
    "SizeQuantiles",
    "element_percent",
    "mass_percent",
    "measure_grains",
    "modal_composition",
    "parse_formula",
    "summarise_grains",
]
