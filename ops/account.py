"""The account that holds a stage: the embedded AWS of a running laptop system, or one on AWS by a profile."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from infra import stages
from infra.stages import APP, DEFAULT_REGION, LAPTOP
from local import aws
from local.home import Home
from local.progress import Problem
from local.stacks import running
from ops.refusals import explained

CONNECT_SECONDS = 5
READ_SECONDS = 65
"""Longer than any function that is invoked here may run."""


@dataclass(frozen=True)
class Account:
    """Clients of the account that holds `stage`."""

    stage: str
    session: Any

    @property
    def prefix(self) -> str:
        """What the names of the stage's functions begin with."""
        return f"{APP}-{self.stage}-"

    def callable(self, function: str) -> str:
        """What to call a function of the stage by."""
        return stages.named(self.stage).callable(function)

    def client(self, service: str, *, attempts: int = 5) -> Any:
        """The boto3 client of a service; `attempts=1` is for calls that must not be made twice."""
        with explained(self.stage):
            return self.session.client(
                service,
                config=Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": attempts},
                ),
            )

    def operator(self) -> str:
        """The ARN of whoever calls. Raises Problem when the credentials are no good."""
        client = self.client("sts")
        with explained(self.stage):
            return str(client.get_caller_identity()["Arn"])


def of(arguments: Namespace) -> Account:
    """The account that the options choose. Raises Problem when nothing runs there, or there is no such profile."""
    if arguments.stage != LAPTOP:
        return on_aws(arguments.stage, arguments.profile, arguments.region)
    if arguments.profile or arguments.region:
        raise Problem("--profile and --region are for a stage on AWS.", "Name it, for example: --stage dev.")
    return on_laptop(Home(arguments.home))


def on_laptop(home: Home) -> Account:
    """The embedded AWS of the system that runs in `home`. Raises Problem when none does."""
    aws.forget_the_account_of_this_shell()
    return Account(LAPTOP, running(home)[1].session)


def on_aws(stage: str, profile: str | None, region: str | None) -> Account:
    """The account of an AWS profile, or of the credentials that boto3 finds."""
    with explained(stage):
        session = boto3.session.Session(profile_name=profile, region_name=region)
        if session.region_name is None:
            session = boto3.session.Session(profile_name=profile, region_name=DEFAULT_REGION)
    return Account(stage, session)
