"""What must be said of foreign weights: no file of them says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ForeignConfig"]


class ForeignConfig(BaseModel):
    """The section ``[foreign]`` of a configuration; see `training.foreign.importing`.

    Attributes
    ----------
    layout : {"same", "petroscope", "efficientnet-lite-pytorch"}
        How the tensors are named: as the network's own library names them, or as one of these does.
    part : {"network", "encoder"}
        What the file holds. A run takes an encoder by ``network.initial_encoder``; the rest of the
        checkpoint is chance, and `output_rows` means nothing.
    tensors : str or None
        Key of the state dictionary within the file, dotted where it lies deeper; found by itself
        where there is one only.
    ignored : tuple of str
        Patterns (``*`` and ``?``) of names of tensors that are no part of the network.
    output_rows : tuple of int, "codes", "sigmoid" or None
        Which of the foreign outputs each class is, in the order of the classes; "codes" where
        outputs are numbered by mineral codes; "sigmoid" where one output is the chance of the
        second of two classes; None where they are the classes one by one.
    mean, std : tuple of float
        What was subtracted from images on the scale 0-255 and divided by, per channel or once for
        all.
    origin : str
        Who trained the weights on what, with citation and terms; goes into the model card.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Literal["same", "petroscope", "efficientnet-lite-pytorch"] = "same"
    part: Literal["network", "encoder"] = "network"
    tensors: str | None = None
    ignored: tuple[str, ...] = ()
    output_rows: tuple[int, ...] | Literal["codes", "sigmoid"] | None = None
    mean: tuple[float, ...] = Field(min_length=1)
    std: tuple[Annotated[float, Field(gt=0.0)], ...] = Field(min_length=1)
    origin: str = Field(min_length=1)

    @model_validator(mode="after")
    def _outputs_of_a_whole_network(self) -> ForeignConfig:
        if self.part == "encoder" and self.output_rows is not None:
            msg = "output_rows means nothing to an encoder; leave it out"
            raise ValueError(msg)
        return self
