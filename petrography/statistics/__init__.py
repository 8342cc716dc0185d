"""What a label image says of the ore: modal composition with honest intervals, and its grains.

`composition` counts areas (`cell_counts` by strips), `intervals` puts 95 % intervals on them,
`assay` and `assay_intervals` turn areas into mass and elements, `detection` says what was not seen,
`grain_stream` finds and measures connected components strip by strip, `grains` in a whole image,
`grain_sizes` sums them up, `touching_grains` tells touching ones apart.
`contacts` measures the boundaries between phases, without the false ribbons that `halos` finds;
`textures` tells how grains are locked and grown together, and what is liberated.
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
from petrography.statistics.contacts import Contacts, ContactStream, measure_contacts
from petrography.statistics.detection import DetectionLimit
from petrography.statistics.grain_numbers import number_strips
from petrography.statistics.grain_shapes import GrainShapes
from petrography.statistics.grain_sizes import GrainSummary, SizeQuantiles, summarise_grains
from petrography.statistics.grain_stream import GrainStream
from petrography.statistics.grain_table import GrainTable
from petrography.statistics.grains import (
    MIN_GRAIN_AREA_PX,
    Grains,
    measure_grains,
    with_named_components,
)
from petrography.statistics.held_out import HeldOutConfusion, held_out_confusion
from petrography.statistics.intervals import BlockDesign
from petrography.statistics.map_errors import CorrectedShare, MapErrors, map_errors
from petrography.statistics.textures import TextureStatistics, measure_textures
from petrography.statistics.touching_grains import Particles, ParticleStream

__all__ = [
    "MIN_GRAIN_AREA_PX",
    "RESIN_CODE",
    "BlockDesign",
    "Composition",
    "CompositionCounter",
    "ContactStream",
    "Contacts",
    "CorrectedShare",
    "DetectionLimit",
    "GrainShapes",
    "GrainStream",
    "GrainSummary",
    "GrainTable",
    "Grains",
    "HeldOutConfusion",
    "MapErrors",
    "ParticleStream",
    "Particles",
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
    "number_strips",
    "parse_formula",
    "summarise_grains",
    "with_named_components",
]
