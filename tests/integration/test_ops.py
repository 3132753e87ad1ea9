"""The commands of operators, as processes, against the running system."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from infra.stages import DEFAULT_REGION
from local import aws
from local.home import CHECKOUT
from local.stacks import PREFIX
from ops import account
from ops.dead_letters import ask
from tests.integration.actors import Actor, Api, a_key
from tests.integration.operators import Command, answer_of, python
from tests.stack import Stack

WAY = [
    ("api_handler", "request", "POST /orders answered with 201"),
    ("api_handler", "outbox", "order.placed stored"),
    ("api_handler", "queue", "order.placed sent to orders.fifo"),
    ("fulfil_orders", "consumer", "order.placed done"),
    ("fulfil_orders", "outbox", "order.confirmed stored"),
    ("send_emails", "consumer", "order.confirmed done"),
    ("send_emails", "e-mail", "order-confirmed sent"),
]

PATIENCE = "90"  # seconds


@pytest.fixture(scope="session")
def local(stack: Stack) -> Command:
    """`python -m local` for the running system."""
    return lambda *arguments: python("local", "--home", str(stack.home.folder), *arguments)


@pytest.fixture(scope="module")
def buyer(api: Api) -> Actor:
    """Somebody whom nobody has written to yet."""
    return api.person()


@pytest.fixture(scope="module")
def answer(seller: Actor, buyer: Actor) -> httpx.Response:
    """The answer to an order."""
    product = seller.product().json()["id"]
    lines = {"lines": [{"product_id": product, "quantity": 1}]}
    placed = buyer.http.post("/orders", json=lines, headers=a_key())
    assert placed.status_code == 201, placed.text
    return placed


@pytest.fixture
def dead(stack: Stack) -> Iterator[dict[str, str]]:
    """A dead letter of `orders.fifo` that is alone there: an order that does not exist."""
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{PREFIX}orders-dead.fifo")["QueueUrl"]
    letter = unknown_order()
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody=json.dumps(letter),
        MessageGroupId=letter["data"]["id"],
        MessageDeduplicationId=letter["id"],
    )
    yield {"message_id": sent["MessageId"], **letter}
    for queue in (f"{PREFIX}orders.fifo", f"{PREFIX}orders-dead.fifo"):
        sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"])


# --- trace ------------------------------------------------------------------------------------------------------------


def test_an_order_is_traced_through_every_hop(ops: Command, answer: httpx.Response) -> None:
    traced = ops("trace", answer.headers["X-Correlation-Id"], "--wait", PATIENCE, "--json")

    assert traced.returncode == 0, traced.stderr
    found = json.loads(traced.stdout)
    hops = [(hop["function"], hop["hop"], hop["what"]) for hop in found["hops"]]
    assert found["missing"] == [], hops
    assert [hop for hop in hops if hop in WAY] == WAY
    # By whichever function is sending when it is stored: `order.placed` may still be on its way to the topic.
    assert "order.confirmed sent to order-events" in [what for _, place, what in hops if place == "topic"]
    assert ("send_pushes", "consumer", "order.confirmed done") in hops  # to nobody: there are no devices
    for kind in ("order.placed", "order.confirmed"):
        assert ("record_activity", "activity", f"{kind} recorded") in hops
        assert ("push_activity", "sockets", f"{kind} sent to 0 open sockets") in hops
    assert [hop["after"] for hop in found["hops"]] == sorted(hop["after"] for hop in found["hops"])
    assert found["hops"][0]["after"] == 0


def test_a_trace_is_the_same_from_both_packages(ops: Command, local: Command, answer: httpx.Response) -> None:
    correlation_id = answer.headers["X-Correlation-Id"]

    texts = [command("trace", correlation_id, "--wait", PATIENCE).stdout for command in (ops, local)]

    assert texts[0] == texts[1]
    assert re.search(r"send_emails +e-mail +order-confirmed sent", texts[0])


def test_a_trace_holds_nothing_of_another_request(ops: Command, answer: httpx.Response, buyer: Actor) -> None:
    mine = f"trace-{uuid4().hex}"
    buyer.http.get("/orders", headers={"X-Correlation-Id": mine}).raise_for_status()

    found = json.loads(ops("trace", mine, "--wait", PATIENCE, "--json").stdout)

    assert [hop["what"] for hop in found["hops"]] == ["GET /orders answered with 200"]


def test_a_trace_names_no_address(ops: Command, answer: httpx.Response, buyer: Actor, seller: Actor) -> None:
    text = ops("trace", answer.headers["X-Correlation-Id"], "--wait", PATIENCE, "--json").stdout

    assert '"kind": "order-confirmed"' in text
    assert '"kind": "products-sold"' in text
    assert "@" not in text


def test_an_id_that_nobody_logged_is_a_sentence(ops: Command) -> None:
    traced = ops("trace", str(uuid4()))

    assert (traced.returncode, traced.stdout) == (1, "")
    assert traced.stderr.startswith("No function of the stage local has logged ")


# --- e-mail -----------------------------------------------------------------------------------------------------------


def test_an_orders_email_is_listed_and_shown(
    ops: Command, local: Command, answer: httpx.Response, buyer: Actor
) -> None:
    ops("trace", answer.headers["X-Correlation-Id"], "--wait", PATIENCE)

    (line,) = orders_of(local("mail", "--to", buyer.email).stdout.splitlines())
    number = line.split()[0]
    shown, html = (local("mail", "show", number, *part).stdout for part in ([], ["--html"]))

    assert line.endswith(f"{buyer.email}  Your order is confirmed")
    assert f"\nTo: {buyer.email}\n" in shown
    assert f"\nOrder {answer.json()['id']}\n" in shown
    assert f"<p>Order {answer.json()['id']}</p>" in html


def test_emails_are_followed_as_they_are_sent(stack: Stack, answer: httpx.Response, buyer: Actor) -> None:
    command = [sys.executable, "-m", "local", "--home", stack.home.folder, "mail", "--follow", "--to", buyer.email]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as following:
        try:
            lines = orders_of(following.stdout or [])
            assert "Your order is confirmed" in next(lines)
            buyer.http.post(f"/orders/{answer.json()['id']}/cancel").raise_for_status()
            assert "Your order is cancelled" in next(lines)
        finally:
            following.terminate()


def test_an_email_that_there_is_not_is_a_sentence(local: Command) -> None:
    shown = local("mail", "show", "1000000")

    assert (shown.returncode, shown.stdout) == (1, "")
    assert "There is no such e-mail." in shown.stderr


# --- dead letters -----------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_listed_and_shown_and_stays(ops: Command, dead: dict[str, Any]) -> None:
    for _ in range(2):
        listed = {each["name"]: each for each in answer_of(ops("dead-letters", "list", "--json"))["queues"]}
        (shown,) = answer_of(ops("dead-letters", "show", "orders.fifo", "--json"))["messages"]

        assert listed["orders.fifo"]["dead"] == 1
        assert shown["message_id"] == dead["message_id"]
        assert (shown["event_id"], shown["type"]) == (dead["id"], "order.placed")
        assert json.loads(shown["body"])["data"] == dead["data"]


def test_a_dry_run_moves_nothing_and_notes_nothing(stack: Stack, ops: Command, dead: dict[str, Any]) -> None:
    before = audited(stack)

    answer = answer_of(ops("dead-letters", "redrive", "orders.fifo", "--json"))

    assert answer["dry_run"] is True
    assert [letter["message_id"] for letter in answer["redriven"]] == [dead["message_id"]]
    assert len(answer_of(ops("dead-letters", "show", "orders.fifo", "--json"))["messages"]) == 1
    assert audited(stack) == before


def test_what_is_not_chosen_stays(ops: Command, dead: dict[str, Any]) -> None:
    others = ("--message-id", str(uuid4())), ("--event-type", "order.shipped")

    answers = [answer_of(ops("dead-letters", "redrive", "orders.fifo", *one, "--execute", "--json")) for one in others]

    assert [(answer["redriven"], answer["remaining"]) for answer in answers] == [([], 1), ([], 1)]


def test_an_executed_redrive_sends_it_back_and_is_in_the_audit_log(
    stack: Stack, ops: Command, dead: dict[str, Any]
) -> None:
    before = len(audited(stack))

    answer = answer_of(
        ops("dead-letters", "redrive", "orders.fifo", "--message-id", dead["message_id"], "--execute", "--json")
    )

    assert [letter["message_id"] for letter in answer["redriven"]] == [dead["message_id"]]
    assert answer_of(ops("dead-letters", "show", "orders.fifo", "--json"))["messages"] == []
    (noted,) = audited(stack)[before:]
    assert noted["operator"] == f"arn:aws:iam::{aws.ACCOUNT}:root"
    assert noted["message_ids"] == [dead["message_id"]]
    eventually(lambda: f'"event_id":"{dead["id"]}"' in "".join(stack.log_lines("fulfil_orders")))


def test_a_redriven_message_that_fails_again_is_seen_in_its_trace(ops: Command, dead: dict[str, Any]) -> None:
    answer_of(ops("dead-letters", "redrive", "orders.fifo", "--execute", "--json"))

    traced = eventually(lambda: ops("trace", dead["correlation_id"]).stdout)

    assert re.search(r"fulfil_orders +consumer +order.placed failed, receive 1: OrderNotFound: ", traced)


def test_a_queue_that_there_is_not_is_the_functions_sentence(ops: Command) -> None:
    shown = ops("dead-letters", "show", "nowhere")

    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr == (
        "The function dead_letters failed: There is no such queue; there are orders.fifo, emails, pushes.\n"
        "`python -m local logs dead_letters` shows more.\n"
    )


# --- an account on AWS ------------------------------------------------------------------------------------------------


@pytest.fixture
def profile(stack: Stack, tmp_path: Path) -> Callable[[str, str], dict[str, str]]:
    """The variables by which a command finds the profile `laptop`: the embedded AWS with these keys."""

    def written(access_key: str, secret: str) -> dict[str, str]:
        config, credentials = tmp_path / "config", tmp_path / "credentials"
        config.write_text(f"[profile laptop]\nregion = {DEFAULT_REGION}\nendpoint_url = {stack.emulator}\n")
        keys = f"aws_access_key_id = {access_key}\naws_secret_access_key = {secret}\n"
        credentials.write_text(f"[laptop]\n{keys}")
        return {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}

    return written


@pytest.mark.parametrize("command", [("dead-letters", "list"), ("jobs", "list"), ("trace", "some-request")])
def test_a_stage_that_is_not_deployed_is_a_sentence(
    stack: Stack, profile: Callable[[str, str], dict[str, str]], command: tuple[str, ...]
) -> None:
    root = profile(aws.ACCESS_KEY, stack.settings.emulator_secret)

    asked = python("ops", "--stage", "staging", "--profile", "laptop", *command, **root)

    assert asked.returncode == 1
    assert re.match(r"There is nothing of this name: .*staging|(No function of t|T)he stage staging has", asked.stderr)
    assert "Traceback" not in asked.stderr


def test_somebody_without_the_right_is_told_which_they_lack(
    stack: Stack, profile: Callable[[str, str], dict[str, str]]
) -> None:
    iam, name = stack.client("iam"), f"nobody-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    nobody = profile(key["AccessKeyId"], key["SecretAccessKey"])

    denied = [
        python("ops", "--stage", "dev", "--profile", "laptop", *command, **nobody)
        for command in (("dead-letters", "list"), ("trace", "some-request"), ("jobs", "list"))
    ]

    assert [run.returncode for run in denied] == [1, 1, 1]
    assert re.match("AWS denies it: .*lambda:InvokeFunction", denied[0].stderr)
    assert re.match("AWS denies it: .*logs:DescribeLogGroups", denied[1].stderr)
    assert re.match("AWS denies it: .*scheduler:ListSchedules", denied[2].stderr)


def test_keys_that_are_not_accepted_are_a_sentence(profile: Callable[[str, str], dict[str, str]]) -> None:
    wrong = profile("AKIAIOSFODNN7EXAMPLE", "not-the-secret")

    refused = python("ops", "--stage", "dev", "--profile", "laptop", "dead-letters", "list", **wrong)

    assert refused.returncode == 1
    assert refused.stderr.startswith("AWS does not accept these credentials: ")


def test_a_profile_reaches_the_functions_of_its_account(
    stack: Stack, profile: Callable[[str, str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in profile(aws.ACCESS_KEY, stack.settings.emulator_secret).items():
        monkeypatch.setenv(name, value)

    answer = ask(account.on_aws("local", "laptop", None), "list")

    assert {queue["name"] for queue in answer["queues"]} == {"orders.fifo", "emails", "pushes"}


def unknown_order() -> dict[str, Any]:
    """An `order.placed` about an order that is not there."""
    money = {"amount": 1299, "currency": "EUR"}
    names = {"product_id": str(uuid4()), "seller_id": str(uuid4()), "name": "Brass desk bell"}
    data = {
        "id": str(uuid4()),
        "buyer_id": str(uuid4()),
        "status": "placed",
        "version": 1,
        "total": money,
        "lines": [names | {"unit_price": money, "quantity": 1, "line_total": money}],
        "placed_at": "2026-11-22T17:29:17.664909Z",
        "confirmed_at": None,
    }
    envelope = {"type": "order.placed", "version": 1, "occurred_at": "2026-11-22T17:29:17.7Z", "data": data}
    return {"id": str(uuid4()), "correlation_id": f"lost-{uuid4().hex}", **envelope}


def orders_of(lines: Iterable[str]) -> Iterator[str]:
    """The listed e-mails that are about an order."""
    return (line for line in lines if " order " in line)


def audited(stack: Stack) -> list[dict[str, Any]]:
    """The details of every redrive by an operator, oldest first."""
    with stack.database() as database:
        rows = database.run(
            "SELECT detail FROM audit_log WHERE action = 'dead-letters.redriven' AND actor_id IS NULL ORDER BY id"
        )
    return [detail for (detail,) in rows or []]


def eventually(seen: Callable[[], Any], patience: float = 30) -> Any:
    """What `seen` returns once it returns something."""
    deadline = time.monotonic() + patience
    while not (found := seen()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return found
