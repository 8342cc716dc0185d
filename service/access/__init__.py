"""Who may do what: API keys with tenants and scopes, and how often.

`presented_key` finds the key of a request, `principal` names who asks, `key_file` keeps the digests
of the keys, `oidc` judges tokens of an identity provider, `rate_limit` counts, `guard` puts them
together for every protocol.
"""

from service.access.guard import Guard
from service.access.key_file import (
    ApiKey,
    create_key,
    empty_key_file,
    read_key_file,
    revoke_key,
    write_key_file,
)
from service.access.oidc import Provider, Tokens
from service.access.presented_key import presented_key
from service.access.principal import SCOPES, Principal, Scope

__all__ = [
    "SCOPES",
    "ApiKey",
    "Guard",
    "Principal",
    "Provider",
    "Scope",
    "Tokens",
    "create_key",
    "empty_key_file",
    "presented_key",
    "read_key_file",
    "revoke_key",
    "write_key_file",
]
