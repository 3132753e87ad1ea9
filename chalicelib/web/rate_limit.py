"""How much one caller may ask for: a sliding limit (GCRA) in Valkey, in one atomic script.

A limit never locks anybody out for good, since every key it writes expires, and it fails open: without the cache there
is no limit. Headers: draft-ietf-httpapi-ratelimit-headers. Algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
"""

from __future__ import annotations

import ipaddress
import math
from typing import Any

from chalicelib import cache, config
from chalicelib.caller import Caller
from chalicelib.observability import count
from chalicelib.web.problems import RateLimited

_SPEND = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + interval
local early = arrival - window - now
if early > 0 then
  return {0, 0, math.ceil(early)}
end
redis.call('SET', KEYS[1], string.format('%.3f', arrival), 'PX', math.ceil(arrival - now))
return {1, math.floor((now + window - arrival) / interval), math.ceil(arrival - now)}
"""


def spend(name: str, caller: Caller | None, address: str) -> dict[str, str]:
    """Counts one request of `caller` (or of `address` when anonymous) against the limit `name`.

    Returns the `RateLimit` headers, none when there is no cache. Raises `RateLimited` with `Retry-After`.
    """
    limit = config.current().rate_limits[name]
    key = f"rate:{name}:{caller.id if caller else subject_of(address)}"
    interval = limit.seconds * 1000 / limit.requests
    outcome = cache.attempt(lambda client: _evaluate(client, key, interval, limit.seconds * 1000))
    if isinstance(outcome, cache.Missing):
        return {}
    admitted, remaining, milliseconds = outcome
    seconds = math.ceil(milliseconds / 1000)
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit.requests};w={limit.seconds}',
        "RateLimit": f'"{name}";r={remaining};t={seconds}',
    }
    if not admitted:
        count("RateLimited")
        raise RateLimited(headers | {"Retry-After": str(max(seconds, 1))})
    return headers


def subject_of(address: str) -> str:
    """Whom an address stands for: itself, or its /64 network with IPv6, where one person has many addresses."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False))


def _evaluate(client: Any, key: str, interval: float, window: int) -> tuple[int, int, int]:
    admitted, remaining, milliseconds = client.eval(_SPEND, 1, key, interval, window)
    return int(admitted), int(remaining), int(milliseconds)
