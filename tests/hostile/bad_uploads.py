"""Bad files and bad requests, whatever protocol carries them."""

from __future__ import annotations

from tests.hostile.refusals import GOOD
from tests.http_service import png_header

# The JSON of a request, the status, and words of the message.
BAD_REQUESTS: dict[str, tuple[str | bytes, int, tuple[str, ...]]] = {
    "empty": ("", 400, ("no JSON",)),
    "not JSON": ("{model: tiny}", 400, ("no JSON",)),
    "cut": ('{"model": "ti', 400, ("no JSON",)),
    "not UTF-8": (b'{"model": "\xff\xfe"}', 400, ("no JSON",)),
    "lone surrogate": ('{"model": "\\ud800"}', 400, ("no JSON",)),
    "nested absurdly in lists": ("[" * 1900, 400, ("no JSON", "recursion")),
    "nested absurdly in objects": ('{"sample":' * 300, 400, ("no JSON", "recursion")),
    "a list": ("[]", 422, ()),
    "null": ("null", 422, ()),
    "a number of absurd length": ('{"um_per_px": ' + "9" * 3500 + "}", 422, ("um_per_px",)),
    "association twice": (
        '{"association": "1,2", "association": "1"}',
        400,
        ("'association'", "2 times"),
    ),
    "name twice inside": ('{"sample": {"id": "a", "id": "b"}}', 400, ("'id'", "2 times")),
    "number of absurd length that another overrules": (
        '{"um_per_px": ' + "9" * 4300 + ', "um_per_px": 0.5}',
        400,
        ("'um_per_px'", "2 times"),
    ),
    "unknown field": ('{"colour": 1}', 422, ("colour",)),
    "control character in a name": ('{"sample": {"id": "a\\rb"}}', 422, ("sample.id",)),
    "blanks for a name": ('{"sample": {"id": "  "}}', 422, ("sample.id",)),
    "a name of two directions": ('{"sample": {"id": "\\u202eab"}}', 422, ("sample.id",)),
    "unknown field inside": ('{"sample": {"colour": 1}}', 422, ("sample.colour",)),
    "text for a number": ('{"um_per_px": "0.5"}', 422, ("um_per_px",)),
    "truth for a number": ('{"um_per_px": true}', 422, ("um_per_px",)),
    "zero scale": ('{"um_per_px": 0}', 422, ("um_per_px",)),
    "negative scale": ('{"um_per_px": -0.5}', 422, ("um_per_px",)),
    "NaN scale": ('{"um_per_px": NaN}', 422, ("um_per_px",)),
    "infinite scale": ('{"um_per_px": Infinity}', 422, ("um_per_px",)),
    "overflowing scale": ('{"um_per_px": 1e999}', 422, ("um_per_px",)),
    "tiny scale": ('{"um_per_px": 1e-300}', 422, ("um_per_px",)),
    "zero resampling": ('{"resampling_factor": 0}', 422, ("resampling_factor",)),
    "huge resampling": ('{"resampling_factor": 1e9}', 422, ("resampling_factor",)),
    "NaN resampling": ('{"resampling_factor": NaN}', 422, ("resampling_factor",)),
    "unknown model": ('{"model": "gold"}', 404, ("'gold'", "tiny:1")),
    "unknown version": ('{"model": "tiny:9"}', 404, ("'tiny:9'", "tiny:1")),
    "latest is no version": ('{"model": "tiny:"}', 404, ("tiny:1",)),
    "path as model": ('{"model": "../../etc/passwd"}', 404, ("tiny:1",)),
    "unknown association": ('{"association": "S99"}', 422, ("S99",)),
}

# The bytes of an image, and the statuses that say what is wrong with them.
BAD_IMAGES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "empty": (b"", (415,)),
    "text": (b"no image at all", (415,)),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.", (415,)),
    "truncated": (GOOD[:-20], (422,)),
    "signature only": (GOOD[:8], (415, 422)),
    "header only": (png_header(8, 8), (422,)),
    "zero-sized": (png_header(0, 8), (415, 422)),
    "over the pixel limit": (png_header(400, 251), (413,)),
    "bomb": (png_header(2**31 - 1, 2**31 - 1), (413, 422)),
    "TIFF with nothing behind its header": (b"II*\x00\x08\x00\x00\x00", (415, 422)),
}
