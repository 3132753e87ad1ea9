"""Rules that a built template keeps. Each returns what breaks it, so that a test can also feed it a broken template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.web.endpoint import Endpoint
from chalicelib.web.identity import Audience

Template = dict[str, Any]

AUTHORIZATION = {
    Audience.ANYONE: "NONE",
    Audience.VISITORS: "NONE",
    Audience.SIGNED_IN: "JWT",
    Audience.ADMINS: "CUSTOM",
}


PUBLIC = {
    *("GET /health", "GET /openapi.json", "GET /products", "GET /products/{product_id}", "GET /bestsellers"),
    *("$default", "$connect", "$disconnect"),
}
"""Routes that nobody has to sign in for: a new one is put here by somebody who thought about it.

`$default` of the HTTP API answers 404 and 405 and is, like any message on a socket, behind `$connect`, whose function
asks for a ticket.
"""

TAGS = {"project", "stage", "owner", "cost-centre"}


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The properties of every resource of a type, by logical id."""
    resources = template["Resources"].items()
    return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}


def functions(template: Template) -> dict[str, Any]:
    """The properties of every function, by logical id."""
    return of_type(template, "AWS::Serverless::Function")


def statements(template: Template, function: dict[str, Any]) -> list[dict[str, Any]]:
    """What the role of a function allows and denies it."""
    role = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
    return [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def handlers_outside_app(template: Template) -> list[str]:
    """A handler elsewhere than in app.py starts without what app.py sets up: logs, metrics, middleware."""
    return [
        f"{name} starts at {properties['Handler']}"
        for name, properties in functions(template).items()
        if not properties["Handler"].startswith("app.")
    ]


def shared_roles(template: Template) -> list[str]:
    """A role that two functions have gives each the rights of both."""
    owners: dict[str, list[str]] = {}
    for name, properties in functions(template).items():
        owners.setdefault(str(properties["Role"]), []).append(name)
    return [f"{role} is the role of {', '.join(names)}" for role, names in owners.items() if len(names) > 1]


def without_own_log_group(template: Template) -> list[str]:
    """A log group that Lambda makes by itself is kept for ever."""
    groups = of_type(template, "AWS::Logs::LogGroup")
    return [
        f"{name} has no log group of its own with a retention"
        for name, properties in functions(template).items()
        if not _owns(groups, properties)
    ]


def other_architecture(template: Template, architecture: str) -> list[str]:
    """Functions for another processor than the package is built for do not start."""
    return [
        f"{name} is for {properties['Architectures']}"
        for name, properties in functions(template).items()
        if properties["Architectures"] != [architecture]
    ]


def untraced(template: Template) -> list[str]:
    """Functions that X-Ray does not see."""
    return [name for name, properties in functions(template).items() if properties.get("Tracing") != "Active"]


def wrongly_authorized(template: Template, endpoints: Iterable[Endpoint]) -> list[str]:
    """Every route of app.py is there with the authorizer of its audience, and no other route is."""
    routes = of_type(template, "AWS::ApiGatewayV2::Route").values()
    found = {route["RouteKey"]: route for route in routes if route["ApiId"] == {"Ref": "HttpApi"}}
    expected = {f"{declared.method} {declared.path}": AUTHORIZATION[declared.audience] for declared in endpoints}
    expected["$default"] = "NONE"
    return [*_differences(found, expected), *_wrong_kind(template, found)]


def open_routes(template: Template) -> list[str]:
    """Routes that ask for no authorization and are not on the list of public ones; and what is on it and not there."""
    routes = of_type(template, "AWS::ApiGatewayV2::Route").values()
    found = {route["RouteKey"] for route in routes if route.get("AuthorizationType", "NONE") == "NONE"}
    return [f"{key} is open" for key in sorted(found - PUBLIC)] + [f"{key} is not" for key in sorted(PUBLIC - found)]


def untagged(template: Template) -> list[str]:
    """Functions, and what they write to, that no cost report can tell apart."""
    named = {name: each.get("Tags", {}).keys() for name, each in functions(template).items()}
    listed = of_type(template, "AWS::Logs::LogGroup").items()
    named |= {name: {tag["Key"] for tag in each.get("Tags", [])} for name, each in listed}
    return [name for name, tags in named.items() if not tags >= TAGS]


def needs_the_app(template: Template) -> list[str]:
    """A JWT authorizer takes issuer and audience from the users' stack, and nothing from the app's."""
    authorizers = of_type(template, "AWS::ApiGatewayV2::Authorizer")
    wanted = {"Issuer": {"Ref": "TokenIssuer"}, "Audience": [{"Ref": "UserPoolClientId"}]}
    return [
        f"{name} verifies {properties['JwtConfiguration']}"
        for name, properties in authorizers.items()
        if properties["AuthorizerType"] == "JWT" and properties["JwtConfiguration"] != wanted
    ]


def long_lived_authorizations(template: Template) -> list[str]:
    """Somebody who lost a role keeps it as long as an authorizer's answer is kept: a minute at most."""
    return [
        f"{name} keeps answers for {properties.get('AuthorizerResultTtlInSeconds')} seconds"
        for name, properties in of_type(template, "AWS::ApiGatewayV2::Authorizer").items()
        if properties["AuthorizerType"] == "REQUEST"
        and not 0 <= properties.get("AuthorizerResultTtlInSeconds", 300) <= 60
    ]


def owner_secret_readers(template: Template) -> list[str]:
    """Functions that are told, or may read, the secret of the role that owns the schema."""
    roles = of_type(template, "AWS::IAM::Role")
    return [
        name
        for name, properties in functions(template).items()
        if _mentions([properties, roles[properties["Role"]["Fn::GetAtt"][0]]], {"Ref": "DatabaseOwnerSecretArn"})
    ]


def unthrottled(template: Template) -> list[str]:
    """A stage without a throttle or access logs, or an HTTP API without payload format 2.0."""
    stages = of_type(template, "AWS::ApiGatewayV2::Stage")
    http = {
        name: integration
        for name, integration in of_type(template, "AWS::ApiGatewayV2::Integration").items()
        if integration["ApiId"] == {"Ref": "HttpApi"}
    }
    missing = [
        f"{name} has no {setting}"
        for name, properties in stages.items()
        for setting in ("AccessLogSettings", "DefaultRouteSettings")
        if setting not in properties
    ]
    return missing + [name for name, properties in http.items() if properties["PayloadFormatVersion"] != "2.0"]


def _owns(groups: Template, function: Template) -> bool:
    group = groups.get(function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref", ""), {})
    named = group.get("LogGroupName") == f"/aws/lambda/{function['FunctionName']}"
    return bool(named and group.get("RetentionInDays", 0) > 0)


def _differences(found: Template, expected: dict[str, str]) -> Iterator[str]:
    for key in sorted(found.keys() ^ expected.keys()):
        yield f"{key} is {'not in app.py' if key in found else 'missing'}"
    for key in sorted(found.keys() & expected.keys()):
        if found[key].get("AuthorizationType", "NONE") != expected[key]:
            yield f"{key} is authorized by {found[key].get('AuthorizationType', 'NONE')}, not {expected[key]}"


def _wrong_kind(template: Template, routes: Template) -> Iterator[str]:
    kinds = {"JWT": "JWT", "CUSTOM": "REQUEST"}
    authorizers = of_type(template, "AWS::ApiGatewayV2::Authorizer")
    for key, route in routes.items():
        kind = kinds.get(route.get("AuthorizationType", "NONE"))
        if kind and authorizers.get(route.get("AuthorizerId", {}).get("Ref", ""), {}).get("AuthorizerType") != kind:
            yield f"{key} names no authorizer of type {kind}"


def _mentions(value: Any, wanted: Any) -> bool:
    if value == wanted:
        return True
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_mentions(child, wanted) for child in children)
