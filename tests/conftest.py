"""What the whole test run shares. Everything is started on first use and at most once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from chalicelib import cache, clients
from tests import bedrock
from tests.bedrock import Bedrock
from tests.clock import Clock
from tests.environment import configured
from tests.identity_provider import IdentityProvider
from tests.log_lines import LogLines
from tests.services import Aws, Services, running
from tests.workers import pytest_xdist_auto_num_workers, pytest_xdist_make_scheduler

__all__ = ["pytest_xdist_auto_num_workers", "pytest_xdist_make_scheduler"]

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what is left out of a usual run."""
    parser.addoption("--every-grant", action="store_true", help="take each grant of each function away, one by one")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what functions use of what they are granted, when a test has looked."""
    reports = (report for reports in terminalreporter.stats.values() for report in reports)
    noted = (each for report in reports for each in getattr(report, "user_properties", ()))
    for sentence in {value for name, value in noted if name == "grants"}:
        terminalreporter.write_line(sentence)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A real PostgreSQL and a real Valkey of this run's own."""
    with running(tmp_path_factory.mktemp("services")) as started:
        yield started


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    """The network edge of AWS."""
    edge = Aws()
    yield edge
    edge.stop()


@pytest.fixture(scope="session")
def provider() -> Iterator[IdentityProvider]:
    """A user pool's token service."""
    pool = IdentityProvider()
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def bedrock_server() -> Iterator[Bedrock]:
    """The one model of this run."""
    with bedrock.running() as server:
        yield server


@pytest.fixture(scope="module")
def environment(
    services: Services, aws: Aws, provider: IdentityProvider, bedrock_server: Bedrock
) -> Iterator[dict[str, str]]:
    """An execution environment of the API function, with everything it depends on; yields its variables.

    It waits longer for Valkey and for AWS than in production, so that a busy machine is not taken for an outage.
    """
    variables = provider.settings | services.settings | aws.settings | bedrock_server.settings
    with configured(**variables), pytest.MonkeyPatch.context() as patient:
        patient.setattr(cache, "TIMEOUT_SECONDS", 10)
        patient.setattr(clients, "CONNECT_SECONDS", 10)
        patient.setattr(clients, "READ_SECONDS", 20)
        yield variables


@pytest.fixture
def clock() -> Clock:
    """Time that moves when the test says so."""
    return Clock()


@pytest.fixture
def logs() -> Iterator[LogLines]:
    """The application's log lines of this test."""
    lines = LogLines()
    yield lines
    lines.stop()
