from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from chalicelib.users.schemas import ProfileChange, UserChange, UserSearch


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Ada"},
        {"name": ""},
        {"notifications": {"email": False}},
        {"notifications": {"email": True, "push": False}},
    ],
)
def test_people_change_their_name_and_what_they_want_to_be_told(change: dict[str, Any]) -> None:
    assert ProfileChange().load(change) == change


@pytest.mark.parametrize(
    "change",
    [
        {"email": "x@example.com"}, {"role": "admins"}, {"roles": ["admins"]}, {"disabled": False}, {"id": "1"},
        {"version": 1}, {"email_verified": True}, {"created_at": "2026-01-01"}, {"notify_email": False},
        {"notifications": {"sms": True}}, {"notifications": None}, {"notifications": []}, {"name": None},
        {"name": "x" * 201}, {},
    ],
    ids=str,
)  # fmt: skip
def test_people_change_nothing_else_about_themselves(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProfileChange().load(change)


@pytest.mark.parametrize("value", [1, 0, 1.0, "true", "1", "yes", None, [], {}, "on"])
def test_a_switch_is_true_or_false(value: Any) -> None:
    with pytest.raises(ValidationError):
        ProfileChange().load({"notifications": {"push": value}})
    with pytest.raises(ValidationError):
        UserChange().load({"disabled": value})


@pytest.mark.parametrize("change", [{"role": "admins"}, {"disabled": True}, {"role": "users", "disabled": False}])
def test_admins_change_roles_and_lock_people_out(change: dict[str, Any]) -> None:
    assert UserChange().load(change) == change


@pytest.mark.parametrize(
    "change", [{}, {"role": "root"}, {"role": None}, {"role": ["admins"]}, {"email": "x"}], ids=str
)
def test_admins_change_nothing_else(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UserChange().load(change)


def test_a_search_for_people_may_ask_for_all() -> None:
    assert UserSearch().load({})["q"] is None
