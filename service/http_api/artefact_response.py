"""A kept file as an answer: conditions, one range, and gzip where it is worth while.

References
----------
RFC 9110 sections 8.4 (content coding), 8.8.3 (entity tags), 12.5.3 (Accept-Encoding), 13 (conditions)
and 14 (ranges).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service.engine import OpenArtefact
from service.entity_tags import is_known, is_wanted

__all__ = ["IMMUTABLE", "REVALIDATED", "artefact_response"]

# A file under its id never changes; the newest version of an analysis may.
IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATED = "private, no-cache"
_CHUNK_BYTES = 1024 * 1024
# Text; pictures, workbooks and Parquet are compressed in themselves.
_COMPRESSIBLE = re.compile(r"text/.*|application/(.*\+)?json|image/svg\+xml")
# One packet of a network: smaller files gain nothing.
_WORTH_BYTES = 1024
_GZIP_LEVEL = 6
_RANGE = re.compile(
    r"bytes[ \t]*=[ \t]*([0-9]{0,18})[ \t]*-[ \t]*([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE
)
_WEIGHT = re.compile(r"[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.IGNORECASE)


def artefact_response(
    request: Request, artefact: OpenArtefact, cache_control: str = IMMUTABLE
) -> Response:
    """Answer a file, a range of it, or that the client has it already.

    Parameters
    ----------
    request : Request
        Says what the client has, wants and understands.
    artefact : OpenArtefact
        The file; closed when the answer is sent.
    cache_control : str
        How long it may be taken for the same.

    Returns
    -------
    Response
        200, 206 or 304; reads the file piece by piece.

    Raises
    ------
    starlette.exceptions.HTTPException
        412 if the client wants another state of the file, 416 if the range begins behind the end.
    """
    headers = {
        "Cache-Control": cache_control,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }
    compressible = _is_compressible(artefact)
    if compressible:
        headers["Vary"] = "Accept-Encoding"
    coded_etag = f'{artefact.etag[:-1]}-gzip"'
    _require_wanted_state(request, artefact, {artefact.etag, coded_etag})
    if is_known(request.headers.getlist("if-none-match"), {artefact.etag, coded_etag}):
        artefact.file.close()
        coded = compressible and _takes_gzip(request)
        return Response(
            status_code=304, headers=headers | {"ETag": coded_etag if coded else artefact.etag}
        )
    headers["Content-Type"] = artefact.media_type
    wanted = _wanted_range(request, artefact)
    if wanted is not None:
        return _partial(artefact, wanted, headers)
    if compressible and _takes_gzip(request):
        headers |= {"ETag": coded_etag, "Content-Encoding": "gzip"}
        return StreamingResponse(_coded(artefact.file), headers=headers)
    headers |= {"ETag": artefact.etag, "Content-Length": str(artefact.size_bytes)}
    return StreamingResponse(_pieces(artefact.file, artefact.size_bytes), headers=headers)


def _is_compressible(artefact: OpenArtefact) -> bool:
    media_type = artefact.media_type.partition(";")[0]
    return artefact.size_bytes >= _WORTH_BYTES and bool(_COMPRESSIBLE.fullmatch(media_type))


def _takes_gzip(request: Request) -> bool:
    """Whether a client states that it takes gzip; without a header it gets the file as it is."""
    weights: dict[str, float] = {}
    for one in ",".join(request.headers.getlist("accept-encoding")).lower().split(","):
        coding, _, parameters = one.partition(";")
        weight = _WEIGHT.fullmatch(f";{parameters}") if parameters else None
        weights[coding.strip()] = float(weight[1]) if weight else float(not parameters)
    stated = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return stated > 0.0


def _require_wanted_state(request: Request, artefact: OpenArtefact, etags: set[str]) -> None:
    """Refuse what is only wanted in another state."""
    if not is_wanted(request.headers.getlist("if-match"), etags):
        artefact.file.close()
        detail = f"the file is not the one of If-Match; its entity tag is {artefact.etag}"
        raise HTTPException(412, detail, headers={"ETag": artefact.etag})


def _wanted_range(request: Request, artefact: OpenArtefact) -> tuple[int, int] | None:
    """Find the first and last byte of the one range that is asked for; None for the whole file.

    What is no range of bytes, and several ranges, are answered with the whole file, as RFC 9110
    section 14.2 allows.
    """
    stated = _RANGE.fullmatch(request.headers.get("range", ""))
    if_range = request.headers.get("if-range")
    if stated is None or if_range not in {None, artefact.etag}:
        return None
    first, last = (int(text) if text else None for text in stated.groups())
    if (first is None and last is None) or (
        first is not None and last is not None and last < first
    ):
        return None
    size_bytes = artefact.size_bytes
    if first is None:
        first, last = max(size_bytes - (last or 0), 0), (None if last else -1)
    end = size_bytes - 1 if last is None else min(last, size_bytes - 1)
    if first > end:
        artefact.file.close()
        detail = f"the file has {size_bytes} bytes; wanted a range that begins before its end"
        raise HTTPException(416, detail, headers={"Content-Range": f"bytes */{size_bytes}"})
    return first, end


def _partial(artefact: OpenArtefact, wanted: tuple[int, int], headers: dict[str, str]) -> Response:
    first, last = wanted
    artefact.file.seek(first)
    headers |= {
        "ETag": artefact.etag,
        "Content-Length": str(last - first + 1),
        "Content-Range": f"bytes {first}-{last}/{artefact.size_bytes}",
    }
    return StreamingResponse(_pieces(artefact.file, last - first + 1), 206, headers)


def _pieces(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    with file:
        while size_bytes and (piece := file.read(min(_CHUNK_BYTES, size_bytes))):
            size_bytes -= len(piece)
            yield piece


def _coded(file: BinaryIO) -> Iterator[bytes]:
    """Compress piece by piece; without a time in it, so that the bytes are always the same."""
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield compressor.compress(piece)
        yield compressor.flush()
