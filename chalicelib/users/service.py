"""What can be done with people."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from chalicelib import audit
from chalicelib.caller import ADMINS, USERS, Caller
from chalicelib.errors import Conflict, Forbidden, MarketplaceError, NotFound, Stale
from chalicelib.messaging import outbox
from chalicelib.paging import Page, PageRequest
from chalicelib.users import directory, events, repository
from chalicelib.users.models import Profile, highest


class UserNotFound(NotFound):
    """There is no such person."""


class OwnAccount(Conflict):
    """Admins do not demote or lock out themselves: the marketplace would be left without one."""


def confirm(user_id: UUID, email: str) -> None:
    """Gives a person who has confirmed their address the default group and a profile; again changes nothing."""
    directory.add_to_group(user_id, USERS)
    _register(user_id, email, USERS)


def profile(caller: Caller) -> Profile:
    """The caller's profile, made now if the sign-up trigger never ran. Raises `Forbidden` for a disabled account."""
    found = repository.find(caller.id) or _made_on_first_use(caller)
    if found.disabled:
        raise Forbidden("This account is disabled.")
    return found


def require_active(caller: Caller) -> Caller:
    """The caller in the roles they have now, whatever their token says. Raises `Forbidden` for a disabled account."""
    return Caller(caller.id, frozenset(profile(caller).roles))


def require_admin(caller: Caller) -> None:
    """Lets the caller administrate now, whatever their token said when it was issued. Raises `Forbidden`."""
    _check_admin(profile(caller))


def require_staff(caller: Caller) -> None:
    """Lets the caller look after the marketplace now, whatever their token said. Raises `Forbidden`."""
    if not require_active(caller).is_staff:
        raise Forbidden("This is for moderators and admins.")


def named(user_ids: Collection[UUID]) -> dict[UUID, Profile]:
    """Those of the people who have a profile, by id."""
    return repository.find_all(user_ids)


def with_email(email: str) -> Profile | None:
    """The person with this address, in whatever case it is written; None when nobody has it."""
    return repository.find_by_email(email)


def change_profile(caller: Caller, versions: Collection[int] | None, changes: Mapping[str, Any]) -> Profile:
    """The caller's profile after `changes`. Raises `Stale` when it is not at one of `versions`."""
    require_active(caller)
    changed = repository.change(caller.id, _columns(changes), versions)
    if changed is None:
        raise Stale("Your profile has changed since you read it.")
    outbox.add(events.CHANGED, changed, group=changed.id)
    return changed


def search(caller: Caller, text: str | None, page: PageRequest) -> Page[Profile]:
    """A page of the people whose address or name contains `text`. Raises `Forbidden` for all but admins."""
    require_admin(caller)
    return repository.search(text, page)


def administer(caller: Caller, user_id: UUID, changes: Mapping[str, Any]) -> Profile:
    """The person after an admin changed `role` or `disabled`, in Cognito and here.

    Raises `UserNotFound`, `OwnAccount`, `Forbidden`, and `Unavailable` when Cognito cannot be reached; then nothing has
    changed.
    """
    require_admin(caller)
    if user_id == caller.id:
        raise OwnAccount("Ask another admin to change your own account.")
    people = repository.find_for_change(caller.id, user_id)
    _check_admin(people[caller.id])  # two admins who demote each other at once: the second is none any more
    before = people.get(user_id)
    if before is None:
        raise UserNotFound("There is no such person.")
    after = repository.change(user_id, changes)
    if after is None:
        raise UserNotFound("There is no such person.")
    audit.record(caller, "user.changed", str(user_id), dict(changes))
    _tell_directory(before, after)
    return after


def _check_admin(person: Profile) -> None:
    if person.role != ADMINS or person.disabled:
        raise Forbidden("This is for admins.")


def _made_on_first_use(caller: Caller) -> Profile:
    if USERS not in caller.groups:
        directory.add_to_group(caller.id, USERS)
    _register(caller.id, directory.email_of(caller.id), highest(caller.groups))
    made = repository.find(caller.id)
    if made is None:
        raise UserNotFound("There is no such person.")
    return made


def _register(user_id: UUID, email: str, role: str) -> None:
    if registered := repository.add(user_id, email, role):
        outbox.add(events.REGISTERED, registered, group=user_id)


def _tell_directory(before: Profile, after: Profile) -> None:
    """Last before the commit, and taken back when a part of it fails."""
    try:
        _apply(after)
    except MarketplaceError:
        with contextlib.suppress(MarketplaceError):
            _apply(before)
        raise


def _apply(person: Profile) -> None:
    directory.set_role(person.id, person.role)
    directory.set_disabled(person.id, disabled=person.disabled)


def _columns(changes: Mapping[str, Any]) -> dict[str, Any]:
    notifications = changes.get("notifications", {})
    columns = {f"notify_{kind}": wanted for kind, wanted in notifications.items()}
    return columns | ({"name": changes["name"]} if "name" in changes else {})
