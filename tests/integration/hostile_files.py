"""Files that people who mean harm might send, made in code, and good ones among them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageCms
from PIL.ExifTags import Base

from tests.pictures import TYPES, encoded, gradient, jpeg_of_scans, png, png_chunk

REFUSED, KEPT_OUT, PUBLISHED = "refused", "kept out", "published"
CANARY = b"canary-8f1b2c"
"""In whatever a file carries besides its picture; nothing that is published may hold it."""
MAX_BYTES = 10 * 1024 * 1024

_SCRIPT = b"<script>alert('" + CANARY + b"')</script>"
_PLAIN = {kind: encoded(gradient(400, 300), kind) for kind in TYPES}


@dataclass(frozen=True)
class SentFile:
    """A file, what it is declared to be, and what has to become of it: `published` means the picture, and no more."""

    name: str
    content: bytes
    kind: str
    fate: str
    declared: int | None = None
    filename: str = "picture"


def files() -> list[SentFile]:
    """All of them; no two have the same name."""
    return [*_good(), *_of_another_type(), *_cut_short(), *_bombs(), *_broken(), *_moving(), *_of_wrong_size(),
            *_polyglots(), *_telling(), *_unusual(), *_named()]  # fmt: skip


def is_good(file: SentFile) -> bool:
    """Whether nothing is wrong with the file."""
    return file.name.startswith("good")


def _good() -> Iterator[SentFile]:
    for kind in TYPES:
        for width, height in ((1, 1), (400, 300), (1280, 1280), (3000, 2000)):
            content = encoded(gradient(width, height), kind)
            yield SentFile(f"good {kind} {width}x{height}", content, kind, PUBLISHED)


def _of_another_type() -> Iterator[SentFile]:
    for declared in TYPES:
        for kind in sorted({*TYPES, "GIF"} - {declared}):
            content = _PLAIN.get(kind) or encoded(gradient(), kind)
            yield SentFile(f"{kind} as {declared}", content, declared, REFUSED)
    for kind in ("BMP", "TIFF", "ICO", "PDF", "JPEG2000", "PPM", "TGA", "AVIF", "EPS", "DDS"):
        yield SentFile(f"{kind} as PNG", encoded(gradient(), kind), "PNG", REFUSED)
    foreign = {
        "PSD": b"8BPS\0\1" + b"\0" * 100, "ELF": b"\x7fELF\2\1\1" + b"\0" * 100, "EXE": b"MZ\x90\0" + b"\0" * 100,
        "ZIP": _zip(), "HTML": b"<!DOCTYPE html>" + _SCRIPT, "text": CANARY, "PHP": b"<?php system('id'); ?>",
        "HEIC": b"\0\0\0\x18ftypheic" + b"\0" * 100, "NUL": b"\0" * 4096, "shell": b"#!/bin/sh\nid\n",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">' + _SCRIPT + b"</svg>",
        "XML": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        "playlist": b"#EXTM3U\nconcat:http://127.0.0.1/|file:///etc/passwd",
    }  # fmt: skip
    for name, content in foreign.items():
        yield SentFile(f"{name} as PNG", content, "PNG", REFUSED)
        yield SentFile(f"{name} as WEBP", content, "WEBP", REFUSED)


def _cut_short() -> Iterator[SentFile]:
    for kind, content in _PLAIN.items():
        for share in (10, 50, 90):
            yield SentFile(f"{kind} cut at {share} %", content[: len(content) * share // 100], kind, REFUSED)
        yield SentFile(f"{kind} signature alone", content[:12], kind, REFUSED)
        yield SentFile(f"{kind} signature and NUL", content[:12] + b"\0" * 500, kind, REFUSED)


def _bombs() -> Iterator[SentFile]:
    big = struct.pack(">HH", 65500, 65500)
    start_of_frame = _PLAIN["JPEG"].index(b"\xff\xc0") + 5
    yield SentFile("PNG of 20000x20000", png(20_000, 20_000, b"\0" * 2501 * 100, depth=1, colour=0), "PNG", REFUSED)
    yield SentFile("PNG of 8000x8000, in full", encoded(Image.new("1", (8000, 8000)), "PNG"), "PNG", REFUSED)
    yield SentFile("PNG that says 2147483647x2147483647", png(2**31 - 1, 2**31 - 1, b""), "PNG", REFUSED)
    yield SentFile("JPEG that says 65500x65500", _patched("JPEG", start_of_frame, big), "JPEG", REFUSED)
    yield SentFile("JPEG of 2000 scans", jpeg_of_scans(2000), "JPEG", REFUSED)
    yield SentFile("WEBP that says 16383x16383", _large_webp(), "WEBP", REFUSED)
    yield SentFile(
        "WEBP with a canvas of 16777216x16777216", _webp(b"VP8X", b"\0\0\0\0" + b"\xff" * 6), "WEBP", REFUSED
    )
    inflated = zlib.compress(b"\0" * 100_000_000, 9)
    yield SentFile("PNG with text of 100 MB", _png_with(b"zTXt", b"a\0\0" + inflated), "PNG", REFUSED)
    yield SentFile("PNG with a profile of 100 MB", _png_with(b"iCCP", b"a\0\0" + inflated), "PNG", REFUSED)
    yield SentFile("PNG with 10 MB of pixels too many", png(40, 30, b"\0" * 10_000_000), "PNG", PUBLISHED)


def _broken() -> Iterator[SentFile]:
    plain, jpeg, webp = _PLAIN["PNG"], _PLAIN["JPEG"], _PLAIN["WEBP"]
    middle, tables = plain.index(b"IDAT") + len(plain) // 3, jpeg.index(b"\xff\xdb")
    yield SentFile("PNG with a wrong checksum", _patched("PNG", 29, b"\0\0\0\0"), "PNG", REFUSED)
    yield SentFile("PNG with broken pixels", _patched("PNG", middle, b"\xff" * 40), "PNG", REFUSED)
    yield SentFile("PNG without a header", plain[:8] + plain[33:], "PNG", REFUSED)
    yield SentFile("PNG of no width", png(0, 30, b"\0"), "PNG", REFUSED)
    yield SentFile("PNG of an unknown colour", png(4, 4, b"\0" * 100, colour=5), "PNG", REFUSED)
    yield SentFile("PNG with a chunk of 4 GB", plain[:33] + b"\xff\xff\xff\xffIDAT", "PNG", REFUSED)
    yield SentFile("PNG without pixels", plain[:33] + png_chunk(b"IEND", b""), "PNG", REFUSED)
    yield SentFile("JPEG without tables", jpeg[:tables] + jpeg[jpeg.index(b"\xff\xc0") :], "JPEG", REFUSED)
    yield SentFile("JPEG with a segment beyond its end", jpeg[:2] + b"\xff\xe1\xff\xff" + jpeg[2:], "JPEG", REFUSED)
    yield SentFile("JPEG behind a NUL", b"\0" + jpeg, "JPEG", REFUSED)
    yield SentFile("PNG behind a line break", b"\n" + plain, "PNG", REFUSED)
    yield SentFile("WEBP with a chunk of 4 GB", webp[:16] + b"\xff\xff\xff\xff" + webp[20:], "WEBP", REFUSED)
    yield SentFile("WEBP with broken pixels", webp[:20] + b"\xff" * 200 + webp[220:], "WEBP", REFUSED)


def _moving() -> Iterator[SentFile]:
    frames = [gradient().rotate(angle) for angle in (0, 120, 240)]
    for kind in ("PNG", "WEBP"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
        yield SentFile(f"{kind} that moves", content, kind, REFUSED)


def _of_wrong_size() -> Iterator[SentFile]:
    for kind in TYPES:
        yield SentFile(f"{kind} of no bytes", b"", kind, KEPT_OUT, declared=100)
        yield SentFile(f"{kind} larger than declared", _PLAIN[kind], kind, KEPT_OUT, declared=len(_PLAIN[kind]) - 1)
    more = _PLAIN["JPEG"] + b"\0" * (MAX_BYTES + 1 - len(_PLAIN["JPEG"]))
    yield SentFile("JPEG of more than 10 MiB", more, "JPEG", KEPT_OUT, declared=MAX_BYTES)


def _polyglots() -> Iterator[SentFile]:
    pages = {
        "ZIP": _zip(),
        "HTML": b"<html>" + _SCRIPT,
        "PHP": b"<?php /* " + CANARY + b" */ ?>",
        "PDF": b"%PDF-1.7" + CANARY,
    }
    for kind, content in _PLAIN.items():
        for name, page in pages.items():
            yield SentFile(f"{kind} with {name} behind", content + page, kind, PUBLISHED)
    for name, page in pages.items():
        yield SentFile(f"JPEG behind {name}", page + _PLAIN["JPEG"], "JPEG", REFUSED)
    yield SentFile("JPEG that is a script", _PLAIN["JPEG"][:2] + _segment(0xFE, b"*/=1;" + _SCRIPT), "JPEG", REFUSED)
    yield SentFile("GIF that is a script", b"GIF89a/*" + b"\0" * 50 + b"*/=1;alert(1)", "JPEG", REFUSED)


def _telling() -> Iterator[SentFile]:
    exif = Image.Exif()
    exif[Base.Artist] = CANARY.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0), 29: CANARY.decode()})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    told: dict[str, Any] = {"where it was taken": {"exif": exif}, "a profile": {"icc_profile": profile + CANARY}}
    for kind in TYPES:
        for name, options in told.items():
            yield SentFile(f"{kind} with {name}", encoded(gradient(), kind, **options), kind, PUBLISHED)
    for kind in ("JPEG", "WEBP"):
        yield SentFile(f"{kind} with XMP", encoded(gradient(), kind, xmp=b"<x>" + CANARY), kind, PUBLISHED)
    jpeg, webp = _PLAIN["JPEG"], _PLAIN["WEBP"]
    for marker in (0xFE, 0xE1, 0xE2, 0xED, 0xEF):
        content = jpeg[:2] + _segment(marker, CANARY) + jpeg[2:]
        yield SentFile(f"JPEG with a segment {marker:x}", content, "JPEG", PUBLISHED)
    for chunk, data in {b"tEXt": b"a\0", b"iTXt": b"a\0\0\0\0\0", b"eXIf": b"", b"prVt": b""}.items():
        yield SentFile(f"PNG with {chunk.decode()}", _png_with(chunk, data + CANARY), "PNG", PUBLISHED)
    secret = struct.pack("<4sI", b"SECR", len(CANARY) + 1) + CANARY + b"\0"
    more = webp[:4] + struct.pack("<I", len(webp) - 8 + len(secret)) + webp[8:] + secret
    yield SentFile("WEBP with a chunk of its own", more, "WEBP", PUBLISHED)
    preview = [Image.new("RGB", (32, 24))]
    yield SentFile(
        "JPEG with a preview", encoded(gradient(), "MPO", save_all=True, append_images=preview), "JPEG", PUBLISHED
    )


def _unusual() -> Iterator[SentFile]:
    for mode in ("L", "CMYK"):
        yield SentFile(f"JPEG in {mode}", encoded(gradient().convert(mode), "JPEG"), "JPEG", PUBLISHED)
    for mode in ("1", "P", "LA", "RGBA"):
        yield SentFile(f"PNG in {mode}", encoded(gradient().convert(mode), "PNG"), "PNG", PUBLISHED)
    rows = b"".join(b"\0" + bytes(2 * 40) for _ in range(30))
    yield SentFile("PNG in 16 bits", png(40, 30, rows, depth=16, colour=0), "PNG", PUBLISHED)
    yield SentFile("PNG in 16 bits a colour", png(40, 10, rows, depth=16, colour=2), "PNG", PUBLISHED)
    yield SentFile("JPEG of 60000x1", encoded(gradient(60_000, 1), "JPEG"), "JPEG", PUBLISHED)


def _named() -> Iterator[SentFile]:
    names = (
        "../../media/x.webp",
        "..\\..\\x.png",
        "%2e%2e%2fx",
        "/etc/passwd",
        "x.svg",
        "x.php.png",
        "\u202egnp.x",
        "a" * 3000,
    )
    for number, name in enumerate(names):
        yield SentFile(f"PNG with name {number}", _PLAIN["PNG"], "PNG", PUBLISHED, filename=name)


def _patched(kind: str, position: int, replacement: bytes) -> bytes:
    content = _PLAIN[kind]
    return content[:position] + replacement + content[position + len(replacement) :]


def _png_with(chunk: bytes, data: bytes) -> bytes:
    return _PLAIN["PNG"][:33] + png_chunk(chunk, data) + _PLAIN["PNG"][33:]


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def _webp(chunk: bytes, data: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBP" + chunk + struct.pack("<I", len(data)) + data


def _large_webp() -> bytes:
    """A lossless picture of 16383x2 whose header says that it is square."""
    content = bytearray(encoded(Image.new("RGB", (16383, 2)), "WEBP", lossless=True))
    start = content.index(b"VP8L") + 9
    sizes = struct.unpack("<I", content[start : start + 4])[0]
    content[start : start + 4] = struct.pack("<I", sizes & ~(0x3FFF << 14) | (16382 << 14))
    return bytes(content)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../x.sh", CANARY)
    return file.getvalue()
