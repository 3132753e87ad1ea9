"""The hops of a request: what each log line tells about its way, in which order, and what is still missing.

A line that says how long something took was written at its end; the hop began so much earlier. In the order of their
beginnings the request comes before what it caused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.messaging import queues
from chalicelib.messaging.envelope import Destination
from chalicelib.notifications.notices import TO_BUYERS

Fields = Mapping[str, Any]

RECEIVERS = {
    Destination.ORDERS.value: (queues.ORDERS.consumer,),
    Destination.ORDER_EVENTS.value: ("record_activity", queues.EMAILS.consumer, queues.PUSHES.consumer),
}
"""The functions that an event reaches by each destination. Rules of the bus choose what they take."""
NOTIFIED = frozenset(TO_BUYERS)
"""The events that get through the filters of the topic's queues."""

_PLACES = {Destination.ORDERS.value: "queue", Destination.ORDER_EVENTS.value: "topic", Destination.BUS.value: "bus"}
_OF_EVERY_LINE = frozenset(
    {
        *("cold_start", "correlation_id", "function_arn", "function_memory_size", "function_name"),
        *("function_request_id", "level", "location", "message", "sampling_rate", "service", "timestamp"),
        *("xray_trace_id", "milliseconds"),
    }
)


@dataclass(frozen=True)
class Hop:
    """One thing that a function did. `milliseconds` is how long it took, where that is known."""

    began: datetime
    function: str
    place: str
    what: str
    milliseconds: float | None
    failed: bool
    message: str
    fields: Fields


def read(function: str, line: str, correlation_id: str) -> Hop | None:
    """What a log line of `function` tells about `correlation_id`; None when it tells nothing."""
    try:
        record = json.loads(line)
        if record["correlation_id"] != correlation_id:
            return None
        ended, message = datetime.fromisoformat(record["timestamp"]), str(record["message"])
    except (ValueError, LookupError, TypeError):
        return None
    milliseconds = record.get("milliseconds")
    fields = {name: value for name, value in record.items() if name not in _OF_EVERY_LINE}
    place, what = _told(message, fields)
    return Hop(
        began=ended - timedelta(milliseconds=milliseconds or 0),
        function=function,
        place=place,
        what=what,
        milliseconds=milliseconds,
        failed=record.get("level") in {"WARNING", "ERROR", "CRITICAL"},
        message=message,
        fields=fields,
    )


def in_order(hops: Iterable[Hop]) -> list[Hop]:
    """`hops` by the time at which they began; what began at once stays as it was logged."""
    return sorted(hops, key=lambda hop: hop.began)


def still_to_come(hops: Sequence[Hop]) -> list[str]:
    """What was sent on its way and has not been seen to arrive, in words."""
    published = {(_event(hop), hop.fields.get("destination")) for hop in hops if hop.message == "event published"}
    missing = [
        f"{hop.fields.get('type')} leaves the outbox for {destination}"
        for hop in hops
        if hop.message == "event stored"
        for destination in hop.fields.get("destinations", ())
        if (_event(hop), destination) not in published
    ]
    arrived = {(_event(hop), hop.function) for hop in hops if hop.message in {"message consumed", "activity recorded"}}
    missing += [
        f"{hop.fields.get('type')} in {receiver}"
        for hop in hops
        if hop.message == "event published"
        for receiver in _receivers(hop)
        if (_event(hop), receiver) not in arrived
    ]
    pushed = {_event(hop) for hop in hops if hop.message == "event pushed"}
    missing += [
        f"{hop.fields.get('type')} to open sockets"
        for hop in hops
        if hop.message == "activity recorded" and not hop.fields.get("repeated") and _event(hop) not in pushed
    ]
    return missing


def plain(hop: Hop, first: Hop) -> dict[str, Any]:
    """`hop` as JSON; `after` is milliseconds since `first` began."""
    return {
        "began": hop.began.isoformat(timespec="milliseconds"),
        "after": since(hop, first),
        "function": hop.function,
        "hop": hop.place,
        "what": hop.what,
        "milliseconds": hop.milliseconds,
        "failed": hop.failed,
        "message": hop.message,
        "fields": dict(hop.fields),
    }


def since(hop: Hop, first: Hop) -> int:
    """Milliseconds from the beginning of `first` to that of `hop`."""
    return round((hop.began - first.began) / timedelta(milliseconds=1))


def _receivers(hop: Hop) -> list[str]:
    """The functions that a published event is to arrive in."""
    filtered = {queues.EMAILS.consumer, queues.PUSHES.consumer} if hop.fields.get("type") not in NOTIFIED else set()
    return [name for name in RECEIVERS.get(str(hop.fields.get("destination")), ()) if name not in filtered]


def _event(hop: Hop) -> str:
    return str(hop.fields.get("event_id"))


def _told(message: str, fields: Fields) -> tuple[str, str]:
    """Where on its way the request was, and what happened there."""
    if message in _TOLD:
        return _TOLD[message](fields)
    if fields.get("channel") in {"email", "push"}:
        return _notified(fields)
    more = " ".join(f"{name}={value}" for name, value in fields.items())
    return "", f"{message}  {more}".rstrip()


def _requested(fields: Fields) -> tuple[str, str]:
    return "request", f"{fields.get('route')} answered with {fields.get('status')}"


def _stored(fields: Fields) -> tuple[str, str]:
    return "outbox", f"{fields.get('type')} stored"


def _published(fields: Fields) -> tuple[str, str]:
    destination = str(fields.get("destination"))
    return _PLACES.get(destination, destination), f"{fields.get('type')} sent to {destination}"


def _not_published(fields: Fields) -> tuple[str, str]:
    place, _ = _published(fields)
    return place, f"{fields.get('type')} not sent, the outbox keeps it: {fields.get('reason')}"


def _consumed(fields: Fields) -> tuple[str, str]:
    return "consumer", f"{fields.get('type')} {'nothing left to do' if fields.get('repeated') else 'done'}"


def _failed(fields: Fields) -> tuple[str, str]:
    reason = f"{fields.get('error')}: {fields.get('reason')}"
    return "consumer", f"{fields.get('type', 'message')} failed, receive {fields.get('receive_count')}: {reason}"


def _ranked(fields: Fields) -> tuple[str, str]:
    return "ranking", f"{fields.get('type')} {'counted' if fields.get('counted') else 'nothing to count'}"


def _recorded(fields: Fields) -> tuple[str, str]:
    return "activity", f"{fields.get('type')} {'was recorded already' if fields.get('repeated') else 'recorded'}"


def _pushed(fields: Fields) -> tuple[str, str]:
    return "sockets", f"{fields.get('type')} sent to {fields.get('connections')} open sockets"


def _notified(fields: Fields) -> tuple[str, str]:
    place = "e-mail" if fields.get("channel") == "email" else "push"
    return place, f"{fields.get('kind') or 'notification'} {fields.get('state')}"


_TOLD: Mapping[str, Callable[[Fields], tuple[str, str]]] = {
    "request": _requested,
    "event stored": _stored,
    "event published": _published,
    "event not published": _not_published,
    "message consumed": _consumed,
    "message failed": _failed,
    "sales counted": _ranked,
    "activity recorded": _recorded,
    "profile recorded": _recorded,
    "event pushed": _pushed,
}
