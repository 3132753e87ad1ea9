"""The step of a release that brings the schema to its revision: the function `migrate`, called and heard out."""

from __future__ import annotations

import json
from typing import Any

from infra.account import Account
from infra.errors import DeploymentFailed
from infra.stages import APP, MIGRATE, Stage

_LONGEST = 310  # seconds: ten more than the function may take


def run(account: Account, stage: Stage) -> str:
    """Call `migrate` as it is deployed, and return what it did. Raises `DeploymentFailed` with its own words."""
    function = f"{APP}-{stage.name}-{MIGRATE}"
    answer = account.patient_client("lambda", _LONGEST).invoke(FunctionName=function)
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DeploymentFailed(f"{function} failed: {_message(result)}\nIts log: /aws/lambda/{function}")
    before, after = result.get("from"), result.get("to")
    return f"the schema is at revision {after}" + ("" if before == after else f" (was at {before or 'none'})")


def _message(result: Any) -> str:
    return str(result.get("errorMessage", result)) if isinstance(result, dict) else str(result)
