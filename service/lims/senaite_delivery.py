"""One result into SENAITE, number by number, so that it can be sent again at any time.

Before anything is written the state of the analysis is asked. What stands there already is left
alone; what stands there differently is never overwritten but named, because a submitted result is
changed by a person who retracts it. After a lost answer the state is asked again instead of
guessing, so killing this at any moment and starting it again neither loses nor doubles a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from petrography.errors import (
    InvalidParameterError,
    LimsRefusedError,
    LimsUnreachableError,
)
from service.lims.fields_of_sample import Reportable
from service.lims.measurands import reported
from service.lims.plain_text import finished_utc, sample_id
from service.lims.profile import STANDARD, LimsProfile
from service.lims.reported_number import Reported
from service.lims.senaite_client import SenaiteClient
from service.lims.senaite_files import TRIES, filed
from service.lims.senaite_records import Analysis

__all__ = ["Delivered", "deliver"]

Outcome = Literal["submitted", "already there", "not asked for", "differs", "refused"]

_OPEN_SAMPLE = {"sample_received", "to_be_verified"}
# Nothing is written any more; what stands there is compared.
_CLOSED_SAMPLE = {"verified", "published"}
_WAITING = {"unassigned", "assigned"}
# A retracted analysis is history: its retest has the same keyword.
_PAST = {"retracted", "rejected", "cancelled"}
_UNITS = {"%": "%", "um": "um", "µm": "um", "μm": "um", "mm2": "mm2", "mm²": "mm2", "": "1"}


@dataclass(frozen=True)
class Delivered:
    """What became of one number.

    Attributes
    ----------
    keyword : str
        Of the analysis; ``(attachment)`` for a file.
    text : str
        The result as it is reported, or the name of the file.
    outcome : str
        submitted; already there; not asked for (the sample has no such analysis); differs
        (something else stands there: retract it in SENAITE, then send again); refused.
    why : str
        In words, empty where nothing is to be said.
    """

    keyword: str
    text: str
    outcome: Outcome
    why: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.outcome in {"submitted", "already there", "not asked for"}


def deliver(
    client: SenaiteClient,
    result: Reportable,
    *,
    profile: LimsProfile = STANDARD,
    attachments: Mapping[str, bytes] | None = None,
) -> tuple[Delivered, ...]:
    """Write a result into SENAITE and submit it.

    Parameters
    ----------
    client : SenaiteClient
        A signed-in user.
    result : Result or FieldsOfSample
        The analysis; its sample id is looked up as SENAITE's id, then as the customer's.
    profile : LimsProfile, optional
        How the laboratory names and rounds it.
    attachments : mapping of str to bytes, optional
        Files by name, such as ``report.pdf``; stored once and linked to the sample.

    Returns
    -------
    tuple of Delivered
        One for each file and number, in the order of the report. What SENAITE refuses does not
        keep the others back. Of a sample that is verified or published nothing is written.

    Raises
    ------
    LimsRefusedError
        If the sample is not there, not received, or cancelled.
    LimsUnreachableError
        If SENAITE does not answer; what is sent is sent, call again.
    InvalidParameterError
        If the result names no sample or was rejected.
    """
    if result.status == "rejected":
        msg = f"result {result.id} was rejected; only a result that stands is sent"
        raise InvalidParameterError(msg)
    sample = client.find_sample(sample_id(result))
    if sample.state not in _OPEN_SAMPLE | _CLOSED_SAMPLE:
        msg = f"sample {sample.id} is {sample.state}; wanted one of {sorted(_OPEN_SAMPLE)}"
        raise LimsRefusedError(msg)
    numbers = reported(result, profile)
    here = [one for one in client.analyses(sample.id) if one.state not in _PAST]
    places = {one.keyword: _place(one, here, sample.state) for one in numbers}
    # Files first: where an answer is lost for good, no number was sent without its report.
    stored = filed(client, result, sample, attachments or {}, is_open=sample.state in _OPEN_SAMPLE)
    files = [Delivered("(attachment)", *told) for told in stored]
    return (*files, *(_number(client, result, one, places[one.keyword]) for one in numbers))


def _place(one: Reported, here: Sequence[Analysis], sample_state: str) -> Analysis | Delivered:
    """The analysis that waits for a number, or why there is none."""
    same = [analysis for analysis in here if analysis.keyword == one.keyword]
    if not same:
        return Delivered(one.keyword, one.text, "not asked for")
    if len(same) > 1:
        why = f"the sample has {len(same)} analyses of this keyword"
        return Delivered(one.keyword, one.text, "refused", why)
    (analysis,) = same
    why = _obstacle(one, analysis, sample_state)
    return Delivered(one.keyword, one.text, "refused", why) if why else analysis


def _obstacle(one: Reported, analysis: Analysis, sample_state: str) -> str:
    """Why an analysis cannot hold a number; empty where it can."""
    if _unit(analysis.unit) != one.unit:
        return f"the service counts in {analysis.unit or 'no unit'}, the result in {one.unit}"
    if analysis.is_calculated:
        return "the service has a calculation: it takes interim fields, and no result"
    if analysis.state in _WAITING and sample_state in _CLOSED_SAMPLE:
        return f"the analysis is {analysis.state}, but its sample is {sample_state} already"
    return ""


def _number(
    client: SenaiteClient, result: Reportable, one: Reported, place: Analysis | Delivered
) -> Delivered:
    if isinstance(place, Delivered):
        return place
    try:
        return _sent(client, one, place, _fields(result, one))
    except LimsRefusedError as error:
        return Delivered(one.keyword, one.text, "refused", str(error))


def _sent(
    client: SenaiteClient, one: Reported, analysis: Analysis, fields: dict[str, Any]
) -> Delivered:
    """Send until the state says that it is done; never twice."""
    outcome: Outcome = "already there"
    tries = 0
    while analysis.state in _WAITING and tries < TRIES:
        tries += 1
        try:
            if one.below_limit and not _takes_limit(client, analysis.uid, fields):
                why = "the service has no detection limit selector: the number would stand bare"
                return Delivered(one.keyword, one.text, "refused", why)
            client.submit(analysis.uid, fields)
        except LimsUnreachableError:
            if tries == TRIES:
                raise
        outcome = "submitted"
        analysis = client.analysis(analysis.uid)
    return _judged(one, analysis, outcome)


def _takes_limit(client: SenaiteClient, uid: str, fields: Mapping[str, Any]) -> bool:
    """Write "less than" without submitting, and look whether it was kept."""
    operand: str = fields["DetectionLimitOperand"]
    client.update(uid, {"DetectionLimitOperand": operand})
    return client.analysis(uid).operand == operand


def _judged(one: Reported, analysis: Analysis, outcome: Outcome) -> Delivered:
    """Compare what stands in SENAITE with what was to be sent."""
    if analysis.state in _WAITING:
        why = f"SENAITE left the analysis {analysis.state}: it was not submitted"
        return Delivered(one.keyword, one.text, "refused", why)
    if _differs(one, analysis):
        why = (
            f"{analysis.operand}{analysis.result} stands there, {analysis.state}; have it "
            "retracted, then send again"
        )
        return Delivered(one.keyword, one.text, "differs", why)
    if one.uncertainty_text and not analysis.uncertainty:
        why = "without its uncertainty: "
        why += (
            "the service does not allow manual uncertainty"
            if outcome == "submitted"
            else "it was not sent with the number, or the service does not allow it"
        )
        return Delivered(one.keyword, one.text, outcome, why)
    return Delivered(one.keyword, one.text, outcome)


def _differs(one: Reported, analysis: Analysis) -> bool:
    if ("<" in analysis.operand) != one.below_limit:
        return True
    try:
        held = float(analysis.result)
    except ValueError:
        return True
    return not math.isclose(held, float(one.number), rel_tol=1e-9, abs_tol=1e-12)


def _unit(text: str) -> str:
    return _UNITS.get(text.strip(), text.strip())


def _fields(result: Reportable, one: Reported) -> dict[str, Any]:
    model = "" if result.model is None else f" model={result.model.full_name}"
    fields = {
        "DetectionLimitOperand": "<" if one.below_limit else "",
        "Result": one.number,
        "Remarks": f"analysis={result.id} version={result.version}{model}",
    }
    if one.uncertainty_text:
        fields["Uncertainty"] = one.uncertainty_text
        fields["Remarks"] += f" U={one.uncertainty_text} {one.unit} ({one.coverage})"
    made = finished_utc(result)
    if made is not None:
        fields["ResultCaptureDate"] = made.strftime("%Y-%m-%d %H:%M:%S")
    return fields
