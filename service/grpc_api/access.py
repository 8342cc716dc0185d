"""Who calls: API keys and addresses over gRPC, asked for before a message is read."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import unquote

from service.access import Guard, Principal, Scope, presented_key
from service.audit import Who
from service.uploads import idempotency_key

__all__ = ["CALLER", "Caller", "Metadata", "admitted", "stated_key"]

# Like GET over HTTP; whatever else there is, now or later, makes something.
_READING = frozenset(
    {
        "/petroserve.v1.AnalysisService/GetAnalysis",
        "/petroserve.v1.AnalysisService/GetArtefact",
        "/petroserve.v1.AnalysisService/ListModels",
        "/inference.GRPCInferenceService/ServerMetadata",
        "/inference.GRPCInferenceService/ModelReady",
        "/inference.GRPCInferenceService/ModelMetadata",
        "/inference.GRPCInferenceService/ModelConfig",
        "/inference.GRPCInferenceService/ModelStatistics",
        "/inference.GRPCInferenceService/RepositoryIndex",
    }
)
# For probes; they tell of nobody's results.
_OPEN = frozenset(
    {
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ServerReady",
    }
)

Metadata = Iterable[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes
    ----------
    principal : Principal or None
        Whose key was presented; None where none is asked for.
    metadata : sequence of (str, str or bytes)
        What came with the call.
    peer : str
        The address as gRPC tells it, such as ``ipv4:192.0.2.1:40000``.
    """

    principal: Principal | None
    metadata: tuple[tuple[str, str | bytes], ...]
    peer: str = ""

    @property
    def owner(self) -> str:
        """Whose results this call makes and finds: the tenant of the key, empty without keys."""
        return "" if self.principal is None else self.principal.tenant

    @property
    def who(self) -> Who:
        """As whom it is put on record."""
        return Who() if self.principal is None else Who(self.owner, self.principal.key_id)

    @property
    def log_fields(self) -> dict[str, str]:
        """What every line of the log tells of it."""
        principal = self.principal
        return {} if principal is None else {"tenant": self.owner, "key_id": principal.key_id}

    @property
    def tenant(self) -> str:
        """With whose calls this one shares: the tenant of the key, or the same address."""
        return _host(self.peer) if self.principal is None else self.principal.tenant

    def stated(self, name: str) -> list[str]:
        """List every value of a name; bytes are none."""
        return _stated(self.metadata, name)


CALLER: ContextVar[Caller] = ContextVar("CALLER")


async def admitted(guard: Guard | None, method: str, metadata: Metadata | None) -> Caller:
    """Find out who calls, and whether this is allowed.

    Parameters
    ----------
    guard : Guard or None
        Knows the keys; None where none are asked for.
    method : str
        Full name of the method, with its leading slash.
    metadata : iterable of (str, str or bytes)
        Of the call.

    Raises
    ------
    UnauthenticatedError, ForbiddenError, RateLimitError
        If the key is not good, not for this, or used up.
    MalformedRequestError
        If there are several.
    NotReadyError
        If it is a token and the identity provider does not answer.
    """
    given = tuple(metadata or ())
    if guard is None or method in _OPEN:
        return Caller(None, given)
    key = presented_key(_stated(given, "authorization"), _stated(given, "x-api-key"))
    principal = await guard.admit(key)
    principal.require(_needed(method))
    return Caller(principal, given)


def stated_key(caller: Caller) -> str | None:
    """Find the idempotency key of a call; None where there is none.

    Raises
    ------
    MalformedRequestError
        If there are several, or it is none.
    """
    return idempotency_key(caller.stated("idempotency-key"))


def _needed(method: str) -> Scope:
    return "read" if method in _READING else "analyse"


def _stated(metadata: Metadata, name: str) -> list[str]:
    return [value for given, value in metadata if given == name and isinstance(value, str)]


def _host(peer: str) -> str:
    """Address without its family and port: ``ipv6:%5B::1%5D:40000`` is ``::1``."""
    family, _, address = unquote(peer).partition(":")
    return address.rpartition(":")[0].strip("[]") if family in {"ipv4", "ipv6"} else peer
