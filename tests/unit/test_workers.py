from __future__ import annotations

import pytest

from tests.workers import RUNNING_SYSTEM, group


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("tests/integration/test_orders.py::test_order[a/b]", RUNNING_SYSTEM),
        ("tests/integration/test_start_and_stop.py::test_interrupt", "servers"),
        ("tests/integration/database/test_orders.py::test_order", "servers"),
        ("tests/faults/test_faults.py::test_deaths", "servers"),
        ("tests/contract/test_docs.py::test_links[docs/api.md]", "tests/contract/test_docs.py"),
        ("tests/unit/web/test_etags.py::test_tag", "tests/unit/web/test_etags.py"),
    ],
)
def test_a_group_shares_what_is_expensive_to_start(test: str, expected: str) -> None:
    assert group(test) == expected


def test_a_module_of_its_own_system_asks_for_no_running_one(request: pytest.FixtureRequest) -> None:
    """Otherwise two workers would start it."""
    asking = {
        item.nodeid.partition("::")[0]
        for item in request.session.items
        if "stack_process" in getattr(item, "fixturenames", ())
    }
    assert [path for path in asking if group(path) != RUNNING_SYSTEM] == []
