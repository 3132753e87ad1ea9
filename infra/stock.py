"""A copy of the project that stock `chalice deploy` can send to AWS.

The policies and settings of a stage point to other stacks by CloudFormation's references. `chalice deploy` uses no
CloudFormation, so in the copy each reference is replaced by what it stands for in the account at hand.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra import bindings
from infra.bindings import ENVIRONMENT, OVERRIDES, PARAMETERS, SSM_REFERENCE
from infra.deploy import Session
from infra.stages import APP, Stage

_CARRIED = ("app.py", "requirements.txt", "chalicelib", "migrations", "vendor")


def export(project: Path, stage: Stage, out: Path, session: Session, region: str) -> None:
    """Copy `project` to `out`, where `chalice deploy --stage …` then finds no reference left to resolve.

    The stage's other stacks have to be deployed. What `chalice deploy` remembers in `out` is kept.
    """
    values = _values(stage, session)
    for name in _CARRIED:
        _replace(project / name, out / name)
    settings = out / ".chalice"
    settings.mkdir(parents=True, exist_ok=True)
    configuration = json.loads((project / ".chalice" / "config.json").read_text())
    _configure(configuration["stages"][stage.name], values)
    (settings / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")
    identity = session.client("sts").get_caller_identity()
    account = {
        "${AWS::Partition}": identity["Arn"].split(":")[1],
        "${AWS::AccountId}": identity["Account"],
        "${AWS::Region}": region,
    }
    for path in sorted((project / ".chalice").glob("policy-*.json")):
        policy = resolve_policy(json.loads(path.read_text()), stage, account, values)
        (settings / path.name).write_text(json.dumps(policy, indent=2) + "\n")


def resolve_policy(policy: Any, stage: Stage, account: Mapping[str, str], values: Mapping[str, str]) -> Any:
    """`policy` without references: IAM's own language. `account` maps pseudo parameters, `values` SSM parameters.

    Chalice calls the API function by the app's name alone, and makes no log groups, so functions make their own.
    """

    def fill(text: str) -> str:
        for name, value in account.items():
            text = text.replace(name, value)
        return SSM_REFERENCE.sub(lambda reference: values[reference[1]], text)

    resolved = bindings.fill_stage(policy, stage, fill)
    text = json.dumps(resolved).replace(f"{APP}-{stage.name}-api_handler", f"{APP}-{stage.name}")
    return json.loads(text.replace('"logs:CreateLogStream"', '"logs:CreateLogGroup", "logs:CreateLogStream"'))


def _values(stage: Stage, session: Session) -> dict[str, str]:
    client = session.client("ssm")
    names = [stage.parameter(path) for path in PARAMETERS.values()]
    return {name: client.get_parameter(Name=name)["Parameter"]["Value"] for name in names}


def _configure(configuration: dict[str, Any], values: Mapping[str, str]) -> None:
    by_parameter = dict(zip(PARAMETERS, values.values(), strict=True))
    variables = {variable: by_parameter[parameter] for variable, parameter in ENVIRONMENT.items()}
    configuration["environment_variables"] |= variables | {"USER_POOL_ARN": by_parameter["UserPoolArn"]}
    for function, chosen in OVERRIDES.items():
        resolved = {variable: by_parameter[parameter] for variable, parameter in chosen.items()}
        configuration.setdefault("lambda_functions", {})[function] = {"environment_variables": resolved}


def _replace(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
