"""Which tests have to run before it is known that nobody uses a grant."""

from __future__ import annotations

import pytest

USING = (
    *("test_activity.py", "test_admin.py", "test_assistant.py", "test_dead_letters.py", "test_notifications.py"),
    *("test_ops.py", "test_orders.py", "test_permissions.py", "test_refunds.py", "test_schedules.py"),
    *("test_sockets.py", "test_uploads.py"),
)
"""The modules of `tests/integration` that together use every grant."""

SOME_LEFT_OUT = pytest.StashKey[bool]()
"""Whether tests were deselected, by name, expression or marker."""


def is_whole(session: pytest.Session) -> bool:
    """Whether this run has all of those tests."""
    is_selection = any("::" in argument for argument in session.config.args)
    is_selection |= session.config.stash.get(SOME_LEFT_OUT, False)
    return set(USING) <= {item.path.name for item in session.items} and not is_selection
