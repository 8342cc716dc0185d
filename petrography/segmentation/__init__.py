"""From an image and a model to a mineral map, in the order of the files.

``prediction`` calls the model on tiles, ``joining`` makes bands of them, ``enlargement`` brings
the bands to the size of the map, ``decision`` takes the most probable mineral; ``streaming``
leads from one to the next, and ``fitting_tiles`` begins again where memory ran out.
"""

from petrography.segmentation.fitting_tiles import with_fitting_tiles
from petrography.segmentation.prediction import Predictor
from petrography.segmentation.streaming import Band, Segmentation, segment, segment_bands

__all__ = [
    "Band",
    "Predictor",
    "Segmentation",
    "segment",
    "segment_bands",
    "with_fitting_tiles",
]
