"""What the contract says of an error."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

MEMBERS = {"type": str, "title": str, "status": int, "detail": str, "instance": str, "correlation_id": str}


def defects(answer: httpx.Response) -> list[str]:
    """Why `answer` is not the problem details (RFC 9457) that the contract promises; empty when it is."""
    if answer.headers.get("content-type") != "application/problem+json":
        return [f"content-type is {answer.headers.get('content-type')}"]
    problem = answer.json()
    found = [
        f"{name} is {problem.get(name)!r}" for name, kind in MEMBERS.items() if type(problem.get(name)) is not kind
    ]
    found += [f"unknown member {name}" for name in problem.keys() - MEMBERS.keys() - {"errors"}]
    if not found:
        found += _contradictions(answer, problem)
    return found


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in `answer`, after checking that it is one with `status`."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert defects(answer) == []
    problem: dict[str, Any] = answer.json()
    return problem


def kind_of(answer: httpx.Response, status: int) -> str:
    """The problem's type without its prefix: `product-not-found`."""
    return str(problem_of(answer, status)["type"]).removeprefix("/problems/")


def pointers(answer: httpx.Response) -> list[str]:
    """Where the input of a refused request is invalid, sorted."""
    return sorted(error["pointer"] for error in problem_of(answer, 422)["errors"])


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID in its usual form."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _contradictions(answer: httpx.Response, problem: dict[str, Any]) -> list[str]:
    stated = {
        "status": problem["status"] == answer.status_code,
        "type": problem["type"].startswith("/problems/"),
        "instance": problem["instance"].startswith("/api"),
        "correlation_id": problem["correlation_id"] == answer.headers.get("x-correlation-id"),
        "errors": all(set(error) == {"pointer", "detail"} for error in problem.get("errors", [])),
    }
    return [f"{name} contradicts the answer: {problem.get(name)!r}" for name, is_so in stated.items() if not is_so]
