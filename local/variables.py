"""`env`: the settings by which stock `chalice local --stage local` serves this app against the running services."""

from __future__ import annotations

import shlex
from argparse import Namespace

from local import aws
from local.home import Home
from local.stacks import API_HANDLER, running


def run(home: Home, _arguments: Namespace) -> None:
    """Print `export` lines: `eval "$(python -m local env)"` takes them over."""
    settings, stacks = running(home)
    for name, value in {**stacks.variables(API_HANDLER), **aws.credentials(settings)}.items():
        print(f"export {name}={shlex.quote(value)}")
