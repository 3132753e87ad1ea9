"""What the contract tests look at: the project as it is built, once for each stage that a test asks for."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.build import MANIFEST, PACKAGE, TEMPLATE, build
from infra.sam import sam_translated


@dataclass(frozen=True)
class Built:
    """A stage's stack in a folder."""

    stage: str
    folder: Path

    @property
    def template(self) -> dict[str, Any]:
        """A fresh copy, for a test to break."""
        return json.loads((self.folder / TEMPLATE).read_text())

    @property
    def manifest(self) -> dict[str, Any]:
        """What the build says about itself."""
        return json.loads((self.folder / MANIFEST).read_text())

    @property
    def package(self) -> Path:
        """The zip that the functions run."""
        return self.folder / PACKAGE


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
    """Builds a stage at the first call for it."""

    @cache
    def build_once(stage: str) -> Built:
        folder = tmp_path_factory.mktemp(f"build-{stage}")
        build(stage, folder, progress=lambda _: None)
        return Built(stage, folder)

    return build_once


@pytest.fixture(scope="session")
def prod(built: Callable[[str], Built]) -> Built:
    """The stage that counts most."""
    return built("prod")


@pytest.fixture(scope="session")
def translated(built: Callable[[str], Built]) -> Callable[[str], dict[str, Any]]:
    """A stage's template as the SAM transform leaves it, a fresh copy for a test to break; transformed once."""
    text = cache(lambda stage: json.dumps(sam_translated(built(stage).template)))
    return lambda stage: json.loads(text(stage))


@pytest.fixture(scope="session")
def task_root(built: Callable[[str], Built], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The laptop's package, unpacked as Lambda does: the one whose libraries this machine can load."""
    root = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(built("local").package) as archive:
        archive.extractall(root)
    return root
