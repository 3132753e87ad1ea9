"""What runs once everything is up: the front door, hot reload, and the watch over the services."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Generator

import uvicorn

from local import aws, emulator, postgresql, valkey
from local.front_door import FrontDoor, Origins
from local.home import Home, Settings
from local.people import DEMO, People
from local.processes import Processes
from local.progress import Progress
from local.reload import Reload
from local.stacks import HTTP_API, Stacks

_SNAPSHOT_EVERY = 300  # seconds; each one holds the emulator up for a tenth of a second
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Server:
    """Serves until a signal comes."""

    def __init__(
        self, home: Home, settings: Settings, processes: Processes, progress: Progress, *, reloads: bool
    ) -> None:
        self._reloads = reloads
        self._home = home
        self._settings = settings
        self._processes = processes
        self._progress = progress
        self._stacks = Stacks(settings)

    async def serve(self, listener: socket.socket, built_at: float) -> None:
        """Open the front door on `listener` and keep everything going. Returns soon after Ctrl-C.

        What was saved since `built_at` (seconds since 1970) is reloaded.
        """
        stop, deploying = asyncio.Event(), asyncio.Lock()
        for stopping in _STOPPING:
            asyncio.get_running_loop().add_signal_handler(stopping, stop.set)
        origins = self._origins()
        server = _Uvicorn(configuration(FrontDoor(origins)))
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listener]))
            serving.add_done_callback(lambda _: stop.set())
            watches = [group.create_task(self._watch_services(deploying))]
            if self._reloads:
                reload = Reload(self._home, self._settings, self._processes, self._progress, origins)
                watches.append(group.create_task(reload.watch(built_at, deploying)))
            while not server.started and not stop.is_set():
                await asyncio.sleep(0.01)
            self._progress.block(self._ready())
            await stop.wait()
            server.should_exit = True
            for watch in watches:
                watch.cancel()

    async def _watch_services(self, deploying: asyncio.Lock) -> None:
        """Say when a service dies, and when it lives again; take snapshots of the emulator between deployments."""
        known = self._services()
        await asyncio.to_thread(emulator.save_state, self._settings, self._processes)
        for second in range(1, 2**63):
            await asyncio.sleep(1)
            now = self._services()
            for name in known - now:
                self._progress.say(name, f"has stopped; its log is in {self._home.logs}")
            for name in now - known:
                self._progress.say(name, "runs again")
            known = now
            if second % _SNAPSHOT_EVERY == 0 and not deploying.locked():
                await asyncio.to_thread(emulator.save_state, self._settings, self._processes)

    def _services(self) -> set[str]:
        return {postgresql.NAME, valkey.NAME, emulator.NAME} & set(self._processes.running())

    def _origins(self) -> Origins:
        bucket = self._stacks.parameter("media/bucket-name")
        s3 = self._stacks.session.client("s3")

        def sign(method: str, key: str) -> str:
            operation = "head_object" if method == "HEAD" else "get_object"
            return str(s3.generate_presigned_url(operation, {"Bucket": bucket, "Key": key}))

        people = People(self._stacks)
        return Origins(
            emulator=aws.endpoint(self._settings),
            http_api=HTTP_API,
            websocket_api=self._stacks.websocket_api(),
            sign_media=sign,
            people=DEMO,
            access_token=lambda email: people.access_token(email, self._settings.demo_password),
            reached_by_page=(
                f"ws://localhost:{self._settings.ports.front_door}/ws",
                f"{aws.endpoint(self._settings)}/{bucket}",
            ),
        )

    def _ready(self) -> str:
        settings, origin = self._settings, f"http://localhost:{self._settings.ports.front_door}"
        database = postgresql.app_login(settings)
        command = ".venv/bin/python -m local"
        if self._home.folder.name != ".local":
            command += f" --home {self._home.folder}"
        return f"""
Marketplace is ready after {self._progress.elapsed():.1f} s: {origin}

  API           {origin}/api   documentation {origin}/docs
  embedded AWS  {aws.endpoint(settings)}
  PostgreSQL    {database.username}@{database.host}:{database.port}/{database.dbname}   {command} sql
  Valkey        {valkey.place(settings)}
  demo people   {", ".join(person.email for person in DEMO)}
  password      {settings.demo_password}
  access token  {command} token {DEMO[0].email}
  logs          {command} logs --follow

{"Save a file of the application and its functions are reloaded. " if self._reloads else ""}Ctrl-C stops everything.
"""


class _Uvicorn(uvicorn.Server):
    """uvicorn that leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def configuration(front_door: FrontDoor) -> uvicorn.Config:
    """How uvicorn serves the front door: adding nothing to what passes."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return uvicorn.Config(
        front_door.application(),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
