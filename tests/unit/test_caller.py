from __future__ import annotations

from uuid import uuid4

import pytest

from chalicelib.caller import Caller
from chalicelib.users.models import groups_of, highest


@pytest.mark.parametrize(
    ("groups", "is_staff", "role"),
    [
        ((), False, "users"),
        (("users",), False, "users"),
        (("sellers",), False, "users"),
        (("Admins",), False, "users"),
        (("users", "moderators"), True, "moderators"),
        (("moderators",), True, "moderators"),
        (("users", "admins"), True, "admins"),
        (("admins", "moderators", "users"), True, "admins"),
    ],
)
def test_groups_decide_who_is_staff_and_what_the_role_is(groups: tuple[str, ...], is_staff: bool, role: str) -> None:
    assert Caller(uuid4(), frozenset(groups)).is_staff is is_staff
    assert highest(frozenset(groups)) == role


def test_somebody_without_groups_is_a_plain_user() -> None:
    assert not Caller(uuid4()).is_staff


@pytest.mark.parametrize(
    ("role", "groups"),
    [("users", ["users"]), ("moderators", ["users", "moderators"]), ("admins", ["users", "admins"])],
)
def test_everybody_is_in_the_group_of_users(role: str, groups: list[str]) -> None:
    assert groups_of(role) == groups
    assert highest(frozenset(groups)) == role
