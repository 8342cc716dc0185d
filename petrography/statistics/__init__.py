"""What a label image says of the ore: modal composition with honest intervals, and its grains.

`composition` counts areas, `intervals` puts 95 % intervals on them, `assay` turns areas into mass
and elements, `grains` finds and measures connected components, `grain_sizes` sums them up.
`contacts` measures the boundaries between phases, without the false ribbons that `halos` finds;
`textures` tells how grains are locked and grown together, and what is liberated.
`held_out` and `map_errors` add what mistakes of the map can do to the composition.
"""

from petrography.statistics.assay import element_percent, mass_percent, parse_formula
from petrography.statistics.composition import Composition, PhaseShare, modal_composition
from petrography.statistics.contacts import Contacts, ContactStream, measure_contacts
from petrography.statistics.grain_sizes import GrainSummary, SizeQuantiles, summarise_grains
from petrography.statistics.grains import MIN_GRAIN_AREA_PX, Grains, measure_grains
from petrography.statistics.held_out import HeldOutConfusion, held_out_confusion
from petrography.statistics.intervals import BlockDesign
from petrography.statistics.map_errors import CorrectedShare, MapErrors, map_errors
from petrography.statistics.textures import TextureStatistics, measure_textures

__all__ = [
    "MIN_GRAIN_AREA_PX",
    "BlockDesign",
    "Composition",
    "ContactStream",
    "Contacts",
    "CorrectedShare",
    "GrainSummary",
    "Grains",
    "HeldOutConfusion",
    "MapErrors",
    "PhaseShare",
    "SizeQuantiles",
    "TextureStatistics",
    "element_percent",
    "held_out_confusion",
    "map_errors",
    "mass_percent",
    "measure_contacts",
    "measure_grains",
    "measure_textures",
    "modal_composition",
    "parse_formula",
    "summarise_grains",
]
