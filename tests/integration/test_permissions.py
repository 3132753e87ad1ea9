"""IAM: every function runs with a role of its own, and what it may not do fails without doing harm.

`test_grants.py` shows that every grant is used, which means that the emulator asks for it. Here, one grant of each
function is taken away, or with `--every-grant` all of them, one after another.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stacks import PREFIX
from tests.integration.actors import Actor, Api
from tests.integration.functions import renew, role_of, without
from tests.integration.live_needs import NEEDS as LIVE_NEEDS
from tests.integration.needs import NEEDS, Need, World
from tests.integration.orders import confirmed
from tests.integration.policies import ENFORCED, POLICIES
from tests.integration.queues import Queue
from tests.integration.waiting import until
from tests.stack import Stack

REMEMBERED = {"secretsmanager:GetSecretValue", "sqs:GetQueueUrl"}
"""What an execution environment asks for once."""
LEFT_ALONE = {"sqs:SendMessage", "sns:Publish", "events:PutEvents"}
"""What an execution environment may leave to the sweep for some seconds after a failure."""
UNUSED_ELSEWHERE = [
    ("push_activity", "FindConnections", "dynamodb:DeleteItem"),
    ("sweep_connections", "ForgetConnections", "dynamodb:DeleteItem"),
    ("websocket_message", "KeepQuestions", "dynamodb:DeleteItem"),
]
"""What a person has to go away for unnoticed, which happens in no other test, or by chance."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every grant, or those that are taken away by default."""
    if "sid" in metafunc.fixturenames:
        chosen = ENFORCED if metafunc.config.getoption("--every-grant") else _one_of_each_function() + UNUSED_ELSEWHERE
        metafunc.parametrize(("function", "sid", "action"), chosen)


@pytest.fixture(scope="module")
def world(stack: Stack, api: Api, admin: Actor, buyer: Actor) -> World:
    product = api.person().product(stock=1000).json()
    buyer.http.get("/me").raise_for_status()
    return World(stack, api, admin, buyer, product)


@pytest.fixture(autouse=True, scope="module")
def _no_dead_letters(stack: Stack) -> Iterator[None]:
    yield
    Queue(stack, "pushes-dead").forget()


def test_a_granted_action_is_needed_and_its_absence_is_survived(
    world: World, function: str, sid: str, action: str
) -> None:
    need = _need(function, sid, action)
    subject = need.prepare(world)

    with without(world.stack, function, sid, action):
        if action in REMEMBERED:
            renew(world.stack, function)
        was_met_without = need.is_met(world, subject)
    if action in LEFT_ALONE:
        renew(world.stack, function)

    assert not was_met_without
    # The first calls may still meet what the refusal left behind, such as a breaker that is open.
    until(lambda: need.is_met(world, subject), patience=60, pause=2)


def test_every_need_is_one_of_a_grant() -> None:
    served = {(function, sid, action) for function, sid, action in ENFORCED if (function, action) in NEEDS}
    assert {(function, action) for function, _, action in served} == set(NEEDS)
    assert set(ENFORCED) - served == set(LIVE_NEEDS)


def test_queue_is_read_without_the_right_to_so_that_the_list_of_what_is_not_enforced_is_up_to_date(
    world: World,
) -> None:
    with without(world.stack, "fulfil_orders", "ReceiveMessages", "sqs:ReceiveMessage"):
        confirmed(world.buyer, world.product)

    assert ("fulfil_orders", "ReceiveMessages", "sqs:ReceiveMessage") not in ENFORCED


def test_every_function_has_a_role_of_its_own(stack: Stack) -> None:
    functions = [name.removeprefix(PREFIX) for name in stack.stacks.functions()]

    roles = {function: role_of(stack, function) for function in functions}

    assert set(functions) == set(POLICIES)
    assert len(set(roles.values())) == len(functions)


def _one_of_each_function() -> list[tuple[str, str, str]]:
    """The grant whose absence shows soonest: what is asked for each time, what is asked for once, what can wait."""
    chosen: dict[str, tuple[str, str, str]] = {}
    for grant in sorted(ENFORCED, key=lambda grant: (grant[2] in LEFT_ALONE, grant[2] in REMEMBERED)):
        chosen.setdefault(grant[0], grant)
    return list(chosen.values())


def _need(function: str, sid: str, action: str) -> Need:
    return NEEDS[function, action] if (function, action) in NEEDS else LIVE_NEEDS[function, sid, action]
