"""`dead-letters`: messages that failed three times, through the stage's function `dead_letters`, which audits them."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.text import Text

from infra.stages import LAPTOP
from local.progress import Problem
from ops import actions, terminal
from ops.account import Account
from ops.actions import Action
from ops.refusals import explained

FUNCTION = "dead_letters"

Letter = Mapping[str, Any]


def run(arguments: Namespace) -> None:
    """Do what `arguments.action` says, in the stage that the options choose."""
    actions.run(_ACTIONS, arguments)


def ask(account: Account, action: str, **command: Any) -> dict[str, Any]:
    """What the function answers. Raises Problem with the function's own sentence when it fails."""
    payload = {"action": action, "operator": account.operator(), **command}
    # A redrive that went unanswered may have been done.
    client = account.client("lambda", attempts=1)
    with explained(account.stage):
        answer = client.invoke(FunctionName=account.callable(FUNCTION), Payload=json.dumps(payload))
        content = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise Problem(_sentence(content), _where_to_look(account))
    found: dict[str, Any] = content
    return found


def _listed(account: Account, _arguments: Namespace) -> dict[str, Any]:
    return ask(account, "list")


def _shown(account: Account, arguments: Namespace) -> dict[str, Any]:
    answer = ask(account, "show", queue=arguments.queue)
    wanted = [each for each in answer["messages"] if _is_wanted(each, arguments.message_id, arguments.event_type)]
    return answer | {"messages": wanted[: arguments.limit]}


def _redriven(account: Account, arguments: Namespace) -> dict[str, Any]:
    return ask(
        account,
        "redrive",
        queue=arguments.queue,
        dry_run=not arguments.execute,
        message_ids=arguments.message_id,
        event_type=arguments.event_type,
        limit=arguments.limit,
    )


def _is_wanted(letter: Letter, ids: Collection[str] | None, event_type: str | None) -> bool:
    return (ids is None or letter["message_id"] in ids) and event_type in {None, letter["type"]}


def _print_queues(answer: Mapping[str, Any], _arguments: Namespace) -> None:
    names = ("queue", "waiting", "in flight", "delayed", "oldest", "dead letters")
    table = terminal.table(*names, right=names[1:])
    for queue in answer["queues"]:
        oldest = "?" if queue["oldest_seconds"] is None else f"{queue['oldest_seconds']} s"
        table.add_row(
            queue["name"],
            *(str(queue[name]) for name in ("waiting", "in_flight", "delayed")),
            oldest,
            str(queue["dead"]),
            style="red" if queue["dead"] else None,
        )
    terminal.console().print(table)


def _print_letters(answer: Mapping[str, Any], arguments: Namespace) -> None:
    letters = answer["messages"]
    _print_table(letters)
    terminal.console().print(f"{_dead_letters(len(letters))} of {arguments.queue}", markup=False)
    for letter in letters if arguments.body else ():
        terminal.console().print(f"\n{letter['message_id']}\n{_body(letter)}", markup=False, soft_wrap=True)


def _print_redrive(answer: Mapping[str, Any], arguments: Namespace) -> None:
    redriven, parked = answer["redriven"], answer["parked"]
    if redriven:
        _print_table(redriven)
    done = "would go back" if answer["dry_run"] else "went back"
    lines = [f"{_dead_letters(len(redriven))} {done} to {arguments.queue}"]
    if parked:
        lines.append(f"{_dead_letters(len(parked))} went back three times already and stay")
        lines += [f"  {letter['message_id']}" for letter in parked]
    if redriven and answer["dry_run"]:
        lines.append("nothing was done: repeat it with --execute")
    terminal.console().print("\n".join(lines), markup=False)


def _print_table(letters: Sequence[Letter]) -> None:
    numbers = ("receives", "redrives")
    table = terminal.table("sent at", "message id", "event type", "event id", "correlation id", *numbers, right=numbers)
    for letter in letters:
        named = (letter[name] for name in ("message_id", "type", "event_id", "correlation_id"))
        table.add_row(
            letter["sent_at"][:19].replace("T", " "),
            *(Text(terminal.printable(text)) for text in named),
            str(letter["receive_count"]),
            str(letter["redrive_count"]),
        )
    if letters:
        terminal.console().print(table)


def _dead_letters(number: int) -> str:
    return "1 dead letter" if number == 1 else f"{number or 'no'} dead letters"


def _body(letter: Letter) -> str:
    """The message, indented where it is JSON."""
    try:
        return json.dumps(json.loads(letter["body"]), indent=2)
    except ValueError:
        return terminal.printable(letter["body"])


def _sentence(content: Any) -> str:
    """What a failed function says, without its trace."""
    said = content.get("errorMessage") if isinstance(content, dict) else None
    return f"The function {FUNCTION} failed: {terminal.printable(str(said or 'it does not say why'))}"


def _where_to_look(account: Account) -> str:
    if account.stage == LAPTOP:
        return f"`python -m local logs {FUNCTION}` shows more."
    return f"The log group /aws/lambda/{account.prefix}{FUNCTION} holds more."


_ACTIONS = {
    "list": Action(_listed, _print_queues),
    "show": Action(_shown, _print_letters),
    "redrive": Action(_redriven, _print_redrive),
}
