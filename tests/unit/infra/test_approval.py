"""Nothing that holds data is replaced or removed without somebody's word, and in prod not without its name."""

from __future__ import annotations

import sys
from io import StringIO

import pytest

from infra import stages
from infra.approval import Approval, ask
from infra.changes import Change, Kind
from infra.errors import Refused

LOSS = Change("Table", "AWS::DynamoDB::Table", Kind.REPLACED)
HARMLESS = Change("Route", "AWS::ApiGatewayV2::Route", Kind.REPLACED)


class Person:
    """Somebody at the terminal, who always answers the same."""

    def __init__(self, answer: str = "") -> None:
        self.answer = answer
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.answer


def check(
    *changes: Change, stage: str = "dev", allowed: tuple[str, ...] = (), says_yes: bool = False, answer: str = ""
) -> list[str]:
    """The questions that were asked until all was agreed to."""
    person = Person(answer)
    Approval(stages.named(stage), allowed, says_yes=says_yes, ask=person).check("stack", changes)
    return person.questions


def test_what_loses_nothing_needs_no_word() -> None:
    assert check(HARMLESS, Change("Table", "AWS::DynamoDB::Table", Kind.CHANGED), stage="prod") == []


def test_a_loss_is_asked_for_by_name() -> None:
    (question,) = check(LOSS, answer="Table\n")
    assert "Table (AWS::DynamoDB::Table) is replaced, and it holds items." in question


@pytest.mark.parametrize("answer", ["", "y", "yes", "table"])
def test_any_other_answer_is_a_no(answer: str) -> None:
    with pytest.raises(Refused, match="--allow-replacement Table"):
        check(LOSS, answer=answer)


def test_yes_is_enough_where_nothing_is_protected() -> None:
    assert check(LOSS, says_yes=True) == []


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_yes_is_not_enough_in_a_protected_stage(stage: str) -> None:
    with pytest.raises(Refused, match=f"In {stage}, say so by name: --allow-replacement Table"):
        check(LOSS, stage=stage, says_yes=True)
    assert check(LOSS, stage=stage, says_yes=True, allowed=("Table",)) == []


def test_a_name_allows_that_one_alone() -> None:
    with pytest.raises(Refused, match="Bucket"):
        check(LOSS, Change("Bucket", "AWS::S3::Bucket", Kind.REMOVED), allowed=("Table",), says_yes=True, stage="prod")


def test_nobody_is_asked_twice() -> None:
    person = Person("Table")
    approval = Approval(stages.named("dev"), (), says_yes=False, ask=person)
    approval.check("stack", [LOSS])
    approval.check("stack", [LOSS])
    assert len(person.questions) == 1


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("Table\n"))
    assert ask("?") == ""
