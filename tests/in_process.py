"""The API of this process as a fixture, and the edge of messages, for the folders whose tests use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import clients
from chalicelib.messaging import relay
from tests import listeners
from tests.edge import Edge, running
from tests.environment import configured
from tests.gateway import HttpApi
from tests.identity_provider import IdentityProvider
from tests.listeners import Listeners


@pytest.fixture
def api(environment: dict[str, str], provider: IdentityProvider) -> HttpApi:
    """The API, behind a gateway of this process."""
    return HttpApi(provider)


@pytest.fixture(scope="session")
def edge_server() -> Iterator[Edge]:
    """The one edge of this run."""
    with running() as edge:
        yield edge


@pytest.fixture(scope="module")
def edge_environment(environment: dict[str, str], edge_server: Edge) -> Iterator[dict[str, str]]:
    """An execution environment whose messages go to the edge, each call once; yields its variables."""
    variables = environment | edge_server.settings
    with configured(**variables), pytest.MonkeyPatch.context() as impatient:
        impatient.setattr(clients, "ATTEMPTS", 1)
        yield variables


@pytest.fixture
def edge(edge_environment: dict[str, str], edge_server: Edge) -> Edge:
    """What carries messages, in place of AWS's: it fails when the test says so."""
    edge_server.forget()
    relay._breaker.reset()
    return edge_server


@pytest.fixture(scope="session")
def listeners_server() -> Iterator[Listeners]:
    """The one other end of sockets of this run."""
    with listeners.running() as server:
        yield server


@pytest.fixture(scope="module")
def socket_environment(environment: dict[str, str], listeners_server: Listeners) -> Iterator[dict[str, str]]:
    """An execution environment with a WebSocket API; yields its variables."""
    variables = environment | listeners_server.settings
    with configured(**variables):
        yield variables


@pytest.fixture
def sockets(socket_environment: dict[str, str], listeners_server: Listeners) -> Listeners:
    """The other end of every socket: it fails when the test says so."""
    listeners_server.forget()
    return listeners_server
