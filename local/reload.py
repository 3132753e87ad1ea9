"""Hot reload: a saved file becomes the functions' code, unless the application cannot be imported with it."""

from __future__ import annotations

import asyncio
import hashlib
import math
import shutil
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from infra import build, manifest
from local import aws, emulator, package
from local.front_door import Origins
from local.home import CHECKOUT, Home, Settings
from local.processes import Command, Processes
from local.progress import Problem, Progress
from local.stacks import API_HANDLER, Stacks

CARRIED = ("app.py", "chalicelib", "migrations")
FOLDERS = ("chalicelib", "migrations", ".chalice")
_IMPORT = "import sys; sys.path[:0] = sys.argv[1:]; import app"


class Reload:
    """Watches the sources and deploys what was saved."""

    def __init__(
        self, home: Home, settings: Settings, processes: Processes, progress: Progress, origins: Origins
    ) -> None:
        self._home = home
        self._settings = settings
        self._processes = processes
        self._progress = progress
        self._origins = origins
        self._stacks = Stacks(settings)
        self._imports = Imports(home, settings, processes, self._stacks)
        self._candidate = home.folder / "candidate"

    async def watch(self, built_at: float, deploying: asyncio.Lock) -> None:
        """Deploy after each save, for ever, and what was saved since `built_at` (seconds since 1970) at once.

        Holds `deploying` while it does. What goes wrong is shown, and the last good version goes on.
        """
        folders = [CHECKOUT / name for name in FOLDERS if (CHECKOUT / name).exists()]
        try:
            # An editor replaces the file it saves: the folder of `app.py` is watched, not the file.
            await asyncio.gather(
                self._watch(folders, _Sources(), built_at, deploying),
                self._watch([CHECKOUT], _AppOnly(), built_at, deploying, recursive=False),
            )
        except Exception as error:  # noqa: BLE001 - a machine may refuse to watch files; everything else works
            self._progress.say("reload", f"is off, because files cannot be watched: {error}")

    async def _watch(
        self, paths: list[Path], sources: _Sources, built_at: float, deploying: asyncio.Lock, *, recursive: bool = True
    ) -> None:
        watcher = awatch(
            *paths, watch_filter=sources, recursive=recursive, debounce=300, rust_timeout=500, yield_on_timeout=True
        )
        since = built_at
        async for changes in watcher:
            # The first answer, with or without changes, proves that from here on none is missed.
            changed = {Path(path) for _, path in changes} | set(sources.saved_since(since, paths))
            since = math.inf
            if changed:
                async with deploying:
                    await self._attempt(sorted(path.relative_to(CHECKOUT).as_posix() for path in changed))

    async def _attempt(self, changed: list[str]) -> None:
        began = time.monotonic()
        self._progress.say("reload", ", ".join(changed))
        try:
            done = await asyncio.to_thread(self._replace, any(name.startswith("migrations/") for name in changed))
        except Problem as problem:
            self._progress.say("reload", f"not reloaded, the last good version goes on. {problem.what}")
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with a save, the system serves on
            self._progress.say("reload", f"not reloaded, the last good version goes on. {error!r}")
        else:
            self._progress.say("reload", f"{done} in {time.monotonic() - began:.1f} s")

    def _replace(self, has_migrations: bool) -> str:
        self._imports.check()
        shutil.rmtree(self._candidate, ignore_errors=True)
        shutil.copytree(self._home.build, self._candidate)
        package.make("refresh", self._candidate, self._home, self._processes, lambda _: None)
        before, after = (manifest.read(folder / build.MANIFEST) for folder in (self._home.build, self._candidate))
        if (before["sha256"], before["template_sha256"]) == (after["sha256"], after["template_sha256"]):
            return "nothing to reload"
        self._stacks.deploy_application(self._candidate, lambda _: None)
        shutil.rmtree(self._home.build)
        self._candidate.rename(self._home.build)
        return self._finish(len(after["functions"]), has_migrations)

    def _finish(self, functions: int, has_migrations: bool) -> str:
        done = f"{functions} functions reloaded"
        if has_migrations:
            done = f"{done}; migrations: {self._stacks.migrate()}"
        self._origins.websocket_api = self._stacks.websocket_api()
        emulator.save_state(self._settings, self._processes)
        return done


class Imports:
    """Imports the application as Lambda would: its own files, the package's dependencies, boto3, and nothing else."""

    def __init__(self, home: Home, settings: Settings, processes: Processes, stacks: Stacks) -> None:
        self._home = home
        self._settings = settings
        self._processes = processes
        self._stacks = stacks
        self._folder = home.folder / "import"

    def check(self) -> None:
        """Raises Problem with the traceback when `app.py` cannot be imported."""
        application = self._link()
        environment = {
            **self._stacks.variables(API_HANDLER),
            **aws.credentials(self._settings),
            "AWS_LAMBDA_FUNCTION_NAME": API_HANDLER,
        }
        arguments: list[str | Path] = [emulator.PYTHON, "-IB", "-c", _IMPORT, application, self._dependencies()]
        try:
            self._processes.run("import", Command(arguments, self._home.logs / "import.log", environment))
        except Problem as problem:
            raise Problem(problem.what.replace(f"{application}/", f"{CHECKOUT}/"), problem.advice) from None

    def _link(self) -> Path:
        """A folder with what a package carries of the sources."""
        application = self._folder / "application"
        shutil.rmtree(application, ignore_errors=True)
        application.mkdir(parents=True)
        for name in CARRIED:
            (application / name).symlink_to(CHECKOUT / name)
        return application

    def _dependencies(self) -> Path:
        """The dependencies of the last build, unpacked again only when they changed."""
        with zipfile.ZipFile(self._home.build / build.PACKAGE) as archive:
            entries = [e for e in archive.infolist() if not e.filename.startswith((*CARRIED, "__pycache__/app."))]
            unpacked = self._folder / _digest(entries)
            if not unpacked.exists():
                for former in self._folder.glob("dependencies-*"):
                    shutil.rmtree(former)
                archive.extractall(unpacked, entries)
        return unpacked


class _Sources(DefaultFilter):
    """What belongs to the application: not what a build or an editor writes beside it."""

    def __call__(self, change: Change, path: str) -> bool:
        is_built = Path(path).is_relative_to(CHECKOUT / ".chalice" / "deployments")
        return super().__call__(change, path) and not is_built and not Path(path).is_dir()

    def saved_since(self, moment: float, folders: Iterable[Path]) -> Iterator[Path]:
        """The files in `folders` that changed after `moment` (seconds since 1970)."""
        if moment < math.inf:
            candidates = (path for folder in folders for path in self._files(folder))
            yield from (
                p for p in candidates if self(Change.modified, str(p)) and p.exists() and p.stat().st_mtime > moment
            )

    def _files(self, folder: Path) -> Iterable[Path]:
        return folder.rglob("*")


class _AppOnly(_Sources):
    """`app.py` alone."""

    def __call__(self, change: Change, path: str) -> bool:
        return super().__call__(change, path) and Path(path) == CHECKOUT / "app.py"

    def _files(self, folder: Path) -> Iterable[Path]:
        return folder.glob("app.py")


def _digest(entries: Iterable[zipfile.ZipInfo]) -> str:
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.filename} {entry.CRC}\n".encode())
    return f"dependencies-{digest.hexdigest()[:16]}"
