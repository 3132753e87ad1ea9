"""The roles of a stage's database, made over the Data API, so that nobody needs a way into the private network.

    python -m infra.database --stage dev [--profile NAME] [--region REGION]

Run it when the stack `data` has been deployed for the first time, before migrations. Again it does no harm: roles and
rights are what they are in the end, and passwords those of the secrets.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.account import Account, Session
from infra.stages import LAPTOP, STAGE_NAMES, Stage, named

DATABASE = "marketplace"
OWNER = "marketplace_owner"
APP = "marketplace_app"
APP_TIMEOUTS = {"statement_timeout": "5s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "10s"}
APP_RIGHTS = {"TABLES": "SELECT, INSERT, UPDATE, DELETE", "SEQUENCES": "USAGE, SELECT"}
"""What the role of the functions may do with what the owner makes."""

SCRAM_ITERATIONS = 4096

# A database that has paused needs a moment to come back.
_PATIENCE = 12
_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class DataApi:
    """Statements for one database, run by its administrator. `client` is boto3's `rds-data`."""

    client: Any
    cluster: str
    secret: str
    progress: Callable[[str], object] = print

    def run(self, statement: str) -> list[list[dict[str, Any]]]:
        """The rows that `statement` returns. Waits for a database that has paused."""
        for _ in range(_PATIENCE):
            try:
                return self._run(statement)
            except ClientError as error:
                if error.response["Error"]["Code"] != "DatabaseResumingException":
                    raise
            self.progress("the database has paused, waiting for it")
            time.sleep(_PAUSE_SECONDS)
        return self._run(statement)

    def _run(self, statement: str) -> list[list[dict[str, Any]]]:
        answer = self.client.execute_statement(
            resourceArn=self.cluster, secretArn=self.secret, database=DATABASE, sql=statement
        )
        rows: list[list[dict[str, Any]]] = answer.get("records", [])
        return rows


def prepare(session: Session, stage: Stage, *, progress: Callable[[str], object] = print) -> None:
    """Make the roles of `stage` what the application expects, with the passwords of their secrets.

    `session` is of somebody who may use the Data API and read the secrets. Raises botocore's errors.
    """
    ssm, vault = session.client("ssm"), session.client("secretsmanager")

    def parameter(path: str) -> str:
        return str(ssm.get_parameter(Name=stage.parameter(path))["Parameter"]["Value"])

    def password(path: str) -> str:
        secret = vault.get_secret_value(SecretId=parameter(path))
        return str(json.loads(secret["SecretString"])["password"])

    database = DataApi(
        session.client("rds-data"),
        parameter("database/cluster-arn"),
        parameter("database/admin-secret-arn"),
        progress,
    )
    passwords = {OWNER: password("database/owner-secret-arn"), APP: password("database/secret-arn")}
    make_roles(database, passwords)
    progress(f"{stage.name}: {OWNER} owns the database, {APP} reads and writes its rows")


def make_roles(database: DataApi, passwords: Mapping[str, str]) -> None:
    """The roles, who owns the database, what the functions' role may do, and the extension that only this may make."""
    known = {row[0]["stringValue"] for row in database.run("SELECT rolname::text FROM pg_roles")}
    for statement in _statements(known, passwords):
        database.run(statement)


def default_rights() -> Iterator[str]:
    """The statements by which what the owner makes from now on is the functions' to use."""
    for objects, rights in APP_RIGHTS.items():
        yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT {rights} ON {objects} TO {APP}"


def verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of `password` (SCRAM-SHA-256, RFC 5803), so that the password itself is in no statement."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    texts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{texts[0]}${texts[1]}:{texts[2]}"


def _statements(known: set[str], passwords: Mapping[str, str]) -> Iterator[str]:
    for role, password in passwords.items():
        verb = "ALTER" if role in known else "CREATE"
        yield f"{verb} ROLE {role} LOGIN PASSWORD '{verifier(password, secrets.token_bytes(16))}'"
    for name, value in APP_TIMEOUTS.items():
        yield f"ALTER ROLE {APP} SET {name} = '{value}'"
    # Whoever gives something to a role, or sets its default rights, has to be a member of it.
    yield f"GRANT {OWNER} TO CURRENT_USER"
    yield f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}"
    yield f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}"
    yield from default_rights()
    yield "CREATE EXTENSION IF NOT EXISTS vector"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1, with a sentence on standard error, when it failed."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.database", description="Make the roles of a stage's database."
    )
    parser.add_argument("--stage", required=True, choices=[name for name in STAGE_NAMES if name != LAPTOP])
    parser.add_argument("--profile", help="of your AWS configuration")
    parser.add_argument("--region", help="where the stage is")
    options = parser.parse_args(arguments)
    try:
        prepare(Account(options.profile, options.region), named(options.stage))
    except (BotoCoreError, ClientError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
