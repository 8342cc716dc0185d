"""Views of one place laid over each other, and what crossed polars show as the stage turns.

The way of a pair: `structure` (what both show whatever the light) - `key_points` and `consensus`, or
`scan` where key points fail - `refinement` to a fraction of a pixel - `verification` block by
block; `pairwise` joins them and refuses what is not certain. `series` lays many views over a
reference, those between crossed polars by their partners (`crossed_polars`). `overlay` draws them
and hands those between crossed polars to `harmonics` (`harmonic_design`, `harmonic_fit`, `noise`),
from which `anisotropy` tells what turns with the stage. `geometry` and `working_size` serve all.
"""

from petrography.registration.anisotropy import AnisotropyMap, anisotropy, anisotropy_picture
from petrography.registration.geometry import (
    Matrix,
    Points,
    applied,
    fit_similarity,
    inverted,
    joined,
    warp_to_reference,
)
from petrography.registration.harmonics import CHANNELS, HarmonicStack, xpl_harmonics
from petrography.registration.linear_light import encoded_levels, linear_colour
from petrography.registration.overlay import Overlay, overlay_views
from petrography.registration.pairwise import register
from petrography.registration.series import register_views
from petrography.registration.series_report import RegistrationReport, XplSummary
from petrography.registration.stage_view import MAX_STAGE_ANGLE_DEG, Light, StageView
from petrography.registration.view_registration import Rounded, Row, ViewRegistration, rows_of

__all__ = [
    "CHANNELS",
    "MAX_STAGE_ANGLE_DEG",
    "AnisotropyMap",
    "HarmonicStack",
    "Light",
    "Matrix",
    "Overlay",
    "Points",
    "RegistrationReport",
    "Rounded",
    "Row",
    "StageView",
    "ViewRegistration",
    "XplSummary",
    "anisotropy",
    "anisotropy_picture",
    "applied",
    "encoded_levels",
    "fit_similarity",
    "inverted",
    "joined",
    "linear_colour",
    "overlay_views",
    "register",
    "register_views",
    "rows_of",
    "warp_to_reference",
    "xpl_harmonics",
]
