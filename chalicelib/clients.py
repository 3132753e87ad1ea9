"""boto3 clients, one of each kind, made on first use and kept by the execution environment.

Every client has short, explicit time-outs and a bounded number of attempts, so that a slow dependency becomes a clear
answer inside the function's own deadline. boto3 itself reads `AWS_ENDPOINT_URL`, which points them all elsewhere.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

CONNECT_SECONDS = 1
READ_SECONDS = 3
ATTEMPTS = 2


_THROTTLING = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestThrottled",
}


@cache
def client(service: str, attempts: int | None = None) -> Any:
    """The boto3 client of `service` (`"cognito-idp"`, `"secretsmanager"`, …).

    `attempts=1` is for calls that must not be made twice.
    """
    from botocore.config import Config

    return _session().client(
        service,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts or ATTEMPTS},
        ),
    )


def is_throttling(error: Any) -> bool:
    """Whether a botocore `ClientError` says no more than that it was too much at once."""
    return error.response["Error"].get("Code") in _THROTTLING


@lru_cache(maxsize=1)
def _session() -> Any:
    import boto3

    return boto3.session.Session()
