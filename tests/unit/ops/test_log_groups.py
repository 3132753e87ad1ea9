"""Finding log lines in CloudWatch, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from local.progress import Problem
from ops.account import Account
from ops.log_groups import MOST_LINES, LogGroups

SINCE = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
GROUP = "/aws/lambda/marketplace-dev-api_handler"
QUESTION = {"logGroupName": GROUP, "filterPattern": '"my-own-id"', "startTime": 1795366800000}


class Session:
    """A session with one client."""

    def __init__(self) -> None:
        credentials = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        self.logs = boto3.session.Session(region_name="eu-central-1", **credentials).client("logs")

    def client(self, service: str, **_: Any) -> Any:
        assert service == "logs"
        return self.logs


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def answers(session: Session) -> Iterator[Stubber]:
    with Stubber(session.logs) as stubber:
        groups = {"logGroups": [{"logGroupName": GROUP}]}
        stubber.add_response("describe_log_groups", groups, {"logGroupNamePrefix": "/aws/lambda/marketplace-dev-"})
        yield stubber


def found(session: Session) -> list[tuple[str, str]]:
    return LogGroups(Account("dev", session)).find("my-own-id", SINCE)


def page(*messages: str, more: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = {"events": [{"message": message} for message in messages]}
    return answer | ({"nextToken": more} if more else {})


def test_pages_are_read_to_the_last_although_one_is_empty(session: Session, answers: Stubber) -> None:
    answers.add_response("filter_log_events", page("one", more="a"), QUESTION)
    answers.add_response("filter_log_events", page(more="b"), QUESTION | {"nextToken": "a"})
    answers.add_response("filter_log_events", page("two"), QUESTION | {"nextToken": "b"})

    assert found(session) == [("api_handler", "one"), ("api_handler", "two")]
    answers.assert_no_pending_responses()


def test_a_flood_of_lines_is_cut_off(session: Session, answers: Stubber) -> None:
    answers.add_response("filter_log_events", page(*map(str, range(MOST_LINES)), more="a"), QUESTION)

    assert len(found(session)) == MOST_LINES


def test_a_refusal_is_a_sentence(session: Session, answers: Stubber) -> None:
    answers.add_client_error("filter_log_events", "AccessDeniedException", "not authorized to perform: logs:Filter…")

    with pytest.raises(Problem, match="AWS denies it: not authorized to perform"):
        found(session)
