"""`trace`: the way of a request through every hop; the same as `python -m ops trace`."""

from __future__ import annotations

from argparse import Namespace

from local.home import Home
from ops import account, trace


def run(home: Home, arguments: Namespace) -> None:
    """Print the hops of `arguments.correlation_id`."""
    trace.show(account.on_laptop(home), arguments)
