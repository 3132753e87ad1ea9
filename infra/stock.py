"""A copy of the project that stock `chalice deploy` can send to AWS.

The policies and settings of a stage point to other stacks by CloudFormation's references. `chalice deploy` uses no
CloudFormation, so in the copy each reference is replaced by what it stands for in the account at hand. The WebSocket
API is there after a first deployment only: until the copy is made again, nothing can be sent to sockets.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra import bindings, http_api, websocket_api
from infra.account import Session
from infra.bindings import ENVIRONMENT, OVERRIDES, PARAMETERS, SSM_REFERENCE
from infra.stages import APP, Stage

NO_API = "no-api-yet"

# What app.py names in its declarations, beside what functions read.
_DECLARED = {"USER_POOL_ARN": "UserPoolArn", "TABLE_STREAM_ARN": "TableStreamArn"}
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
    api_id = _websocket_api_id(stage, session)
    _configure(configuration["stages"][stage.name], values, _addresses(api_id, region) if api_id else {})
    (settings / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")
    identity = session.client("sts").get_caller_identity()
    account = {
        "${AWS::Partition}": identity["Arn"].split(":")[1],
        "${AWS::AccountId}": identity["Account"],
        "${AWS::Region}": region,
        f"${{{websocket_api.API}}}/{websocket_api.STAGE_NAME}/": f"{api_id or NO_API}/{http_api.STAGE_NAME}/",
    }
    for path in sorted((project / ".chalice").glob("policy-*.json")):
        policy = resolve_policy(json.loads(path.read_text()), stage, account, values)
        (settings / path.name).write_text(json.dumps(policy, indent=2) + "\n")


def resolve_policy(policy: Any, stage: Stage, account: Mapping[str, str], values: Mapping[str, str]) -> Any:
    """`policy` without references: IAM's own language. `account` maps what stands for itself, `values` SSM parameters.

    Chalice calls the API function by the app's name alone, and makes no log groups, so functions make their own. Its
    WebSocket API has a stage of the HTTP API's name.
    """

    def fill(text: str) -> str:
        for name, value in account.items():
            text = text.replace(name, value)
        return SSM_REFERENCE.sub(lambda reference: values[reference[1]], text)

    resolved = _resolve(bindings.fill_stage(policy, stage, fill), fill)
    text = json.dumps(resolved).replace(f"{APP}-{stage.name}-api_handler", f"{APP}-{stage.name}")
    return json.loads(text.replace('"logs:CreateLogStream"', '"logs:CreateLogGroup", "logs:CreateLogStream"'))


def _values(stage: Stage, session: Session) -> dict[str, str]:
    client = session.client("ssm")
    names = [stage.parameter(path) for path in PARAMETERS.values()]
    return {name: client.get_parameter(Name=name)["Parameter"]["Value"] for name in names}


def _resolve(policy: Any, fill: Callable[[str], str]) -> Any:
    """`policy` with what does not depend on the stage filled in, too."""
    match policy:
        case {"Fn::Sub": str(text)}:
            return fill(text)
        case dict():
            return {name: _resolve(item, fill) for name, item in policy.items()}
        case list():
            return [_resolve(item, fill) for item in policy]
        case _:
            return policy


def _websocket_api_id(stage: Stage, session: Session) -> str:
    """The id of the API that `chalice deploy` has made; empty before."""
    apis = session.client("apigatewayv2").get_apis()["Items"]
    return next((str(api["ApiId"]) for api in apis if api["Name"] == f"{APP}-{stage.name}-websocket-api"), "")


def _addresses(api_id: str, region: str) -> dict[str, str]:
    place = f"{api_id}.execute-api.{region}.amazonaws.com/{http_api.STAGE_NAME}"
    return {"REALTIME_ENDPOINT": f"https://{place}", "REALTIME_URL": f"wss://{place}"}


def _configure(configuration: dict[str, Any], values: Mapping[str, str], addresses: dict[str, str]) -> None:
    by_parameter = dict(zip(PARAMETERS, values.values(), strict=True))
    variables = {variable: by_parameter[parameter] for variable, parameter in ENVIRONMENT.items()}
    for_declarations = {variable: by_parameter[parameter] for variable, parameter in _DECLARED.items()}
    configuration["environment_variables"] |= {**variables, **for_declarations, **addresses}
    for function, chosen in OVERRIDES.items():
        resolved = {variable: by_parameter[parameter] for variable, parameter in chosen.items()}
        settings = configuration.setdefault("lambda_functions", {}).setdefault(function, {})
        settings["environment_variables"] = resolved


def _replace(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
