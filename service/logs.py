"""What the log looks like: one JSON object a line, or text for people; never with a secret in it.

Every line says where in which trace it was written and what was bound around it. What clients send
cannot begin a line of its own, and what looks like a key, a signature or a password is taken out,
wherever it came from.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import logging.config
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from service import tracing

__all__ = ["JsonLines", "LogFormat", "TextLines", "bound", "configuration", "redacted", "set_up"]

LogFormat: TypeAlias = Literal["text", "json"]

# What a line may have beside its message: bound around it or handed in as `extra`.
FIELDS = (
    "request_id",
    "tenant",
    "key_id",
    "analysis_id",
    "job_id",
    "model",
    "route",
    "method",
    "status",
    "duration_s",
)
_HIDDEN = "[hidden]"
_SECRETS = (
    # A whole header or field: its name, and everything to the end of the value.
    re.compile(
        r"(?i)(?P<kept>[\"']?\b(?:proxy-)?authorization[\"']?\s*[:=]\s*|"
        r"[\"']?\b(?:set-)?cookie[\"']?\s*[:=]\s*|"
        r"[\"']?\bx-api-key[\"']?\s*[:=]\s*|[\"']?\bwebhook-signature[\"']?\s*[:=]\s*)"
        r"(?:\"[^\"]*\"|'[^']*'|[^\r\n\"']+)"
    ),
    re.compile(r"(?i)\b(?P<kept>bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"),
    # Our own API keys, secrets and signatures of Standard Webhooks.
    re.compile(r"(?P<kept>\bps_)[A-Za-z0-9_-]{8,}"),
    re.compile(r"(?P<kept>\bwhs(?:ec|k|pk)_)[A-Za-z0-9+/=_-]+"),
    re.compile(r"(?P<kept>\bv1a?,)[A-Za-z0-9+/=]{16,}"),
    # Passwords in addresses, and what signs an address.
    re.compile(r"(?P<kept>\b[a-z][a-z0-9+.-]*://)[^/@\s\"']+(?=@)"),
    re.compile(
        r"(?i)(?P<kept>[?&;](?:x-amz-[a-z-]+|x-goog-[a-z-]+|awsaccesskeyid|signature|sig|se|sp|"
        r"token|access_token|api_?key|key|secret|password|__ac_password|__ac)=)[^&\s\"'#]+"
    ),
    re.compile(
        r"(?i)(?P<kept>\b\w*(?:password|passwd|secret|access_?key|api_?key|access_token)[\"']?"
        r"\s*[:=]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&}]+)"
    ),
)
_MAY_HOLD_ONE = re.compile(r"(?i)[=:,]|bearer|basic|ps_|whs")
# Controls, and what makes a line look like two or run the other way (Unicode UAX 9 and 14).
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_OF_OTHERS = ("bentoml", "uvicorn", "uvicorn.error", "uvicorn.access", "circus")

_NOTHING: Mapping[str, str] = MappingProxyType({})
_bound: ContextVar[Mapping[str, str]] = ContextVar("petroserve_log", default=_NOTHING)


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Write fields beside every line of the log for the length of a block.

    Parameters
    ----------
    **fields : str
        By their names in `FIELDS`; empty ones are left out.
    """
    before = _bound.set({**_bound.get(), **{name: text for name, text in fields.items() if text}})
    try:
        yield
    finally:
        _bound.reset(before)


def redacted(text: str) -> str:
    """Take out of a text what looks like a secret.

    Examples
    --------
    >>> redacted("GET https://bucket/x?X-Amz-Signature=0f1e2d&part=2")
    'GET https://bucket/x?X-Amz-Signature=[hidden]&part=2'
    """
    # Most fields of a line are names and numbers; all patterns want one of these.
    if _MAY_HOLD_ONE.search(text) is None:
        return text
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: f"{found['kept']}{_HIDDEN}", text)
    return text


def _on_one_line(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _Lines(logging.Formatter):
    """What both forms have in common."""

    def _context(self, record: logging.LogRecord) -> dict[str, Any]:
        """Find the fields of a line, in their order."""
        around = _bound.get()
        found: dict[str, Any] = {}
        place = tracing.here()
        if place is not None:
            found |= {"trace_id": place.trace_id, "span_id": place.span_id}
        for name in FIELDS:
            value = getattr(record, name, around.get(name))
            if value is not None:
                found[name] = redacted(value) if isinstance(value, str) else value
        return found

    def _trouble(self, record: logging.LogRecord) -> str:
        """Write the traceback, without secrets."""
        parts = [self.formatException(record.exc_info)] if record.exc_info else []
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return redacted("\n".join(parts))

    @staticmethod
    def _moment(record: logging.LogRecord) -> str:
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonLines(_Lines):
    """One JSON object a line, in ASCII (RFC 8259), for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line: dict[str, Any] = {
            "time": self._moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
            "process": record.process,
            **self._context(record),
        }
        if trouble := self._trouble(record):
            line["exception"] = trouble
        return json.dumps(line, default=str)


class TextLines(_Lines):
    """Text for people; a traceback is indented, so that no part of it looks like a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line, and a traceback below it."""
        message = _on_one_line(redacted(record.getMessage()))
        line = f"{self._moment(record)} [{record.levelname}] {record.name}: {message}"
        context = self._context(record)
        if context.get("request_id") == context.get("trace_id"):
            context.pop("request_id", None)
        shown = ("trace_id", "request_id", "tenant", "analysis_id")
        known = " ".join(f"{name}={context[name]}" for name in shown if name in context)
        if known:
            line += f" ({_on_one_line(known)})"
        trouble = self._trouble(record).splitlines()
        return "\n    ".join([line, *(_on_one_line(one) for one in trouble)])


def configuration(log_format: LogFormat) -> dict[str, Any]:
    """Describe the logging of a process, for `logging.config.dictConfig`.

    Parameters
    ----------
    log_format : {"text", "json"}
        For people or for machines.
    """
    formatter = JsonLines if log_format == "json" else TextLines
    quiet = {"level": "WARNING", "handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {
            "lines": {
                "class": "logging.StreamHandler",
                "formatter": "lines",
                "stream": "ext://sys.stdout",
            }
        },
        "loggers": {
            **dict.fromkeys(_OF_OTHERS, quiet),
            "bentoml": {**quiet, "level": "INFO"},
            "petroserve": {"level": "INFO", "handlers": [], "propagate": True},
        },
        "root": {"level": "WARNING", "handlers": ["lines"]},
    }


def set_up(log_format: LogFormat) -> None:
    """Write the log of this process, its libraries included, in one form to standard output."""
    logging.config.dictConfig(configuration(log_format))
