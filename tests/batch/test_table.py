"""batch.csv: one photograph a row, three columns a phase."""

from __future__ import annotations

import csv
import io

from command_line.batch.one_image import ImageRow, Share
from command_line.batch.table import summary, table_csv

CHALCOPYRITE = Share(code=1, symbol="Ccp", percent=12.5, ci95=(10.0, 15.0))
NO_GALENA = Share(code=2, symbol="Gn", percent=0.0, ci95=None)
ROWS = [
    ImageRow(
        file="a.png", folder="a", status="ok", model="tiny:1", seconds=1.5, calibrate_first=True,
        warnings=1, degradations=2, shares=(CHALCOPYRITE, NO_GALENA),
    ),
    ImageRow(file="=b.png", folder="=b", status="ok", was_there=True, shares=(CHALCOPYRITE,)),
    ImageRow(
        file="c.png", folder="c", status="refused", problem_type="urn:x", problem_detail="is,\nbad"
    ),
]  # fmt: skip


def test_a_row_tells_all_of_its_photograph() -> None:
    first, second, third = csv.DictReader(io.StringIO(table_csv(ROWS).decode()))
    assert (first["status"], first["calibrate_first"], first["degradations"]) == ("ok", "yes", "2")
    shares = ["Ccp_percent", "Ccp_ci95_low", "Ccp_ci95_high", "Gn_percent", "Gn_ci95_low"]
    assert list(first)[-6:-1] == shares
    assert [first[name] for name in shares] == ["12.5", "10.0", "15.0", "0.0", ""]
    # Not looked for is not none.
    assert second["Gn_percent"] == ""
    # A spreadsheet would run it.
    assert second["file"] == "'=b.png"
    assert (third["problem_type"], third["problem_detail"]) == ("urn:x", "is,\nbad")
    assert third["Ccp_percent"] == ""


def test_the_summary_counts() -> None:
    lines = dict(line.rsplit(maxsplit=1) for line in summary(ROWS, 30.0).splitlines())
    assert {name.strip(): count for name, count in lines.items()} == {
        "photographs": "3",
        "analysed now": "1",
        "finished before": "1",
        "refused": "1",
        "failed": "0",
        "calibrate first": "1",
        "analysed a minute": "2.0",
    }
