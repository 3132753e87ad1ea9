"""Valkey: cache-aside, and whatever else may be forgotten without harm.

The cache is always optional. Time-outs are short, nothing is tried twice, and after a failure the cache is left alone
for a moment: down means slower, never wrong.

A cached value has a soft lifetime, after which one caller refreshes it while the others go on with the old one, and a
hard lifetime, after which it is gone. `invalidate` leaves a tombstone, so that a reader who loaded the old state before
the change cannot put it back after it.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from chalicelib import clients, config
from chalicelib.breaker import Breaker
from chalicelib.errors import Unavailable
from chalicelib.observability import count, logger

TIMEOUT_SECONDS = 0.1
BREAK_SECONDS = 5.0
TOMBSTONE_MILLISECONDS = 10_000
LOAD_LOCK_MILLISECONDS = 2_000
WAIT_SECONDS = 0.02
WAITS = 5

Result = TypeVar("Result")

_STORE = """
local current = redis.call('GET', KEYS[1])
if (current or '') == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return 0
"""


class Missing:
    """The type of `MISS`, which no cached value can be equal to."""


MISS: Final = Missing()


@dataclass(frozen=True)
class Lifetime:
    """How long a value is fresh, and how long it may be served at all, in seconds."""

    soft: float
    hard: float


_breaker = Breaker(BREAK_SECONDS)


def attempt(work: Callable[[Any], Result]) -> Result | Missing:
    """The result of `work` on the Valkey client, or `MISS` when there is no cache to be had right now."""
    if not config.current().cache_url or _breaker.is_open:
        return MISS
    import redis

    try:
        return work(_client())
    except redis.ResponseError as error:
        logger.warning("cache entry not usable", extra={"reason": type(error).__name__})
    except redis.RedisError as error:
        _breaker.trip()
        logger.warning("cache not available", extra={"reason": type(error).__name__})
    count("CacheFailures")
    return MISS


def get_or_load(
    key: str, load: Callable[[], Any], lifetime: Lifetime, decode: Callable[[Any], Any] = lambda value: value
) -> Any:
    """The JSON value cached under `key`, or what `load()` returns, cached for the next caller; as `decode` reads it.

    Any JSON value can be cached, None and empty ones too; one that `decode` cannot read (another release wrote it) is a
    miss. Only one caller at a time loads; others wait for it briefly or go on with the old value, and load themselves
    when that does not help.
    """
    value, is_fresh = _decoded(_get(key), decode)
    if is_fresh:
        count("CacheHits")
        return value
    is_ours, raw = _claim_load(key)
    value, is_fresh = _decoded(raw, decode)
    if is_ours and is_fresh:
        _release_load(key)
    if not is_ours and value is MISS:
        value = _await_value(key, decode)
    if is_fresh or (not is_ours and value is not MISS):
        return value
    count("CacheMisses")
    loaded = load()
    _store(key, loaded, lifetime, seen=raw)
    return decode(loaded)


def invalidate(*keys: str) -> None:
    """Forgets `keys`. Call it after the change has been committed."""
    tombstone = f"gone:{uuid.uuid4()}"

    def bury(client: Any) -> None:
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.set(key, tombstone, px=TOMBSTONE_MILLISECONDS)
        pipeline.execute()

    attempt(bury)


def _get(key: str) -> bytes | Missing | None:
    found: bytes | Missing | None = attempt(lambda client: client.get(key))
    return found


def _decoded(raw: bytes | Missing | None, decode: Callable[[Any], Any]) -> tuple[Any, bool]:
    """The value and whether it is fresh; whatever is not one of ours counts as a miss."""
    if not isinstance(raw, bytes) or raw.startswith(b"gone:"):
        return MISS, False
    try:
        entry = json.loads(raw)
        return decode(entry["value"]), time.time() < entry["soft"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return MISS, False


def _claim_load(key: str) -> tuple[bool, bytes | Missing | None]:
    """Whether the load is this caller's to do, and the entry as it is now: somebody may just have loaded it."""

    def claim(client: Any) -> Any:
        pipeline = client.pipeline(transaction=False)
        pipeline.set(_lock(key), 1, nx=True, px=LOAD_LOCK_MILLISECONDS)
        pipeline.get(key)
        return pipeline.execute()

    outcome = attempt(claim)
    return (True, MISS) if isinstance(outcome, Missing) else (bool(outcome[0]), outcome[1])


def _release_load(key: str) -> None:
    attempt(lambda client: client.delete(_lock(key)))


def _lock(key: str) -> str:
    return f"{key}:loading"


def _await_value(key: str, decode: Callable[[Any], Any]) -> Any:
    for _ in range(WAITS):
        time.sleep(WAIT_SECONDS)
        value, _ = _decoded(_get(key), decode)
        if value is not MISS:
            return value
    return MISS


def _store(key: str, value: Any, lifetime: Lifetime, *, seen: bytes | Missing | None) -> None:
    """Stores `value` unless the entry has changed since `seen`; lifetimes vary by a tenth so that they do not align."""
    if isinstance(seen, Missing):
        return
    jitter = random.uniform(0.9, 1.1)  # noqa: S311
    entry = json.dumps({"value": value, "soft": time.time() + lifetime.soft * jitter})

    def put(client: Any) -> None:
        client.eval(_STORE, 1, key, seen or b"", entry, int(lifetime.hard * jitter * 1000))
        client.delete(_lock(key))

    attempt(put)


@lru_cache(maxsize=1)
def _client() -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    url, login = _login(config.current().cache_url)
    return redis.Redis.from_url(
        url,
        credential_provider=login,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def _login(url: str) -> tuple[str, RoleLogin | None]:
    """The URL to connect to, and how to be let in where that does not say so: a user without a password is a role."""
    parts = urlsplit(url)
    if not parts.username or parts.password:
        return url, None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), RoleLogin(unquote(parts.username))


@dataclass(frozen=True)
class RoleLogin:
    """Signs in to ElastiCache as this function's role, anew for each connection. The cache has the user's name."""

    user: str

    def get_credentials(self) -> tuple[str, str]:
        """The user, and the token that stands for a password. Raises redis's error when it cannot be signed."""
        import redis

        asked = {"User": self.user, "ResourceType": "ServerlessCache"}
        try:
            return self.user, clients.login_token("elasticache", self.user, **asked)
        except Unavailable as error:
            raise redis.AuthenticationError(str(error)) from error
