"""What the app's stack takes from the other stacks: SSM parameters, and where each goes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.chalice_app import Template
from infra.errors import BuildError
from infra.stages import APP, MIGRATE, Stage

PARAMETERS = {
    "UserPoolId": "users/pool-id",
    "UserPoolArn": "users/pool-arn",
    "UserPoolClientId": "users/client-id",
    "TokenIssuer": "users/issuer",
    "JwksUrl": "users/jwks-url",
    "BusName": "events/bus-name",
    "OrderEventsTopicArn": "events/topic-arn",
    "MailFrom": "mail/from",
    "MailConfigurationSet": "mail/configuration-set",
    "PreferencesUrl": "mail/preferences-url",
    "PushFcmArn": "push/fcm-arn",
    "PushApnsArn": "push/apns-arn",
    "TableName": "data/table-name",
    "TableStreamArn": "data/stream-arn",
    "MediaBucket": "media/bucket-name",
    "DatabaseSecretArn": "database/secret-arn",
    "DatabaseOwnerSecretArn": "database/owner-secret-arn",
    "CacheUrl": "cache/url",
    "AlarmTopicArn": "alarms/topic-arn",
    "AssistantModelId": "assistant/model-id",
    "AssistantFoundationModelId": "assistant/foundation-model-id",
    "AssistantGuardrailId": "assistant/guardrail-id",
    "AssistantGuardrailVersion": "assistant/guardrail-version",
    "AssistantEmbeddingModelId": "assistant/embedding-model-id",
    "OriginSecretArn": "edge/origin-secret-arn",
}
ENVIRONMENT = {
    "USER_POOL_ID": "UserPoolId",
    "USER_POOL_CLIENT_ID": "UserPoolClientId",
    "TOKEN_ISSUER": "TokenIssuer",
    "JWKS_URL": "JwksUrl",
    "BUS_NAME": "BusName",
    "ORDER_EVENTS_TOPIC_ARN": "OrderEventsTopicArn",
    "MAIL_FROM": "MailFrom",
    "MAIL_CONFIGURATION_SET": "MailConfigurationSet",
    "PREFERENCES_URL": "PreferencesUrl",
    "PUSH_FCM_ARN": "PushFcmArn",
    "PUSH_APNS_ARN": "PushApnsArn",
    "TABLE_NAME": "TableName",
    "MEDIA_BUCKET": "MediaBucket",
    "DATABASE_SECRET_ARN": "DatabaseSecretArn",
    "CACHE_URL": "CacheUrl",
    "ASSISTANT_MODEL_ID": "AssistantModelId",
    "ASSISTANT_GUARDRAIL_ID": "AssistantGuardrailId",
    "ASSISTANT_GUARDRAIL_VERSION": "AssistantGuardrailVersion",
    "ASSISTANT_EMBEDDING_MODEL_ID": "AssistantEmbeddingModelId",
    "ORIGIN_SECRET_ARN": "OriginSecretArn",
}
OVERRIDES = {MIGRATE: {"DATABASE_SECRET_ARN": "DatabaseOwnerSecretArn"}}

# The policy files read the stage from the stack's name (marketplace-prod-app), so that they hold on their own.
_STAGE_OF_STACK = {"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "AWS::StackName"}]}]}

SSM_REFERENCE = re.compile(r"\{\{resolve:ssm:([^}]+)\}\}")


def declare_parameters(template: Template, stage: Stage) -> Template:
    """`template` with the place of the code as parameters, and each setting of another stack that it refers to."""
    text = json.dumps(template["Resources"])
    places = [name for name in ("CodeBucket", "CodeKey", "MigrateCodeKey") if refers_to(text, name)]
    code: Template = {name: {"Type": "String"} for name in places}
    return declare_shared({**template, "Parameters": code | template.get("Parameters", {})}, PARAMETERS, stage)


def declare_shared(template: Template, paths: Mapping[str, str], stage: Stage) -> Template:
    """`template` with an SSM parameter of the stage for each name of `paths` that its resources refer to."""
    text = json.dumps(template["Resources"])
    shared = {
        name: {"Type": "AWS::SSM::Parameter::Value<String>", "Default": stage.parameter(path)}
        for name, path in paths.items()
        if refers_to(text, name)
    }
    return {**template, "Parameters": template.get("Parameters", {}) | shared}


def bind_environment(template: Template, stage: Stage, release: str) -> Template:
    """`template` with every function told its release and what the other stacks made.

    `migrate` alone is handed the secret of the role that owns the database. Beside an emulator, PostgreSQL has no TLS.
    """
    result = copy.deepcopy(template)
    for name, properties in functions(result, stage).items():
        chosen = ENVIRONMENT | OVERRIDES.get(name, {})
        variables = properties["Environment"]["Variables"]
        variables["VERSION"] = release
        if stage.is_emulated:
            variables["DATABASE_TLS"] = "disable"
        variables.update({variable: {"Ref": parameter} for variable, parameter in chosen.items()})
    return result


def bind_policies(template: Template, stage: Stage) -> Template:
    """`template` with what the policy files leave open filled in: the stage, and parameters for the SSM references.

    Raises `BuildError` for a reference to a parameter that the stacks do not share.
    """
    names = {stage.parameter(path): name for name, path in PARAMETERS.items()}

    def parameter(reference: re.Match[str]) -> str:
        if reference[1] not in names:
            raise BuildError(
                f"a policy refers to {reference[1]}, which is not among the parameters in infra/bindings.py"
            )
        return names[reference[1]]

    def fill(text: str) -> Any:
        if reference := SSM_REFERENCE.fullmatch(text):
            return {"Ref": parameter(reference)}
        text = SSM_REFERENCE.sub(lambda within: f"${{{parameter(within)}}}", text)
        return {"Fn::Sub": text} if "${" in text else text

    bound: Template = fill_stage(template, stage, fill)
    return bound


def fill_stage(value: Any, stage: Stage, fill: Callable[[str], Any]) -> Any:
    """`value` with `fill(text)` in the place of each text that is open for the stage, once that is filled in."""
    if isinstance(value, list):
        return [fill_stage(item, stage, fill) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get("Fn::Sub"):
        case [str(text), {"Stage": expression}] if expression == _STAGE_OF_STACK:
            return fill(text.replace("${Stage}", stage.name))
    return {name: fill_stage(item, stage, fill) for name, item in value.items()}


def functions(template: Template, stage: Stage) -> dict[str, Any]:
    """The properties of each function, by the name it has in `app.py`."""
    prefix = f"{APP}-{stage.name}-"
    return {
        resource["Properties"]["FunctionName"].removeprefix(prefix): resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def statements(template: Template, function: Template) -> list[Template]:
    """What the role of a function allows and denies it."""
    role = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
    found: list[Template] = role["Policies"][0]["PolicyDocument"]["Statement"]
    return found


def refers_to(text: str, parameter: str) -> bool:
    """Whether a template's JSON refers to a parameter, by `Ref` or in `Fn::Sub`."""
    return f'{{"Ref": "{parameter}"}}' in text or f"${{{parameter}}}" in text
