"""Entity tags that a client states, and whether one is that of what is here.

References
----------
RFC 9110 sections 5.3 (several lines of one field), 8.8.3 (entity tags and their comparison), 13.1.1
(If-Match) and 13.1.2 (If-None-Match).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

__all__ = ["ANY", "is_known", "is_wanted", "stated_tags"]

# What a client states instead of tags, where every state will do.
ANY = "*"
# Between the quotes a comma and a backslash are characters like others; bytes above 127 arrive as
# those of ISO 8859-1.
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(_TAG)
# Empty members are read over (section 5.6.1).
_LIST = re.compile(rf"{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*")


def stated_tags(lines: Iterable[str]) -> tuple[str, ...]:
    """Read the tags of a field.

    Parameters
    ----------
    lines : iterable of str
        The values of If-Match or If-None-Match, one for each line that was sent.

    Returns
    -------
    tuple of str
        As they are written, weak ones with ``W/``; or `ANY` alone. What is neither is none, so that
        a broken field asks for nothing that is here and knows nothing of it.

    Examples
    --------
    >>> stated_tags(['"a,b", W/"c"', '"d"'])
    ('"a,b"', 'W/"c"', '"d"')
    >>> stated_tags(["*"]), stated_tags(["abc"])
    (('*',), ())
    """
    text = ",".join(lines).strip(" \t,")
    if text == ANY:
        return (ANY,)
    return tuple(_TAGS.findall(text)) if _LIST.fullmatch(text) else ()


def is_known(if_none_match: Iterable[str], etags: Collection[str]) -> bool:
    """Tell whether a client has what is here already.

    Parameters
    ----------
    if_none_match : iterable of str
        The lines of If-None-Match; none where nothing is asked.
    etags : collection of str
        Tags of what is here, in each of its codings.

    Returns
    -------
    bool
        By the weak comparison: proxies that compress make tags weak.
    """
    stated = stated_tags(if_none_match)
    here = {_opaque(tag) for tag in etags}
    return ANY in stated or any(_opaque(tag) in here for tag in stated)


def is_wanted(if_match: Collection[str], etags: Collection[str]) -> bool:
    """Tell whether a client wants what is here.

    Parameters
    ----------
    if_match : collection of str
        The lines of If-Match; without any, everything is wanted.
    etags : collection of str
        As for `is_known`.

    Returns
    -------
    bool
        By the strong comparison: a weak tag is that of nothing.
    """
    stated = stated_tags(if_match)
    return (
        not if_match
        or ANY in stated
        or any(tag in etags for tag in stated if not tag.startswith("W/"))
    )


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")
