"""`sql`: the database, in the role of the functions."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace

from local import postgresql
from local.home import Home
from local.progress import Problem


def run(home: Home, arguments: Namespace) -> int:
    """Open psql, or run `arguments.statement` in it. Returns psql's exit code."""
    settings = home.settings()
    if not postgresql.answers(settings):
        raise Problem("PostgreSQL does not answer.", "Start the system first: `make run`.")
    login = postgresql.app_login(settings)
    print(f"-- as {login.username} on {login.host}:{login.port}/{login.dbname}", file=sys.stderr)
    where = ["-h", login.host, "-p", str(login.port), "-U", login.username, "-d", login.dbname]
    once = ["-c", arguments.statement] if arguments.statement else []
    program = postgresql.program("psql")
    environment = {**os.environ, "PGPASSWORD": login.password, "PGCONNECT_TIMEOUT": "5"}
    return subprocess.run([program, "-X", *where, *once], env=environment, check=False).returncode
