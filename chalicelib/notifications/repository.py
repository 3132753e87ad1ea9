"""SQL about notifications, devices and suppressed addresses. Clocks are the database's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from chalicelib.database import connection
from chalicelib.notifications.models import (
    Device,
    Notification,
    devices,
    notifications,
    suppressed_addresses,
)

LEASE_SECONDS = 60
"""A claim older than this was left by a crash: longer than any function of a channel may run."""

_CLAIM = text("""
    UPDATE notifications SET state = 'sending', claimed_at = now()
    WHERE id = (
        SELECT id FROM notifications
        WHERE event_id = :event AND channel = :channel AND state = 'pending'
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, user_id, kind, device_id
""")
_GIVE_UP = text("""
    UPDATE notifications SET state = 'uncertain', finished_at = now(), detail = 'cut off while it was being sent'
    WHERE event_id = :event AND channel = :channel AND state = 'sending'
      AND claimed_at < now() - make_interval(secs => :lease)
""")
_SETTLE = text("""
    UPDATE notifications
    SET state = :state, detail = :detail, finished_at = CASE WHEN :state <> 'pending' THEN now() END
    WHERE id = :id AND state = 'sending'
    RETURNING event_id, kind
""")


def plan(event_id: UUID, channel: str, planned: Sequence[Notification]) -> None:
    """Stores notifications to be sent; those that there are stay as they are."""
    rows = [
        {
            "id": each.id,
            "event_id": event_id,
            "user_id": each.user_id,
            "kind": each.kind,
            "channel": channel,
            "device_id": each.device_id,
        }
        for each in planned
    ]
    if rows:
        connection().execute(insert(notifications).values(rows).on_conflict_do_nothing())


def claim(event_id: UUID, channel: str) -> Notification | None:
    """Takes one pending notification of the event, or None."""
    row = connection().execute(_CLAIM, {"event": event_id, "channel": channel}).one_or_none()
    return None if row is None else Notification(**row._asdict())


def give_up_abandoned(event_id: UUID, channel: str) -> int:
    """Makes the event's notifications that a crash left in hand uncertain; returns how many."""
    values = {"event": event_id, "channel": channel, "lease": LEASE_SECONDS}
    return int(connection().execute(_GIVE_UP, values).rowcount)


def settle(notification_id: UUID, state: str, detail: str) -> tuple[UUID, str] | None:
    """Stores what became of a claimed notification, and returns its event and kind.

    One that was given up in the meantime stays so; then it is None.
    """
    values = {"id": notification_id, "state": state, "detail": detail[:500]}
    row = connection().execute(_SETTLE, values).one_or_none()
    return None if row is None else (row.event_id, row.kind)


def is_finished(event_id: UUID, channel: str) -> bool:
    """Whether none of the event's notifications is pending or in hand."""
    statement = select(notifications.c.id).where(
        notifications.c.event_id == event_id,
        notifications.c.channel == channel,
        notifications.c.finished_at.is_(None),
    )
    return connection().execute(statement.limit(1)).one_or_none() is None


def devices_of(user_ids: Collection[UUID]) -> list[Device]:
    """The people's devices that take notifications."""
    statement = select(*_DEVICE).where(devices.c.user_id.in_(user_ids), devices.c.enabled)
    return [
        Device(**row._asdict()) for row in connection().execute(statement.order_by(devices.c.user_id, devices.c.id))
    ]


def device(user_id: UUID, device_id: UUID) -> Device | None:
    """The device, or None."""
    return _one(select(*_DEVICE).where(devices.c.user_id == user_id, devices.c.id == device_id))


def put_device(user_id: UUID, device_id: UUID, platform: str, token: str, endpoint: str) -> Device:
    """The device as stored. A token is one device's: whoever had it before has it no longer."""
    connection().execute(
        delete(devices).where(
            devices.c.platform == platform,
            func.md5(devices.c.token) == func.md5(token),
            (devices.c.user_id != user_id) | (devices.c.id != device_id),
        )
    )
    values = {"platform": platform, "token": token, "endpoint": endpoint, "enabled": True}
    statement = insert(devices).values(user_id=user_id, id=device_id, **values)
    row = connection().execute(
        statement.on_conflict_do_update(
            index_elements=[devices.c.user_id, devices.c.id], set_=values | {"updated_at": func.now()}
        ).returning(*_DEVICE)
    )
    return Device(**row.one()._asdict())


def disable_device_of(notification_id: UUID) -> None:
    """Notes that the device of a notification takes no more."""
    connection().execute(
        update(devices)
        .where(
            notifications.c.id == notification_id,
            notifications.c.user_id == devices.c.user_id,
            notifications.c.device_id == devices.c.id,
        )
        .values(enabled=False, updated_at=func.now())
    )


def remove_device(user_id: UUID, device_id: UUID) -> None:
    """Forgets the device."""
    connection().execute(delete(devices).where(devices.c.user_id == user_id, devices.c.id == device_id))


def suppress(email: str, reason: str, detail: str) -> None:
    """Sends nothing to the address any more; again changes nothing."""
    statement = insert(suppressed_addresses).values(email=email.lower(), reason=reason, detail=detail[:500])
    connection().execute(statement.on_conflict_do_nothing())


def suppressed(emails: Collection[str]) -> set[str]:
    """Those of the addresses, in lower case, that nothing is sent to."""
    lowered = [email.lower() for email in emails]
    return set(
        connection()
        .execute(select(suppressed_addresses.c.email).where(suppressed_addresses.c.email.in_(lowered)))
        .scalars()
    )


_DEVICE = [column for column in devices.c if column.name != "token"]


def _one(statement: Any) -> Device | None:
    row = connection().execute(statement).one_or_none()
    return None if row is None else Device(**row._asdict())
