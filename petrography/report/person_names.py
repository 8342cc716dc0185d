"""Names of people as one compares them: letters that look alike are one, what nobody sees is none."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["comparable_name"]

# Not shown, though Unicode calls them letters, marks or symbols: fillers and variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def comparable_name(name: str | None) -> str:
    """Bring a name into the form in which two spellings of it are equal; empty if it shows nothing.

    Upper and lower case, width and ligatures (NFKC), spaces, and characters that are not shown make
    no other person. Letters of two alphabets that look alike stay two.

    Examples
    --------
    >>> comparable_name(" \u200bADA  Lovelace\u00a0") == comparable_name("Ada Lovelace")
    True
    >>> comparable_name("\u200b"), comparable_name(None)
    ('', '')

    References
    ----------
    Unicode Standard Annex 15 (NFKC) and chapter 5.18 (caseless matching).
    """
    folded = unicodedata.normalize("NFKC", name or "").casefold()
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", folded))
    # A line break or a tab is a space between two words, and a control character as well.
    seen = (
        one if one.isspace() or unicodedata.category(one) not in {"Cc", "Cf"} else ""
        for one in plain
    )
    return " ".join("".join(seen).split())
