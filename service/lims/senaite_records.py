"""What SENAITE answers, as this project sees it: samples and analyses.

Full objects and entries of the catalogue name the same things differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Analysis", "SenaiteSample", "analysis_of", "sample_of"]


@dataclass(frozen=True)
class SenaiteSample:
    """A sample as SENAITE holds it.

    Its uid, id, the customer's id, review state and path, and the uids of the files that it shows.
    """

    uid: str
    id: str
    client_sample_id: str
    state: str
    path: str
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """An analysis of a sample as SENAITE holds it.

    Attributes
    ----------
    uid, keyword, sample_id, unit, state : str
        `state` is its review state, such as unassigned or to_be_verified.
    result, uncertainty, operand : str
        Empty where not set; `operand` is ``<`` for a result below its limit.
    is_calculated : bool
        Whether SENAITE calculates its result: it takes interim fields only.
    """

    uid: str
    keyword: str
    sample_id: str
    unit: str
    state: str
    result: str
    uncertainty: str
    operand: str
    is_calculated: bool = False


def _text(item: Mapping[str, Any], *names: str) -> str:
    """First of several names that is set: full objects and catalogue entries differ."""
    for name in names:
        value = item.get(name)
        if isinstance(value, (str, int, float)) and value != "":
            return str(value)
    return ""


def sample_of(item: Mapping[str, Any]) -> SenaiteSample:
    """Read a sample from an entry of an answer."""
    return SenaiteSample(
        uid=_text(item, "uid"),
        id=_text(item, "id", "getId"),
        client_sample_id=_text(item, "ClientSampleID", "getClientSampleID"),
        state=_text(item, "review_state"),
        path=_text(item, "path"),
        # A list of objects; an empty object where there is none.
        attachments=tuple(str(one["uid"]) for one in item.get("Attachment") or ()),
    )


def analysis_of(item: Mapping[str, Any]) -> Analysis:
    """Read an analysis from an entry of an answer."""
    return Analysis(
        uid=_text(item, "uid"),
        keyword=_text(item, "Keyword", "getKeyword"),
        sample_id=_text(item, "getRequestID", "RequestID", "parent_id"),
        unit=_text(item, "Unit", "getUnit"),
        state=_text(item, "review_state"),
        result=_text(item, "Result", "getResult"),
        # One by hand is stored in any case, and used only where the service allows it.
        uncertainty=_text(item, "Uncertainty") if item.get("AllowManualUncertainty", 1) else "",
        operand=_text(item, "DetectionLimitOperand"),
        # A reference is an object, a uid, or empty in one of several ways.
        is_calculated=any(bool(item.get(name)) for name in ("Calculation", "getCalculationUID")),
    )
