"""Unpacks a function's package once for all its processes, as nobody writes there on AWS.

MiniStack unpacks the package anew for each process that it starts, which takes about as long as the start itself. This
runs in the emulator's environment and uses the standard library alone.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from pathlib import Path
from typing import Any
from zipfile import ZipFile

_LOCK = threading.Lock()


class SharedZipFile(ZipFile):
    """A package whose contents are a link to the one copy, which stands beside the folders of the processes."""

    def extractall(self, path: Any = None, *_: Any) -> None:
        """Make the empty folder `path` a link to the contents. Removes contents that no process uses any more."""
        folder = Path(path)
        kept = folder.parent.with_name(f"package-{_digest(Path(str(self.filename)))}")
        with _LOCK:
            if not kept.exists():
                _remove_unused(kept.parent)
                unfinished = kept.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                super().extractall(unfinished)
                unfinished.rename(kept)
            folder.rmdir()
            folder.symlink_to(kept)


def _digest(package: Path) -> str:
    with package.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_unused(folder: Path) -> None:
    used = {link.readlink() for link in folder.glob("*/*") if link.is_symlink()}
    for package in folder.glob("package-*"):
        if package not in used:
            shutil.rmtree(package)
