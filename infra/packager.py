"""The zip that every function runs: the dependencies, compiled and pruned, and the application.

The dependencies are made once for a `requirements.txt` and kept in `.chalice/deployments`; a build adds the application
to a copy. The same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import chalice.app

from infra import bytecode, pruning
from infra.errors import BuildError

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"

# Lambda's machines: the platform's name for the processor, and the C library under each Python.
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_GLIBC_MINOR = 26 if sys.version_info < (3, 12) else 34
_CARRIED_FOLDERS = ("chalicelib", "migrations")
_NEVER_CARRIED = shutil.ignore_patterns("__pycache__", "README.md")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def dependencies(project: Path, architecture: str, progress: Callable[[str], object]) -> Path:
    """The zip of everything in `requirements.txt` for `architecture`, made when there is none for these requirements.

    Raises `BuildError` with pip's words when one cannot be installed.
    """
    kept = project / ".chalice" / "deployments" / f"dependencies-{_fingerprint(project, architecture)}.zip"
    if kept.exists():
        return kept
    progress(f"installing dependencies for {RUNTIME} on {architecture}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _install(project / "requirements.txt", architecture, root)
        _prune(root)
        progress("compiling dependencies")
        bytecode.compile_tree(root, replacing_sources=True)
        _write(kept, root)
    return kept


def assemble(project: Path, dependencies: Path, package: Path) -> None:
    """Write `package`: a copy of `dependencies` with Chalice's runtime and the application added.

    Raises `BuildError` when a file of the application is not valid Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _collect(project, root)
        bytecode.compile_tree(root, replacing_sources=False)
        _write(package, root, start_from=dependencies)


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(project: Path, architecture: str) -> str:
    rules = [Path(module.__file__ or "") for module in (bytecode, pruning)]
    digest = hashlib.sha256(f"{sys.implementation.cache_tag} {architecture}".encode())
    for path in (project / "requirements.txt", Path(__file__), *rules):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _install(requirements: Path, architecture: str, target: Path) -> None:
    machine = _MACHINES[architecture]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC_MINOR, 16, -1)] + [
        f"manylinux2014_{machine}"
    ]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--target", str(target), "--requirement", str(requirements), "--no-deps", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", RUNTIME.removeprefix("python")),
        *(option for platform in platforms for option in ("--platform", platform)),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BuildError(f"could not install the dependencies of {requirements}:\n{run.stderr.strip()}")


def _prune(root: Path) -> None:
    for path in root.rglob("*"):
        if not path.is_file():
            continue
        if not pruning.is_needed(path.relative_to(root)):
            path.unlink()
        elif path.suffix == ".so":
            path.write_bytes(pruning.without_debug_sections(path.read_bytes()))


def _collect(project: Path, root: Path) -> None:
    runtime = Path(chalice.app.__file__).parent
    (root / "chalice").mkdir()
    for name in ("__init__.py", "app.py"):
        shutil.copyfile(runtime / name, root / "chalice" / name)
    shutil.copyfile(project / "app.py", root / "app.py")
    for name in _CARRIED_FOLDERS:
        shutil.copytree(project / name, root / name, ignore=_NEVER_CARRIED)


def _write(target: Path, root: Path, start_from: Path | None = None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".zip")
    os.close(descriptor)
    try:
        if start_from:
            shutil.copyfile(start_from, name)
        with zipfile.ZipFile(name, "a" if start_from else "w") as archive:
            for path in sorted(path for path in root.rglob("*") if path.is_file()):
                archive.writestr(_entry(path.relative_to(root).as_posix()), path.read_bytes(), compresslevel=9)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry
