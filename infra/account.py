"""The AWS account and region that a command is about, or the emulator that stands for them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3.session
from botocore.config import Config

from infra.stages import DEFAULT_REGION


class Session(Protocol):
    """What is needed of a boto3 session."""

    def client(self, service_name: str) -> Any:
        """A client of one AWS service."""


class Account:
    """Clients of one account in one region. `AWS_ENDPOINT_URL` in the environment leads to an emulator."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        self._session = boto3.session.Session(profile_name=profile, region_name=region)
        self.region: str = self._session.region_name or DEFAULT_REGION
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service_name: str, region: str = "") -> Any:
        """A client of one AWS service, always the same one; of another region when one is named."""
        key = service_name, region or self.region
        if key not in self._clients:
            self._clients[key] = self._session.client(service_name, region_name=key[1])
        return self._clients[key]

    def patient_client(self, service_name: str, seconds: int) -> Any:
        """A client that waits so long for an answer, and never asks twice."""
        config = Config(read_timeout=seconds, retries={"total_max_attempts": 1})
        return self._session.client(service_name, region_name=self.region, config=config)

    @cached_property
    def id(self) -> str:
        """The twelve digits of the account."""
        return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def is_emulated(self) -> bool:
        """Whether something else than AWS answers."""
        host = urlsplit(self.client("cloudformation").meta.endpoint_url).hostname or ""
        return not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
