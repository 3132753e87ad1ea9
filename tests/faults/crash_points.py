"""Where a worker dies: before and after each commit, each call of a service, each claim, mark and deletion.

No hook for this is in the application: the worker that is to die wraps one of its functions after it was forked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.faults.seams import crash_after, crash_before

COMMIT = "chalicelib.database.transaction:UnitOfWork.commit"
SEND = "chalicelib.messaging.destinations:send"
ATTEMPT = "chalicelib.messaging.destinations:_attempt"
STORE = "chalicelib.messaging.outbox:add"
REPLY = "tests.faults.workers:reply"
TAKE = "chalicelib.products.repository:take"
PUT_BACK = "chalicelib.products.repository:put_back"
CHANGE = "chalicelib.orders.repository:change_status"
INBOX = "chalicelib.messaging.inbox:add"
EMAIL = "chalicelib.notifications.emails:Emails.send"
PUSH = "chalicelib.notifications.pushes:Pushes.send"
NOTIFICATIONS = "chalicelib.notifications.repository"
QUEUE_CALL = "chalicelib.messaging.redrive:_call"


@dataclass(frozen=True)
class CrashPoint:
    """A moment of an invocation. `scene` says which invocation dies there (a method of `rehearsal.Rehearsal`)."""

    scene: str
    name: str
    arm: Callable[[], None]


def _points(scene: str, **moments: Callable[[], None]) -> list[CrashPoint]:
    return [CrashPoint(scene, name.replace("_", " "), arm) for name, arm in moments.items()]


before, after = (partial(partial, crash) for crash in (crash_before, crash_after))

POINTS = [
    *_points(
        "place",
        before_the_stock_is_taken=before(TAKE),
        after_the_stock_is_taken=after(TAKE),
        after_the_order_is_stored=after("chalicelib.orders.repository:add"),
        after_the_event_is_stored=after(STORE),
        after_the_idempotency_record=after("chalicelib.web.idempotency:_remember"),
        before_the_commit=before(COMMIT),
        after_the_commit=after(COMMIT),
        before_the_event_is_sent=before(SEND),
        between_the_queue_and_the_topic=after(ATTEMPT),
        after_the_event_is_sent=after(SEND),
        before_the_mark_is_committed=before(COMMIT, 2),
        after_the_mark_is_committed=after(COMMIT, 2),
        before_the_answer=before(REPLY),
    ),
    *_points("answered", after_the_answer=after(REPLY)),
    *_points(
        "cancel",
        after_the_status_is_changed=after(CHANGE),
        after_the_stock_is_put_back=after(PUT_BACK),
        before_the_commit=before(COMMIT),
        after_the_commit=after(COMMIT),
    ),
    *_points(
        "fulfil",
        before_the_inbox_row=before(INBOX),
        after_the_inbox_row=after(INBOX),
        after_the_status_is_changed=after(CHANGE),
        after_the_event_is_stored=after(STORE),
        before_the_commit=before(COMMIT),
        after_the_commit=after(COMMIT),
        in_the_middle_of_a_batch=after(COMMIT, 2),
        before_the_events_are_sent=before(SEND),
        between_the_topic_and_the_bus=after(ATTEMPT),
        after_the_events_are_sent=after(SEND),
        before_the_messages_are_deleted=before(REPLY),
    ),
    *_points(
        "sweep",
        after_the_claim=before(SEND),
        after_the_events_are_sent=after(SEND),
        before_the_mark_is_committed=before(COMMIT),
        after_the_mark_is_committed=after(COMMIT),
    ),
    *_points(
        "email",
        after_the_e_mails_are_planned=after(f"{NOTIFICATIONS}:plan"),
        after_the_claim=after(f"{NOTIFICATIONS}:claim"),
        after_the_claim_is_committed=after(COMMIT),
        before_the_call_of_SES=before(EMAIL),
        after_the_call_of_SES=after(EMAIL),
        after_the_outcome_is_stored=after(f"{NOTIFICATIONS}:settle"),
        before_the_outcome_is_committed=before(COMMIT, 2),
        after_the_outcome_is_committed=after(COMMIT, 2),
        before_the_messages_are_deleted=before(REPLY),
    ),
    *_points(
        "push",
        before_the_call_of_SNS=before(PUSH),
        after_the_call_of_SNS=after(PUSH),
        before_the_outcome_is_committed=before(COMMIT, 2),
    ),
    *_points(
        "expire",
        after_the_status_is_changed=after(CHANGE),
        after_the_stock_is_put_back=after(PUT_BACK),
        before_the_commit=before(COMMIT),
        after_the_commit=after(COMMIT),
    ),
    *_points(
        "redrive",
        before_the_letter_is_sent=before(QUEUE_CALL, 3),
        between_sending_and_deleting=after(QUEUE_CALL, 3),
        after_the_letter_is_deleted=after(QUEUE_CALL, 4),
        before_the_commit=before(COMMIT),
    ),
    *_points("purge", before_the_commit=before(COMMIT), after_the_commit=after(COMMIT)),
]
