"""What a recipe says: phases with their shares, textures, damage and how it is photographed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from petrography.phantoms.grain_laws import GrainLaw
from petrography.phantoms.textures import Alteration, Texture

__all__ = ["VOID", "Body", "CameraSpread", "Damage", "Inclusion", "Recipe", "by_percent"]

# Pits, cracks and holes on the canvas; background in the labels, darker than gangue in the image.
VOID = 200


@dataclass(frozen=True)
class Body:
    """A phase in the solid rock before inclusions and damage.

    Attributes
    ----------
    code : int
        What it is.
    texture : Texture
        Where it grows.
    individuals : bool
        Whether each crystal is a grain of its own, with its own optic axis, whatever the ore grains
        around it; the texture must be `Crystals` then.
    """

    code: int
    texture: Texture
    individuals: bool = False


@dataclass(frozen=True)
class Inclusion:
    """A part of a phase that sits in others.

    Attributes
    ----------
    code : int
        What it is, or `VOID`.
    belongs_to : int
        The phase whose share of the area it uses up.
    hosts : tuple of int
        What it replaces.
    share : tuple of float
        Range of the part of `belongs_to` that is found so.
    texture : Texture
        Where it grows.
    """

    code: int
    belongs_to: int
    hosts: tuple[int, ...]
    share: tuple[float, float]
    texture: Texture | Alteration


@dataclass(frozen=True)
class Damage:
    """Pits and hairlines that are too fine for a mask: seen as `VOID`, named as their host.

    Attributes
    ----------
    hosts : tuple of int
        Where it is found.
    share : tuple of float
        Range of the part of the hosts' area that it takes.
    texture : Texture
        Where it lies.
    """

    hosts: tuple[int, ...]
    share: tuple[float, float]
    texture: Texture


@dataclass(frozen=True)
class CameraSpread:
    """How photographs of one data set differ.

    Attributes
    ----------
    exposure, white_balance, phase_shade : float
        Standard deviations of logarithms: of the exposure of an image, of its red and its blue
        gain against green, and of the brightness of one phase from image to image (composition,
        tarnish, polish).
    phase_tint : float
        The same for the red and for the blue of one phase (tarnish).
    exposure_median : float
        1 puts a mirror at the white of the fitted camera.
    flare_percent : tuple of float
        Range of the stray light, percent of a mirror.
    gangue_polish : tuple of float
        Range of the part of its reflectance that rough gangue keeps.
    """

    exposure_median: float
    exposure: float
    white_balance: tuple[float, float]
    phase_shade: float
    phase_tint: float
    flare_percent: tuple[float, float]
    gangue_polish: tuple[float, float]


@dataclass(frozen=True)
class Recipe:
    """One kind of ore.

    Attributes
    ----------
    name : str
        As in the command line.
    area_fractions : mapping of int to float
        Mean share of the area by code; the sum is 1.
    concentration : float
        Of the Dirichlet law; higher means that images are more alike.
    bodies : tuple of Body
        Phases in the order in which they claim their area; the last that is present fills the rest.
    inclusions : tuple of Inclusion
        In the order in which they are set.
    damage : tuple of Damage
        What masks do not show, in the order in which it is set.
    grains, gangue_grains : GrainLaw
        Size and boundaries of the grains of ore and of gangue.
    camera : CameraSpread
        How it is photographed.
    tarnish : mapping of int to float
        Factor by code on the `phase_shade` and `phase_tint` of the photographs; 1 by default.
    """

    name: str
    area_fractions: Mapping[int, float]
    concentration: float
    bodies: tuple[Body, ...]
    inclusions: tuple[Inclusion, ...]
    damage: tuple[Damage, ...]
    grains: GrainLaw
    gangue_grains: GrainLaw
    camera: CameraSpread
    tarnish: Mapping[int, float] = field(default_factory=dict)


def by_percent(percent: Mapping[int, float]) -> dict[int, float]:
    """Turn shares that are rounded to a sum of about 100 into fractions of the sum 1."""
    total = sum(percent.values())
    return {code: share / total for code, share in percent.items()}
