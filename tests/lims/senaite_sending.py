"""What the tests of SENAITE send, and with whose patience."""

from __future__ import annotations

from petrography.report import Result
from service.lims import Delivered, Patience, SenaiteClient
from tests.lims.painted_results import painted_result
from tests.lims.senaite_stand_in import PASSWORD, USER

RESULT = painted_result()
SERVICES = ("MOD_CCP:%", "MOD_GN:%", "GS_P80_SP:µm", "N_FIELDS:")
ALL = dict.fromkeys(("MOD_CCP", "MOD_GN", "GS_P80_SP", "N_FIELDS"), "submitted")
# The pauses are listed instead of waited for.
PATIENT = Patience(timeout_s=10.0, pauses_s=(0.5, 2.0))


def signed_in(address: str, pauses_s: list[float] | None = None) -> SenaiteClient:
    waited = [] if pauses_s is None else pauses_s
    return SenaiteClient(
        address, user=USER, password=PASSWORD, patience=PATIENT, sleep=waited.append
    )


def outcomes(delivered: tuple[Delivered, ...]) -> dict[str, str]:
    asked_for = (one for one in delivered if one.outcome != "not asked for")
    return {one.keyword: one.outcome for one in asked_for}


def other(percent: float) -> Result:
    entry = RESULT.modal[1].model_copy(update={"area_percent": percent})
    return RESULT.model_copy(update={"modal": (entry,), "version": 2})
