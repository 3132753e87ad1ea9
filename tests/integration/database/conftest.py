"""Tests of the application in this process, over a real PostgreSQL; the `api` here is that of this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.edge import Edge
from tests.in_process import api, edge, edge_environment, edge_server
from tests.services import Services

__all__ = ["api", "edge", "edge_environment", "edge_server"]


@pytest.fixture
def empty_outbox(edge: Edge, services: Services) -> Iterator[None]:
    """Nothing of other tests waits to be sent."""
    services.sql("DELETE FROM outbox")
    yield
    services.sql("DELETE FROM outbox")
