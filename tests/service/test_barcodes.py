"""What barcodes look like is the laboratory's to say, tenant by tenant."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrography.errors import ConfigurationError, InvalidParameterError
from petrography.report import Sample
from service.engine import read_barcode_patterns
from service.engine.barcodes import BarcodePatterns, parse_barcode_patterns
from service.settings import Settings

LINES = ["# tenant, pattern", "", "lab  [A-Z]{3}-[0-9]{4} ", "* (?i)sec .+"]


@pytest.mark.parametrize(
    ("tenant", "barcode", "is_taken"),
    [
        ("lab", "ABC-0001", True),
        ("lab", "ABC-00012", False),
        ("lab", " ABC-0001", False),
        ("lab", "", False),
        ("mine", "SEC 1", True),
        ("mine", "ABC-0001", False),
        ("", "sec 1", True),
        ("", "ABC-0001", False),
        ("lab", None, True),
    ],
)
def test_a_barcode_matches_the_pattern_of_its_tenant_as_a_whole(
    tenant: str, barcode: str | None, is_taken: bool
) -> None:
    patterns = parse_barcode_patterns(LINES)
    if is_taken:
        patterns.require(Sample(barcode_raw=barcode), tenant)
    else:
        wanted = "A-Z" if tenant == "lab" else "sec"
        with pytest.raises(InvalidParameterError, match=wanted):
            patterns.require(Sample(barcode_raw=barcode), tenant)


def test_without_a_pattern_any_barcode_is_taken() -> None:
    BarcodePatterns().require(Sample(barcode_raw="\u00df=1+1"), "lab")
    parse_barcode_patterns(["lab x"]).require(Sample(barcode_raw="y"), "mine")
    parse_barcode_patterns(["* x"]).require(None)


@pytest.mark.parametrize(
    "content",
    [b"lab", b"lab [", b"lab a\nlab b", b"\xff x"],
    ids=["bare", "broken", "two", "bytes"],
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "patterns"
    path.write_bytes(content)
    for wrong in (path, tmp_path / "absent"):
        with pytest.raises(ConfigurationError, match="patterns of barcodes"):
            read_barcode_patterns(Settings(barcode_patterns_file=wrong))
