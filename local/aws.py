"""boto3 clients of the embedded AWS, and of nothing else: a developer's own account is out of reach."""

from __future__ import annotations

import os

from localstack_client.session import Session

from infra.stages import DEFAULT_REGION
from local.home import Settings
from local.ports import LOOPBACK

ACCOUNT = "000000000000"
REGION = DEFAULT_REGION
ACCESS_KEY = "marketplace-local"


def endpoint(settings: Settings) -> str:
    """The URL of the emulator."""
    return f"http://{LOOPBACK}:{settings.ports.emulator}"


def session(settings: Settings) -> Session:
    """A boto3-like session as the root user of the emulator's account."""
    return Session(
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=settings.emulator_secret,
        aws_session_token=None,
        region_name=REGION,
        localstack_host=f"{LOOPBACK}:{settings.ports.emulator}",
    )


def credentials(settings: Settings) -> dict[str, str]:
    """The environment variables by which any AWS SDK or CLI reaches the emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint(settings),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": settings.emulator_secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def forget_the_account_of_this_shell() -> None:
    """Drop every AWS setting of the environment: boto3 would obey a profile or an endpoint that it finds there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
