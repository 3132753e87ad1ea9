"""The name of a release: where the sources are in their history, or what they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

# What the package is made of. A changed setting makes no new release, so that it reaches the functions it is for alone.
_CODE = ("app.py", "chalicelib", "migrations", "requirements.txt")


def identify(project: Path, package_sha256: str) -> str:
    """`git describe` of `project`, and the package's digest after it when code was changed, or the digest alone."""
    described = _git(project, "describe", "--always", "--tags")
    if not described:
        return f"sha-{package_sha256[:12]}"
    is_clean = not _git(project, "status", "--porcelain", "--", *_CODE)
    return described if is_clean else f"{described}+{package_sha256[:12]}"


def _git(project: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""
