"""What a run is trained and validated on: photographs, how they are split, and painted sections."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from petrography.minerals import MINERALS, UNLABELLED_CODE
from training.config_section import Factor, Section, Seed, Share
from training.crossed_views import require_usable_views

__all__ = ["DataConfig", "PhantomConfig"]

_CODES = {*MINERALS, UNLABELLED_CODE}


class DataConfig(Section):
    """Where the images are and how they are split.

    Attributes
    ----------
    root : Path
        Folder of the images, in the LumenStone layout (`training.lumenstone`) unless `images` and
        `masks` say otherwise.
    subsets : dict of str to str
        Names of sub-folders and what each annotates: an association or mineral codes, as in
        ``{ S1v1 = "S1", mine = "0,1,6" }``; none where the run is on painted sections
        (`StageSeriesConfig`).
    images, masks : str
        Folders below the root, where ``{subset}`` and ``{split}`` stand for their names.
    views : dict of str to str
        Folders, as of `images`, of further photographs of every field under the same file name, by
        light and stage angle, as in ``{ "XPL:0" = "xpl" }``: an ``xpl-fusion`` sees them laid over
        the image. Of crossed polars at another angle the view in plane-polarised light
        (``"PPL:30"``) is wanted too, as by the service.
    mask_codes : dict of int to int
        Codes of masks that use others than this project's, and the mineral codes that they mean.
    classes : tuple of int
        Mineral codes of the network outputs, in order, 0 (background) among them; masks hold
        these and 255.
    resampling_factor : float
        Applied to every image and mask when loaded.
    ignored_border_px : int
        Pixels within this distance of a border between two classes teach nothing: annotators
        differ there.
    validation_fraction : float
        Share of the images of every association that is kept for validation; without meaning when
        `folds` is given.
    folds, fold : int, optional
        The images of every association are dealt into so many parts; part `fold`, counted from 0,
        is kept for validation.
    split_seed : int
        Chooses which groups of images are kept.
    same_ore : tuple of tuple of str
        Images that show the same ore, ``subset/stem``; a group is never divided by the split.
    train_on_all : bool
        The last run of a recipe: the validation images are trained on as well. What is measured on
        them then judges nothing, and the export demands a model that was judged without them.
    """

    root: Path = Path()
    subsets: dict[str, str] = Field(default_factory=dict)
    images: str = "{subset}/imgs/{split}"
    masks: str = "{subset}/masks/{split}"
    views: dict[str, str] = Field(default_factory=dict)
    mask_codes: dict[int, int] = Field(default_factory=dict)
    classes: tuple[int, ...] = Field(min_length=2)
    resampling_factor: Factor = 1.0
    ignored_border_px: int = Field(ge=0, le=64, default=0)
    validation_fraction: float = Field(gt=0.0, lt=1.0, default=0.2)
    folds: int | None = Field(ge=2, le=100, default=None)
    fold: int | None = Field(ge=0, default=None)
    split_seed: int = Field(ge=0, default=0)
    same_ore: tuple[tuple[str, ...], ...] = ()
    train_on_all: bool = False

    @model_validator(mode="after")
    def _known_codes(self) -> DataConfig:
        unknown = [
            code for code in (*self.classes, *self.mask_codes.values()) if code not in _CODES
        ]
        if unknown:
            msg = f"classes or mask_codes hold codes {unknown} that petrography.minerals does not name"
            raise ValueError(msg)
        if UNLABELLED_CODE in self.classes or len(set(self.classes)) != len(self.classes):
            msg = f"classes are {list(self.classes)}; wanted different codes without 255"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _known_views(self) -> DataConfig:
        require_usable_views(self.views)
        return self

    @model_validator(mode="after")
    def _codes_of_masks(self) -> DataConfig:
        strange = [code for code in self.mask_codes if not 0 <= code <= UNLABELLED_CODE]
        unlabelled = self.mask_codes.get(UNLABELLED_CODE, UNLABELLED_CODE)
        if strange or unlabelled != UNLABELLED_CODE:
            msg = (
                f"mask_codes tells of codes {strange or [UNLABELLED_CODE]}; wanted 0 to 254, for "
                "255 is never annotated"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_fold_of_several(self) -> DataConfig:
        if (self.folds is None) != (self.fold is None) or (self.fold or 0) >= (self.folds or 1):
            msg = (
                f"fold is {self.fold} of folds {self.folds}; wanted both, fold from 0 to folds - 1"
            )
            raise ValueError(msg)
        return self


class PhantomConfig(Section):
    """Painted sections that are shown beside the photographs; see `petrography.phantoms`.

    Attributes
    ----------
    fraction : float
        Share of the patches cut from phantoms; 1 shows nothing else.
    recipes : tuple of str
        Recipes whose minerals are among the classes.
    fields : int
        Sections painted of every recipe.
    height_px, width_px : int
        Size of a section.
    first_seed : int
        Of the sections, which are numbered on from it.
    """

    fraction: Share
    recipes: tuple[str, ...] = Field(min_length=1)
    fields: int = Field(ge=1, le=10_000, default=16)
    height_px: int = Field(ge=64, le=8192, default=960)
    width_px: int = Field(ge=64, le=8192, default=1280)
    first_seed: Seed = 10_000
