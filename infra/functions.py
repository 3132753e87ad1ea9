"""What each function of the app's stack needs beside its code: a log group of its own, and leave to be called."""

from __future__ import annotations

import copy

from infra.bindings import functions
from infra.chalice_app import Template
from infra.stages import Stage

USER_POOL_TRIGGERS = ("pre_sign_up", "post_confirmation")


def add_log_groups(template: Template, stage: Stage) -> Template:
    """`template` with a log group per function, kept as long as the stage says, and made before the function is.

    Chalice's own `log_retention_in_days` names a resource that is not in its template.
    """
    result = copy.deepcopy(template)
    resources = result["Resources"]
    for logical_id, function in list(resources.items()):
        if function["Type"] != "AWS::Serverless::Function":
            continue
        properties = function["Properties"]
        properties["LoggingConfig"] = {"LogGroup": {"Ref": f"{logical_id}Logs"}}
        resources[f"{logical_id}Logs"] = {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": f"/aws/lambda/{properties['FunctionName']}",
                "RetentionInDays": stage.log_retention,
                "Tags": [{"Key": name, "Value": value} for name, value in properties["Tags"].items()],
            },
        }
    return result


def allow_user_pool(template: Template, stage: Stage) -> Template:
    """`template` where this stage's user pool, and no other, may call the functions that its triggers name."""
    result = copy.deepcopy(template)
    present = functions(result, stage)
    for name in USER_POOL_TRIGGERS:
        if name in present:
            result["Resources"][f"{name.title().replace('_', '')}UserPoolPermission"] = {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": {"Ref": name.title().replace("_", "")},
                    "Action": "lambda:InvokeFunction",
                    "Principal": "cognito-idp.amazonaws.com",
                    "SourceArn": {"Ref": "UserPoolArn"},
                },
            }
    return result
