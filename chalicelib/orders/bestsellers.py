"""What sold best in the last 30 days: counted in Valkey as events come in, made from the orders when that is lost.

Each day (UTC) has a sorted set of units by product; cancelled orders are taken out again. An event that is delivered
twice within a day counts once. The sets are made anew once a day, which also mends what an outage left out. The hash
tag keeps all keys in one slot of a cluster.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from chalicelib import cache, products
from chalicelib.errors import Unavailable
from chalicelib.messaging.envelope import Envelope, opened
from chalicelib.observability import correlated, count, logger
from chalicelib.orders import events, repository

DAYS = 30
KEPT_SECONDS = (DAYS + 2) * 86_400
REBUILT_SECONDS = 86_400
REMEMBERED_SECONDS = 86_400
"""How long an event that was counted is remembered."""
RECENT = timedelta(hours=1)
"""Events of orders that a rebuild counted may be under way for so long."""
ANSWER = cache.Lifetime(soft=30, hard=60)

_PREFIX = "{bestsellers}:1"
_BUILT = f"{_PREFIX}:built"
_UNION = f"{_PREFIX}:union"

# Before the sets are built nothing is counted: making them counts it.
_COUNT = """
if redis.call('EXISTS', KEYS[1]) == 0 or not redis.call('SET', KEYS[2], 1, 'NX', 'EX', ARGV[1]) then return 0 end
for product, quantity in pairs(cjson.decode(ARGV[2])) do
  redis.call('ZINCRBY', KEYS[3], quantity, product)
end
redis.call('EXPIRE', KEYS[3], ARGV[3])
return 1
"""

Sold = dict[date, Counter[UUID]]


def rank(body: Mapping[str, Any]) -> None:
    """Counts the units of an `order.confirmed`, or takes those of an `order.cancelled` out again.

    Raises `Unavailable` when Valkey cannot be reached, so that the event comes again.
    """
    message = opened(body)
    with correlated(message.correlation_id):
        order = message.read(events.CONFIRMED, events.CANCELLED)
        if order["confirmed_at"] is None:
            return
        sign = 1 if message.type == events.CONFIRMED.name else -1
        units: Counter[str] = Counter()
        for line in order["lines"]:
            units[str(line["product_id"])] += sign * line["quantity"]
        is_counted = _count(message, order["confirmed_at"].astimezone(UTC).date(), units)
        logger.info("sales counted", extra={"event_id": str(message.id), "type": message.type, "counted": is_counted})


def best_sellers(limit: int) -> dict[str, Any]:
    """`{"items": [{"product", "sold"}]}`: the products that sold best, best first, of those that are for sale."""
    sold: list[list[Any]] = cache.get_or_load(f"{_PREFIX}:answer:{limit}", lambda: _top(2 * limit), ANSWER)
    known = products.public([UUID(product_id) for product_id, _ in sold]) if sold else {}
    items = [{"product": known[UUID(each)], "sold": units} for each, units in sold if UUID(each) in known]
    return {"items": items[:limit]}


def _count(message: Envelope, day: date, units: Mapping[str, int]) -> bool:
    keys = [_BUILT, _seen(message.data["id"], message.type), _key(day)]
    values = [REMEMBERED_SECONDS, json.dumps(units), KEPT_SECONDS]
    counted = cache.attempt(lambda client: client.eval(_COUNT, len(keys), *keys, *values))
    if counted is cache.MISS:
        raise Unavailable("The cache is not available right now.")
    return bool(counted)


def _top(limit: int) -> list[list[Any]]:
    """`[product id, units]`, most units first."""
    found = cache.attempt(lambda client: _from_sets(client, limit))
    if isinstance(found, list):
        return found
    sold = _sold()
    cache.attempt(lambda client: _build(client, sold))
    total: Counter[UUID] = sum(sold.values(), Counter())
    return [[str(product_id), units] for product_id, units in total.most_common(limit)]


def _from_sets(client: Any, limit: int) -> list[list[Any]] | None:
    """The best of the sets; None when they are not built."""
    pipeline = client.pipeline(transaction=False)
    pipeline.exists(_BUILT)
    pipeline.zunionstore(_UNION, [_key(day) for day in _days()])
    pipeline.expire(_UNION, KEPT_SECONDS)
    pipeline.zrevrangebyscore(_UNION, "+inf", 1, start=0, num=limit, withscores=True)
    is_built, _, _, best_first = pipeline.execute()
    return [[product.decode(), int(units)] for product, units in best_first] if is_built else None


def _sold() -> Sold:
    sold: Sold = defaultdict(Counter)
    for day, product_id, units in repository.sold_since(_midnight(_days()[-1])):
        sold[day][product_id] = units
    return sold


def _build(client: Any, sold: Sold) -> None:
    """Replaces every set; events of what has just been counted are noted as counted."""
    pipeline = client.pipeline(transaction=True)
    for day in _days():
        pipeline.delete(_key(day))
        if sold.get(day):
            pipeline.zadd(_key(day), {str(product_id): units for product_id, units in sold[day].items()})
            pipeline.expire(_key(day), KEPT_SECONDS)
    for order_id, kind in repository.changed_since(datetime.now(UTC) - RECENT):
        pipeline.set(_seen(order_id, kind), 1, ex=REMEMBERED_SECONDS)
    pipeline.set(_BUILT, 1, ex=REBUILT_SECONDS)
    pipeline.execute()
    count("BestsellersRebuilt")


def _seen(order_id: UUID | str, kind: str) -> str:
    return f"{_PREFIX}:seen:{order_id}:{kind}"


def _key(day: date) -> str:
    return f"{_PREFIX}:{day.isoformat()}"


def _days() -> list[date]:
    """Today and the days before it, newest first."""
    today = datetime.now(UTC).date()
    return [today - timedelta(days=ago) for ago in range(DAYS)]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
