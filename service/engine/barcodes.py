"""Which barcodes a laboratory has: a check against misreadings, by tenant.

A barcode is kept as it was read, and nothing is read out of it: which sample it belongs to is the
laboratory's to say (`Sample.id`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from petrography.errors import ConfigurationError, InvalidParameterError
from petrography.report import Sample
from service.settings import Settings

__all__ = ["BarcodePatterns", "parse_barcode_patterns", "read_barcode_patterns"]

_EVERYBODY = "*"


@dataclass(frozen=True)
class BarcodePatterns:
    """What barcodes look like.

    Attributes
    ----------
    by_tenant : mapping of str to re.Pattern
        ``*`` is that of every tenant without one of its own, and of a service without keys.
    """

    by_tenant: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    def require(self, sample: Sample | None, owner: str = "") -> None:
        """Check the barcode of a sample, where it states one and its tenant has a pattern.

        Raises
        ------
        InvalidParameterError
            If it does not match as a whole.
        """
        barcode = None if sample is None else sample.barcode_raw
        pattern = self.by_tenant.get(owner) or self.by_tenant.get(_EVERYBODY)
        if barcode is None or pattern is None or pattern.fullmatch(barcode):
            return
        msg = (
            f"sample.barcode_raw is {barcode[:80]!r}; wanted what matches {pattern.pattern!r}: read "
            "the label again, or leave the barcode out"
        )
        raise InvalidParameterError(msg)


def parse_barcode_patterns(lines: Iterable[str]) -> BarcodePatterns:
    """Read lines ``TENANT PATTERN``; ``*`` stands for every tenant without a line of its own.

    Parameters
    ----------
    lines : iterable of str
        Empty ones and those that begin with ``#`` are passed over. A pattern goes to the end of
        its line and is matched with the whole barcode.

    Raises
    ------
    ConfigurationError
        If a line has no pattern, the pattern is no regular expression, or a tenant has two.

    Examples
    --------
    >>> parse_barcode_patterns(["lab [A-Z]{3}-[0-9]{4}"]).by_tenant["lab"].pattern
    '[A-Z]{3}-[0-9]{4}'
    """
    found: dict[str, re.Pattern[str]] = {}
    for number, line in enumerate(lines, start=1):
        tenant, *rest = line.split(maxsplit=1)[:2] or [""]
        if not tenant or tenant.startswith("#"):
            continue
        if not rest or tenant in found:
            what = "is without a pattern" if not rest else f"is the second of {tenant!r}"
            msg = f"line {number} {what}; wanted one line 'TENANT PATTERN' for each tenant"
            raise ConfigurationError(msg)
        try:
            found[tenant] = re.compile(rest[0].rstrip())
        except re.error as error:
            msg = f"line {number}: {rest[0][:80]!r} is no regular expression: {error}"
            raise ConfigurationError(msg) from None
    return BarcodePatterns(found)


def read_barcode_patterns(settings: Settings) -> BarcodePatterns:
    """Read the patterns of a service; none where no file is set.

    Raises
    ------
    ConfigurationError
        If the file cannot be used.
    """
    path = settings.barcode_patterns_file
    if path is None:
        return BarcodePatterns()
    try:
        return parse_barcode_patterns(path.read_text("utf-8").splitlines())
    except (OSError, ValueError, ConfigurationError) as error:
        msg = f"the patterns of barcodes in {path} cannot be used: {error}"
        raise ConfigurationError(msg) from None
