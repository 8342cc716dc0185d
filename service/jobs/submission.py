"""What is handed in for a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from petrography.pipeline import AnalysisRequest
from service.engine import PanoramaRequest, Readable
from service.runtime import Priority

__all__ = ["JobRequest", "PanoramaJobRequest", "Submission"]


class JobRequest(AnalysisRequest):
    """What is asked of an analysis, and who is to be told when it has ended."""

    callback: str | None = Field(default=None, max_length=2048)
    """https address that gets a signed webhook; only where the answer is not waited for."""

    def analysis(self) -> AnalysisRequest:
        """What is asked of the analysis itself."""
        return AnalysisRequest.model_validate(self.model_dump(exclude={"callback"}))


class PanoramaJobRequest(PanoramaRequest):
    """What is asked of a panorama that is analysed, and who is to be told when that has ended."""

    callback: str | None = Field(default=None, max_length=2048)
    """https address that gets a signed webhook; only where the answer is not waited for."""

    def panorama(self) -> PanoramaRequest:
        """What is asked of the panorama itself."""
        return PanoramaRequest.model_validate(self.model_dump(exclude={"callback"}))


@dataclass(frozen=True)
class Submission:
    """An analysis that goes on without its client.

    Attributes
    ----------
    request : AnalysisRequest
        What is wanted.
    files : mapping of str to Readable
        The image, then what the request names, views and region, by their parts; of a panorama the
        fields, then a flat field if there is one, as ``part/filename``.
    href_root : str
        Where the protocol shows analyses.
    body_sha256 : str
        Of all of it (`service.engine.digest_of_upload`), compared where there is a key.
    owner : str
        The tenant that finds the result; empty without API keys.
    callback : str, optional
        Who is to be told of its end.
    panorama : PanoramaRequest, optional
        What image is to be made of the files; without it they are the image.
    tenant : str
        With whose requests it shares turns: without API keys an address.
    priority : {"interactive", "bulk"}, optional
        Overrules what follows from the size of the image.
    idempotency_key : str, optional
        Under which it may be handed in again.
    """

    request: AnalysisRequest
    files: Mapping[str, Readable]
    href_root: str
    body_sha256: str
    callback: str | None = None
    panorama: PanoramaRequest | None = None
    owner: str = ""
    tenant: str = ""
    priority: Priority | None = None
    idempotency_key: str | None = None

    def photographs(self) -> list[Readable]:
        """List what decides which version of the model it gets: the image, or the fields."""
        if self.panorama is None:
            return [next(iter(self.files.values()))]
        return [file for part, file in self.files.items() if part.startswith("field/")]
