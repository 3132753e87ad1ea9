"""Where the browser of the tests comes from, on machines of every kind, played by a PATH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import browser
from tests.browser import NoBrowser, executable


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any program but those that are put into this folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "NAMES", browser.NAMES[:4])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def program(path: Path, name: str, script: str = "") -> str:
    made = path / name
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o755)
    return str(made)


def never(text: str) -> None:
    raise AssertionError(text)


def test_variable_comes_before_what_is_in_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "chromium")
    mine = program(path, "mine")
    monkeypatch.setenv("CHROMIUM", mine)

    assert executable(never) == mine


def test_variable_that_names_nothing_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chrome")

    with pytest.raises(NoBrowser, match=r"CHROMIUM names no program: /nowhere/chrome\. Install one"):
        executable(never)


def test_program_in_path_is_taken(path: Path) -> None:
    chrome = program(path, "google-chrome")

    assert executable(never) == chrome


def test_missing_browser_is_installed_for_root_and_that_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "PATIENCE", 0.1)
    chromium = path / "chromium"
    install = f'/bin/echo "#!/bin/sh" > {chromium}; /bin/chmod 755 {chromium}'
    program(path, "apt-get", f'/bin/sleep 0.3; case "$*" in *"install --yes"*) {install};; esac')
    said: list[str] = []

    assert executable(said.append) == str(chromium)
    assert "apt-get update" in said[0]
    assert "apt-get install" in said[1]


def test_installation_that_fails_says_why_and_what_to_do(path: Path) -> None:
    program(path, "apt-get", 'echo "E: no network"; exit 100')

    with pytest.raises(NoBrowser, match=r"apt-get did not install it \(E: no network\)\. Install one"):
        executable(never)


def test_nobody_but_root_installs_anything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "apt-get", "echo must not run; exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(NoBrowser, match=r"there is none\. Install one \(on Debian: apt-get install chromium\)"):
        executable(never)


def test_browser_that_does_not_start_is_told(path: Path) -> None:
    stub = program(path, "chromium", "echo this is but a stub >&2; exit 1")

    with pytest.raises(NoBrowser, match=r"(?s)chromium does not start: .*this is but a stub.*Install one"):
        browser.opened(stub).__enter__()
