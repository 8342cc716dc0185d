"""A matcher of key points in an ONNX file, such as LoFTR, for fields where SIFT finds too little.

None is shipped: an operator who has one names its file. What such files have in common is asked of
them: two grey or colour images in, float32 (1, C, H, W) in [0, 1]; two lists of points out, (n, 2)
as (x, y) in pixels of the images, in pairs; and, if the file has it, the confidence of each pair.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import ConfigurationError
from petrography.images import Image
from petrography.stitching import Matches
from service.runtime.session import open_graph
from service.settings import Settings

__all__ = ["OnnxMatcher", "open_matcher"]

# Names of (points of the first image, points of the second, confidence) in the exports of kornia
# and of LoFTR's authors (Sun et al. 2021, doi:10.1109/CVPR46437.2021.00881).
OUTPUT_NAMES = (
    ("keypoints0", "keypoints1", "confidence"),
    ("mkpts0_f", "mkpts1_f", "mconf"),
    ("mkpts0", "mkpts1", "mconf"),
)
# Networks of this kind reduce by 8 first; a side that is no multiple would be refused inside.
SIDE_MULTIPLE_PX = 8
# LoFTR's own threshold on its confidence.
LEAST_CONFIDENCE = 0.2
# Where the file leaves the size open: its memory grows with the square of the pixels.
LARGEST_SIDE_PX = 640
COLOUR_CHANNELS = 3


class OnnxMatcher:
    """A `petrography.stitching.Matcher` that runs an ONNX graph.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The open graph.
    source : str
        What it is, for messages.

    Raises
    ------
    ConfigurationError
        If its inputs and outputs are not those of a matcher.
    """

    def __init__(self, session: Any, *, source: str) -> None:
        self._session, self._source = session, source
        self._inputs = session.get_inputs()
        self._outputs = _output_names({port.name for port in session.get_outputs()}, source)
        if len(self._inputs) != 2 or any(not _is_image(port) for port in self._inputs):
            found = ", ".join(f"{port.name}: {port.type} {port.shape}" for port in self._inputs)
            msg = (
                f"{source} is no matcher: wanted two float images (1, 1 or 3, H, W), it has {found}"
            )
            raise ConfigurationError(msg)

    def __call__(self, first: Image, second: Image) -> Matches:
        """Match two images.

        Parameters
        ----------
        first, second : ndarray of uint8, shape (height, width, 3)
            The images.

        Returns
        -------
        Matches
            Pairs of points in pixels of the images, of confidence 0.2 and above.

        Raises
        ------
        ConfigurationError
            If the graph cannot work on them.
        """
        images = (first, second)
        tensors = [_tensor(*pair) for pair in zip(images, self._inputs, strict=True)]
        feeds = dict(zip((port.name for port in self._inputs), tensors, strict=True))
        try:
            values = self._session.run(list(self._outputs), feeds)
        except Exception as error:
            # ONNX Runtime has a dozen exception classes without a common root but this one.
            msg = f"{self._source} failed on images of {tensors[0].shape}: {error}"
            raise ConfigurationError(msg) from error
        points = [_points(*given) for given in zip(values[:2], tensors, images, strict=True)]
        if len(values) > 2:
            sure = np.asarray(values[2]).reshape(-1) >= LEAST_CONFIDENCE
            points = [one[sure] for one in points]
        return Matches(points[0], points[1])


def open_matcher(path: Path, settings: Settings) -> OnnxMatcher:
    """Open the matcher of an ONNX file.

    Parameters
    ----------
    path : Path
        The file.
    settings : Settings
        `provider`, `threads` and the GPU limits are used.

    Raises
    ------
    ConfigurationError
        If the file is no matcher, or a GPU that was demanded cannot be used.
    OSError
        If there is no such file.
    """
    return OnnxMatcher(open_graph(path.read_bytes(), settings, source=str(path)), source=str(path))


def _output_names(available: set[str], source: str) -> tuple[str, ...]:
    for points_of_first, points_of_second, confidence in OUTPUT_NAMES:
        if {points_of_first, points_of_second} <= available:
            known = (points_of_first, points_of_second)
            return (*known, confidence) if confidence in available else known
    wanted = " or ".join(", ".join(names) for names in OUTPUT_NAMES)
    msg = f"{source} is no matcher: wanted outputs {wanted}; it has {', '.join(sorted(available))}"
    raise ConfigurationError(msg)


def _is_image(port: Any) -> bool:
    return (
        port.type == "tensor(float)"
        and len(port.shape) == 4
        and (not isinstance(port.shape[0], int) or port.shape[0] == 1)
        and (not isinstance(port.shape[1], int) or port.shape[1] in {1, 3})
    )


def _tensor(image: Image, port: Any) -> NDArray[np.float32]:
    """Bring an image to the size and the channels that an input wants."""
    height_px, width_px = _size(image, port.shape[2:])
    shown: NDArray[Any] = image
    if (height_px, width_px) != image.shape[:2]:
        shown = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA)
    if port.shape[1] != COLOUR_CHANNELS:
        shown = cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)[:, :, None]
    planes = np.ascontiguousarray(shown.transpose(2, 0, 1)[None])
    return planes.astype(np.float32) / np.float32(255.0)


def _size(image: Image, wanted: list[Any]) -> tuple[int, int]:
    """Size in pixels at which an image is shown: that of the file, or near its own."""
    factor = min(1.0, LARGEST_SIDE_PX / max(image.shape[:2]))
    height_px, width_px = (
        side if isinstance(side, int) else _rounded(own * factor)
        for side, own in zip(wanted, image.shape, strict=False)
    )
    return height_px, width_px


def _rounded(side_px: float) -> int:
    return max(1, round(side_px / SIDE_MULTIPLE_PX)) * SIDE_MULTIPLE_PX


def _points(values: NDArray[Any], tensor: NDArray[np.float32], image: Image) -> NDArray[np.float64]:
    """Bring points from the shown image to the given one; the first pixel's centre is (0, 0)."""
    shown = np.array([tensor.shape[3], tensor.shape[2]], dtype=np.float64)
    given = np.array([image.shape[1], image.shape[0]], dtype=np.float64)
    points = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    return np.asarray((points + 0.5) * (given / shown) - 0.5, dtype=np.float64)
