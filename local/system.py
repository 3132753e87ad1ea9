"""`up`: the order in which everything starts, serves and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
import traceback
from argparse import Namespace
from functools import partial

from local import emulator, model, package, postgresql, seed, valkey
from local.aws import endpoint
from local.home import Home, Ports, Settings
from local.parallel import parallel
from local.people import DEMO, People
from local.ports import reserve
from local.processes import Processes
from local.progress import Problem, Progress
from local.server import Server
from local.stacks import Stacks

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(home: Home, arguments: Namespace) -> None:
    """Start everything in `home` and serve until Ctrl-C. Whatever happens, nothing of it runs on afterwards."""
    progress = Progress()
    for stopping in _STOPPING:
        signal.signal(stopping, signal.default_int_handler)
    with home.locked():
        try:
            _run(home, arguments, progress)
        except Problem:
            raise
        except Exception as error:  # noqa: BLE001 - a defect of this program is told in a sentence, its trace kept
            trace = home.logs / "up.log"
            trace.write_text(traceback.format_exc())
            raise Problem(f"The laptop system has a defect: {error!r}", f"Its trace is in {trace}.") from None


def _run(home: Home, arguments: Namespace, progress: Progress) -> None:
    Processes(home).stop_all()  # what a killed system left
    settings, listener = _settle(home, arguments)
    processes = Processes(home)
    try:
        with listener:
            built_at = time.time()
            progress.say("start", f"in {home.folder}; logs in {home.logs}")
            System(home, settings, processes, progress).start()
            server = Server(home, settings, processes, progress, reloads=not arguments.no_reload)
            asyncio.run(server.serve(listener, built_at))
    finally:
        for stopping in _STOPPING:
            signal.signal(stopping, signal.SIG_IGN)
        progress.say("stop", "stopping everything")
        processes.stop_all()
        progress.say("stop", "nothing runs any more")


def _settle(home: Home, arguments: Namespace) -> tuple[Settings, socket.socket]:
    """The settings of this start, and the socket of the front door. Raises Problem when a port is busy."""
    settings = home.settings()
    settings.database_url = os.environ.pop("DATABASE_URL", "")
    settings.cache_url = os.environ.pop("REDIS_URL", "")
    settings.model_url = os.environ.pop("BEDROCK_PROXY_URL", "").rstrip("/").removesuffix("/v1")
    settings.model_name = os.environ.pop("BEDROCK_PROXY_MODEL", "")
    settings.embedding_model_id = os.environ.pop("ASSISTANT_EMBEDDING_MODEL_ID", "")
    settings.records_calls = arguments.record_calls
    kept = settings.ports
    held = [
        reserve(arguments.port, kept.front_door, "the front door", "--port"),
        reserve(
            0 if settings.database_url else arguments.postgresql_port,
            kept.postgresql,
            "PostgreSQL",
            "--postgresql-port",
        ),
        reserve(0 if settings.cache_url else arguments.valkey_port, kept.valkey, "Valkey", "--valkey-port"),
        reserve(arguments.emulator_port, kept.emulator, "the embedded AWS", "--emulator-port"),
        reserve(0 if settings.model_url else arguments.model_port, kept.model, "the model", "--model-port"),
    ]
    settings.ports = Ports(*(each.getsockname()[1] for each in held))
    for each in held[1:]:
        each.close()
    home.remember(settings)
    return settings, held[0]


class System:
    """Starts what the front door stands before: the services, the stacks, the schema and the demo data."""

    def __init__(self, home: Home, settings: Settings, processes: Processes, progress: Progress) -> None:
        self._home = home
        self._settings = settings
        self._processes = processes
        self._progress = progress

    def start(self) -> None:
        """Everything in its order; what does not depend on each other at the same time."""
        parallel(self._build, self._start_database, self._start_cache, self._start_model, self._start_aws)
        stacks = Stacks(self._settings)
        self._deploy(stacks)
        self._progress.say("migrate", stacks.migrate())
        seed.everything(self._settings, People(stacks), seed.DEFAULT_PRODUCTS)
        self._progress.say("seed", f"{len(DEMO)} demo people, {seed.DEFAULT_PRODUCTS} demo products")

    def _build(self) -> None:
        package.make("build", self._home.build, self._home, self._processes, partial(self._progress.say, "build"))

    def _start_database(self) -> None:
        if self._settings.database_url:
            postgresql.check(self._settings)
        else:
            postgresql.start(self._home, self._settings, self._processes)
        login = postgresql.app_login(self._settings)
        self._progress.say("postgresql", f"answers on {login.host}:{login.port}")

    def _start_cache(self) -> None:
        if self._settings.cache_url:
            valkey.check(self._settings)
        else:
            valkey.start(self._home, self._settings, self._processes)
        self._progress.say("valkey", f"answers on {valkey.place(self._settings)}")

    def _start_model(self) -> None:
        if not self._settings.model_url:
            model.start(self._home, self._settings, self._processes)
        self._progress.say("model", f"at {model.url(self._settings)}")

    def _start_aws(self) -> None:
        emulator.start(self._home, self._settings, self._processes)
        stacks = Stacks(self._settings)
        if stacks.are_stuck():
            self._progress.say("aws", "a deployment was cut off earlier: starting with an empty account")
            self._processes.stop(emulator.NAME)
            emulator.forget(self._home)
            emulator.start(self._home, self._settings, self._processes)
        self._progress.say("aws", f"answers on {endpoint(self._settings)}")
        stacks.deploy_services(partial(self._progress.say, "services"))
        stacks.write_data_parameters()

    def _deploy(self, stacks: Stacks) -> None:
        stacks.deploy_application(self._home.build, partial(self._progress.say, "app"))
