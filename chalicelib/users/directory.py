"""The people in Cognito: their addresses, groups, and whether they may sign in.

The user name is the subject (`sub`), since the pool signs people in by e-mail address. Every call says what shall be,
so repeating one changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from chalicelib import clients, config
from chalicelib.caller import ADMINS, MODERATORS
from chalicelib.errors import NotFound, Unavailable


def email_of(user_id: UUID) -> str:
    """The person's e-mail address. Raises `NotFound` when Cognito knows nobody of this id, and `Unavailable`."""
    answer = _call("admin_get_user", user_id)
    attributes = {item["Name"]: item["Value"] for item in answer["UserAttributes"]}
    return str(attributes.get("email", ""))


def add_to_group(user_id: UUID, group: str) -> None:
    """Puts the person into `group`. Raises `NotFound` and `Unavailable`."""
    _call("admin_add_user_to_group", user_id, GroupName=group)


def set_role(user_id: UUID, role: str) -> None:
    """Makes `role` the person's highest group. Raises `NotFound` and `Unavailable`."""
    for group in (ADMINS, MODERATORS):
        action = "admin_add_user_to_group" if group == role else "admin_remove_user_from_group"
        _call(action, user_id, GroupName=group)


def set_disabled(user_id: UUID, *, disabled: bool) -> None:
    """Locks the person out and ends their sessions, or lets them in again. Raises `NotFound` and `Unavailable`."""
    if not disabled:
        _call("admin_enable_user", user_id)
        return
    _call("admin_disable_user", user_id)
    _call("admin_user_global_sign_out", user_id)


def _call(action: str, user_id: UUID, **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    client = clients.client("cognito-idp")
    method: Callable[..., Any] = getattr(client, action)
    try:
        return method(UserPoolId=config.current().user_pool_id, Username=str(user_id), **arguments)
    except client.exceptions.UserNotFoundException:
        raise NotFound("There is no such person.") from None
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("The user directory is not available right now.") from error
