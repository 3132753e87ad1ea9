"""Calling a provider that does what it is asked to each time: once, and with an answer to what became of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from chalicelib import clients
from chalicelib.messaging.delivery import Outcome
from chalicelib.notifications.models import PENDING, REFUSED, SENT, UNCERTAIN

_SERVER_ERROR = 500


def outcome_of(notification_id: UUID, call: Callable[[], Any], refusals: Collection[str]) -> Outcome:
    """What became of `call`; `refusals` are the error codes by which the provider will never take it.

    Only what certainly was not taken is `pending` again: refused for now, or never handed over.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

    try:
        call()
    except ClientError as error:
        return Outcome(notification_id, _state(error, refusals), str(error.response["Error"].get("Code", "")))
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        return Outcome(notification_id, PENDING, type(error).__name__)
    except BotoCoreError as error:
        return Outcome(notification_id, UNCERTAIN, type(error).__name__)
    return Outcome(notification_id, SENT)


def _state(error: Any, refusals: Collection[str]) -> str:
    if error.response["Error"].get("Code") in refusals:
        return REFUSED
    if clients.is_throttling(error):
        return PENDING
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", _SERVER_ERROR)
    return UNCERTAIN if status >= _SERVER_ERROR else PENDING
