"""Bytecode that Python loads without looking at the source.

Lambda's code folder is read-only: without bytecode in the package every cold start compiles every module again.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from infra.errors import BuildError

TASK_ROOT = "/var/task"


def compile_tree(root: Path, *, replacing_sources: bool) -> None:
    """Compile every module under `root`, for tracebacks that name it under `/var/task`.

    The bytecode goes to `__pycache__`, or stands in the place of the source. A fresh interpreter compiles, because what
    an interpreter has imported before shows in the bytes. Raises `BuildError` with the first line that is not Python.
    """
    command = [
        *(sys.executable, "-I", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"),
        *("-s", str(root), "-p", TASK_ROOT, *(["-b"] if replacing_sources else []), str(root)),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BuildError(run.stdout.replace(str(root), "").strip() or run.stderr.strip())
    if replacing_sources:
        for source in root.rglob("*.py"):
            source.unlink()


def beside_source(name: str) -> str:
    """Where Python looks for the bytecode of the module file `name`: `a/__pycache__/b.cpython-311.pyc` for `a/b.py`."""
    return importlib.util.cache_from_source(name)


def is_unchecked(bytecode: bytes) -> bool:
    """Whether `bytecode` is for this Python and loads without its source being read (PEP 552)."""
    flags = int.from_bytes(bytecode[4:8], "little")
    return bytecode[:4] == importlib.util.MAGIC_NUMBER and flags == 0b01
