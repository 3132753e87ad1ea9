"""Files of pictures, good ones and their parts, made in code."""

from __future__ import annotations

import struct
import zlib
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
