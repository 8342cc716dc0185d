"""Files beside a result in SENAITE: stored once, shown by the sample, by whom that may."""

from __future__ import annotations

from service.lims import SenaiteClient, deliver
from tests.lims.senaite_sending import ALL, RESULT, outcomes
from tests.lims.senaite_stand_in import Laboratory


def shown_by(laboratory: Laboratory) -> dict[str, list[str]]:
    """Uids of the files that anything shows, by its id."""
    return {
        item["id"]: [one["uid"] for one in item["Attachment"]]
        for item in laboratory.items.values()
        if item.get("Attachment")
    }


def test_a_file_is_stored_whole_and_shown_by_the_sample(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    content = bytes(range(256)) * 50
    deliver(client, RESULT, attachments={"report.pdf": content})
    (uid,) = laboratory.files
    assert laboratory.files[uid] == content
    assert shown_by(laboratory) == {"SEC-0001": [uid]}


def test_files_of_others_stay_with_the_sample(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    deliver(client, RESULT, attachments={"report.pdf": b"%PDF"})
    deliver(client, RESULT, attachments={"overlay.jpg": b"JPEG"})
    assert shown_by(laboratory) == {"SEC-0001": list(laboratory.files)}
    assert len(laboratory.files) == 2


def test_a_file_comes_after_the_numbers_too(client: SenaiteClient, laboratory: Laboratory) -> None:
    deliver(client, RESULT)
    late = deliver(client, RESULT, attachments={"report.pdf": b"%PDF"})
    assert late[0].outcome == "submitted"
    assert len(laboratory.files) == 1


def test_an_account_that_may_not_edit_samples_sends_the_numbers_alone(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.edits_samples = False
    sent = deliver(client, RESULT, attachments={"report.pdf": b"%PDF"})
    assert outcomes(sent) == ALL | {"(attachment)": "refused"}
    assert "LabManager" in sent[0].why
    assert laboratory.files == {}, "a file that nothing shows is not stored"


def test_a_stored_file_that_nothing_shows_is_linked_not_stored_again(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    files = {"report.pdf": b"%PDF"}
    deliver(client, RESULT, attachments=files)
    laboratory.sample("SEC-0001")["Attachment"] = {}
    again = deliver(client, RESULT, attachments=files)
    assert again[0].outcome == "submitted"
    assert shown_by(laboratory) == {"SEC-0001": list(laboratory.files)}
    assert len(laboratory.files) == 1


def test_a_file_that_is_refused_holds_no_number_back(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    laboratory.before = lambda _method, route: 403 if route == "create" else None
    sent = deliver(client, RESULT, attachments={"report.pdf": b"%PDF"})
    assert outcomes(sent) == ALL | {"(attachment)": "refused"}


def test_a_file_that_the_account_may_not_read_is_of_another(
    client: SenaiteClient, laboratory: Laboratory
) -> None:
    deliver(client, RESULT, attachments={"report.pdf": b"%PDF"})
    (secret,) = laboratory.files
    laboratory.before = lambda _method, route: 403 if route == secret else None
    sent = deliver(client, RESULT, attachments={"overlay.jpg": b"JPEG"})
    assert sent[0].outcome == "submitted"
    assert shown_by(laboratory) == {"SEC-0001": list(laboratory.files)}
