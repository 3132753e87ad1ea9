"""What can be done with notifications: registering devices, and heeding what mail providers tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from chalicelib import users
from chalicelib.caller import Caller
from chalicelib.errors import Invalid, NotFound, Violation
from chalicelib.notifications import endpoints, repository
from chalicelib.notifications.models import Device
from chalicelib.observability import count, logger


class DeviceNotFound(NotFound):
    """The caller has no such device."""


def register_device(caller: Caller, device_id: UUID, registration: Mapping[str, Any]) -> Device:
    """The caller's device, which takes push notifications from now on. Raises `Invalid` and `Unavailable`."""
    users.require_active(caller)
    platform, token = registration["platform"], registration["token"]
    if not endpoints.is_served(platform):
        raise Invalid("Push is not set up here.", [Violation("/platform", "This platform is not served.")])
    return repository.put_device(caller.id, device_id, platform, token, endpoints.register(platform, token))


def remove_device(caller: Caller, device_id: UUID) -> None:
    """Sends nothing to the device any more. Raises `DeviceNotFound`."""
    known = repository.device(caller.id, device_id)
    if known is None:
        raise DeviceNotFound("You have no such device.")
    repository.remove_device(caller.id, device_id)
    endpoints.remove(known.endpoint)


def record_mail_event(event: Mapping[str, Any]) -> None:
    """Suppresses the addresses that a bounce or complaint of SES names; a bounce that may pass changes nothing.

    Shape: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
    """
    for address, reason, detail in _to_suppress(event):
        repository.suppress(address, reason, detail)
        count("AddressesSuppressed")
        logger.info("address suppressed", extra={"reason": reason, "detail": detail})


def _to_suppress(event: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    match event.get("eventType") or event.get("notificationType"):
        case "Bounce" if event["bounce"]["bounceType"] == "Permanent":
            for recipient in event["bounce"]["bouncedRecipients"]:
                yield recipient["emailAddress"], "bounce", str(event["bounce"].get("bounceSubType", ""))
        case "Complaint":
            for recipient in event["complaint"]["complainedRecipients"]:
                yield recipient["emailAddress"], "complaint", str(event["complaint"].get("complaintFeedbackType", ""))
