"""Who a gate lets in, for tests without an event loop."""

from __future__ import annotations

import asyncio

from service.access import Guard, Principal, Tokens

__all__ = ["admit"]


def admit(gate: Guard | Tokens, presented: str) -> Principal:
    return asyncio.run(gate.admit(presented))
