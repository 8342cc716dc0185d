"""What a bucket has of one result: the last of its objects to come, and the first to go."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["MANIFEST", "KeptFile", "Manifest"]

MANIFEST = "manifest.json"


class KeptFile(BaseModel):
    """One file of a result."""

    model_config = ConfigDict(extra="forbid")

    key: str
    size_bytes: int
    sha256: str


class Manifest(BaseModel):
    """All files of a result, by name."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, KeptFile]

    def smallest(self) -> KeptFile | None:
        """Find the file that is fetched the fastest."""
        return min(self.files.values(), key=lambda file: file.size_bytes, default=None)
