"""Writes down what the functions ask of AWS, in the emulator's own environment, when `up --record-calls` asks for it.

Each call that the emulator puts to the policies of a function's role becomes a line of JSON, once: function, action,
resource, and whether it was allowed. A line is in the file as soon as the call is decided, so that nothing is lost when
the emulator is killed. The private names used here are those of the exact version in `requirements-emulator.txt`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import sts


def record(path: Path) -> None:
    """Note from now on, at the end of `path`, what functions call. Calls of people and of tests are left out."""
    enforce = iam_evaluator.enforce
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    noted: set[tuple[str, str, str, bool]] = set()

    def enforce_and_note(key: str, action: str, *request: Any, resource_arn: str = "*", **more: Any) -> Any:
        refusal = enforce(key, action, *request, resource_arn=resource_arn, **more)
        function = _function(key)
        call = (function, action, str(resource_arn), refusal is None)
        if function and not isinstance(refusal, iam_evaluator.AuthError) and call not in noted:
            noted.add(call)
            line = dict(zip(("function", "action", "resource", "is_allowed"), call, strict=True))
            os.write(file, json.dumps(line).encode() + b"\n")
        return refusal

    iam_evaluator.enforce = enforce_and_note


def _function(key: str) -> str:
    """The function whose credentials have the access key, after which its session is called; empty for anybody else."""
    session = sts._sessions.get(key) or {}
    _, is_role, named = session.get("Arn", "").partition(":assumed-role/")
    return named.partition("/")[2] if is_role else ""
