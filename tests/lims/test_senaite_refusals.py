"""What a closed sample, a calculation or a refusal does to what is sent into SENAITE."""

from __future__ import annotations

import pytest

from petrography.errors import LimsRefusedError
from service.lims import SenaiteClient, deliver
from tests.lims.senaite_sending import ALL, RESULT, other, outcomes
from tests.lims.senaite_stand_in import Answer, Item, Laboratory
from tests.lims.test_senaite_files import shown_by


def test_a_file_is_shown_whatever_becomes_of_the_numbers(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.analysis("SEC-0001", "MOD_CCP")["Calculation"] = {"uid": "calc"}
    laboratory.analysis("SEC-0001", "MOD_GN")["DetectionLimitSelector"] = False
    sent = deliver(client, RESULT, attachments={"report.pdf": b"%PDF"})
    assert outcomes(sent) == {
        "(attachment)": "submitted",
        "MOD_CCP": "refused",
        "MOD_GN": "refused",
        "GS_P80_SP": "submitted",
        "N_FIELDS": "submitted",
    }
    assert shown_by(laboratory) == {"SEC-0001": list(laboratory.files)}


def test_a_calculated_analysis_takes_no_result(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.analysis("SEC-0001", "MOD_CCP")["Calculation"] = {"uid": "calc"}
    named = {one.keyword: one for one in deliver(client, RESULT)}
    assert named["MOD_CCP"].outcome == "refused"
    assert "interim fields" in named["MOD_CCP"].why
    copper = laboratory.analysis("SEC-0001", "MOD_CCP")
    assert copper["uid"] not in {uid for uid, _ in laboratory.writes}


@pytest.mark.parametrize("state", ["verified", "published"])
def test_sending_again_after_verification_compares_and_writes_nothing(
    client: SenaiteClient, laboratory: Laboratory, state: str
) -> None:
    files = {"report.pdf": b"%PDF"}
    deliver(client, RESULT, attachments=files)
    for keyword in ALL:
        laboratory.verify("SEC-0001", keyword)
    laboratory.sample("SEC-0001")["review_state"] = state
    laboratory.add_analysis("SEC-0001", "MOD_SP")
    writes = len(laboratory.writes)
    named = outcomes(deliver(client, RESULT, attachments=files))
    assert named.pop("MOD_SP") == "refused", "nothing is written to a sample that is closed"
    assert set(named.values()) == {"already there"}
    late = deliver(client, RESULT, attachments={"other.pdf": b"%PDF"})
    assert (late[0].outcome, late[0].why) == ("refused", f"the sample is {state} already")
    assert outcomes(deliver(client, other(20.0)))["MOD_CCP"] == "differs"
    assert len(laboratory.writes) == writes


def test_one_object_may_be_answered_as_a_list_of_one(
    client: SenaiteClient, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = laboratory.answer

    def listed(method: str, route: str, query: Item, body: Item) -> Answer:
        status, answer = bare(method, route, query, body)
        return status, answer if "items" in answer else {"items": [answer]}

    monkeypatch.setattr(laboratory, "answer", listed)
    assert set(outcomes(deliver(client, RESULT)).values()) == {"submitted"}


@pytest.mark.parametrize("items", [[], [None], [{"uid": "another"}], "none"])
def test_another_object_is_not_taken_for_the_one_that_was_asked_for(
    items: object,
    client: SenaiteClient,
    laboratory: Laboratory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uid = laboratory.analysis("SEC-0001", "MOD_CCP")["uid"]
    monkeypatch.setattr(laboratory, "answer", lambda *_: (200, {"items": items}))
    with pytest.raises(LimsRefusedError, match="found nothing"):
        client.analysis(uid)
