"""Pixel sizes that files state: read where they can be meant, told where they cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from petrography.image_codec import decode_image
from petrography.image_codec.pixel_size import _OME_PIXELS
from tests.image_files import grey_image, pillow_file, rgb_image, tiff_file

RGB, GREY = rgb_image(), grey_image()


def ome(**metadata: Any) -> bytes:
    return tiff_file(GREY, ome=True, metadata=metadata)


@pytest.mark.parametrize(
    ("data", "um_per_px", "source"),
    [
        (ome(PhysicalSizeX=0.65, PhysicalSizeY=0.65), 0.65, "OME metadata"),
        (ome(PhysicalSizeX=650, PhysicalSizeXUnit="nm"), 0.65, "OME metadata"),
        (ome(PhysicalSizeX=0.5, PhysicalSizeXUnit="µm", PhysicalSizeY=0.0005,
             PhysicalSizeYUnit="mm"), 0.5, "OME metadata"),
        (tiff_file(GREY, imagej=True, resolution=(4, 4), metadata={"unit": "um"}),
         0.25, "ImageJ calibration"),
        (tiff_file(GREY, imagej=True, resolution=(4, 4), metadata={"unit": "\\u00B5m"}),
         0.25, "ImageJ calibration"),
        (tiff_file(GREY, imagej=True, resolution=(2000, 2000), metadata={"unit": "mm"}),
         0.5, "ImageJ calibration"),
        (tiff_file(GREY, resolution=(20000, 20000), resolutionunit="CENTIMETER"),
         0.5, "TIFF resolution"),
        (tiff_file(GREY, resolution=(50800, 50800), resolutionunit="INCH"),
         0.5, "TIFF resolution"),
        (tiff_file(GREY, resolution=(4800, 4800), resolutionunit="INCH"),
         25400 / 4800, "TIFF resolution"),
    ],
)  # fmt: skip
def test_a_stated_pixel_size_is_read(data: bytes, um_per_px: float, source: str) -> None:
    decoded = decode_image(data)
    assert decoded.um_per_px == pytest.approx(um_per_px, rel=1e-6)
    assert decoded.scale_source == source
    assert "pixel size" not in " ".join(decoded.warnings)


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300, 600, 1200, 2400])
def test_screen_and_print_resolutions_are_no_scale(dpi: int) -> None:
    data = tiff_file(GREY, resolution=(dpi, dpi), resolutionunit="INCH")
    decoded = decode_image(data)
    assert decoded.um_per_px is None
    assert decoded.scale_source is None
    assert "was not used" in " ".join(decoded.warnings)
    for image_format in ("PNG", "JPEG"):
        assert decode_image(pillow_file(RGB, format=image_format, dpi=(dpi, dpi))).um_per_px is None


@pytest.mark.parametrize(
    "data",
    [
        ome(PhysicalSizeX=0.5, PhysicalSizeY=0.6),
        ome(PhysicalSizeX=-0.5),
        ome(PhysicalSizeX="NaN"),
        ome(PhysicalSizeX="half"),
        ome(PhysicalSizeX=1, PhysicalSizeXUnit="pixel"),
        tiff_file(GREY, imagej=True, resolution=(4, 4), metadata={"unit": "parsec"}),
        tiff_file(GREY, resolution=(20000, 10000), resolutionunit="CENTIMETER"),
    ],
)
def test_an_unusable_pixel_size_is_none_with_a_warning(data: bytes) -> None:
    decoded = decode_image(data)
    assert decoded.um_per_px is None
    assert "was not used" in " ".join(decoded.warnings)


@pytest.mark.parametrize(
    "data",
    [
        tiff_file(GREY),
        ome(),
        tiff_file(GREY, imagej=True),
        tiff_file(GREY, imagej=True, resolution=(0, 0), metadata={"unit": "um"}),
        tiff_file(GREY, resolution=(20000, 20000), resolutionunit="NONE"),
    ],
)
def test_no_pixel_size_is_none_without_a_warning(data: bytes) -> None:
    decoded = decode_image(data)
    assert decoded.um_per_px is None
    assert "pixel size" not in " ".join(decoded.warnings)


def test_an_element_that_never_ends_is_left_at_the_next_one() -> None:
    unfinished = '<Pixels PhysicalSizeY="3" '
    data = tiff_file(GREY, description=unfinished + '<Pixels PhysicalSizeX="0.5">', metadata=None)
    assert decode_image(data).um_per_px == 0.5
    # Each begin of an element looks no further than the next, so the work grows with the text.
    found = [element.start() for element in _OME_PIXELS.finditer(unfinished * 2 + ">")]
    assert found == [len(unfinished)]
    assert _OME_PIXELS.search("<Pixels " * (1 << 17)) is None
