"""Secrets Manager and SSM SecureString, read through a cache with a lifetime.

A value is fetched again after `FRESH_SECONDS`, or at once when the caller says that it was refused. When the service
cannot be reached the last good value goes on for `LAST_GOOD_SECONDS`; after that the outage is reported.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from chalicelib import clients
from chalicelib.errors import Unavailable
from chalicelib.observability import logger

FRESH_SECONDS = 300
LAST_GOOD_SECONDS = 24 * 3600

_last_good: dict[str, tuple[float, Any]] = {}


def secret(name: str, *, fresh: bool = False) -> dict[str, Any]:
    """The JSON object stored in the secret `name` (a name or an ARN).

    `fresh` skips the cache: say so when the value was just refused. Raises `Unavailable` when there is none to give.
    """
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError

    try:
        value = _provider().get(name, max_age=FRESH_SECONDS, transform="json", force_fetch=fresh)
    except TransformParameterError:
        raise Unavailable("A secret does not hold a JSON object.", retry_after=30) from None
    except GetParameterError as error:
        return _last_good_value(name, error)
    if not isinstance(value, dict):
        raise Unavailable("A secret does not hold a JSON object.", retry_after=30)
    _last_good[name] = (time.monotonic(), value)
    return value


def _last_good_value(name: str, error: Exception) -> dict[str, Any]:
    fetched, value = _last_good.get(name, (0.0, None))
    if value is None or time.monotonic() - fetched > LAST_GOOD_SECONDS:
        raise Unavailable("A secret could not be read.", retry_after=5) from error
    logger.warning("secret not refreshed, using the last good value", extra={"reason": type(error).__name__})
    return dict(value)


@lru_cache(maxsize=1)
def _provider() -> Any:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    return SecretsProvider(boto3_client=clients.client("secretsmanager"))
