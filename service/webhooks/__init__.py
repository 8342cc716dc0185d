"""Messages to whoever waits for a result, signed as Standard Webhooks says."""

from service.webhooks.signing import (
    TOLERANCE_S,
    new_secret,
    parse_secret,
    signed_headers,
    verify,
)

__all__ = ["TOLERANCE_S", "new_secret", "parse_secret", "signed_headers", "verify"]
