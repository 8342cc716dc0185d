"""From a request to what is to be done: everything is checked before anything large is made.

Inputs: ``image``, UINT8 of (height, width, channels) or (images, height, width, channels), or BYTES
of one encoded file; and, if wanted, ``possible``, UINT8 of mineral codes for all images or, with a
row each, for every image. Outputs: ``labels``, ``confidence`` and ``probabilities``. Parameters:
``association``, ``tiling``, ``um_per_px`` and ``resampling_factor``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import (
    BodyTooLargeError,
    ImageChannelsError,
    InvalidParameterError,
    MissingPartError,
)
from petrography.image_codec import ImageLimits
from petrography.image_codec.limits import require_pixels
from petrography.minerals import parse_association
from petrography.model_card import ModelCard
from petrography.model_input import choose_resampling
from service.engine import size_of
from service.inference.messages import InferenceRequest, InputTensor, Parameter, RequestedOutput
from service.inference.tensor_reading import (
    CONTENT_TYPE,
    read_one_file,
    read_uint8,
    require_shape,
)

__all__ = [
    "CONFIDENCE",
    "IMAGE",
    "LABELS",
    "MAX_IMAGES",
    "POSSIBLE",
    "PROBABILITIES",
    "AnswerLimits",
    "Asked",
    "SentFile",
    "read_request",
]

IMAGE, POSSIBLE = "image", "possible"
LABELS, CONFIDENCE, PROBABILITIES = "labels", "confidence", "probabilities"
_OUTPUTS = (LABELS, CONFIDENCE, PROBABILITIES)
_BY_DEFAULT = (LABELS, CONFIDENCE)
# Images of one request; more are better sent in several, so that others come in between.
MAX_IMAGES = 64
ASSOCIATION, TILING = "association", "tiling"
UM_PER_PX, FACTOR = "um_per_px", "resampling_factor"
_PARAMETERS = (ASSOCIATION, TILING, UM_PER_PX, FACTOR)
# Characters of an element in JSON, its comma included: "255," and "1.1754943508222875e-38,".
_TEXT_BYTES = {np.uint8: 4, np.float32: 24}


@dataclass(frozen=True)
class AnswerLimits:
    """Most bytes of an answer, checked before anything is computed.

    Attributes
    ----------
    max_bytes : int
        Of all tensors.
    max_text_bytes : int
        Of those that are written as text.
    """

    max_bytes: int
    max_text_bytes: int


@dataclass(frozen=True)
class SentFile:
    """An encoded image that came in a tensor."""

    content: memoryview

    def read(self) -> bytes:
        """Read it."""
        return bytes(self.content)

    def read_start(self, size_bytes: int) -> bytes:
        """Read its first bytes, or all if there are fewer."""
        return bytes(self.content[:size_bytes])


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be done.

    Attributes
    ----------
    images : ndarray of uint8, shape (images, height, width, channels), or SentFile
        What is to be seen.
    size : tuple of int
        Images, and height and width of each in pixels.
    allowed : tuple of tuple of int
        For every image the mineral codes that may occur, in the order of the model's classes.
    outputs : tuple of RequestedOutput
        What is wanted.
    tiled : bool
        Whether images go through the tiles of an analysis; otherwise the network sees each as it
        is.
    factor : float
        Model pixels per image pixel.
    """

    images: NDArray[np.uint8] | SentFile
    size: tuple[int, int, int]
    allowed: tuple[tuple[int, ...], ...]
    outputs: tuple[RequestedOutput, ...]
    tiled: bool
    factor: float

    def wants(self, *names: str) -> bool:
        """Whether one of these outputs is wanted."""
        return any(output.name in names for output in self.outputs)


def read_request(
    request: InferenceRequest,
    card: ModelCard,
    images: ImageLimits,
    answer: AnswerLimits,
    *,
    one_size: bool = False,
) -> Asked:
    """Read a request and check it against a model.

    Parameters
    ----------
    request : InferenceRequest
        As it was sent.
    card : ModelCard
        Of the model.
    images : ImageLimits
        Most bytes of an encoded file and most pixels of an image.
    answer : AnswerLimits
        Most bytes of the answer.
    one_size : bool
        Whether the model runs on tiles of its own size only, as TensorRT builds it.

    Returns
    -------
    Asked
        What is to be done.

    Raises
    ------
    InputError
        If something is missing, unknown, twice there or not possible, or too large; the message
        says what was given, what is wanted and what would work.
    """
    _require_known(request.parameters, _PARAMETERS, "parameter")
    inputs = _inputs(request.inputs)
    outputs = _outputs(request)
    pixels = _images(inputs[IMAGE], card)
    size = _size(pixels, images)
    _require_small_answer(outputs, size, len(card.classes), answer)
    tiled, factor = _manner(request.parameters, card)
    if not tiled:
        _require_one_tile(size, card, one_size=one_size)
    allowed = _allowed(inputs.get(POSSIBLE), request.parameters, card, size[0])
    return Asked(pixels, size, allowed, outputs, tiled, factor)


def _inputs(tensors: tuple[InputTensor, ...]) -> dict[str, InputTensor]:
    names = [tensor.name for tensor in tensors]
    _require_known(names, (IMAGE, POSSIBLE), "input")
    if IMAGE not in names:
        msg = f"there is no input {IMAGE!r}; wanted it, of UINT8 or BYTES"
        raise MissingPartError(msg)
    for tensor in tensors:
        what = f"parameter of input {tensor.name!r}"
        _require_known(tensor.parameters, (CONTENT_TYPE,), what)
    return {tensor.name: tensor for tensor in tensors}


def _outputs(request: InferenceRequest) -> tuple[RequestedOutput, ...]:
    _require_known([output.name for output in request.outputs], _OUTPUTS, "output")
    return request.outputs or tuple(
        RequestedOutput(name, as_text=request.text_outputs) for name in _BY_DEFAULT
    )


def _require_known(given: Iterable[str], known: tuple[str, ...], what: str) -> None:
    """Check that all names are known and none is there twice."""
    for name, count in Counter(list(given)).items():
        if name not in known:
            msg = f"there is no {what} {name[:100]!r}; there are {', '.join(known)}"
            raise InvalidParameterError(msg)
        if count > 1:
            msg = f"the {what} {name!r} is there {count} times; wanted once"
            raise InvalidParameterError(msg)


def _images(tensor: InputTensor, card: ModelCard) -> NDArray[np.uint8] | SentFile:
    if tensor.datatype == "BYTES":
        return SentFile(read_one_file(tensor))
    channels = len(card.channels)
    if tensor.datatype != "UINT8" or len(tensor.shape) not in {3, 4}:
        msg = (
            f"input {IMAGE!r} is {tensor.datatype[:20]} {list(tensor.shape[:8])}; wanted UINT8 of "
            f"[height, width, {channels}] or [images, height, width, {channels}], or BYTES [1] of "
            "one encoded file"
        )
        raise InvalidParameterError(msg)
    require_shape(tensor)
    if tensor.shape[-1] != channels:
        msg = (
            f"input {IMAGE!r} has {tensor.shape[-1]} channels, the last side of "
            f"{list(tensor.shape)}; {card.name} sees {channels}"
        )
        raise ImageChannelsError(msg)
    pixels = read_uint8(tensor)
    return pixels if pixels.ndim == 4 else pixels[np.newaxis]


def _size(pixels: NDArray[np.uint8] | SentFile, limits: ImageLimits) -> tuple[int, int, int]:
    if isinstance(pixels, SentFile):
        count, (height_px, width_px) = 1, size_of(pixels)
    else:
        count, height_px, width_px, _ = pixels.shape
    if count > MAX_IMAGES:
        msg = f"the request has {count} images; wanted at most {MAX_IMAGES}, send several requests"
        raise InvalidParameterError(msg)
    require_pixels(height_px, width_px, limits)
    return count, height_px, width_px


def _require_small_answer(
    outputs: tuple[RequestedOutput, ...],
    size: tuple[int, int, int],
    classes: int,
    limits: AnswerLimits,
) -> None:
    """Check how large the answer will be."""
    area_px = math.prod(size)
    raw = {LABELS: area_px, CONFIDENCE: area_px, PROBABILITIES: 4 * classes * area_px}
    text = {
        LABELS: _TEXT_BYTES[np.uint8] * area_px,
        CONFIDENCE: _TEXT_BYTES[np.uint8] * area_px,
        PROBABILITIES: _TEXT_BYTES[np.float32] * classes * area_px,
    }
    for what, total, most, instead in (
        ("", sum(raw[one.name] for one in outputs), limits.max_bytes, "fewer outputs, or a crop"),
        (
            " as text",
            sum(text[one.name] for one in outputs if one.as_text),
            limits.max_text_bytes,
            "them as binary data",
        ),
    ):
        if total > most:
            names = ", ".join(one.name for one in outputs)
            msg = (
                f"{names} of {size[0]} images of {size[1]} x {size[2]} px take {total} bytes{what}; "
                f"the limit is {most}; ask for {instead}"
            )
            raise BodyTooLargeError(msg)


def _manner(parameters: Mapping[str, Parameter], card: ModelCard) -> tuple[bool, float]:
    """Tell whether images are tiled, and by what factor they are resampled before."""
    tiled = parameters.get(TILING, True)
    if not isinstance(tiled, bool):
        msg = f"parameter {TILING!r} is {str(tiled)[:50]!r}; wanted true or false"
        raise InvalidParameterError(msg)
    um_per_px, factor = (_number(parameters, name) for name in (UM_PER_PX, FACTOR))
    if um_per_px is None and factor is None:
        return tiled, 1.0
    if not tiled:
        msg = (
            f"parameter {TILING!r} is false, so the network sees the image as it is, and "
            f"{UM_PER_PX} or {FACTOR} is given; leave one of them out"
        )
        raise InvalidParameterError(msg)
    return tiled, choose_resampling(card, um_per_px=um_per_px, factor=factor).factor


def _number(parameters: Mapping[str, Parameter], name: str) -> float | None:
    value = parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool | str) or not math.isfinite(value):
        msg = f"parameter {name!r} is {str(value)[:50]!r}; wanted a number"
        raise InvalidParameterError(msg)
    return float(value)


def _require_one_tile(size: tuple[int, int, int], card: ModelCard, *, one_size: bool) -> None:
    """Check that the network can see images of this size at once."""
    tile = card.tile
    least_px = tile.size_px if one_size else tile.multiple_px
    if all(least_px <= side <= tile.size_px and side % tile.multiple_px == 0 for side in size[1:]):
        return
    wanted = f"multiples of {tile.multiple_px} from {least_px} to {tile.size_px}"
    msg = (
        f"parameter {TILING!r} is false and the image has {size[1]} x {size[2]} px; wanted sides "
        f"that are {tile.size_px if one_size else wanted}, or leave {TILING!r} out"
    )
    raise InvalidParameterError(msg)


def _allowed(
    possible: InputTensor | None,
    parameters: Mapping[str, Parameter],
    card: ModelCard,
    count: int,
) -> tuple[tuple[int, ...], ...]:
    """Find for every image what may occur."""
    association = parameters.get(ASSOCIATION)
    if possible is None:
        allowed = card.classes
        if association is not None:
            allowed = parse_association(str(association), classes=card.classes)
        return (allowed,) * count
    if association is not None:
        msg = f"input {POSSIBLE!r} and parameter {ASSOCIATION!r} are both given; wanted one of them"
        raise InvalidParameterError(msg)
    rows = _possible_rows(possible, count)
    return tuple(_named(row, card) for row in rows) * (count // len(rows))


def _possible_rows(possible: InputTensor, count: int) -> list[list[int]]:
    shape = possible.shape
    fits = len(shape) == 1 or (len(shape) == 2 and shape[0] in {1, count})
    if possible.datatype != "UINT8" or not fits or shape[-1] > 256:
        msg = (
            f"input {POSSIBLE!r} is {possible.datatype[:20]} {list(shape[:8])}; wanted UINT8 of at "
            f"most 256 mineral codes, [codes] for all images or [{count}, codes], a row for each"
        )
        raise InvalidParameterError(msg)
    codes = read_uint8(possible)
    rows: list[list[int]] = codes.reshape(-1, shape[-1]).tolist()
    return rows


def _named(codes: list[int], card: ModelCard) -> tuple[int, ...]:
    # Rows of one tensor are equally long, so one that names less repeats itself.
    written = ",".join(str(code) for code in dict.fromkeys(codes))
    return parse_association(written, classes=card.classes)
