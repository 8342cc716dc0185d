"""The blocks of code of a page: what it tells its readers to type."""

from __future__ import annotations

import re


def blocks(page: str, language: str) -> list[str]:
    """Give all blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
