"""Rules for the edge. Each returns what breaks it, so that a test can also feed it a broken template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from chalicelib.web.edge import SECRET_HEADER
from chalicelib.web.endpoint import Endpoint
from infra.deployed import of_type

Template = dict[str, Any]

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
APIS = {"http-api": "${HttpApiId}.execute-api.", "websocket-api": "${WebsocketApiId}.execute-api."}
SECRET = "{{resolve:secretsmanager:marketplace/${Stage}/edge/origin:SecretString:value::${OriginSecretVersion}}}"
ERRORS = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
GROUPS = {"AmazonIpReputationList", "CommonRuleSet", "KnownBadInputsRuleSet", "SQLiRuleSet"}
AS_THE_GROUP_SAYS: dict[str, Any] = {"None": {}}
TOLD_TO_NOBODY = {"cs-uri-query", "cs(Cookie)", "cs(Referer)"}


def wrongly_cached(edge: Template, endpoints: Sequence[Endpoint]) -> list[str]:
    """Routes whose answers are somebody's own and that a shared cache might keep, and public ones that it does not."""
    return [fault for endpoint in endpoints for fault in _wrongly_cached(edge, endpoint)]


def indistinct(edge: Template) -> list[str]:
    """Policies under which one caller's answer may be given to another, or that keep what says that it is not kept."""
    return [fault for name, policy in _policies_of(edge, "http-api").items() for fault in _indistinct(name, policy)]


def keeps_errors(edge: Template) -> set[int]:
    """Errors that CloudFront keeps for ten seconds, as it does unless it is told not to."""
    told = _distribution(edge).get("CustomErrorResponses", [])
    return ERRORS - {each["ErrorCode"] for each in told if each["ErrorCachingMinTTL"] == 0}


def open_origins(edge: Template) -> list[str]:
    """APIs that are reached without the secret or in the open, and media without the distribution's signature."""
    origins = {origin["Id"]: origin for origin in _distribution(edge)["Origins"]}
    faults = [f"{name}: {fault}" for name in APIS for fault in _open_api(name, origins[name])]
    access = of_type(edge, "AWS::CloudFront::OriginAccessControl")
    signs = {"OriginAccessControlOriginType": "s3", "SigningBehavior": "always", "SigningProtocol": "sigv4"}
    if [each["OriginAccessControlConfig"].items() >= signs.items() for each in access.values()] != [True]:
        faults.append("media: requests are not always signed")
    if origins["media"].get("OriginAccessControlId") != {"Fn::GetAtt": ["MediaAccess", "Id"]}:
        faults.append("media: no access control")
    return faults


def lost_on_the_way(edge: Template) -> list[str]:
    """What the APIs need of a request and do not get, and the host, which they must not get."""
    faults = []
    for behaviour in _behaviours(edge):
        if behaviour["TargetOriginId"] not in APIS or "PathPattern" not in behaviour:
            continue
        policy = _referred(edge, behaviour.get("OriginRequestPolicyId")).get("OriginRequestPolicyConfig", {})
        if policy.get("HeadersConfig") != {"HeaderBehavior": "allExcept", "Headers": ["Host"]}:
            faults.append(f"{behaviour['PathPattern']}: not all headers but the host")
        if policy.get("QueryStringsConfig") != {"QueryStringBehavior": "all"}:
            faults.append(f"{behaviour['PathPattern']}: not the whole query")
        if behaviour["ViewerProtocolPolicy"] != "https-only":
            faults.append(f"{behaviour['PathPattern']}: takes tokens in the open")
    return faults


def without_viewer(edge: Template) -> list[str]:
    """Paths of the HTTP API on which everybody would have the address of the edge."""
    told = [{"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["TellViewer", "FunctionARN"]}}]
    return [
        behaviour["PathPattern"]
        for behaviour in _behaviours(edge)
        if behaviour.get("PathPattern", "").startswith("/api") and behaviour.get("FunctionAssociations") != told
    ]


def unprotected(edge: Template) -> list[str]:
    """A distribution without the firewall, and rules that it lacks."""
    (firewall,) = of_type(edge, "AWS::WAFv2::WebACL").values()
    faults = []
    if _distribution(edge).get("WebACLId") != {"Fn::GetAtt": ["Firewall", "Arn"]} or firewall["Scope"] != "CLOUDFRONT":
        faults.append("no firewall")
    statements = [rule["Statement"] for rule in firewall["Rules"]]
    groups = [each["ManagedRuleGroupStatement"] for each in statements if "ManagedRuleGroupStatement" in each]
    missing = GROUPS - {group["Name"].removeprefix("AWSManagedRules") for group in groups}
    faults += [f"no rules {name}" for name in sorted(missing)]
    counted = {rule["Name"] for group in groups for rule in group.get("RuleActionOverrides", [])}
    faults += [f"{name} is only counted" for name in sorted(counted - {"SizeRestrictions_BODY"})]
    faults += [
        f"{rule['Name']} is only counted"
        for rule in firewall["Rules"]
        if rule.get("OverrideAction", AS_THE_GROUP_SAYS) != AS_THE_GROUP_SAYS
    ]
    limits = [each["RateBasedStatement"]["AggregateKeyType"] for each in statements if "RateBasedStatement" in each]
    return faults + ([] if limits == ["IP"] else ["no limit for an address"])


def large_bodies(edge: Template) -> re.Pattern[str]:
    """What the firewall looks for in the header Content-Length."""
    (firewall,) = of_type(edge, "AWS::WAFv2::WebACL").values()
    (rule,) = (rule for rule in firewall["Rules"] if rule["Name"] == "large-bodies")
    return re.compile(rule["Statement"]["RegexMatchStatement"]["RegexString"])


def unlogged(edge: Template) -> list[str]:
    """What is logged nowhere or for ever, and what logs should not hold."""
    (delivery,) = of_type(edge, "AWS::Logs::Delivery").values() or [{}]
    (source,) = of_type(edge, "AWS::Logs::DeliverySource").values() or [{}]
    faults = [f"access logs hold {field}" for field in sorted(TOLD_TO_NOBODY & set(delivery.get("RecordFields", [])))]
    if source.get("LogType") != "ACCESS_LOGS" or delivery.get("DeliverySourceName") != {"Ref": "AccessLogSource"}:
        faults.append("no access logs")
    logging = of_type(edge, "AWS::WAFv2::LoggingConfiguration")
    if [each["ResourceArn"] for each in logging.values()] != [{"Fn::GetAtt": ["Firewall", "Arn"]}]:
        faults.append("no logs of the firewall")
    hidden = [str(field) for each in logging.values() for field in each.get("RedactedFields", [])]
    faults += [
        f"logs of the firewall hold {what}"
        for what in ("QueryString", "authorization", "cookie")
        if what not in str(hidden)
    ]
    groups = of_type(edge, "AWS::Logs::LogGroup").items()
    return faults + [f"{name} is kept for ever" for name, group in groups if not group.get("RetentionInDays")]


def weak_tls(edge: Template) -> list[str]:
    """A certificate or a minimum of TLS below what is sound, for viewers and for origins."""
    viewer = _distribution(edge)["ViewerCertificate"]
    faults = [] if viewer.get("MinimumProtocolVersion") == "TLSv1.2_2021" else ["viewers may use old versions"]
    origins = [each for each in _distribution(edge)["Origins"] if "CustomOriginConfig" in each]
    return faults + [
        f"{origin['Id']} may use old versions"
        for origin in origins
        if origin["CustomOriginConfig"].get("OriginSSLProtocols") != ["TLSv1.2"]
    ]


def without_headers(edge: Template) -> list[str]:
    """Paths whose answers lack the headers that make a browser careful; sockets have no pages."""
    faults = []
    for behaviour in _behaviours(edge):
        policy = _referred(edge, behaviour.get("ResponseHeadersPolicyId")).get("ResponseHeadersPolicyConfig", {})
        headers = policy.get("SecurityHeadersConfig", {})
        wanted = {"StrictTransportSecurity", "ContentTypeOptions", "ContentSecurityPolicy"}
        if behaviour["TargetOriginId"] != "websocket-api" and not wanted <= headers.keys():
            faults.append(behaviour.get("PathPattern", "*"))
    return faults


def _wrongly_cached(edge: Template, endpoint: Endpoint) -> Iterator[str]:
    behaviour = _behaviour_of(edge, "/api" + re.sub(r"\{\w+\}", "01a203a3-0000-7000-8000-000000000000", endpoint.path))
    if endpoint.method not in {"GET", "HEAD"}:
        if endpoint.method not in behaviour["AllowedMethods"]:
            yield f"{endpoint.method} {endpoint.path} is not passed on"
        return
    longest = 0 if behaviour["CachePolicyId"] == CACHING_DISABLED else _cache(edge, behaviour)["MaxTTL"]
    if endpoint.cached_for == 0 and longest > 0:
        yield f"{endpoint.path} may be kept"
    if endpoint.cached_for > longest:
        yield f"{endpoint.path} is not kept for {endpoint.cached_for} seconds"


def _indistinct(name: str, policy: Template) -> Iterator[str]:
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    if policy["MinTTL"] != 0 or policy["DefaultTTL"] != 0:
        yield f"{name} keeps what does not say so"
    missing = {"Authorization", "Origin"} - set(key["HeadersConfig"].get("Headers", []))
    yield from (f"{name} does not tell by {header}" for header in sorted(missing))
    if key["QueryStringsConfig"]["QueryStringBehavior"] != "all":
        yield f"{name} does not tell by query"


def _open_api(name: str, origin: Template) -> Iterator[str]:
    sent = {each["HeaderName"].lower(): each["HeaderValue"] for each in origin.get("OriginCustomHeaders", [])}
    if sent.get(SECRET_HEADER) != {"Fn::Sub": SECRET}:
        yield "no secret"
    if origin["CustomOriginConfig"]["OriginProtocolPolicy"] != "https-only":
        yield "the secret travels in the open"
    if not origin["DomainName"]["Fn::Sub"].startswith(APIS[name]) or origin.get("OriginPath"):
        yield "not the API's own stage"


def _policies_of(edge: Template, origin: str) -> dict[str, Template]:
    behaviours = (each for each in _behaviours(edge) if each["TargetOriginId"] == origin)
    cached = (each for each in behaviours if each["CachePolicyId"] != CACHING_DISABLED)
    return {each["CachePolicyId"]["Ref"]: _cache(edge, each) for each in cached}


def _cache(edge: Template, behaviour: Template) -> Template:
    found: Template = _referred(edge, behaviour["CachePolicyId"])["CachePolicyConfig"]
    return found


def _behaviour_of(edge: Template, path: str) -> Template:
    """The first that fits, as CloudFront chooses."""
    return next(each for each in _behaviours(edge) if fnmatchcase(path, each.get("PathPattern", "*")))


def _behaviours(edge: Template) -> list[Template]:
    distribution = _distribution(edge)
    return [*distribution["CacheBehaviors"], distribution["DefaultCacheBehavior"]]


def _distribution(edge: Template) -> Template:
    (found,) = of_type(edge, "AWS::CloudFront::Distribution").values()
    configuration: Template = found["DistributionConfig"]
    return configuration


def _referred(edge: Template, reference: Any) -> Template:
    found: Template = edge["Resources"][reference["Ref"]]["Properties"] if isinstance(reference, dict) else {}
    return found
