"""Variables that look like settings and are none: a mistyped one would do nothing, unseen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from service.settings.service_settings import Settings

__all__ = ["unknown_variables"]

_PREFIX = "PETROSERVE_"
# What clients, tests and benchmarks of this project read.
_OF_OTHERS = frozenset({"API_KEY", "LUMENSTONE", "REAL_DATA"})
# Kubernetes tells every pod where each service is: one that is called petroserve, too.
_OF_KUBERNETES = re.compile(r"SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_.*)?", re.ASCII)
_KUBERNETES_ADDRESS = re.compile(r"(tcp|udp|sctp)://", re.ASCII)


def unknown_variables() -> Iterator[str]:
    """Tell of every variable of the environment that has the prefix of the settings and is none.

    Yields
    ------
    str
        Its name, and the setting that is most like it if one is.
    """
    known = [name.upper() for name in Settings.model_fields]
    for variable, value in sorted(os.environ.items()):
        # As settings are read: in small letters, too.
        if not variable.upper().startswith(_PREFIX):
            continue
        name = variable.upper().removeprefix(_PREFIX)
        if name in {*known, *_OF_OTHERS} or _is_of_kubernetes(name, value):
            continue
        yield f"{variable} is no setting and does nothing{_meant(name, known)}"


def _is_of_kubernetes(name: str, value: str) -> bool:
    if _OF_KUBERNETES.fullmatch(name) is None:
        return False
    return name != "PORT" or _KUBERNETES_ADDRESS.match(value) is not None


def _meant(name: str, known: Iterable[str]) -> str:
    alike = [f"{_PREFIX}{one}" for one in known if one.endswith(f"_{name}")] or [
        f"{_PREFIX}{one}" for one in get_close_matches(name, known, n=1)
    ]
    return f"; did you mean {' or '.join(alike)}?" if alike else ""
