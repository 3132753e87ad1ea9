"""People who sell and buy. A buyer insists: a request is repeated under its key until it is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

from tests.faults import invocations
from tests.faults.world import World
from tests.people import Person, enrolled
from tests.products import listed

STOCK = 1_000_000
AGAIN = {"request-in-flight", "request-just-completed"}


@dataclass
class Expected:
    """What clients know, and therefore what has to be true in the end.

    `orders` are those that were acknowledged, each with the status in which it is to end; `stock` is how many units
    of each product there were at first; `refusals` are answers that no client should have got.
    """

    orders: dict[str, str] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)


@dataclass
class Purchase:
    """One order that somebody wants, with the key under which the request is repeated."""

    buyer: UUID
    lines: Sequence[Mapping[str, Any]]
    expected: Expected
    ends: str = "confirmed"
    key: str = field(default_factory=lambda: str(uuid4()))
    order_id: str = ""
    function: str = "app"

    @property
    def event(self) -> dict[str, Any]:
        """The request."""
        return invocations.place_order(self.buyer, self.key, self.lines)

    def answered(self, answer: Any) -> bool:
        """Notes the answer; False when the client asks again."""
        if not isinstance(answer, dict):
            self.expected.refusals.append(f"the API raised {answer}")
            return False
        if answer["statusCode"] == 503 or problem(answer) in AGAIN:
            return False
        if answer["statusCode"] != 201:
            self.expected.refusals.append(f"{answer['statusCode']} {answer['body'][:200]}")
            return True
        self.order_id = json.loads(answer["body"])["id"]
        self.expected.orders[self.order_id] = self.ends
        return True


class Shop:
    """A marketplace with people and products, all of them in the database."""

    def __init__(self, world: World, randomness: Random, *, buyers: int = 20, sellers: int = 10) -> None:
        self._randomness = randomness
        self._buyers = [enrolled().id for _ in range(buyers)]
        self._sellers = [enrolled() for _ in range(sellers)]
        self._keep_to_themselves(world, self._sellers[1:])
        self._reachable = self._buyers[: buyers // 4]
        self._give_devices(world, self._reachable)

    def opened(self, products: int) -> Expected:
        """New products of several sellers, of which nothing has been sold."""
        return Expected(stock={self._listed(number): STOCK for number in range(products)})

    def purchase(self, expected: Expected, *, ends: str = "confirmed", has_device: bool = False) -> Purchase:
        """Somebody's wish for a few of the products, in any order."""
        buyer = self._randomness.choice(self._reachable if has_device else self._buyers)
        wanted = self._randomness.sample(
            sorted(expected.stock), min(len(expected.stock), self._randomness.randint(1, 3))
        )
        lines = [{"product_id": each, "quantity": self._randomness.randint(1, 3)} for each in wanted]
        return Purchase(buyer, lines, expected, ends)

    def _listed(self, number: int) -> str:
        seller = self._sellers[number % len(self._sellers)]
        return listed(seller, stock=STOCK)

    def _keep_to_themselves(self, world: World, people: Sequence[Person]) -> None:
        ids = [str(person.id) for person in people]
        world.sql("UPDATE users SET notify_email = false WHERE id = ANY(CAST(:ids AS uuid[]))", ids=ids)

    def _give_devices(self, world: World, people: Sequence[UUID]) -> None:
        sns = world.stacks.session.client("sns")
        for person in people:
            made = sns.create_platform_endpoint(
                PlatformApplicationArn=world.variables["PUSH_FCM_ARN"], Token=f"token-{person}"
            )
            world.sql(
                "INSERT INTO devices (user_id, id, platform, token, endpoint) VALUES (:user, :id, 'fcm', :token, :arn)",
                user=str(person), id=str(uuid4()), token=f"token-{person}", arn=made["EndpointArn"],
            )  # fmt: skip


def problem(answer: Mapping[str, Any]) -> str:
    """The kind of problem that an answer describes; empty for a success."""
    if answer["statusCode"] < 400:
        return ""
    return str(json.loads(answer["body"])["type"]).removeprefix("/problems/")
