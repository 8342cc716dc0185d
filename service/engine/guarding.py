"""The guard that the settings ask for."""

from __future__ import annotations

from service.access import Guard, Provider, Tokens
from service.settings import Settings

__all__ = ["guard_of"]


def guard_of(settings: Settings) -> Guard | None:
    """Make the guard; None where nobody is asked who they are.

    Parameters
    ----------
    settings : Settings
        `api_keys` and those that begin with ``oidc`` are used.

    Raises
    ------
    ConfigurationError
        If the key file cannot be read, or the issuer cannot be trusted.
    """
    if not settings.asks_who:
        return None
    tokens = None
    if settings.oidc_issuer is not None and settings.oidc_audience is not None:
        provider = Provider(
            settings.oidc_issuer,
            settings.oidc_audience,
            tenant_claim=settings.oidc_tenant_claim,
            scope_claim=settings.oidc_scope_claim,
            scope_prefix=settings.oidc_scope_prefix,
        )
        tokens = Tokens(provider)
    return Guard(settings.api_keys, tokens=tokens)
