"""A real Chromium for tests: the one of this machine, driven by Playwright, whose own downloads are not used."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

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
    """A running Chromium without a window. Raises NoBrowser."""
    with sync_playwright() as playwright:
        browser = _launched(playwright, path)
        yield browser
        browser.close()


def _launched(playwright: Playwright, path: str) -> Browser:
    # Chromium's sandbox does not work for root; what the tests open are pages of this project.
    options = [*_OPTIONS, "--no-sandbox"] if os.geteuid() == 0 else _OPTIONS
    try:
        return playwright.chromium.launch(executable_path=path, args=options)
    except Error as error:
        raise NoBrowser(f"{path} does not start: {error}\n{_ADVICE}") from None


def _found() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _installed(say: Callable[[str], None]) -> str:
    """Debian's Chromium, where this process may install packages."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoBrowser(f"The browser tests need Chromium, and there is none. {_ADVICE}")
    _apt_get(["update"], say)  # the packages may be there although some source of them is not
    last_words = _apt_get(["install", "--yes", "--no-install-recommends", "chromium"], say)
    return _required(_found(), f"The browser tests need Chromium, and apt-get did not install it ({last_words}).")


def _apt_get(arguments: list[str], say: Callable[[str], None]) -> str:
    """Runs apt-get to its end and returns its last words."""
    process = subprocess.Popen(
        ["apt-get", "--quiet", "--option=DPkg::Lock::Timeout=300", *arguments],
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
    return (output.strip().splitlines() or ["it said nothing"])[-1]


def _required(path: str | None, otherwise: str) -> str:
    if path is None:
        raise NoBrowser(f"{otherwise} {_ADVICE}")
    return path
