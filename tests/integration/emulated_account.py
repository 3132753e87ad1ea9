"""An emulator of a module's own as an empty AWS account, with PostgreSQL and Valkey where the data stack would be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from local import aws, emulator
from local.home import CHECKOUT, Home, Settings
from local.ports import bind
from local.processes import Processes
from tests.services import Services

CONFIRMATION_CODE = "123456"  # the emulator sends this one to everybody
CHANGES_EACH_TIME = ("LastModified", "RevisionId")


@dataclass(frozen=True)
class Account:
    """The emulated account, the folder for a build of dev, and what its functions store in."""

    settings: Settings
    build: Path
    services: Services

    def infra(self, command: str, *arguments: str | Path, stage: str = "dev") -> subprocess.CompletedProcess[str]:
        """Run one command without a terminal."""
        return self.run([sys.executable, "-m", "infra", command, "--stage", stage, *arguments], CHECKOUT)

    def run(self, words: Sequence[str | Path], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program in `folder` for which this account is AWS; `more` is of its environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment = {**kept, "HOME": os.devnull, **aws.credentials(self.settings), **more}
        return subprocess.run(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator as its root user."""
        return aws.session(self.settings).client(service)

    def functions(self) -> dict[str, dict[str, Any]]:
        """The configuration of each function, without what the emulator changes with each deployment."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        return {
            function["FunctionName"]: {key: function[key] for key in function.keys() - set(CHANGES_EACH_TIME)}
            for page in pages
            for function in page["Functions"]
        }

    def stacks(self) -> set[str]:
        """The names of the stacks that are there."""
        return {stack["StackName"] for stack in self.client("cloudformation").describe_stacks()["Stacks"]}

    def parameter(self, stack: str, name: str) -> str:
        """The value of a stack's parameter."""
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return next(each["ParameterValue"] for each in found["Parameters"] if each["ParameterKey"] == name)

    def token(self) -> str:
        """The access token of somebody who signed up a moment ago."""
        outputs = json.loads(self.infra("outputs", "--json").stdout)["services"]
        client, email, password = self.client("cognito-idp"), f"{uuid4().hex}@example.com", "Fresh-person-2026"
        client.sign_up(
            ClientId=outputs["UserPoolClientId"],
            Username=email,
            Password=password,
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "name", "Value": "Fresh Person"}],
        )
        client.confirm_sign_up(ClientId=outputs["UserPoolClientId"], Username=email, ConfirmationCode=CONFIRMATION_CODE)
        answer = client.initiate_auth(
            ClientId=outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])


@contextmanager
def empty_account(folder: Path, services: Services) -> Iterator[Account]:
    """An account of this machine in which there is a database and a cache, and no stack. It ends with the block."""
    aws.forget_the_account_of_this_shell()
    home = Home(folder)
    processes = Processes(home)
    with home.locked():
        settings = home.settings()
        settings.ports.emulator, settings.ports.model = _free_port(), _free_port()
        try:
            emulator.start(home, settings, processes)
            account = Account(settings, home.build, _database_of(services))
            _write_what_the_data_stack_writes(account)
            yield account
        finally:
            processes.stop_all()


def _write_what_the_data_stack_writes(account: Account) -> None:
    ssm, secrets = account.client("ssm"), account.client("secretsmanager")
    values = {"cache/url": account.services.cache_url}
    for role, path, login in (
        ("app", "database/secret-arn", account.services.app),
        ("owner", "database/owner-secret-arn", account.services.owner),
    ):
        content = json.dumps(asdict(login))
        made = secrets.create_secret(Name=f"marketplace/dev/database/{role}", SecretString=content)
        values[path] = made["ARN"]
    for path, value in values.items():
        ssm.put_parameter(Name=f"/marketplace/dev/{path}", Value=value, Type="String")


def _database_of(services: Services) -> Services:
    """The same servers with a database of this account's own, with the rights that the stage's roles have."""
    name = f"deployed_{uuid4().hex}"
    services.sql(f"CREATE DATABASE {name} OWNER marketplace_owner")
    logins = {role: replace(getattr(services, role), dbname=name) for role in ("app", "owner", "superuser")}
    inside = replace(services, **logins)
    for objects, rights in (("TABLES", "SELECT, INSERT, UPDATE, DELETE"), ("SEQUENCES", "USAGE, SELECT")):
        inside.sql(
            "ALTER DEFAULT PRIVILEGES FOR ROLE marketplace_owner IN SCHEMA public "
            f"GRANT {rights} ON {objects} TO marketplace_app"
        )
    inside.sql("CREATE EXTENSION IF NOT EXISTS vector")
    return inside


def _free_port() -> int:
    with bind(0, "a test", "") as held:
        return int(held.getsockname()[1])
