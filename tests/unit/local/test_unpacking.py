from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest

from local.unpacking import SharedZipFile


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str, str], Path]:
    """Unpacks a package of one file for a process, as the emulator does; returns where the process finds it."""

    def unpacked(process: str, content: str) -> Path:
        folder = tmp_path / process / "code"
        folder.mkdir(parents=True)
        with ZipFile(folder.with_name("code.zip"), "w") as package:
            package.writestr("app/__init__.py", content)
        with SharedZipFile(folder.with_name("code.zip")) as package:
            package.extractall(folder)
        return folder / "app" / "__init__.py"

    return unpacked


def packages(folder: Path) -> int:
    return len(list(folder.glob("package-*")))


def test_processes_of_one_package_share_what_was_unpacked_once(
    start: Callable[[str, str], Path], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as threads:
        files = list(threads.map(start, ["one", "two", "three", "four"], ["x = 1"] * 4))

    assert {file.read_text() for file in files} == {"x = 1"}
    assert len({file.resolve() for file in files}) == 1
    assert packages(tmp_path) == 1


def test_another_package_is_another_copy(start: Callable[[str, str], Path]) -> None:
    former, changed = start("one", "x = 1"), start("two", "x = 2")

    assert (former.read_text(), changed.read_text()) == ("x = 1", "x = 2")


def test_a_package_goes_when_its_last_process_is_gone_and_another_comes(
    start: Callable[[str, str], Path], tmp_path: Path
) -> None:
    start("one", "x = 1")
    kept = start("two", "x = 2")
    shutil.rmtree(tmp_path / "one")

    start("three", "x = 3")

    assert packages(tmp_path) == 2
    assert kept.read_text() == "x = 2"
