"""From what a microscope recorded to what a model was trained on: colour, shading, distortion.

Colour: `anchors` measures the colour of labelled phases, `reference` holds the colours to reach,
`colour_matrix` and `fitting` find the matrix between them (`doubts` refuses and warns),
`colour_calibration` stores it, `colour_correction` applies it. Shading: `flat_cells`, `flat_field`.
Distortion: `target_points`, `lens_fit`, `lens`. `corrections` applies all three. `input_gate`
judges a photograph before a model sees it, `distance_to_training` after. `tone_curve` and
`colour_difference` serve them all.
"""

from petrography.calibration.anchors import Anchor, Colour, colour_anchors
from petrography.calibration.colour_calibration import (
    CalibrationInput,
    ColourCalibration,
    FittedAnchor,
    parse_calibration,
)
from petrography.calibration.colour_correction import apply_calibration
from petrography.calibration.colour_difference import ciede2000
from petrography.calibration.corrections import Corrections, optics_id
from petrography.calibration.distance_to_training import colour_distance
from petrography.calibration.fitting import fit_calibration, fit_series_calibration
from petrography.calibration.flat_field import (
    FlatField,
    apply_flat_field,
    fit_flat_field,
    parse_flat_field,
)
from petrography.calibration.input_gate import (
    InputQuality,
    hue_distance,
    judge_input,
    sharpness,
)
from petrography.calibration.lens import (
    LensModel,
    distort_points,
    parse_lens,
    photographed,
    undistort,
    undistort_points,
)
from petrography.calibration.lens_fit import fit_lens_from_grid
from petrography.calibration.reference import (
    ColourReference,
    ReferenceColour,
    build_reference,
    lumenstone_reference,
    parse_reference,
)

__all__ = [
    "Anchor",
    "CalibrationInput",
    "Colour",
    "ColourCalibration",
    "ColourReference",
    "Corrections",
    "FittedAnchor",
    "FlatField",
    "InputQuality",
    "LensModel",
    "ReferenceColour",
    "apply_calibration",
    "apply_flat_field",
    "build_reference",
    "ciede2000",
    "colour_anchors",
    "colour_distance",
    "distort_points",
    "fit_calibration",
    "fit_flat_field",
    "fit_lens_from_grid",
    "fit_series_calibration",
    "hue_distance",
    "judge_input",
    "lumenstone_reference",
    "optics_id",
    "parse_calibration",
    "parse_flat_field",
    "parse_lens",
    "parse_reference",
    "photographed",
    "sharpness",
    "undistort",
    "undistort_points",
]
