"""A real Chromium for tests: the one of this machine, driven by Playwright, whose own downloads are not used."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

VARIABLE = "CHROMIUM"
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PATIENCE = 2  # seconds, after which people are told what takes so long
_ADVICE = f"Install one (on Debian: apt-get install chromium), or say where it is: {VARIABLE}=/path/to/chrome."
_OPTIONS = ["--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"]


class NoBrowser(Exception):
    """There is no Chromium, and none could be installed; the message says what to do."""


def executable(say: Callable[[str], None]) -> str:
    """The path of a Chromium: the one that the variable CHROMIUM names, else one in PATH, else Debian's, installed now.

    `say` tells people what takes long. Raises NoBrowser.
    """
    if given := os.environ.get(VARIABLE):
        return _required(shutil.which(given), f"{VARIABLE} names no program: {given}.")
    return _found() or _installed(say)


@contextmanager
def opened(path: str) -> Iterator[Browser]:
    """A running Chromium without a window."""
    # Chromium's sandbox does not work for root; what the tests open are pages of this project.
    options = [*_OPTIONS, "--no-sandbox"] if os.geteuid() == 0 else _OPTIONS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


def _found() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _installed(say: Callable[[str], None]) -> str:
    """Debian's Chromium, where this process may install packages."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoBrowser(f"The browser tests need Chromium, and there is none. {_ADVICE}")
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        _apt_get(arguments, say)
    return _required(_found(), "apt-get installed Chromium, but not into PATH.")


def _apt_get(arguments: list[str], say: Callable[[str], None]) -> None:
    process = subprocess.Popen(
        ["apt-get", "--quiet", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        say(f"Chromium is missing and is being installed (apt-get {arguments[0]}); that takes a minute or two ...")
        output, _ = process.communicate()
    if process.returncode != 0:
        last = (output.strip().splitlines() or ["no output"])[-1]
        raise NoBrowser(f"The browser tests need Chromium, and apt-get cannot install it ({last}). {_ADVICE}")


def _required(path: str | None, otherwise: str) -> str:
    if path is None:
        raise NoBrowser(f"{otherwise} {_ADVICE}")
    return path
