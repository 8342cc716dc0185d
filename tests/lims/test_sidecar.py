"""The CSV beside a dropped file, as laboratories write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrography.errors import MalformedRequestError
from service.lims.sidecar import Sidecar


def stated(content: bytes) -> dict[str, str]:
    return Sidecar(Path("a.csv"), content).stated()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"sample_id,section\nA , B\n", {"sample_id": "A", "section": "B"}),
        (b"sample_id;section\r\nA;B\r\n", {"sample_id": "A", "section": "B"}),
        # As a spreadsheet writes it where decimals have a comma.
        (b"\xef\xbb\xbfsample_id;um_per_px\nA;0,5\n", {"sample_id": "A", "um_per_px": "0.5"}),
        (b'sample_id,section\n"A;1",B;2\n', {"sample_id": "A;1", "section": "B;2"}),
        (b'sample_id,barcode_raw\nA,"  ABC 1 "\n', {"sample_id": "A", "barcode_raw": "  ABC 1 "}),
        (b"sample_id,section\nA,\n", {"sample_id": "A"}),
    ],
)
def test_a_csv_states_what_stands_in_it(content: bytes, expected: dict[str, str]) -> None:
    assert stated(content) == expected


def test_lines_of_other_numbers_of_cells_are_told() -> None:
    with pytest.raises(MalformedRequestError, match=r"2 lines, the first of 3 and 2 cells"):
        stated(b"sample_id,section,um_per_px\nA,B\n")
