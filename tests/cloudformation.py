"""CloudFormation for tests: one stack that goes where a script says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

STACK = "marketplace-dev-app"
Event = tuple[str, str, str]
"""Resource, status and reason."""


class CloudFormation:
    """A stack whose operations each have the events that the script gives them, and the status that they end with.

    What is under way in it goes as `wait` says when somebody looks for the second time. `change_sets` are the pages of
    each change set, which fails when there is a `reason`.
    """

    def __init__(self, status: str = "", **script: tuple[str, list[Event]]) -> None:
        self.status = status
        self.script = script
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.change_sets: list[list[dict[str, Any]]] = []
        self.reason = ""
        self._looks = 0
        self._events: list[dict[str, str]] = [_event(0, STACK, status, "")] if status else []

    def describe_stacks(self, **request: str) -> dict[str, Any]:
        if not self.status:
            raise refused(f"Stack with id {request['StackName']} does not exist")
        status, outputs = self.status, [{"OutputKey": "ApiUrl", "OutputValue": "https://api"}]
        self._looks += 1
        if self.status.endswith("_IN_PROGRESS") and "wait" in self.script and self._looks > 1:
            self._run("wait", {})
        return {"Stacks": [{"StackName": STACK, "StackId": STACK, "StackStatus": status, "Outputs": outputs}]}

    def create_stack(self, **request: Any) -> dict[str, str]:
        return self._run("create", request)

    def update_stack(self, **request: Any) -> dict[str, str]:
        if "update" not in self.script:
            raise refused("No updates are to be performed.")
        return self._run("update", request)

    def delete_stack(self, **request: Any) -> dict[str, str]:
        return self._run("delete", request)

    def continue_update_rollback(self, **request: Any) -> dict[str, str]:
        return self._run("continue", request)

    def execute_change_set(self, **request: Any) -> dict[str, str]:
        return self._run("execute", request)

    def create_change_set(self, **request: Any) -> dict[str, str]:
        self.calls.append("change set")
        self.requests.append(request)
        self.status = self.status or "REVIEW_IN_PROGRESS"
        return {"Id": "set", "StackId": STACK}

    def describe_change_set(self, **_: Any) -> dict[str, str]:
        return {"Status": "FAILED" if self.reason else "CREATE_COMPLETE", "StatusReason": self.reason}

    def delete_change_set(self, **_: Any) -> None:
        self.calls.append("discard")

    def get_paginator(self, operation: str) -> CloudFormation:
        self._paged = operation
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        if self._paged == "describe_change_set":
            yield from ({"Changes": page} for page in self.change_sets)
        else:
            yield {"StackEvents": self._events[::-1]}

    def _run(self, operation: str, request: dict[str, Any]) -> dict[str, str]:
        self.calls.append(operation)
        self.requests.append(request)
        self.status, events = self.script[operation]
        self._events += [_event(len(self._events) + n, *event) for n, event in enumerate(events)]
        if self.status == "DELETE_COMPLETE":
            self._events = self._events[-1:]
        return {"StackId": STACK}


def refused(message: str) -> ClientError:
    """What botocore makes of a request that CloudFormation does not take."""
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "Operation")


def _event(number: int, resource: str, status: str, reason: str) -> dict[str, str]:
    return {
        "EventId": str(number),
        "LogicalResourceId": resource,
        "ResourceType": "AWS::Some::Type",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }
