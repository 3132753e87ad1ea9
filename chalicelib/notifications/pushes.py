"""Push notifications through SNS: to every device of a person that takes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from chalicelib import clients, users
from chalicelib.messaging.delivery import Outcome
from chalicelib.messaging.envelope import Envelope
from chalicelib.notifications import repository
from chalicelib.notifications.models import PUSH, REFUSED
from chalicelib.notifications.notices import WORDS, notices, read
from chalicelib.notifications.post import StoredPost, planned
from chalicelib.notifications.provider import outcome_of

REFUSALS = frozenset({"EndpointDisabled", "EndpointDisabledException", "NotFound", "NotFoundException"})
"""By these SNS says that the platform takes nothing for this token any more."""


@dataclass(frozen=True)
class Push:
    """What is sent to one device; without an endpoint the device has gone in the meantime."""

    notification_id: UUID
    endpoint: str
    message: str


class Pushes(StoredPost):
    """Tells people on their devices: those who want that."""

    channel = PUSH

    def plan(self, message: Envelope) -> None:
        """Stores a push for every device of everybody who is to hear of `message`; again changes nothing."""
        wanted = notices(message)
        people = users.named({notice.user_id for notice in wanted})
        willing = [user_id for user_id, person in people.items() if person.notify_push and not person.disabled]
        devices = repository.devices_of(willing)
        self.stored(
            message,
            [
                planned(notice, device_id=device.id)
                for notice in wanted
                for device in devices
                if device.user_id == notice.user_id
            ],
        )

    def claim(self, message: Envelope) -> Push | None:
        """The next push of `message`, claimed."""
        notification = self.claimed(message)
        if notification is None or notification.device_id is None:
            return None
        device = repository.device(notification.user_id, notification.device_id)
        words = WORDS[notification.kind]
        return Push(
            notification.id,
            device.endpoint if device else "",
            _payload(words.title, words.sentence, str(read(message)["id"])),
        )

    def send(self, push: Push) -> Outcome:
        """Hands the push to SNS, once."""
        if not push.endpoint:
            return Outcome(push.notification_id, REFUSED, "the device is gone")
        return outcome_of(
            push.notification_id,
            lambda: clients.client("sns", attempts=1).publish(
                TargetArn=push.endpoint, MessageStructure="json", Message=push.message
            ),
            REFUSALS,
        )

    def settle(self, outcome: Outcome) -> None:
        """Stores what became of a push; a device whose platform refused it takes no more."""
        super().settle(outcome)
        if outcome.state == REFUSED:
            repository.disable_device_of(outcome.delivery_id)


by_push = Pushes()


def _payload(title: str, sentence: str, order_id: str) -> str:
    """One message in the form of each platform.

    https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
    """
    alert, data = {"title": title, "body": sentence}, {"order_id": order_id}
    fcm = json.dumps({"fcmV1Message": {"message": {"notification": alert, "data": data}}})
    apns = json.dumps({"aps": {"alert": alert}, **data})
    return json.dumps({"default": title, "GCM": fcm, "APNS": apns, "APNS_SANDBOX": apns})
