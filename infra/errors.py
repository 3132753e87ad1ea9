"""What goes wrong, in sentences for the person at the terminal."""

from __future__ import annotations


class BuildError(Exception):
    """The project cannot be built: the message says what to correct."""


class DeploymentFailed(Exception):
    """CloudFormation gave up: the message holds each failed resource with the reason it gave."""


class Refused(Exception):
    """A command does not do what it was asked to: the message says why, and what to do instead."""


class Interrupted(Exception):
    """Somebody stopped a command whose work goes on in AWS: the message says how to look and how to cancel."""
