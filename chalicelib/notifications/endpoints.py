"""SNS's platform endpoints: the ARNs by which SNS knows devices."""

from __future__ import annotations

import re
from typing import Any

from chalicelib import clients, config
from chalicelib.errors import Invalid, Unavailable, Violation

_EXISTING = re.compile(r"Endpoint (arn:\S+) already exists with the same Token")


def is_served(platform: str) -> bool:
    """Whether this stage has a platform application for `platform`."""
    return platform in config.current().push_applications


def register(platform: str, token: str) -> str:
    """The endpoint of a device's token, enabled. Raises `Invalid` for a token that SNS refuses, and `Unavailable`."""
    endpoint = _made_or_found(platform, token)
    # It may have been there, and have been disabled when the platform took nothing for it any more.
    _call("set_endpoint_attributes", EndpointArn=endpoint, Attributes={"Enabled": "true", "Token": token})
    return endpoint


def remove(endpoint: str) -> None:
    """Forgets the endpoint; again changes nothing. Raises `Unavailable`."""
    _call("delete_endpoint", EndpointArn=endpoint)


def _made_or_found(platform: str, token: str) -> str:
    """The endpoint of a token. One that is there, but disabled, SNS names when it refuses to make it again."""
    application = config.current().push_applications[platform]
    try:
        return str(_call("create_platform_endpoint", PlatformApplicationArn=application, Token=token)["EndpointArn"])
    except Invalid as refusal:
        if existing := _EXISTING.search(str(refusal.__cause__)):
            return existing[1]
        raise


def _call(action: str, **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    client = clients.client("sns")
    try:
        return getattr(client, action)(**arguments)
    except client.exceptions.InvalidParameterException as error:
        raise Invalid("The token is not valid.", [Violation("/token", "The platform refuses it.")]) from error
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("Push is not available right now.") from error
