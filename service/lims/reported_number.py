"""One number as a laboratory reports it: keyword, value, unit, uncertainty.

A number is rounded once, here, and every format writes the same text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

from petrography.errors import InvalidParameterError

__all__ = ["Reported", "decimals_of_element", "keyword_of", "longer_half"]

# What is mined at grams a tonne; four decimals of a per cent are one of them.
_NOBLE = frozenset({"Ag", "Au", "Pd", "Pt"})


@dataclass(frozen=True)
class Reported:
    """One number as it is reported.

    Attributes
    ----------
    keyword : str
        Of the analysis service.
    title : str
        What it is, in words.
    unit : str
        UCUM: ``%``, ``um``, ``mm2``, or ``1`` for a number without a unit.
    value : float
        The value, or the limit that it lies below.
    decimals : int
        Digits after the point.
    below_limit : bool
        Whether the result is "less than `value`".
    uncertainty : float or None
        Expanded uncertainty in `unit`, None where the analysis gives none.
    coverage : str
        What `uncertainty` covers; empty without one.
    detection_limit, reporting_limit : float or None
        In `unit`.
    """

    keyword: str
    title: str
    unit: str
    value: float
    decimals: int
    below_limit: bool = False
    uncertainty: float | None = None
    coverage: str = ""
    detection_limit: float | None = None
    reporting_limit: float | None = None

    @property
    def number(self) -> str:
        """The value with its decimals, ``.`` as the decimal sign; a limit is rounded up."""
        return _fixed(self.value, self.decimals, up=self.below_limit)

    @property
    def text(self) -> str:
        """The result as a person reads it: ``12.41``, or ``<0.05``."""
        return f"<{self.number}" if self.below_limit else self.number

    @property
    def uncertainty_text(self) -> str:
        """The uncertainty with the decimals of the value, rounded up; empty where there is none."""
        if self.uncertainty is None or self.below_limit:
            return ""
        return _fixed(self.uncertainty, self.decimals, up=True)


def _fixed(value: float, decimals: int, *, up: bool) -> str:
    if not math.isfinite(value):
        msg = f"{value} cannot be reported; wanted a finite number"
        raise InvalidParameterError(msg)
    step = Decimal(1).scaleb(-decimals)
    # Through repr: the shortest decimal that is this float, not its binary tail.
    exact = Decimal(repr(float(value)))
    return f"{exact.quantize(step, rounding=ROUND_UP if up else ROUND_HALF_EVEN):f}"


def keyword_of(quantity: str, symbol: str) -> str:
    """Keyword of a quantity of one mineral.

    Examples
    --------
    >>> keyword_of("MOD", "Py/Mrc")
    'MOD_PY_MRC'
    """
    return f"{quantity}_{symbol.upper().replace('/', '_')}"


def decimals_of_element(element: str) -> int:
    """Decimals in which the grade of an element is reported, in per cent.

    Examples
    --------
    >>> decimals_of_element("Cu"), decimals_of_element("Au")
    (2, 4)
    """
    return 4 if element in _NOBLE else 2


def longer_half(value: float, interval: tuple[float, float]) -> float:
    """The longer half of an interval, as an uncertainty of its value."""
    return max(value - interval[0], interval[1] - value, 0.0)
