"""The one DynamoDB table: items as plain dictionaries, every call with its condition.

An item is found by `pk` and `sk`. `expires_at`, seconds since 1970, says from when on it counts as gone; DynamoDB
removes it some time after that, so a reader to whom it matters compares.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from chalicelib import clients, config
from chalicelib.errors import Unavailable
from chalicelib.observability import logger

INDEX = "gsi1"
ABSENT = "attribute_not_exists(pk)"
"""The condition that there is no such item yet."""

Item = dict[str, Any]
Key = tuple[str, str]
Result = TypeVar("Result")

_CONFLICT_ATTEMPTS = 4
_CONFLICT_SECONDS = 0.03


class ConditionFailed(Exception):
    """The item is not as the condition asks; nothing was written."""


class TransactionRefused(ConditionFailed):
    """Nothing was written; `failed` has the positions of the operations whose condition did not hold."""

    def __init__(self, failed: Sequence[int]) -> None:
        super().__init__(f"conditions {list(failed)}")
        self.failed = tuple(failed)


@dataclass(frozen=True)
class Put:
    """Stores `item` in the place of what is there, if `condition` holds; `values` are its `:names`."""

    item: Item
    condition: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def person(person_id: object) -> str:
    """The partition of everything about a person."""
    return f"person#{person_id}"


def expiry(seconds: float) -> int:
    """`expires_at` of what is to be gone in so many seconds."""
    return int(time.time() + seconds)


def get(pk: str, sk: str) -> Item | None:
    """The item as it is now, or None."""
    found = _called("get_item", Key=_key((pk, sk)), ConsistentRead=True).get("Item")
    return None if found is None else _item(found)


def put(item: Item, condition: str = "", names: Mapping[str, str] | None = None, **values: Any) -> None:
    """Stores `item` in the place of what is there. Raises `ConditionFailed`."""
    _called("put_item", Item=_attributes(item), **_conditions(condition, names or {}, values))


def update(
    pk: str, sk: str, change: str, condition: str = "", names: Mapping[str, str] | None = None, **values: Any
) -> Item:
    """The item after the update expression `change`, made when it was not there. Raises `ConditionFailed`."""
    answer = _called(
        "update_item",
        Key=_key((pk, sk)),
        UpdateExpression=change,
        ReturnValues="ALL_NEW",
        **_conditions(condition, names or {}, values),
    )
    return _item(answer["Attributes"])


def delete(pk: str, sk: str, condition: str = "", names: Mapping[str, str] | None = None, **values: Any) -> Item | None:
    """Removes the item and returns it as it was; None when there was none. Raises `ConditionFailed`."""
    conditions = _conditions(condition, names or {}, values)
    answer = _called("delete_item", Key=_key((pk, sk)), ReturnValues="ALL_OLD", **conditions)
    return _item(answer["Attributes"]) if answer.get("Attributes") else None


def put_together(*puts: Put) -> None:
    """Stores all of the items or none. Raises `TransactionRefused`."""
    table = config.current().table_name
    operations = [
        {"Put": {"TableName": table, "Item": _attributes(one.item)}
         | _conditions(one.condition, one.names, one.values)}
        for one in puts
    ]  # fmt: skip
    _attempted(lambda: _client().transact_write_items(TransactItems=operations))


def delete_all(keys: Iterable[Key]) -> None:
    """Removes the items, each by itself."""
    for pk, sk in keys:
        delete(pk, sk)


def query(pk: str, sk: str, **more: Any) -> list[Item]:
    """Every item of the partition whose sort key begins with `sk`."""
    return _queried(
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues=_attributes({":pk": pk, ":sk": sk}),
        **more,
    )


def newest(pk: str, lowest: str, limit: int, before: str | None = None, **more: Any) -> list[Item]:
    """The items of the partition from the sort key `lowest` on, the last first, in one call.

    At most `limit`, and only those before the sort key `before`.
    """
    conditions = {
        "KeyConditionExpression": "pk = :pk AND sk >= :lowest",
        "ExpressionAttributeValues": _attributes({":pk": pk, ":lowest": lowest}),
    }
    start = {} if before is None else {"ExclusiveStartKey": _key((pk, before))}
    answer = _called("query", ScanIndexForward=False, Limit=limit, **conditions, **start, **more)
    return [_item(found) for found in answer["Items"]]


def indexed(gsi1pk: str, above: str = "", limit: int = 1000) -> list[Item]:
    """Up to `limit` items of a partition of the index whose sort key is above `above`, in its order.

    The index follows the table within moments.
    """
    answer = _called(
        "query",
        IndexName=INDEX,
        KeyConditionExpression="gsi1pk = :pk AND gsi1sk > :above",
        ExpressionAttributeValues=_attributes({":pk": gsi1pk, ":above": above or " "}),
        Limit=limit,
    )
    return [_item(found) for found in answer["Items"]]


def item_of_stream(image: Mapping[str, Any]) -> Item:
    """The item in an image of the table's stream."""
    return _item(image)


def _queried(**arguments: Any) -> list[Item]:
    found: list[Item] = []
    start: dict[str, Any] = {}
    while True:
        answer = _called("query", **arguments, **start)
        found += [_item(each) for each in answer["Items"]]
        if not answer.get("LastEvaluatedKey"):
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _called(operation: str, **arguments: Any) -> dict[str, Any]:
    call = partial(getattr(_client(), operation), TableName=config.current().table_name, **arguments)
    answer: dict[str, Any] = _attempted(call)
    return answer


def _attempted(call: Callable[[], Result]) -> Result:
    """What `call` returns. A transaction that another one got in the way of is tried again for a moment."""
    from botocore.exceptions import BotoCoreError, ClientError

    for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
        try:
            return call()
        except BotoCoreError as error:
            raise _unavailable(type(error).__name__) from None
        except ClientError as error:
            code = str(error.response["Error"].get("Code"))
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if code == "ConditionalCheckFailedException":
                raise ConditionFailed(code) from None
            if failed := [index for index, reason in enumerate(reasons) if reason == "ConditionalCheckFailed"]:
                raise TransactionRefused(failed) from None
            is_conflict = code == "TransactionConflictException" or "TransactionConflict" in reasons
            if not is_conflict or attempt == _CONFLICT_ATTEMPTS:
                raise _unavailable(code) from None
            time.sleep(_CONFLICT_SECONDS * attempt)
    raise _unavailable("TransactionConflict")


def _unavailable(reason: str) -> Unavailable:
    logger.warning("table error", extra={"reason": reason})
    return Unavailable("The table is not available right now.")


def _client() -> Any:
    return clients.client("dynamodb")


def _conditions(condition: str, names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if condition:
        given["ConditionExpression"] = condition
    if names:
        given["ExpressionAttributeNames"] = dict(names)
    if values:
        given["ExpressionAttributeValues"] = _attributes({f":{name}": value for name, value in values.items()})
    return given


def _key(key: Key) -> dict[str, Any]:
    return _attributes({"pk": key[0], "sk": key[1]})


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    serializer, _ = clients.dynamodb_types()
    return {name: serializer.serialize(value) for name, value in item.items()}


def _item(attributes: Mapping[str, Any]) -> Item:
    _, deserializer = clients.dynamodb_types()
    return {name: _plain(deserializer.deserialize(value)) for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    """The value with integers in the place of DynamoDB's numbers; no item here has a fraction."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
