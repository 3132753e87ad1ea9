"""Tests of sockets and activity in this process: the table is moto's, the other end of sockets the network edge's."""

from __future__ import annotations

import pytest

from tests.in_process import api, edge, edge_environment, edge_server, listeners_server, socket_environment, sockets
from tests.listeners import Listeners
from tests.people import Person, enrolled

__all__ = ["api", "edge", "edge_environment", "edge_server", "listeners_server", "socket_environment", "sockets"]


@pytest.fixture
def person(sockets: Listeners) -> Person:
    """Somebody with a profile."""
    return enrolled()
