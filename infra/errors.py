"""What goes wrong between the sources and a package, in sentences for the person at the terminal."""

from __future__ import annotations


class BuildError(Exception):
    """The project cannot be built: the message says what to correct."""
