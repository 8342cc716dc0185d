"""SENAITE's JSON API: the client against a stand-in with state, over real HTTP."""

from __future__ import annotations

import httpx
import pytest

from petrography.errors import InvalidParameterError, LimsRefusedError, LimsUnreachableError
from service.lims import (
    LimsProfile,
    SenaiteClient,
    deliver,
    lis2_message,
    reported,
)
from tests.lims.painted_results import painted_result
from tests.lims.senaite_sending import ALL, RESULT, other, outcomes, signed_in
from tests.lims.senaite_stand_in import PASSWORD, USER, Laboratory, running
from tests.lims.test_formats import SENT


def test_a_result_arrives_with_uncertainty_limit_and_remarks(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    assert outcomes(deliver(client, RESULT)) == ALL
    numbers = {one.keyword: one for one in reported(RESULT)}
    copper = laboratory.analysis("SEC-0001", "MOD_CCP")
    assert copper["Result"] == "16.67"
    assert copper["Uncertainty"] == numbers["MOD_CCP"].uncertainty_text != ""
    assert copper["review_state"] == "to_be_verified"
    assert copper["ResultCaptureDate"] == "2026-11-20 21:09:30", "when it was complete"
    assert f"analysis={RESULT.id} version=1 model=tiny:2" in copper["Remarks"]
    galena = laboratory.analysis("SEC-0001", "MOD_GN")
    assert galena["DetectionLimitOperand"] == "<"
    assert galena["Result"] == numbers["MOD_GN"].number
    assert galena["Uncertainty"] is None


def test_sending_again_writes_nothing(client: SenaiteClient, laboratory: Laboratory) -> None:
    files = {"report.pdf": b"%PDF-1.7 painted"}
    first = deliver(client, RESULT, attachments=files)
    assert outcomes(first) == ALL | {"(attachment)": "submitted"}
    writes, held = len(laboratory.writes), len(laboratory.items)
    again = deliver(client, RESULT, attachments=files)
    assert set(outcomes(again).values()) == {"already there"}
    assert (len(laboratory.writes), len(laboratory.items)) == (writes, held)
    assert all(one.is_settled for one in (*first, *again))


def test_one_analysis_is_read_by_its_uid(client: SenaiteClient, laboratory: Laboratory) -> None:
    uid = laboratory.analysis("SEC-0001", "MOD_CCP")["uid"]
    assert client.analysis(uid).keyword == "MOD_CCP"


def test_the_customers_id_finds_the_sample(client: SenaiteClient, laboratory: Laboratory) -> None:
    assert client.find_sample("NORTH 7").id == "SEC-0001"
    assert outcomes(deliver(client, painted_result("NORTH 7"))) == ALL


def test_two_samples_of_one_customers_id_are_not_guessed(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.add_sample("SEC-0009", client_id="NORTH 7")
    with pytest.raises(LimsRefusedError, match="2 samples are called NORTH 7: SEC-0001, SEC-0009"):
        client.find_sample("NORTH 7")


@pytest.mark.parametrize("name", ["SEC-9999", "", "SEC-0001&complete=no", "../users/current", "*"])
def test_a_sample_that_is_not_there_is_refused(client: SenaiteClient, name: str) -> None:
    with pytest.raises(LimsRefusedError, match="has no sample"):
        client.find_sample(name)


def test_a_sample_that_is_not_received_or_a_rejected_result_is_refused(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.add_sample("SEC-0003", "MOD_CCP:%", state="sample_due")
    with pytest.raises(LimsRefusedError, match="SEC-0003 is sample_due"):
        deliver(client, painted_result("SEC-0003"))
    with pytest.raises(InvalidParameterError, match="was rejected"):
        deliver(client, painted_result(status="rejected"))
    assert laboratory.writes == []


def test_another_number_is_never_written_over(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    deliver(client, RESULT)
    named = {one.keyword: one for one in deliver(client, other(20.0))}
    assert named["MOD_CCP"].outcome == "differs"
    assert "16.67 stands there, to_be_verified" in named["MOD_CCP"].why
    laboratory.verify("SEC-0001", "MOD_CCP")
    assert outcomes(deliver(client, other(20.0)))["MOD_CCP"] == "differs"
    assert laboratory.analysis("SEC-0001", "MOD_CCP")["Result"] == "16.67"


def test_after_a_person_retracts_the_retest_takes_the_correction(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    deliver(client, RESULT)
    laboratory.retract("SEC-0001", "MOD_CCP")
    assert outcomes(deliver(client, other(20.0)))["MOD_CCP"] == "submitted"
    retest = laboratory.analysis("SEC-0001", "MOD_CCP")
    assert (retest["Result"], "RetestOf" in retest) == ("20.00", True)


def test_what_cannot_be_written_is_named_and_the_rest_goes_on(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.analysis("SEC-0001", "GS_P80_SP")["Unit"] = "mm"
    laboratory.add_analysis("SEC-0001", "MOD_GN")
    laboratory.analysis("SEC-0001", "MOD_CCP")["AllowManualUncertainty"] = False
    named = {one.keyword: one for one in deliver(client, RESULT)}
    assert "counts in mm" in named["GS_P80_SP"].why
    assert "2 analyses of this keyword" in named["MOD_GN"].why
    assert named["MOD_CCP"].outcome == "submitted"
    assert "without its uncertainty" in named["MOD_CCP"].why
    assert named["N_FIELDS"].outcome == "submitted"
    assert named["MOD_SP"].outcome == "not asked for"


def test_a_service_without_detection_limits_is_found_out(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.analysis("SEC-0001", "MOD_GN")["DetectionLimitSelector"] = False
    named = {one.keyword: one for one in deliver(client, RESULT)}
    assert named["MOD_GN"].outcome == "refused"
    assert "would stand bare" in named["MOD_GN"].why
    galena = laboratory.analysis("SEC-0001", "MOD_GN")
    assert (galena["Result"], galena["review_state"]) == ("", "unassigned")


def test_a_profile_chooses_the_keywords(client: SenaiteClient, laboratory: Laboratory) -> None:
    profile = LimsProfile(only_named=True, keywords={"MOD_SP": "MOD_CCP"})
    assert outcomes(deliver(client, RESULT, profile=profile)) == {"MOD_CCP": "submitted"}
    assert laboratory.analysis("SEC-0001", "MOD_CCP")["Result"] == "8.17"


class Breaking:
    """Cuts the connection at the nth write, before or after it is done."""

    def __init__(self, laboratory: Laboratory, nth: int, *, done: bool) -> None:
        self.left = nth
        if done:
            laboratory.after = self.count
        else:
            laboratory.before = self.count

    def count(self, method: str, route: str) -> None:
        if method == "POST" and route != "login":
            self.left -= 1
            if self.left == 0:
                raise ConnectionAbortedError


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", range(1, 7))
def test_a_lost_answer_neither_loses_nor_doubles(
    laboratory: Laboratory, client: SenaiteClient, nth: int, done: bool
) -> None:
    Breaking(laboratory, nth, done=done)
    delivered = deliver(client, RESULT, attachments={"report.pdf": b"%PDF"})
    assert outcomes(delivered) == ALL | {"(attachment)": "submitted"}
    assert len(laboratory.files) == 1
    submitted = [uid for uid, body in laboratory.writes if "transition" in body]
    assert len(submitted) == len(set(submitted)) == 4


@pytest.mark.parametrize("nth", range(1, 7))
def test_a_killed_sender_is_taken_up_by_the_next(
    laboratory: Laboratory, address: str, nth: int
) -> None:
    calls = 0

    def die(method: str, route: str) -> None:
        nonlocal calls
        calls += method == "POST" and route != "login"
        if calls == nth:
            raise KeyboardInterrupt

    def transport(request: httpx.Request) -> httpx.Response:
        die(request.method, request.url.path.rpartition("/")[2])
        with httpx.Client() as real:
            answer = real.send(request)
        return httpx.Response(answer.status_code, headers=None, content=answer.content)

    killed = SenaiteClient(
        address, user=USER, password=PASSWORD, transport=httpx.MockTransport(transport)
    )
    with pytest.raises(KeyboardInterrupt), killed:
        deliver(killed, RESULT, attachments={"report.pdf": b"%PDF"})
    with signed_in(address) as following:
        assert set(outcomes(deliver(following, RESULT)).values()) <= {"submitted", "already there"}
    assert len(laboratory.files) <= 1
    submitted = [uid for uid, body in laboratory.writes if "transition" in body]
    assert len(submitted) == len(set(submitted)) == 4


def test_a_busy_server_is_waited_for(
    laboratory: Laboratory, client: SenaiteClient, pauses_s: list[float]
) -> None:
    busy = iter([503, 502])
    laboratory.before = lambda method, _route: next(busy, None) if method == "GET" else None
    assert client.find_sample("SEC-0001").id == "SEC-0001"
    assert pauses_s == [0.5, 2.0]


def test_a_server_that_stays_busy_is_given_up(
    laboratory: Laboratory, client: SenaiteClient
) -> None:
    laboratory.before = lambda method, _route: 503 if method == "GET" else None
    with pytest.raises(LimsUnreachableError, match="status 503"):
        client.find_sample("SEC-0001")


def test_an_address_without_a_server_is_unreachable(pauses_s: list[float]) -> None:
    with running(Laboratory()) as gone:
        pass
    with (
        signed_in(gone, pauses_s) as client,
        pytest.raises(LimsUnreachableError, match="does not answer to login"),
    ):
        client.find_sample("SEC-0001")
    assert pauses_s == [0.5, 2.0]


def test_a_session_that_ended_is_renewed(laboratory: Laboratory, client: SenaiteClient) -> None:
    assert client.find_sample("SEC-0001").state == "sample_received"
    laboratory.sessions.clear()
    assert client.find_sample("SEC-0002").state == "sample_received"


def test_an_older_server_signs_in_by_cookie(laboratory: Laboratory, client: SenaiteClient) -> None:
    laboratory.with_token = False
    assert outcomes(deliver(client, RESULT)) == ALL


def test_a_wrong_password_is_said_without_showing_it(address: str) -> None:
    with (
        SenaiteClient(address, user=USER, password="guess-7") as client,
        pytest.raises(LimsRefusedError, match="does not let user 'petroserve' in") as refused,
    ):
        client.find_sample("SEC-0001")
    assert "guess-7" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["lims.example.org", "ftp://host/site", "https://user:secret@host/site", "http://"]
)
def test_what_is_no_site_is_refused(url: str) -> None:
    with pytest.raises(InvalidParameterError):
        SenaiteClient(url, user="a", password="b")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, text="<html>Welcome</html>"), "text/plain.* where JSON is wanted"),
        (httpx.Response(200, json=[1]), "where JSON is wanted"),
        (httpx.Response(302, headers={"location": "http://evil.example/"}), "status 302"),
        (httpx.Response(500, json={"message": "boom"}), "status 500: boom"),
        (httpx.Response(200, json={"items": "many"}), "found nothing for search"),
    ],
)
def test_answers_that_are_no_api_are_named(answer: httpx.Response, said: str) -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={}) if request.url.path.endswith("login") else answer

    with (
        SenaiteClient(
            "http://lims.example/senaite",
            user="a",
            password="b",
            transport=httpx.MockTransport(serve),
        ) as client,
        pytest.raises(LimsRefusedError, match=said),
    ):
        client.find_sample("SEC-0001")


def test_the_work_list_goes_over_many_pages_and_one_keyword(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    for number in range(60):
        laboratory.add_sample(f"MANY-{number:03}", "MOD_GN:%", "MOD_CCP:%")
    laboratory.analysis("MANY-007", "MOD_GN")["review_state"] = "to_be_verified"
    listed = [analysis.sample_id for analysis in client.worklist("MOD_GN")]
    assert len(listed) == len(set(listed)) == 60
    assert "MANY-007" not in listed
    assert sum(1 for _ in client.worklist()) == 60 * 2 - 1 + 5


def test_an_index_that_the_catalogue_ignores_changes_nothing(
    client: SenaiteClient, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in ("id", "getClientSampleID", "getKeyword", "review_state", "getRequestID"):
        monkeypatch.delitem(senaite_indexes(), index)
    assert client.find_sample("SEC-0002").id == "SEC-0002"
    assert {one.sample_id for one in client.analyses("SEC-0002")} == {"SEC-0002"}
    assert {one.keyword for one in client.worklist("MOD_GN")} == {"MOD_GN"}


def senaite_indexes() -> dict[str, str]:
    from tests.lims import senaite_stand_in

    return senaite_stand_in.INDEXES


def test_a_lis2_message_is_pushed(client: SenaiteClient, laboratory: Laboratory) -> None:
    message = lis2_message(painted_result(status="final"), sent=SENT)
    client.push("senaite.lis2a.import", message)
    assert [one.split("\n") for one in laboratory.messages] == [message.split("\r")]
    with pytest.raises(LimsRefusedError, match="status 500: no such consumer"):
        client.push("nobody", message)


def test_the_version_needs_no_sign_in(client: SenaiteClient, laboratory: Laboratory) -> None:
    assert client.version() == "2.6.0"
    assert laboratory.sessions == set()
