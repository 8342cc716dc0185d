"""What messages are signed with: the keys of their tenant, else those of everybody.

A tenant whose receiver holds the secret of everybody could sign messages to the others; one with
a key of its own cannot, and nobody else can sign to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from petrography.errors import ConfigurationError
from service.webhooks.signing import parse_secret

__all__ = ["SigningKeys", "parse_secrets"]


@dataclass(frozen=True)
class SigningKeys:
    """Keys by tenant.

    Attributes
    ----------
    default : tuple of bytes
        For every tenant without keys of its own, the newest first; empty: such tenants get none.
    own : mapping of str to tuple of bytes
        By tenant; a message of one is signed with these only.
    """

    default: tuple[bytes, ...] = ()
    own: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.default or self.own)

    def of(self, tenant: str) -> tuple[bytes, ...]:
        """Keys that the messages of a tenant are signed with; none where it has none."""
        return self.own.get(tenant, self.default)


def parse_secrets(lines: Iterable[str]) -> SigningKeys:
    """Read lines ``whsec_...`` (of everybody) and ``TENANT whsec_...``.

    Parameters
    ----------
    lines : iterable of str
        The newest secret of each first; empty ones and those that begin with ``#`` are passed
        over.

    Raises
    ------
    ConfigurationError
        If a line is neither; the message names its number, never what stands there.
    """
    keys: dict[str | None, tuple[bytes, ...]] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            msg = f"line {number} has {len(words)} words; wanted whsec_..., or a tenant before it"
            raise ConfigurationError(msg)
        tenant = words[0] if len(words) == 2 else None
        try:
            keys[tenant] = (*keys.get(tenant, ()), parse_secret(words[-1]))
        except ConfigurationError as error:
            msg = f"line {number}: {error}"
            raise ConfigurationError(msg) from None
    own = {tenant: held for tenant, held in keys.items() if tenant is not None}
    return SigningKeys(keys.get(None, ()), own)
