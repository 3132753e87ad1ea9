"""What a shared library (ELF, 64 bits, little-endian) asks of the machine, for whichever processor it was built."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_LOAD, _DYNAMIC = 1, 2
_END, _NEEDED, _STRING_TABLE = 0, 1, 5


def needed(library: bytes) -> list[str]:
    """The names of the libraries that the loader looks for."""
    segments = list(_segments(library))
    (dynamic,) = (offset for kind, offset, _, _ in segments if kind == _DYNAMIC)
    entries = list(_entries(library, dynamic))
    (table,) = (value for tag, value in entries if tag == _STRING_TABLE)
    (strings,) = (offset + table - address for kind, offset, address, size in segments
                  if kind == _LOAD and address <= table < address + size)  # fmt: skip
    return [_text(library, strings + value) for tag, value in entries if tag == _NEEDED]


def _segments(library: bytes) -> Iterator[tuple[int, int, int, int]]:
    """The type, the place in the file, the address and the size of each segment."""
    (headers,) = struct.unpack_from("<Q", library, 32)
    entry_size, entries = struct.unpack_from("<HH", library, 54)
    for index in range(entries):
        kind, _, offset, address, _, size = struct.unpack_from("<IIQQQQ", library, headers + index * entry_size)
        yield kind, offset, address, size


def _entries(library: bytes, offset: int) -> Iterator[tuple[int, int]]:
    while (entry := struct.unpack_from("<QQ", library, offset))[0] != _END:
        yield entry
        offset += 16


def _text(library: bytes, offset: int) -> str:
    return library[offset : library.index(b"\0", offset)].decode()
