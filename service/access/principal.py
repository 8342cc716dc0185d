"""Who asks, for whom, and what is allowed to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from petrography.errors import ForbiddenError

__all__ = ["SCOPES", "Principal", "Scope"]

Scope = Literal["read", "analyse"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes
    ----------
    key_id : str
        Public part of the key; never the secret.
    tenant : str
        For whom the key was made.
    scopes : frozenset of str
        ``read``: results and models; ``analyse``: whatever makes or removes a result.
    """

    key_id: str
    tenant: str
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Check that something is allowed.

        Raises
        ------
        ForbiddenError
            If the key has no such scope.
        """
        if scope not in self.scopes:
            held = ", ".join(sorted(self.scopes))
            msg = f"the key {self.key_id} may {held}; this needs the scope {scope}"
            raise ForbiddenError(msg)
