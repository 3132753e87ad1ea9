"""What the dependencies bring along that a function of this project cannot use.

A module that is taken out fails its import on the laptop too, because the laptop runs the same package.
"""

from __future__ import annotations

import struct
from fnmatch import fnmatch
from pathlib import Path

IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer")

# Folders and files by glob, and why nothing here can miss them.
_UNUSED = {
    "urllib3": "only botocore asks for it, and brings its own in the runtime",
    "cffi": "compiles bindings; loading them needs _cffi_backend alone",
    "pycparser": "part of cffi's compiler",
    "bin": "console scripts",
    "*.data": "scripts and headers of wheels",
    "*-stubs": "types",
    "sqlalchemy/testing": "for authors of dialects",
    "sqlalchemy/orm": "the project speaks SQLAlchemy Core",
    "sqlalchemy/ext/[!_c]*": "extensions of the ORM; Alembic needs `compiler`",
    "sqlalchemy/dialects/mssql": "the database is PostgreSQL",
    "sqlalchemy/dialects/mysql": "the database is PostgreSQL",
    "sqlalchemy/dialects/oracle": "the database is PostgreSQL",
    "sqlalchemy/dialects/sqlite": "the database is PostgreSQL",
    "alembic/testing": "for authors of extensions",
    "alembic/templates": "for `alembic init`",
    "aws_lambda_powertools/event_handler": "Chalice routes",
    "aws_lambda_powertools/utilities/parser": "needs pydantic",
    "aws_lambda_powertools/utilities/validation": "needs fastjsonschema",
    "aws_lambda_powertools/utilities/kafka": "needs Avro or Protocol Buffers",
    "aws_lambda_powertools/utilities/data_masking": "needs the AWS Encryption SDK",
    "dateutil/zoneinfo/*.tar.gz": "Python has its own time zones",
    "PIL/_avif.*": "no upload is AVIF",
    "pillow.libs/libavif-*": "no upload is AVIF",
    "PIL/_imagingft.*": "no text is drawn",
    "pillow.libs/libfreetype-*": "no text is drawn",
    "pillow.libs/libharfbuzz-*": "no text is drawn",
    "pillow.libs/libbrotli*": "freetype's",
    "pillow.libs/libpng*": "freetype's; Pillow reads PNG by itself",
    "PIL/_imagingtk.*": "there is no screen",
    "PIL/_tkinter_finder.py": "there is no screen",
    "PIL/ImageGrab.py": "there is no screen",
    "PIL/ImageQt.py": "there is no screen",
    "PIL/ImageTk.py": "there is no screen",
    "PIL/ImageWin.py": "there is no screen",
}
# What an upload may be, what the plugins of those ask for, and what Pillow takes for granted.
_IMAGE_FORMATS = {"Bmp", "Gif", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP"}
_UNUSED_SUFFIXES = {".pyi", ".pyx", ".pxd", ".c", ".h", ".txt", ".typed"}
_KEPT_METADATA = {"METADATA", "entry_points.txt"}


def is_needed(path: Path) -> bool:
    """Whether the file at `path`, relative to the folder of the dependencies, goes into the package."""
    top = path.parts[0]
    if top.endswith(".dist-info"):
        return _names_used_package(top) and (path.name in _KEPT_METADATA or "licenses" in path.parts)
    if top in IN_THE_RUNTIME or path.suffix in _UNUSED_SUFFIXES or "__pycache__" in path.parts:
        return False
    if path.match("PIL/*ImagePlugin.py"):
        return path.name.removesuffix("ImagePlugin.py") in _IMAGE_FORMATS
    return not any(_is_under(path, pattern) for pattern in _UNUSED)


def without_debug_sections(library: bytes) -> bytes:
    """A 64-bit ELF shared library cut down to what the loader maps, for whichever processor it was built.

    The loader reads program headers only; symbols for a debugger and section headers lie behind the last segment.
    """
    header_offset = struct.unpack_from("<Q", library, 32)[0]
    entry_size, entries = struct.unpack_from("<HH", library, 54)
    end = 0
    for index in range(entries):
        _, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", library, header_offset + index * entry_size)
        end = max(end, offset + size)
    kept = bytearray(library[:end])
    struct.pack_into("<Q", kept, 40, 0)
    struct.pack_into("<HHH", kept, 58, 64, 0, 0)
    return bytes(kept)


def _is_under(path: Path, pattern: str) -> bool:
    depth = pattern.count("/") + 1
    return fnmatch("/".join(path.parts[:depth]), pattern)


def _names_used_package(metadata_folder: str) -> bool:
    name = metadata_folder.partition("-")[0].lower()
    return name not in IN_THE_RUNTIME and name not in _UNUSED
