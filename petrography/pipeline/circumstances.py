"""What only whoever runs an analysis knows of it: when, for whom, on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

__all__ = ["Circumstances"]


@dataclass(frozen=True)
class Circumstances:
    """Facts for the provenance that do not follow from the image and the request.

    Attributes
    ----------
    asked_by : mapping of str to JSON
        Tenant and public part of the key that the analysis was asked with; never a secret.
    runtime : mapping of str to JSON
        Where networks ran, and which build of the software.
    ran_on : callable or None
        Asked, when the map is made, for what of `runtime` turned out otherwise.
    card_sha256 : str or None
        Of the file of the model card.
    finished_utc : callable or None
        Asked for the time when everything is measured, ISO 8601.
    joined_fields : int or None
        Photographs of which the image is made; 1 for a photograph, None where nobody knows.
    """

    asked_by: Mapping[str, JsonValue] = field(default_factory=dict)
    runtime: Mapping[str, JsonValue] = field(default_factory=dict)
    card_sha256: str | None = None
    finished_utc: Callable[[], str | None] | None = None
    ran_on: Callable[[], Mapping[str, JsonValue]] | None = None
    joined_fields: int | None = None

    def ran(self) -> dict[str, JsonValue]:
        """Tell where networks really ran."""
        return dict(self.runtime) | ({} if self.ran_on is None else dict(self.ran_on()))

    def fields(self) -> dict[str, JsonValue]:
        """Of how many photographs the image is made; empty where nobody knows."""
        return {} if self.joined_fields is None else {"fields": self.joined_fields}

    def ends_utc(self) -> str | None:
        """Ask for the time."""
        return None if self.finished_utc is None else self.finished_utc()
