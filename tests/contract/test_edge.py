"""The edge as it is written: nothing private is kept there, and nothing gets around it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

import app
from chalicelib.web import edge as admission
from chalicelib.web.strict_json import MAX_BYTES
from infra.build import PROJECT
from infra.deployed import deployed
from tests.contract import edge_checks

Break = Callable[[dict[str, Any]], object]

TEMPLATE = PROJECT / "infra" / "stacks" / "edge.yaml"
GIVEN = {"HttpApiId": "a1b2c3d4e5", "WebsocketApiId": "f6g7h8i9j0"}
SHOP = GIVEN | {"Stage": "prod", "Domain": "shop.example", "HostedZoneId": "Z0123456789"}
ENDPOINTS = app.app.endpoints


@pytest.fixture
def edge() -> dict[str, Any]:
    """What prod's is made of, with a domain in a hosted zone."""
    return deployed(TEMPLATE, **SHOP)


def config(edge: dict[str, Any]) -> dict[str, Any]:
    return edge["Resources"]["Distribution"]["Properties"]["DistributionConfig"]


def behaviour(edge: dict[str, Any], path: str) -> dict[str, Any]:
    return next(each for each in config(edge)["CacheBehaviors"] if each["PathPattern"] == path)


def origin(edge: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in config(edge)["Origins"] if each["Id"] == name)


def policy(edge: dict[str, Any], name: str = "PublicLists") -> dict[str, Any]:
    return edge["Resources"][name]["Properties"]["CachePolicyConfig"]


def rules(edge: dict[str, Any]) -> list[Any]:
    return edge["Resources"]["Firewall"]["Properties"]["Rules"]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda edge: behaviour(edge, "/api/*").update(CachePolicyId={"Ref": "PublicLists"}), "/me may be kept"),
        (lambda edge: behaviour(edge, "/api/products").update(PathPattern="/api/orders"), "/orders may be kept"),
        (
            lambda edge: behaviour(edge, "/api/bestsellers").update(CachePolicyId=edge_checks.CACHING_DISABLED),
            "/bestsellers is not kept for 60 seconds",
        ),
        (lambda edge: policy(edge).update(MaxTTL=5), "/products is not kept for 10 seconds"),
        (
            lambda edge: behaviour(edge, "/api/products/*").update(AllowedMethods=["GET", "HEAD"]),
            "PATCH /products/{product_id} is not passed on",
        ),
    ],
)
def test_what_anybody_gets_is_kept_and_nothing_else(edge: dict[str, Any], broken: Break, fault: str) -> None:
    assert edge_checks.wrongly_cached(edge, ENDPOINTS) == []
    broken(edge)
    assert fault in edge_checks.wrongly_cached(edge, ENDPOINTS)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda key: key["HeadersConfig"].update(Headers=["Origin"]), "PublicLists does not tell by Authorization"),
        (lambda key: key["HeadersConfig"].update(Headers=["Authorization"]), "PublicLists does not tell by Origin"),
        (
            lambda key: key["QueryStringsConfig"].update(QueryStringBehavior="none"),
            "PublicLists does not tell by query",
        ),
    ],
)
def test_an_answer_is_given_to_nobody_else_than_it_was_made_for(
    edge: dict[str, Any], broken: Break, fault: str
) -> None:
    assert edge_checks.indistinct(edge) == []
    broken(policy(edge)["ParametersInCacheKeyAndForwardedToOrigin"])
    assert edge_checks.indistinct(edge) == [fault]


@pytest.mark.parametrize("bound", ["MinTTL", "DefaultTTL"])
def test_what_does_not_say_that_it_may_be_kept_is_not(edge: dict[str, Any], bound: str) -> None:
    policy(edge, "PublicResources")[bound] = 1
    assert edge_checks.indistinct(edge) == ["PublicResources keeps what does not say so"]


def test_no_error_is_kept(edge: dict[str, Any]) -> None:
    assert edge_checks.keeps_errors(edge) == set()
    config(edge)["CustomErrorResponses"] = [{"ErrorCode": 404, "ErrorCachingMinTTL": 10}]
    assert edge_checks.keeps_errors(edge) == edge_checks.ERRORS


def test_resources_keep_their_strong_tags(edge: dict[str, Any]) -> None:
    kept = {each["PathPattern"]: each["Compress"] for each in config(edge)["CacheBehaviors"]}
    conditional = [endpoint for endpoint in ENDPOINTS if endpoint.conditional]
    assert conditional
    assert not kept["/api/products/*"]
    assert not kept["/api/*"]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda edge: origin(edge, "http-api").pop("OriginCustomHeaders"), "http-api: no secret"),
        (
            lambda edge: origin(edge, "websocket-api")["OriginCustomHeaders"][0].update(HeaderValue="known"),
            "websocket-api: no secret",
        ),
        (
            lambda edge: origin(edge, "http-api")["CustomOriginConfig"].update(OriginProtocolPolicy="match-viewer"),
            "http-api: the secret travels in the open",
        ),
        (lambda edge: origin(edge, "websocket-api").update(OriginPath="/x"), "websocket-api: not the API's own stage"),
        (lambda edge: origin(edge, "media").pop("OriginAccessControlId"), "media: no access control"),
        (
            lambda edge: edge["Resources"]["MediaAccess"]["Properties"]["OriginAccessControlConfig"].update(
                SigningBehavior="no-override"
            ),
            "media: requests are not always signed",
        ),
    ],
)
def test_both_apis_get_the_secret_and_the_bucket_signed_requests(
    edge: dict[str, Any], broken: Break, fault: str
) -> None:
    assert edge_checks.open_origins(edge) == []
    broken(edge)
    assert edge_checks.open_origins(edge) == [fault]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda edge: behaviour(edge, "/ws").pop("OriginRequestPolicyId"), "/ws: not all headers but the host"),
        (lambda edge: behaviour(edge, "/ws").update(ViewerProtocolPolicy="allow-all"), "/ws: takes tokens in the open"),
        (
            lambda edge: edge["Resources"]["AllButHost"]["Properties"]["OriginRequestPolicyConfig"].update(
                QueryStringsConfig={"QueryStringBehavior": "none"}
            ),
            "/ws: not the whole query",
        ),
    ],
)
def test_the_apis_get_all_of_a_request_but_its_host(edge: dict[str, Any], broken: Break, fault: str) -> None:
    assert edge_checks.lost_on_the_way(edge) == []
    broken(edge)
    assert fault in edge_checks.lost_on_the_way(edge)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda edge: config(edge).pop("WebACLId"), "no firewall"),
        (lambda edge: rules(edge).pop(), "no rules SQLiRuleSet"),
        (lambda edge: rules(edge).pop(1), "no limit for an address"),
        (lambda edge: rules(edge)[-1].update(OverrideAction={"Count": {}}), "sql-injection is only counted"),
        (
            lambda edge: rules(edge)[-1]["Statement"]["ManagedRuleGroupStatement"].update(
                RuleActionOverrides=[{"Name": "SQLi_BODY", "ActionToUse": {"Count": {}}}]
            ),
            "SQLi_BODY is only counted",
        ),
    ],
)
def test_the_firewall_stands_before_everything(edge: dict[str, Any], broken: Break, fault: str) -> None:
    assert edge_checks.unprotected(edge) == []
    broken(edge)
    assert edge_checks.unprotected(edge) == [fault]


def test_countries_are_refused_where_some_are_named() -> None:
    template = deployed(TEMPLATE, **SHOP, BlockedCountries="AA,BB")
    assert "blocked-countries" in {rule["Name"] for rule in rules(template)}
    assert "blocked-countries" not in {rule["Name"] for rule in rules(deployed(TEMPLATE, **SHOP))}


@pytest.mark.parametrize("length", [0, 1, 999, MAX_BYTES, 1_099_999])
def test_the_firewall_leaves_what_the_application_takes(edge: dict[str, Any], length: int) -> None:
    assert not edge_checks.large_bodies(edge).search(str(length))


@pytest.mark.parametrize("length", ["1100000", "2000000", "9999999", "10000000", "99999999999", "0009999999"])
def test_the_firewall_refuses_what_is_larger(edge: dict[str, Any], length: str) -> None:
    assert edge_checks.large_bodies(edge).search(length)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (lambda resources: resources.pop("AccessLogSource"), "no access logs"),
        (
            lambda resources: resources["AccessLogDelivery"]["Properties"]["RecordFields"].append("cs-uri-query"),
            "access logs hold cs-uri-query",
        ),
        (lambda resources: resources.pop("FirewallLogging"), "no logs of the firewall"),
        (
            lambda resources: resources["FirewallLogging"]["Properties"]["RedactedFields"].pop(0),
            "logs of the firewall hold QueryString",
        ),
        (lambda resources: resources["AccessLogs"]["Properties"].pop("RetentionInDays"), "AccessLogs is kept for ever"),
    ],
)
def test_everything_is_logged_but_secrets(edge: dict[str, Any], broken: Break, fault: str) -> None:
    assert edge_checks.unlogged(edge) == []
    broken(edge["Resources"])
    assert fault in edge_checks.unlogged(edge)


def test_old_versions_of_tls_are_refused(edge: dict[str, Any]) -> None:
    assert edge_checks.weak_tls(edge) == []
    config(edge)["ViewerCertificate"]["MinimumProtocolVersion"] = "TLSv1"
    origin(edge, "http-api")["CustomOriginConfig"]["OriginSSLProtocols"] = ["TLSv1", "TLSv1.2"]
    assert edge_checks.weak_tls(edge) == ["viewers may use old versions", "http-api may use old versions"]


def test_a_stage_for_people_has_a_domain() -> None:
    from cfnlint.decode import cfn_yaml

    (assertion,) = cfn_yaml.load(str(TEMPLATE))["Rules"]["PublicName"]["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Domain"}, ""]}]}
    assert edge_checks.weak_tls(deployed(TEMPLATE, **GIVEN, Stage="dev")) == ["viewers may use old versions"]


def test_every_answer_makes_browsers_careful(edge: dict[str, Any]) -> None:
    assert edge_checks.without_headers(edge) == []
    del behaviour(edge, "/media/*")["ResponseHeadersPolicyId"]
    assert edge_checks.without_headers(edge) == ["/media/*"]


def test_media_are_shown_as_on_the_laptop(edge: dict[str, Any]) -> None:
    from local.front_door import MEDIA_RESPONSE

    headers = edge["Resources"]["MediaHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    assert headers["ContentSecurityPolicy"]["ContentSecurityPolicy"] == MEDIA_RESPONSE["Content-Security-Policy"]
    assert headers["ContentTypeOptions"] == {"Override": True}


@pytest.mark.parametrize(
    ("parameters", "there"),
    [
        (SHOP, {"Certificate", "NameOverIpv4", "NameOverIpv6", "HealthCheckOfApi", "HealthAlarm"}),
        (GIVEN | {"Stage": "prod", "Domain": "shop.example"}, {"Certificate", "HealthCheckOfApi", "HealthAlarm"}),
        (GIVEN | {"Stage": "dev"}, set()),
        (GIVEN | {"Stage": "dev", "HealthCheck": "true", "ShieldAdvanced": "true"},
         {"HealthCheckOfApi", "HealthAlarm", "ShieldProtection"}),
    ],
)  # fmt: skip
def test_names_checks_and_shield_are_there_as_they_are_wanted(parameters: dict[str, str], there: set[str]) -> None:
    resources = deployed(TEMPLATE, **parameters)["Resources"]
    optional = {"Certificate", "NameOverIpv4", "NameOverIpv6", "HealthCheckOfApi", "HealthAlarm", "ShieldProtection"}
    assert optional & resources.keys() == there


def test_every_caller_is_told_apart(edge: dict[str, Any]) -> None:
    assert edge_checks.without_viewer(edge) == []
    behaviour(edge, "/api/*").pop("FunctionAssociations")
    assert edge_checks.without_viewer(edge) == ["/api/*"]


def test_the_viewers_address_replaces_what_the_viewer_says_of_it(edge: dict[str, Any]) -> None:
    lie = {admission.VIEWER_HEADER: {"value": "203.0.113.9"}, "accept": {"value": "*/*"}}
    request = _run(edge, "TellViewer", {"viewer": {"ip": "2001:db8::7"}, "request": {"uri": "/api/me", "headers": lie}})
    assert request["headers"] == {"accept": {"value": "*/*"}, admission.VIEWER_HEADER: {"value": "2001:db8::7"}}


def test_nothing_is_where_nothing_is(edge: dict[str, Any]) -> None:
    answer = _run(edge, "SayNotFound", {"request": {"uri": '/"<x>'}})
    assert answer["statusCode"] == 404
    assert answer["headers"]["cache-control"] == {"value": "no-store"}
    assert json.loads(answer["body"])["instance"] == '/"<x>'


def _run(edge: dict[str, Any], function: str, event: dict[str, Any]) -> dict[str, Any]:
    """What CloudFront's function makes of an event, run by the JavaScript engine that the tests' browser came with."""
    code = edge["Resources"][function]["Properties"]["FunctionCode"]
    node = compute_driver_executable()[0]
    script = f"{code}\nprocess.stdout.write(JSON.stringify(handler({json.dumps(event)})));"
    run = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(run.stdout)
