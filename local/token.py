"""`token`: prints an access token and nothing else."""

from __future__ import annotations

from argparse import Namespace

from local.home import Home
from local.people import People
from local.stacks import running


def run(home: Home, arguments: Namespace) -> None:
    """Print an access token of the person `arguments.email`."""
    settings, stacks = running(home)
    print(People(stacks).access_token(arguments.email, arguments.password or settings.demo_password))
