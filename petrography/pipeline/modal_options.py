"""What can be asked of the modal composition of an analysis."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from petrography.minerals import MINERALS
from petrography.statistics import RESIN_CODE
from petrography.statistics.representative_area import WANTED_ERROR_PERCENT

__all__ = ["ModalOptions"]


def _known(code: int) -> int:
    if code not in MINERALS:
        msg = f"no mineral has code {code}; wanted one of {', '.join(map(str, MINERALS))}"
        raise ValueError(msg)
    return code


Code = Annotated[int, AfterValidator(_known)]
SourceName = Annotated[str, Field(min_length=1, max_length=64)]
RelativePercent = Annotated[float, Field(ge=0.0, le=1000.0, allow_inf_nan=False)]


class ModalOptions(BaseModel):
    """Bases and uncertainty of the modal composition.

    Attributes
    ----------
    not_analysed : tuple of int
        Codes that are left out of the analysed area: resin, unless stated otherwise.
    other_uncertainty_percent : dict of str to float
        Further sources of uncertainty, such as preparation: standard uncertainties in per cent of
        each share.
    wanted_error_percent : float
        Error in per cent of the share that the representative area is given for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    not_analysed: Annotated[tuple[Code, ...], Field(max_length=len(MINERALS))] = (RESIN_CODE,)
    other_uncertainty_percent: Annotated[
        dict[SourceName, RelativePercent], Field(max_length=32)
    ] = {}
    wanted_error_percent: Annotated[float, Field(ge=0.01, le=1000.0, allow_inf_nan=False)] = (
        WANTED_ERROR_PERCENT
    )
