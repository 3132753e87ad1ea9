"""Pictures from strangers: checked before they are decoded, and made anew from their pixels alone.

What is published holds no byte of what was sent: no metadata, no profile, nothing before or after the picture.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, ImageOps

from chalicelib.media import FULL, THUMBNAIL
from chalicelib.uploads.schemas import MAX_BYTES

MAX_PIXELS = 40_000_000
MAX_SCANS = 100
"""A progressive JPEG has about ten. Each is a pass over the whole picture, for a few bytes of the file."""
QUALITY = 82

_FORMATS = {
    "image/jpeg": ("JPEG", re.compile(rb"\xff\xd8\xff")),
    "image/png": ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    "image/webp": ("WEBP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
}
# What a JPEG decoder takes for a marker: neither stuffing nor filling nor a restart within a scan.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"

_DAMAGED = "The file is damaged."


class NotAccepted(Exception):
    """A file that is not published. `str(error)` tells the person who sent it why."""


@dataclass(frozen=True)
class Development:
    """A picture made anew: WebP by the longest side that it may have, and the size of the largest, in pixels."""

    width: int
    height: int
    renditions: Mapping[int, bytes]


def check_size(size: int, declared: int) -> None:
    """Raises `NotAccepted` for a file of more bytes than were declared, or than are accepted at all."""
    if size > min(declared, MAX_BYTES):
        raise NotAccepted("The file is larger than was said.")


def developed(file: bytes, content_type: str) -> Development:
    """The picture in `file`, which must be a still of the declared type. Raises `NotAccepted`."""
    image = _in_srgb(_upright(_decoded(file, content_type)))
    full, thumbnail = _fitted(image, FULL), _fitted(image, THUMBNAIL)
    return Development(full.width, full.height, {FULL: _encoded(full), THUMBNAIL: _encoded(thumbnail)})


def _decoded(file: bytes, content_type: str) -> Image.Image:
    """All pixels of the picture; what decoding costs is known before."""
    name, magic = _FORMATS[content_type]
    if not magic.match(file):
        raise NotAccepted(f"The file is not {name}, as was said.")
    try:
        image = Image.open(BytesIO(file), formats=[name])
        _check_cost(image, file)
        image.load()
    except NotAccepted:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except Exception as error:  # decoders fail in many ways on what was made to break them
        raise NotAccepted(_DAMAGED) from error
    return image


def _check_cost(image: Image.Image, file: bytes) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    # Cameras put a second picture, such as a preview, behind the first one of a JPEG; only the first is read.
    if image.format in {"PNG", "WEBP"} and getattr(image, "is_animated", False):
        raise NotAccepted("Moving pictures are not accepted.")
    if image.format not in {"PNG", "WEBP"} and _scans(file) > MAX_SCANS:
        raise NotAccepted(_DAMAGED)


def _too_many_pixels() -> NotAccepted:
    return NotAccepted(f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels.")


def _scans(jpeg: bytes) -> int:
    """How many scans the first picture of a JPEG has, found as decoders find them."""
    scans, position = 0, 0
    while (marker := _JPEG_MARKER.search(jpeg, position)) and marker[1] != _END_OF_IMAGE:
        scans += marker[1] == _START_OF_SCAN
        position = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
    return scans


def _upright(image: Image.Image) -> Image.Image:
    """The picture as the camera was held; a note about it that cannot be read says nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001  whatever is wrong with the metadata, the pixels are there
        return image


def _in_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, with its transparency if it has any. A profile that cannot be used is not."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    profile = image.info.get("icc_profile")
    source = image if image.mode in {"L", "CMYK"} and mode == "RGB" else image.convert(mode)
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            given, wanted = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(source, given, wanted, outputMode=mode) or source.convert(mode)
    return source.convert(mode)


def _fitted(image: Image.Image, longest: int) -> Image.Image:
    """The picture with no side longer than `longest`, never enlarged, and nothing but the pixels that can be seen."""
    fitted = image.copy()
    fitted.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if fitted.mode == "RGBA":
        fitted = fitted.convert("RGBa").convert("RGBA")  # what is fully transparent has no colour then
    return Image.frombytes(fitted.mode, fitted.size, fitted.tobytes())


def _encoded(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "WEBP", quality=QUALITY)
    return file.getvalue()
