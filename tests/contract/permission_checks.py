"""Who may call a function: everything that does, for its own sake, and nobody else. The emulator asks for none of it.

`app` is the app's stack as the SAM transform leaves it, `services` the services stack as the stage has it. What Lambda
reads by itself, queues and the table's stream, needs no permission but rights of the function's role (`event_checks`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.deployed import of_type
from tests.contract.references import name_of

Template = dict[str, Any]

_API = "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{}}}/{}"


@dataclass(frozen=True)
class Call:
    """A service that calls a function or its alias, and for which of an account's things it does so."""

    callee: str
    caller: str
    source: str

    def __str__(self) -> str:
        return f"{self.caller} calls {self.callee} for {self.source}"


def uninvited(app: Template, services: Template, stage: str) -> list[str]:
    """Triggers that call a function, or an alias, which does not permit exactly that."""
    return sorted(map(str, set(calls(app, services, stage)) - set(permitted(app))))


def uncalled(app: Template, services: Template, stage: str) -> list[str]:
    """Permissions that no trigger needs: one too many, or one that is open to other sources."""
    return sorted(map(str, set(permitted(app)) - set(calls(app, services, stage))))


def permitted(app: Template) -> Iterator[Call]:
    """What the functions permit."""
    for grant in of_type(app, "AWS::Lambda::Permission").values():
        callee = _callee(app, grant["FunctionName"])
        yield Call(callee, grant["Principal"].removesuffix(".amazonaws.com"), _written(grant.get("SourceArn")))


def calls(app: Template, services: Template, stage: str) -> Iterator[Call]:
    """What the templates make happen."""
    yield from _by_routes(app)
    for name, authorizer in of_type(app, "AWS::ApiGatewayV2::Authorizer").items():
        if uri := authorizer.get("AuthorizerUri"):
            source = _API.format(name_of(authorizer["ApiId"]), f"authorizers/${{{name}}}")
            yield Call(_callee(app, uri), "apigateway", source)
    for name, rule in of_type(app, "AWS::Events::Rule").items():
        for target in rule["Targets"]:
            yield Call(_callee(app, target["Arn"]), "events", _written({"Fn::GetAtt": [name, "Arn"]}))
    for subscription in of_type(app, "AWS::SNS::Subscription").values():
        yield Call(_callee(app, subscription["Endpoint"]), "sns", _written(subscription["TopicArn"]))
    yield from _by_user_pool(app, services, stage)


def _by_routes(app: Template) -> Iterator[Call]:
    """An HTTP API has one function for all of its routes, a WebSocket API one for each."""
    apis, integrations = of_type(app, "AWS::ApiGatewayV2::Api"), of_type(app, "AWS::ApiGatewayV2::Integration")
    stages = {name_of(each["ApiId"]): each["StageName"] for each in of_type(app, "AWS::ApiGatewayV2::Stage").values()}
    for route in of_type(app, "AWS::ApiGatewayV2::Route").values():
        api = name_of(route["ApiId"])
        what = route["RouteKey"] if apis[api]["ProtocolType"] == "WEBSOCKET" else "*"
        (integration,) = set(re.findall(r"\w+", json.dumps(route["Target"]))) & integrations.keys()
        callee = _callee(app, integrations[integration]["IntegrationUri"])
        yield Call(callee, "apigateway", _API.format(api, f"{stages[api]}/{what}"))


def _by_user_pool(app: Template, services: Template, stage: str) -> Iterator[Call]:
    """The user pool knows its triggers by their agreed names."""
    named = {each["FunctionName"]: name for name, each in of_type(app, "AWS::Lambda::Function").items()}
    (pool,) = of_type(services, "AWS::Cognito::UserPool").values()
    for trigger in pool["LambdaConfig"].values():
        text, values = trigger["Fn::Sub"]
        _, _, name = text.replace("${Stage}", stage).replace("${Alias}", values["Alias"]).partition(":function:")
        function, _, alias = name.partition(":")
        callee = f"{named[function]}Alias{alias}" if alias else named[function]
        yield Call(callee, "cognito-idp", _written({"Ref": "UserPoolArn"}))


def _callee(app: Template, reference: Any) -> str:
    """The logical id of the function or alias that a reference leads to."""
    callable_ = of_type(app, "AWS::Lambda::Function").keys() | of_type(app, "AWS::Lambda::Alias").keys()
    (found,) = set(re.findall(r"\w+", json.dumps(reference))) & callable_
    return found


def _written(source: Any) -> str:
    return str(source.get("Fn::Sub", source)) if isinstance(source, dict) else "anything"
