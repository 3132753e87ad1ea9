"""Files of pictures, good ones and their parts, made in code."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image


def gradient(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """A picture of which no two corners are alike: red grows to the right, green downwards."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    merged = Image.merge("RGB", (across, down, Image.new("L", (width, height), 64)))
    return merged if mode == "RGB" else merged.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of `image` as `kind` (`"JPEG"`)."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *, depth: int = 8, colour: int = 2, chunks: bytes = b"") -> bytes:
    """A PNG of raw rows, each with its filter's byte; the header says whatever it is told to."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(pixels, 9))
    return b"\x89PNG\r\n\x1a\n" + header + chunks + data + png_chunk(b"IEND", b"")


TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
"""By the formats that are accepted: what they are declared as."""


def jpeg_of_scans(number: int) -> bytes:
    """A progressive JPEG whose last pass over the picture is repeated until there are so many."""
    file = encoded(gradient(), "JPEG", progressive=True)
    scans = [found.start() for found in re.finditer(b"\xff\xda", file)]
    return file[:-2] + file[scans[-1] : -2] * (number - len(scans)) + file[-2:]


def metadata_of(file: bytes, kind: str) -> set[str]:
    """The parts of a file that hold anything but the picture, found without an image library."""
    match kind:
        case "WEBP":
            return {name.decode("latin-1") for name in _webp_chunks(file)} - {"VP8 ", "VP8L", "VP8X", "ALPH"}
        case "PNG":
            return {name.decode("latin-1") for name in re.findall(rb"eXIf|iCCP|iTXt|tEXt|zTXt|tIME", file)}
        case _:
            return {f"APP{marker - 0xE0}" for marker in _jpeg_segments(file) if 0xE1 <= marker <= 0xEF}


def _webp_chunks(file: bytes) -> Iterator[bytes]:
    assert file[:4] + file[8:12] == b"RIFFWEBP"
    assert len(file) == 8 + int.from_bytes(file[4:8], "little")
    position = 12
    while position < len(file):
        yield file[position : position + 4]
        size = int.from_bytes(file[position + 4 : position + 8], "little")
        position += 8 + size + size % 2
    assert position == len(file)


def _jpeg_segments(file: bytes) -> Iterator[int]:
    position = 2
    while file[position] == 0xFF and file[position + 1] != 0xDA:
        yield file[position + 1]
        position += 2 + int.from_bytes(file[position + 2 : position + 4])
