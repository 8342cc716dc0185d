"""What is kept and sent of a series of views laid over each other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from petrography.registration.view_registration import Rounded, ViewRegistration

__all__ = ["RegistrationReport", "XplSummary"]


class XplSummary(BaseModel):
    """What turning the stage between crossed polars showed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    views: tuple[str, ...]
    """Names of the views between crossed polars."""
    turns_deg: tuple[Rounded, ...]
    """By how much the section of each is turned against the reference, as measured in the images,
    from the x axis towards the y axis, in [0, 360)."""
    model: Literal["mean+2psi+4psi", "mean+4psi"]
    """Harmonics that were fitted."""
    height_px: int
    """Height of the harmonic channels; below that of the reference for very large images."""
    width_px: int
    """Their width."""
    covered_percent: Rounded
    """Pixels with harmonics, of all."""
    tested_percent: Rounded
    """Pixels whose noise is known, of all."""
    anisotropic_percent: Rounded | None
    """Pixels above their noise floor, of those tested; null where none was tested."""
    noise_floor: float | None
    """Median over the tested pixels; linear light, 1 is white."""
    false_positive_fraction: float
    """Of isotropic pixels, that noise alone lifts above the floor."""
    warnings: tuple[str, ...]
    """What to doubt."""


class RegistrationReport(BaseModel):
    """How every view lies over the reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    reference: str
    """Name of the reference."""
    height_px: int
    """Height of the reference and of every registered view."""
    width_px: int
    """Their width."""
    views: tuple[ViewRegistration, ...]
    """In the order in which they were given."""
    analyser_shift_px: tuple[Rounded, Rounded] | None = None
    """By how much (x, y) the analyser moves the picture, from views between crossed polars to
    plane-polarised ones of the same stage angle; null where no such pair could be compared."""
    xpl: XplSummary | None = None
    """Of the harmonics, where there are 3 or more views between crossed polars."""
    warnings: tuple[str, ...] = ()
    """What to doubt."""

    def view(self, name: str) -> ViewRegistration:
        """Find how a view lies."""
        return next(view for view in self.views if view.name == name)
