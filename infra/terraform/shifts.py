"""What CodeDeploy has to be asked for after an apply, where it alone leads an alias to another version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.terraform.expressions import Document, Expression, Value, hcl
from infra.terraform.rendering import Json
from infra.terraform.translation import Resource

UPDATE = "CodeDeployLambdaAliasUpdate"


def requests(aliases: Mapping[str, Resource]) -> Json:
    """The output with a request to `aws deploy create-deployment` for each alias that is behind its function.

    `aliases` are by their names in Terraform. Nothing when CodeDeploy shifts none of them.
    """
    entries = [_entry(label, alias) for label, alias in aliases.items() if UPDATE in alias.update_policy]
    if not entries:
        return {}
    behind = f"[for each in {hcl(entries)} : each.request if each.current != each.target]"
    description = "What CodeDeploy has to be asked for after an apply: aws deploy create-deployment --cli-input-json"
    return {"app_deployments": {"description": description, "value": f"${{{behind}}}"}}


def _entry(label: str, alias: Resource) -> dict[str, Value]:
    function, name = alias.properties["FunctionName"], alias.properties["Name"]
    current, target = Expression(f"aws_lambda_alias.{label}.function_version"), alias.properties["FunctionVersion"]
    shift = {"Name": function, "Alias": name, "CurrentVersion": current, "TargetVersion": target}
    content: dict[str, Any] = {
        "version": 0,
        "Resources": [{"function": {"Type": "AWS::Lambda::Function", "Properties": shift}}],
    }
    asked = alias.update_policy[UPDATE]
    request = {
        "applicationName": asked["ApplicationName"],
        "deploymentGroupName": asked["DeploymentGroupName"],
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": Document(content)}},
    }
    return {"current": current, "target": target, "request": request}
