"""What is corrected in a photograph before anything is seen in it, in the order of the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.calibration.colour_calibration import ColourCalibration
from petrography.calibration.colour_correction import apply_calibration
from petrography.calibration.flat_field import FlatField, apply_flat_field
from petrography.calibration.lens import LensModel, photographed, undistort
from petrography.images import Image
from petrography.stored_documents import content_sha256
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["Corrections", "optics_id"]


def optics_id(document: FlatField | LensModel) -> str:
    """Identity of a flat field or a lens: the SHA-256 of its content."""
    return content_sha256(document.model_dump(mode="json"))


@dataclass(frozen=True)
class Corrections:
    """Shading, distortion and colours of one microscope; None is left as it is.

    Attributes
    ----------
    calibration : ColourCalibration or None
        Colours.
    flat_field : FlatField or None
        Shading.
    lens : LensModel or None
        Distortion.
    """

    calibration: ColourCalibration | None = None
    flat_field: FlatField | None = None
    lens: LensModel | None = None

    def ids(self) -> dict[str, str | None]:
        """Identities, by the names of the attributes."""
        return {
            "calibration": None if self.calibration is None else self.calibration.id,
            "flat_field": None if self.flat_field is None else optics_id(self.flat_field),
            "lens": None if self.lens is None else optics_id(self.lens),
        }

    def evened(self, pixels: Image) -> Image:
        """Take away shading, then distortion: the camera saw the shaded light through the lens.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (height, width, 3)
            sRGB, as photographed.

        Raises
        ------
        InvalidParameterError
            If flat field or lens are those of photographs of another size.
        """
        if self.flat_field is not None:
            pixels = apply_flat_field(pixels, self.flat_field)
        return pixels if self.lens is None else undistort(pixels, self.lens)

    def photographed(self) -> NDArray[np.bool_] | None:
        """Which pixels of an evened photograph show something, see `lens.photographed`."""
        return None if self.lens is None else photographed(self.lens)

    def coloured(self, pixels: Image, workspace: Workspace = IN_MEMORY) -> Image:
        """Calibrate the colours of an evened photograph, into an array of the workspace."""
        if self.calibration is None:
            return pixels
        return apply_calibration(pixels, self.calibration, workspace)
