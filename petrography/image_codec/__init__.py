"""Bytes to arrays and back: the only place that knows image file formats.

The steps, one file each: `signature` names the format, `png`, `jpeg` and `tiff` (with
`tiff_directory`, `tiff_header` and `pixel_size`) check the header against the limits and only
then decode to a `raster`, `rgb` and `orientation` turn that into the image that is analysed,
`decoding` joins the steps (`bands`, with `npy`, for stacks of any number of channels), `encoding` goes the other way, for large images
`png_rows` and `pyramid_tiff`.

Every header is read here, in Python, before a decoder sees a byte, and the decoder gets a clean
copy with only what the pixels need: a text chunk or private tag cannot inflate, loop or confuse
what it never reaches. Whatever bytes come in, only errors of `petrography.errors` come out.
"""

from petrography.image_codec.bands import decode_bands
from petrography.image_codec.decoding import DecodedImage, decode_image, decode_labels
from petrography.image_codec.encoding import JPEG_MAX_SIDE_PX, encode_jpeg, encode_png
from petrography.image_codec.image_size import read_size, read_um_per_px
from petrography.image_codec.limits import MAX_WHOLE_PX, ImageLimits
from petrography.image_codec.png_rows import write_png_rows
from petrography.image_codec.pyramid_tiff import (
    TiffCompression,
    write_label_pyramid,
    write_pyramid,
)
from petrography.image_codec.signature import IMAGE_SUFFIXES, Encoded

__all__ = [
    "IMAGE_SUFFIXES",
    "JPEG_MAX_SIDE_PX",
    "MAX_WHOLE_PX",
    "DecodedImage",
    "Encoded",
    "ImageLimits",
    "TiffCompression",
    "decode_bands",
    "decode_image",
    "decode_labels",
    "encode_jpeg",
    "encode_png",
    "read_size",
    "read_um_per_px",
    "write_label_pyramid",
    "write_png_rows",
    "write_pyramid",
]
