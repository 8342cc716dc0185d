"""How one laboratory names and rounds what Petroserve reports: a small TOML document.

::

    method = "PETRO-01"
    only_named = true

    [keywords]
    MOD_PY_MRC = "PETRO_PY"
    MOD_CCP = "PETRO_CCP"

    [decimals]
    MOD_CCP = 3

    [reporting_limits]
    MOD_CCP = 0.05
"""

from __future__ import annotations

import tomllib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from petrography.errors import InvalidParameterError, field_problems
from petrography.field_types import Positive

__all__ = ["STANDARD", "Keyword", "LimsProfile", "parse_profile"]

# What SENAITE allows in the keyword of an analysis service.
Keyword = Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-+.]{1,64}$")]
_Decimals = Annotated[int, Field(ge=0, le=9)]


class LimsProfile(BaseModel):
    """Words and digits of one laboratory; the keys are the standard keywords."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    method: Annotated[str, Field(pattern=r"^[\w .+\-]{1,64}$")] = "PETROSERVE"
    """Name of the method in exports."""
    only_named: bool = False
    """Whether only the keywords under `keywords` are reported."""
    keywords: dict[Keyword, Keyword] = {}
    """Standard keyword to the laboratory's."""
    decimals: dict[Keyword, _Decimals] = {}
    """Digits after the point."""
    reporting_limits: dict[Keyword, Positive] = {}
    """Smallest value that is reported as a number; below it stands "less than"."""

    @model_validator(mode="after")
    def _each_keyword_once(self) -> LimsProfile:
        if len(set(self.keywords.values())) < len(self.keywords):
            msg = "two standard keywords have one name; wanted a name for each"
            raise ValueError(msg)
        return self

    def wants(self, keyword: str) -> bool:
        """Whether a standard keyword is reported."""
        return not self.only_named or keyword in self.keywords


STANDARD = LimsProfile()


def parse_profile(text: str, *, source: str) -> LimsProfile:
    """Read a profile.

    Parameters
    ----------
    text : str
        TOML.
    source : str
        Name of the file, for the message.

    Raises
    ------
    InvalidParameterError
        If it is no TOML or has a field that is not known or not possible.
    """
    try:
        return LimsProfile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        msg = f"{source} is no TOML: {error}"
        raise InvalidParameterError(msg) from None
    except ValidationError as error:
        msg = f"{source} is no profile of a laboratory: {field_problems(error)}"
        raise InvalidParameterError(msg) from None
