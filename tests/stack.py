"""A whole running system for tests: its addresses, its people, and its services to stop and start."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from pg8000.native import Connection

from local import aws, emulator, logs, mail, postgresql, valkey
from local.home import CHECKOUT, Home, Settings
from local.mail import Email
from local.people import People
from local.processes import Processes
from local.stacks import PREFIX, Stacks

FREE_PORTS = ("--port=0", "--postgresql-port=0", "--valkey-port=0", "--emulator-port=0", "--model-port=0")
PASSWORD = "Fresh-person-2026"
_PROCESS: pytest.StashKey[Running] = pytest.StashKey()
CONFIRMATION_CODE = "123456"  # the emulator sends this one to everybody


class Running:
    """`python -m local up` as a process, and what it has printed."""

    def __init__(self, home: Path, checkout: Path, arguments: Sequence[str]) -> None:
        self.home = home
        self.lines: list[str] = []
        self._has_ended = False
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local", "--home", str(home), "up", *arguments],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def family(self) -> list[psutil.Process]:
        """This process and all that descend from it."""
        parent = psutil.Process(self.pid)
        return [parent, *parent.children(recursive=True)]

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, *, after: int = 0, patience: float = 150) -> None:
        """Return once a line after the first `after` holds `text`."""
        with self._news:
            self._news.wait_for(lambda: self._has_ended or self._is_there(text, after), patience)
        if not self._is_there(text, after):
            raise AssertionError(f"the system never said {text!r}:\n{self.output}")

    def wait_until_ready(self) -> None:
        """Return once the ready block was printed."""
        self.wait_for("Marketplace is ready")

    def stop(self, how: signal.Signals = signal.SIGINT, patience: float = 30) -> int:
        """Send the signal and return the exit status."""
        self._process.send_signal(how)
        try:
            return self._process.wait(patience)
        finally:
            self._process.kill()
            self._reader.join(5)

    def _is_there(self, text: str, after: int) -> bool:
        return any(text in line for line in self.lines[after:])

    def _read(self) -> None:
        with self._process.stdout or [] as stdout:
            for line in stdout:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()


@dataclass(frozen=True)
class SignedUp:
    """Somebody who signed up a moment ago."""

    id: str
    email: str
    password: str
    token: str


class Stack:
    """A system that runs, seen from outside. URLs have no slash at the end; `api` is `url` and `/api`."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._processes = Processes(home)
        self.settings: Settings = home.settings()
        self.stacks = Stacks(self.settings)
        self.url = f"http://127.0.0.1:{self.settings.ports.front_door}"
        self.api = f"{self.url}/api"
        self.emulator = aws.endpoint(self.settings)
        self.pool_id = self.stacks.parameter("users/pool-id")
        self.client_id = self.stacks.parameter("users/client-id")
        self.database_url = postgresql.app_login(self.settings).url()
        self.owner_database_url = postgresql.owner_login(self.settings).url()
        self.cache_url = valkey.url(self.settings)
        self.valkey_port = self.settings.ports.valkey
        self.people = People(self.stacks)
        self.token = cache(self._token)
        self._clients: dict[str, Any] = {}

    @cached_property
    def http(self) -> httpx.Client:
        """A client of the API through the front door: paths such as `/products`."""
        return httpx.Client(base_url=self.api, timeout=30)

    def client(self, service: str) -> Any:
        """A boto3 client of the emulator as its root user."""
        if service not in self._clients:
            self._clients[service] = self.stacks.session.client(service)
        return self._clients[service]

    def bearer(self, email: str) -> dict[str, str]:
        """The headers of a request by a demo person."""
        return {"Authorization": f"Bearer {self.token(email)}"}

    def sign_up(self, email: str = "", name: str = "Fresh Person") -> SignedUp:
        """A new person, signed up and confirmed through Cognito as a browser would, with an access token."""
        email = email or f"{uuid4().hex}@example.com"
        attributes = [{"Name": "email", "Value": email}, {"Name": "name", "Value": name}]
        cognito = self.client("cognito-idp")
        subject = cognito.sign_up(
            ClientId=self.client_id, Username=email, Password=PASSWORD, UserAttributes=attributes
        )["UserSub"]
        cognito.confirm_sign_up(ClientId=self.client_id, Username=email, ConfirmationCode=CONFIRMATION_CODE)
        return SignedUp(subject, email, PASSWORD, self.people.access_token(email, PASSWORD))

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """A connection as the owner of the schema, in autocommit."""
        with closing(postgresql.owner_login(self.settings).connect()) as connection:
            yield connection

    def log_lines(self, function: str) -> list[str]:
        """The messages that a function (`api_handler`) logged so far, oldest first."""
        return [event["message"] for event in logs.events(self.client("logs"), f"/aws/lambda/{PREFIX}{function}")]

    def emails(self, address: str) -> list[Email]:
        """What the marketplace has mailed to `address`, oldest first."""
        sender = self.stacks.parameter("mail/from")
        return [email for email in mail.sent(self.settings) if email.is_to(address) and email.sender == sender]

    def pushes(self, endpoint: str) -> int:
        """How many pushes SNS has taken for `endpoint`: the emulator keeps none, but logs each."""
        return (
            self.home.logs.joinpath("emulator.log").read_text().count(f"platform-endpoint publish stub to {endpoint}")
        )

    def stop_postgresql(self) -> None:
        self._processes.stop(postgresql.NAME)

    def start_postgresql(self) -> None:
        postgresql.start(self.home, self.settings, self._processes)

    def restart_postgresql(self) -> None:
        self.stop_postgresql()
        self.start_postgresql()

    def stop_valkey(self) -> None:
        self._processes.stop(valkey.NAME)

    def start_valkey(self) -> None:
        valkey.start(self.home, self.settings, self._processes)

    def stop_emulator(self) -> None:
        self._processes.stop(emulator.NAME)

    def start_emulator(self) -> None:
        emulator.start(self.home, self.settings, self._processes)

    def close(self) -> None:
        self.http.close()

    def _token(self, email: str) -> str:
        return self.people.access_token(email, self.settings.demo_password)


@contextmanager
def running(home: Path, checkout: Path = CHECKOUT, arguments: Sequence[str] = ("--no-reload",)) -> Iterator[Running]:
    """A system on free ports that is starting; stopped at the end whatever happened."""
    system = Running(home, checkout, [*FREE_PORTS, *arguments])
    try:
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="session")
def stack_process(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """The process of the one system of this run, ready; it is stopped when the run ends."""
    if _PROCESS not in pytestconfig.stash:
        aws.forget_the_account_of_this_shell()
        opened = ExitStack()
        pytestconfig.add_cleanup(opened.close)
        home, arguments = tmp_path_factory.mktemp("stack"), ("--no-reload", "--record-calls")
        pytestconfig.stash[_PROCESS] = opened.enter_context(running(home, arguments=arguments))
        pytestconfig.stash[_PROCESS].wait_until_ready()
    return pytestconfig.stash[_PROCESS]


@pytest.fixture(scope="session")
def stack(stack_process: Running) -> Iterator[Stack]:
    """The one system of this run: on free ports, in a folder of its own, started on first use."""
    with closing(Stack(Home(stack_process.home))) as stack:
        yield stack
