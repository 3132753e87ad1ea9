"""`Idempotency-Key`: a repeated request is answered with the first one's answer, and its work is done once.

The record commits in the work's own transaction, so there is no moment at which one exists without the other: a crash
leaves the key usable, an error frees it. The scope of a key is the caller and the route.
Semantics: draft-ietf-httpapi-idempotency-key-header; replays are marked as Stripe marks them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chalicelib import database
from chalicelib.errors import Conflict
from chalicelib.observability import count
from chalicelib.web import strict_json
from chalicelib.web.answer import Answer
from chalicelib.web.problems import IdempotencyKeyMissing, IdempotencyKeyReused, Malformed, RequestInFlight

KEPT_HOURS = 24
REPLAYED = "Idempotent-Replayed"

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")

_LOOK_UP = text("""
    SELECT pg_try_advisory_xact_lock(:lock) AS free, record.*
    FROM (SELECT 1) AS one
    LEFT JOIN idempotency_keys AS record
      ON record.caller_id = :caller AND record.route = :route AND record.key = :key AND record.expires_at > now()
""")
_REMEMBER = text(f"""
    INSERT INTO idempotency_keys (caller_id, route, key, fingerprint, status, headers, body, expires_at)
    VALUES (:caller, :route, :key, :fingerprint, :status, CAST(:headers AS jsonb), :body,
            now() + interval '{KEPT_HOURS} hours')
    ON CONFLICT (caller_id, route, key) DO UPDATE
      SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
          body = excluded.body, created_at = now(), expires_at = excluded.expires_at
      WHERE idempotency_keys.expires_at <= now()
""")  # noqa: S608  the only value in the text is our own constant


@dataclass(frozen=True)
class Claim:
    """A caller's wish that one request be done once."""

    caller: UUID
    route: str
    key: str
    fingerprint: str

    @property
    def lock(self) -> int:
        """A 64-bit number for PostgreSQL's advisory lock, the same for the same caller, route and key."""
        digest = hashlib.sha256(f"{self.caller}\n{self.route}\n{self.key}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


def claim(caller: UUID, route: str, key: str | None, body: Any) -> Claim:
    """The claim that a request makes. Raises `IdempotencyKeyMissing` or `Malformed`."""
    if key is None:
        raise IdempotencyKeyMissing("Send an Idempotency-Key, for example a UUID, so that a retry is safe.")
    if not _VISIBLE.fullmatch(key):
        raise Malformed("An Idempotency-Key has 1 to 255 visible ASCII characters.")
    return Claim(caller, route, key, hashlib.sha256(strict_json.canonical(body)).hexdigest())


def once(wanted: Claim, work: Callable[[], Answer]) -> Answer:
    """The answer of `work`, or the one that was given before; runs inside the transaction of the work.

    Raises `RequestInFlight` while the first request is being processed and `IdempotencyKeyReused` for another body.
    """
    connection = database.connection()
    known = connection.execute(
        _LOOK_UP, {"lock": wanted.lock, "caller": wanted.caller, "route": wanted.route, "key": wanted.key}
    ).one()
    if not known.free:
        raise RequestInFlight("The first request with this Idempotency-Key is still being processed.")
    if known.key is not None:
        return _replayed(known, wanted)
    answer = work()
    _remember(wanted, answer)
    return answer


def _remember(wanted: Claim, answer: Answer) -> None:
    written = database.connection().execute(
        _REMEMBER,
        {
            "caller": wanted.caller,
            "route": wanted.route,
            "key": wanted.key,
            "fingerprint": wanted.fingerprint,
            "status": answer.status,
            "headers": strict_json.dumps(answer.headers),
            "body": answer.body,
        },
    )
    if written.rowcount != 1:
        raise RequestJustCompleted("Another request with this Idempotency-Key was just completed.")


def _replayed(known: Any, wanted: Claim) -> Answer:
    if known.fingerprint != wanted.fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key was used with another request; use a new one.")
    count("IdempotentReplays")
    return Answer(known.status, known.headers | {REPLAYED: "true"}, known.body)


class RequestJustCompleted(Conflict):
    """The record appeared between look-up and lock; everything is rolled back and the retry finds it."""
