"""How the suite is split between two workers: hooks of pytest-xdist, whose workers have session fixtures of their own.

One worker starts the running system, for the tests in `tests/integration` itself, and runs them in their order: the
last look back at the whole run. The other starts the servers that tests of this process use, and whole systems for
single tests. Whoever is done first goes on with the tests that share nothing, file by file.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

RUNNING_SYSTEM = "tests/integration"
SERVERS = ("tests/integration/", "tests/faults/")
OWN_SYSTEMS = {
    "tests/integration/test_chalice_deploy.py",
    "tests/integration/test_infra_commands.py",
    "tests/integration/test_start_and_stop.py",
}
"""Modules beside those of the running system that need none of it."""


class Groups(LoadScopeScheduling):
    """Never splits a group, and begins with the largest."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The group of a test: one worker runs all tests of a group."""
    path = nodeid.partition("::")[0]
    if path.rpartition("/")[0] == RUNNING_SYSTEM and path not in OWN_SYSTEMS:
        return RUNNING_SYSTEM
    return "servers" if path.startswith(SERVERS) else path


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for the whole suite; what somebody selects is run by this process, which is ready sooner."""
    is_selection = config.args_source is not config.ArgsSource.TESTPATHS or config.option.keyword
    return 0 if is_selection or config.option.markexpr else 2


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Hands the tests to the workers group by group."""
    return Groups(config, log)
