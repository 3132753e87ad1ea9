"""The cache against a real Valkey: what it keeps, when it forgets, and that it is never in the way."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any
from uuid import uuid4

import pytest
import redis

from chalicelib import breaker, cache
from chalicelib.cache import MISS, Lifetime
from tests.clock import Clock
from tests.environment import configured
from tests.log_lines import LogLines
from tests.proxies import Listener
from tests.services import Services

LONG = Lifetime(soft=60, hard=120)
TIMEOUT_IN_PRODUCTION = cache.TIMEOUT_SECONDS


class Source:
    """What is cached: says how often it was asked."""

    def __init__(self, value: Any = "value") -> None:
        self.value = value
        self.loads = 0

    def load(self) -> Any:
        """The value as it is now."""
        self.loads += 1
        return self.value


def loaded_while_somebody_changes(key: str, source: Source) -> Any:
    """The old value, loaded just before the source changes and the entry is invalidated."""
    old = source.load()
    source.value = "new"
    cache.invalidate(key)
    return old


@pytest.fixture(autouse=True)
def _with_cache(environment: dict[str, str]) -> None:
    """Every test here runs in the environment of a function with a cache that has not failed yet."""
    cache._breaker.reset()


@pytest.fixture
def valkey(services: Services) -> Iterator[redis.Redis]:
    """A client of the test's own."""
    with redis.Redis.from_url(services.cache_url) as client:
        yield client


@pytest.fixture
def key() -> str:
    return f"test:{uuid4()}"


@pytest.mark.parametrize(
    "value", [None, 0, 0.0, False, "", [], {}, "x", {"a": [None, 0]}, "gone:", "é☃", [[]]], ids=repr
)
def test_any_json_value_is_cached_empty_ones_too(key: str, value: Any) -> None:
    source = Source(value)

    answers = [cache.get_or_load(key, source.load, LONG) for _ in range(3)]

    assert answers == [value] * 3
    assert source.loads == 1


def test_a_fresh_value_is_served_without_loading(key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "time", clock)
    source = Source()
    cache.get_or_load(key, source.load, LONG)

    source.value = "newer"
    clock.advance(LONG.soft * 0.8)

    assert cache.get_or_load(key, source.load, LONG) == "value"


def test_after_its_soft_lifetime_one_caller_refreshes_and_the_others_go_on_with_the_old_value(
    key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "time", clock)
    old, new = Source("old"), Source("new")
    cache.get_or_load(key, old.load, LONG)
    clock.advance(LONG.soft * 1.2)

    def refresh() -> str:
        assert [cache.get_or_load(key, old.load, LONG) for _ in range(5)] == ["old"] * 5
        return str(new.load())

    assert cache.get_or_load(key, refresh, LONG) == "new"
    assert cache.get_or_load(key, old.load, LONG) == "new"
    assert (old.loads, new.loads) == (1, 1)


def test_after_its_hard_lifetime_a_value_is_gone(key: str, valkey: redis.Redis) -> None:
    cache.get_or_load(key, Source().load, Lifetime(soft=1, hard=7))

    assert 5_000 < valkey.pttl(key) <= 7_700


def test_lifetimes_vary_so_that_they_do_not_end_together(valkey: redis.Redis) -> None:
    keys = [f"test:{uuid4()}" for _ in range(20)]
    for one in keys:
        cache.get_or_load(one, Source().load, Lifetime(soft=500, hard=1000))

    lifetimes = [valkey.pttl(one) for one in keys]

    assert max(lifetimes) - min(lifetimes) > 20_000
    assert all(890_000 <= lifetime <= 1_100_000 for lifetime in lifetimes)


def test_fifty_callers_of_an_empty_entry_load_it_twice_at_most(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WAITS", 500)
    source, everybody = Source(), Barrier(50)

    def call() -> Any:
        everybody.wait()
        return cache.get_or_load(key, source.load, LONG)

    with ThreadPoolExecutor(50) as threads:
        answers = [future.result() for future in [threads.submit(call) for _ in range(50)]]

    assert answers == ["value"] * 50
    assert source.loads <= 2


def test_fifty_callers_of_a_stale_entry_load_it_once_and_none_waits(
    key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "time", clock)
    cache.get_or_load(key, Source("old").load, LONG)
    clock.advance(LONG.soft * 1.2)
    others_are_done, source = Event(), Source("new")

    def slow() -> Any:
        assert others_are_done.wait(10)
        return source.load()

    loader = Thread(target=cache.get_or_load, args=(key, slow, LONG))
    loader.start()
    with redis.Redis.from_url(cache.config.current().cache_url) as client:
        _wait_for(lambda: client.exists(f"{key}:loading"))
    answers = [cache.get_or_load(key, source.load, LONG) for _ in range(50)]
    others_are_done.set()
    loader.join()

    assert answers == ["old"] * 50
    assert source.loads == 1


def test_a_caller_whose_load_fails_does_not_keep_others_from_loading(key: str, valkey: redis.Redis) -> None:
    def fails() -> Any:
        raise LookupError

    with pytest.raises(LookupError):
        cache.get_or_load(key, fails, LONG)

    assert cache.get_or_load(key, Source().load, LONG) == "value"
    assert 0 < valkey.pttl(f"{key}:loading") <= cache.LOAD_LOCK_MILLISECONDS or not valkey.exists(f"{key}:loading")


@pytest.mark.parametrize(
    "corrupt",
    [
        b"", b"\x00", b"\xff\xfe", b"{", b"null", b"1", b"[]", b'"x"', b"{}", b'{"value":1}', b'{"soft":1}', b"NaN",
        b'{"value":1,"soft":null}', b'{"value":1,"soft":"x"}', b"\x80\x04\x95.", b"[" * 100_000, b"gone", b"gone:",
    ],
    ids=lambda corrupt: repr(corrupt[:24]),
)  # fmt: skip
def test_bytes_that_are_not_ours_are_a_miss_and_are_replaced(key: str, valkey: redis.Redis, corrupt: bytes) -> None:
    valkey.set(key, corrupt)
    source = Source()

    assert cache.get_or_load(key, source.load, LONG) == "value"
    assert cache.get_or_load(key, source.load, LONG) == "value"
    assert source.loads == 1
    assert json.loads(valkey.get(key))["value"] == "value"


def test_an_entry_of_another_type_is_a_miss_and_no_outage(key: str, valkey: redis.Redis) -> None:
    valkey.rpush(key, "a list")

    assert cache.get_or_load(key, Source().load, LONG) == "value"
    assert cache.attempt(lambda client: client.ping()) is True


@pytest.mark.parametrize("written", ["x", {"number": "x"}, [], None, {}], ids=repr)
def test_a_value_that_another_release_wrote_is_a_miss(key: str, written: Any) -> None:
    def decode(value: Any) -> int:
        return int(value["number"])

    cache.get_or_load(key, Source(written).load, LONG)
    source = Source({"number": 7})

    assert [cache.get_or_load(key, source.load, LONG, decode) for _ in range(2)] == [7, 7]
    assert source.loads == 1


# --- invalidation -----------------------------------------------------------------------------------------------------


def test_what_was_invalidated_is_loaded_again(key: str) -> None:
    source = Source("old")
    cache.get_or_load(key, source.load, LONG)
    source.value = "new"

    cache.invalidate(key)

    assert cache.get_or_load(key, source.load, LONG) == "new"


def test_a_reader_who_loaded_before_the_change_does_not_store_after_it(key: str) -> None:
    source = Source("old")

    assert cache.get_or_load(key, lambda: loaded_while_somebody_changes(key, source), LONG) == "old"
    assert cache.get_or_load(key, source.load, LONG) == "new"


def test_a_refresher_who_loaded_before_the_change_does_not_store_after_it(
    key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "time", clock)
    source = Source("old")
    cache.get_or_load(key, source.load, LONG)
    clock.advance(LONG.soft * 1.2)

    cache.get_or_load(key, lambda: loaded_while_somebody_changes(key, source), LONG)

    assert cache.get_or_load(key, source.load, LONG) == "new"


def test_of_two_changes_the_later_one_counts_too(key: str) -> None:
    source = Source("old")
    cache.invalidate(key)

    cache.get_or_load(key, lambda: loaded_while_somebody_changes(key, source), LONG)

    assert cache.get_or_load(key, source.load, LONG) == "new"


def test_a_tombstone_goes_by_itself(key: str, valkey: redis.Redis) -> None:
    cache.invalidate(key, f"{key}:2")

    for one in (key, f"{key}:2"):
        assert 0 < valkey.pttl(one) <= cache.TOMBSTONE_MILLISECONDS


def test_nothing_that_is_written_stays_for_good(key: str, valkey: redis.Redis) -> None:
    for n in range(20):
        cache.get_or_load(f"{key}:{n}", Source(n).load, LONG)
        if n % 3 == 0:
            cache.invalidate(f"{key}:{n}")

    assert [one for one in valkey.scan_iter(f"{key}*") if valkey.pttl(one) == -1] == []


# --- without a cache --------------------------------------------------------------------------------------------------


def test_without_a_cache_every_call_loads(environment: dict[str, str], key: str) -> None:
    source = Source()
    with configured(**environment | {"CACHE_URL": ""}):
        answers = [cache.get_or_load(key, source.load, LONG) for _ in range(3)]
        cache.invalidate(key)

    assert answers == ["value"] * 3
    assert source.loads == 3


def _hangs_up(client: socket.socket) -> None:
    client.recv(1)


def _talks_nonsense(client: socket.socket) -> None:
    client.recv(1)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _says_nothing(client: socket.socket) -> None:
    client.recv(1)
    Event().wait(5)


def _refuses(client: socket.socket) -> None:
    while client.recv(4096):
        client.sendall(b"-NOAUTH Authentication required.\r\n" * 4)


FAULTS = [_hangs_up, _talks_nonsense, _says_nothing, _refuses]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cache_that_fails_is_asked_once_and_then_left_alone(
    environment: dict[str, str],
    key: str,
    logs: LogLines,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[socket.socket], None],
) -> None:
    monkeypatch.setattr(cache, "TIMEOUT_SECONDS", TIMEOUT_IN_PRODUCTION)
    attempts, source = [], Source()

    def talk(client: socket.socket) -> None:
        attempts.append(1)
        fault(client)

    with Listener(talk) as server, configured(**environment | {"CACHE_URL": f"redis://127.0.0.1:{server.port}/0"}):
        answers = [cache.get_or_load(key, source.load, LONG) for _ in range(10)]
        cache.invalidate(key)

    assert answers == ["value"] * 10
    assert source.loads == 10
    assert len(attempts) == 1
    assert [record["message"] for record in logs.records] == ["cache not available"]


def test_nobody_waits_long_for_a_cache() -> None:
    assert TIMEOUT_IN_PRODUCTION <= 0.1
    assert cache._client().connection_pool.connection_kwargs["retry"].get_retries() == 0


def test_a_cache_that_is_down_is_no_error(environment: dict[str, str], key: str) -> None:
    with configured(**environment | {"CACHE_URL": "redis://127.0.0.1:9/0"}):
        assert cache.get_or_load(key, Source().load, LONG) == "value"
        assert cache.attempt(lambda client: client.ping()) is MISS


def test_after_a_moment_the_cache_is_tried_again(key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "time", clock)
    source = Source()

    def fails(_: Any) -> Any:
        raise redis.ConnectionError

    assert cache.attempt(fails) is MISS
    assert cache.attempt(lambda client: client.ping()) is MISS
    clock.advance(cache.BREAK_SECONDS)
    assert cache.attempt(lambda client: client.ping()) is True

    assert [cache.get_or_load(key, source.load, LONG) for _ in range(2)] == ["value"] * 2
    assert source.loads == 1


def test_a_defect_of_ours_is_not_taken_for_an_outage() -> None:
    with pytest.raises(ZeroDivisionError):
        cache.attempt(lambda _: 1 // 0)
    assert cache.attempt(lambda client: client.ping()) is True


def _wait_for(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        Event().wait(0.005)
    raise AssertionError("it did not happen")
