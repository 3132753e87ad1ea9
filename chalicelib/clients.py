"""boto3 clients, one of each kind, made on first use and kept by the execution environment.

Every client has short, explicit time-outs and a bounded number of attempts, so that a slow dependency becomes a clear
answer inside the function's own deadline. boto3 itself reads `AWS_ENDPOINT_URL`, which points them all elsewhere.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlencode

from chalicelib.errors import Unavailable

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


# Links and forms that browsers use must lead to the bucket's own region: a redirect from the global address loses them.
_REGIONAL = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"signature_version": "s3v4", "s3": _REGIONAL}}


@cache
def client(
    service: str,
    *,
    attempts: int | None = None,
    read_seconds: int | None = None,
    region: str | None = None,
    endpoint: str | None = None,
) -> Any:
    """The boto3 client of `service` (`"cognito-idp"`, `"secretsmanager"`, …).

    `attempts=1` is for calls that must not be made twice. `read_seconds` is how long an answer, or the next part of
    one, may be silent. `region` and `endpoint` are for what is elsewhere than the function's settings say.
    """
    from botocore.config import Config

    return _session().client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds or READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts or ATTEMPTS},
            **_OPTIONS.get(service, {}),
        ),
    )


def login_token(service: str, place: str, **asked: str) -> str:
    """What proves to `service` (`rds-db`, `elasticache`) that this role may connect to `place`. It is signed here.

    Valid for 15 minutes, and only needed to connect. A client of boto3 that could do so takes much longer to make, and
    the one of ElastiCache cannot: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    Raises `Unavailable` when there are no credentials to sign with.
    """
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("GET", f"https://{place}/?{urlencode({'Action': 'connect', **asked})}")
    SigV4QueryAuth(_identity(), service, _session().region_name, expires=900).add_auth(request)
    return str(request.url).removeprefix("https://")


@cache
def dynamodb_types() -> tuple[Any, Any]:
    """What turns Python's values into DynamoDB's, and what turns them back."""
    from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

    return TypeSerializer(), TypeDeserializer()


def is_throttling(error: Any) -> bool:
    """Whether a botocore `ClientError` says no more than that it was too much at once."""
    return error.response["Error"].get("Code") in _THROTTLING


def _identity() -> Any:
    """The credentials of this role as they are now."""
    from botocore.exceptions import BotoCoreError, NoCredentialsError

    try:
        if (known := _session().get_credentials()) is None:
            raise NoCredentialsError
        return known.get_frozen_credentials()
    except BotoCoreError as error:
        raise Unavailable("The credentials of this function could not be read.", retry_after=5) from error


@lru_cache(maxsize=1)
def _session() -> Any:
    import boto3

    return boto3.session.Session()
