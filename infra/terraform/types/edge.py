"""CloudFront, its firewall, certificate, names and logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from infra.terraform.conditional import elements, under
from infra.terraform.expressions import Value
from infra.terraform.translation import (
    Argument,
    Block,
    Blocks,
    Own,
    Resource,
    Table,
    Translation,
    block,
    document,
    ignored,
    inline,
    tags,
)
from infra.terraform.types.observability import without_streams

_READ = ["GET", "HEAD"]


def _items(name: str) -> Argument:
    """A list in a block of its own, as CloudFront's resources have them."""
    return Argument(name, lambda values: Blocks(({"items": values},)))


_BEHAVIOR: Table = {
    "TargetOriginId": "target_origin_id",
    "ViewerProtocolPolicy": "viewer_protocol_policy",
    "AllowedMethods": "allowed_methods",
    "Compress": "compress",
    "CachePolicyId": "cache_policy_id",
    "OriginRequestPolicyId": "origin_request_policy_id",
    "ResponseHeadersPolicyId": "response_headers_policy_id",
    "FunctionAssociations": block("function_association", {"EventType": "event_type", "FunctionARN": "function_arn"}),
}

_ORIGIN: Table = {
    "Id": "origin_id",
    "DomainName": "domain_name",
    "CustomOriginConfig": block(
        "custom_origin_config",
        {
            "OriginProtocolPolicy": "origin_protocol_policy",
            "OriginSSLProtocols": "origin_ssl_protocols",
            "OriginReadTimeout": "origin_read_timeout",
            "OriginKeepaliveTimeout": "origin_keepalive_timeout",
        },
        http_port=80,
        https_port=443,
    ),
    "OriginCustomHeaders": block("custom_header", {"HeaderName": "name", "HeaderValue": "value"}),
    "S3OriginConfig": ignored("CloudFormation wants it beside an access control", {"OriginAccessIdentity": ""}),
    "OriginAccessControlId": "origin_access_control_id",
}

_DISTRIBUTION: Table = {
    "Comment": "comment",
    "Enabled": "enabled",
    "Aliases": "aliases",
    "ViewerCertificate": block(
        "viewer_certificate",
        {
            "AcmCertificateArn": "acm_certificate_arn",
            "SslSupportMethod": "ssl_support_method",
            "MinimumProtocolVersion": "minimum_protocol_version",
            "CloudFrontDefaultCertificate": "cloudfront_default_certificate",
        },
    ),
    "HttpVersion": "http_version",
    "IPV6Enabled": "is_ipv6_enabled",
    "PriceClass": "price_class",
    "WebACLId": "web_acl_id",
    "Origins": block("origin", _ORIGIN),
    "CacheBehaviors": block(
        "ordered_cache_behavior", {**_BEHAVIOR, "PathPattern": "path_pattern"}, cached_methods=_READ
    ),
    "DefaultCacheBehavior": block("default_cache_behavior", _BEHAVIOR, cached_methods=_READ),
    "CustomErrorResponses": block(
        "custom_error_response", {"ErrorCode": "error_code", "ErrorCachingMinTTL": "error_caching_min_ttl"}
    ),
}

_HEADERS = block("headers_config", {"HeaderBehavior": "header_behavior", "Headers": _items("headers")})
_COOKIES = block("cookies_config", {"CookieBehavior": "cookie_behavior", "Cookies": _items("cookies")})
_QUERY_STRINGS = block(
    "query_strings_config", {"QueryStringBehavior": "query_string_behavior", "QueryStrings": _items("query_strings")}
)

_SECURITY_HEADERS: Table = {
    "StrictTransportSecurity": block(
        "strict_transport_security",
        {
            "AccessControlMaxAgeSec": "access_control_max_age_sec",
            "IncludeSubdomains": "include_subdomains",
            "Override": "override",
        },
    ),
    "ContentTypeOptions": block("content_type_options", {"Override": "override"}),
    "ReferrerPolicy": block("referrer_policy", {"ReferrerPolicy": "referrer_policy", "Override": "override"}),
    "ContentSecurityPolicy": block(
        "content_security_policy", {"ContentSecurityPolicy": "content_security_policy", "Override": "override"}
    ),
}

_VISIBILITY = block(
    "visibility_config",
    {
        "SampledRequestsEnabled": "sampled_requests_enabled",
        "CloudWatchMetricsEnabled": "cloudwatch_metrics_enabled",
        "MetricName": "metric_name",
    },
)
_RESPONSE = block(
    "custom_response",
    {"ResponseCode": "response_code", "ResponseHeaders": block("response_header", {"Name": "name", "Value": "value"})},
)
_DEFAULT_ACTION: Table = {"Allow": block("allow", {}), "Block": block("block", {"CustomResponse": _RESPONSE})}
_ACTION: Table = {**_DEFAULT_ACTION, "Count": block("count", {})}
_STATEMENT: Table = {
    "GeoMatchStatement": block("geo_match_statement", {"CountryCodes": "country_codes"}),
    "ManagedRuleGroupStatement": block(
        "managed_rule_group_statement",
        {
            "VendorName": "vendor_name",
            "Name": "name",
            "RuleActionOverrides": block(
                "rule_action_override", {"Name": "name", "ActionToUse": block("action_to_use", _ACTION)}
            ),
        },
    ),
    "RateBasedStatement": block(
        "rate_based_statement",
        {"AggregateKeyType": "aggregate_key_type", "EvaluationWindowSec": "evaluation_window_sec", "Limit": "limit"},
    ),
    "RegexMatchStatement": block(
        "regex_match_statement",
        {
            "FieldToMatch": block("field_to_match", {"SingleHeader": block("single_header", {"Name": "name"})}),
            "RegexString": "regex_string",
            "TextTransformations": block("text_transformation", {"Priority": "priority", "Type": "type"}),
        },
    ),
}
_RULE: Table = {
    "Name": "name",
    "Priority": "priority",
    "Action": block("action", _ACTION),
    "OverrideAction": block("override_action", {"None": block("none", {})}),
    "Statement": block("statement", _STATEMENT),
    "VisibilityConfig": _VISIBILITY,
}
_FILTER: Table = {
    "Behavior": "behavior",
    "Requirement": "requirement",
    "Conditions": block("condition", {"ActionCondition": block("action_condition", {"Action": "action"})}),
}


def _health_checks(resource: Resource, blocks: list[Block]) -> list[Block]:
    for number, (conditions, arn) in enumerate(elements(resource.properties.get("HealthCheckArns", []))):
        arguments = {"shield_protection_id": Own("self.id"), "health_check_arn": arn}
        made = Block("aws_shield_protection_health_check_association", arguments, suffix=str(number) if number else "")
        blocks.append(under(conditions, made))
    return blocks


def _validation(resource: Resource, blocks: list[Block]) -> list[Block]:
    """CloudFormation enters the record that proves the domain, and waits; both are resources here."""
    certificate = replace(blocks[0], lifecycle={"create_before_destroy": True})
    option = "one(self.domain_validation_options)"
    validation = Block("aws_acm_certificate_validation", {"certificate_arn": Own("self.arn")})
    made = [certificate, validation]
    for conditions, each in elements(resource.properties.get("DomainValidationOptions", [])):
        record = {
            "zone_id": each["HostedZoneId"],
            "name": Own(f"{option}.resource_record_name"),
            "type": Own(f"{option}.resource_record_type"),
            "records": [Own(f"{option}.resource_record_value")],
            "ttl": 60,
            "allow_overwrite": True,
        }
        made.append(under(conditions, Block("aws_route53_record", record)))
    return made


def _destination(arn: Value) -> Value:
    return Blocks(({"destination_resource_arn": without_streams(arn)},))


TYPES: Mapping[str, Translation] = {
    "AWS::CloudFront::Distribution": Translation(
        "aws_cloudfront_distribution",
        attributes={"DomainName": "domain_name", "Id": "id"},
        arguments={"DistributionConfig": inline(_DISTRIBUTION), "Tags": tags()},
        # No country is kept out here: the firewall does that.
        fixed={"restrictions": Blocks(({"geo_restriction": Blocks(({"restriction_type": "none"},))},))},
    ),
    "AWS::CloudFront::OriginAccessControl": Translation(
        "aws_cloudfront_origin_access_control",
        attributes={"Id": "id"},
        arguments={
            "OriginAccessControlConfig": inline(
                {
                    "Name": "name",
                    "OriginAccessControlOriginType": "origin_access_control_origin_type",
                    "SigningBehavior": "signing_behavior",
                    "SigningProtocol": "signing_protocol",
                }
            )
        },
    ),
    "AWS::CloudFront::Function": Translation(
        "aws_cloudfront_function",
        ref="arn",
        attributes={"FunctionARN": "arn"},
        arguments={
            "Name": "name",
            "AutoPublish": "publish",
            "FunctionConfig": inline({"Comment": "comment", "Runtime": "runtime"}),
            "FunctionCode": "code",
            "Tags": ignored("the provider has no tags for them"),
        },
    ),
    "AWS::CloudFront::CachePolicy": Translation(
        "aws_cloudfront_cache_policy",
        arguments={
            "CachePolicyConfig": inline(
                {
                    "Name": "name",
                    "Comment": "comment",
                    "MinTTL": "min_ttl",
                    "DefaultTTL": "default_ttl",
                    "MaxTTL": "max_ttl",
                    "ParametersInCacheKeyAndForwardedToOrigin": block(
                        "parameters_in_cache_key_and_forwarded_to_origin",
                        {
                            "HeadersConfig": _HEADERS,
                            "CookiesConfig": _COOKIES,
                            "QueryStringsConfig": _QUERY_STRINGS,
                            "EnableAcceptEncodingGzip": "enable_accept_encoding_gzip",
                            "EnableAcceptEncodingBrotli": "enable_accept_encoding_brotli",
                        },
                    ),
                }
            )
        },
    ),
    "AWS::CloudFront::OriginRequestPolicy": Translation(
        "aws_cloudfront_origin_request_policy",
        arguments={
            "OriginRequestPolicyConfig": inline(
                {
                    "Name": "name",
                    "Comment": "comment",
                    "HeadersConfig": _HEADERS,
                    "CookiesConfig": _COOKIES,
                    "QueryStringsConfig": _QUERY_STRINGS,
                }
            )
        },
    ),
    "AWS::CloudFront::ResponseHeadersPolicy": Translation(
        "aws_cloudfront_response_headers_policy",
        arguments={
            "ResponseHeadersPolicyConfig": inline(
                {
                    "Name": "name",
                    "Comment": "comment",
                    "SecurityHeadersConfig": block("security_headers_config", _SECURITY_HEADERS),
                }
            )
        },
    ),
    "AWS::WAFv2::WebACL": Translation(
        "aws_wafv2_web_acl",
        attributes={"Arn": "arn"},
        arguments={
            "Name": "name",
            "Description": "description",
            "Scope": "scope",
            "DefaultAction": block("default_action", _DEFAULT_ACTION),
            "VisibilityConfig": _VISIBILITY,
            "Rules": block("rule", _RULE),
            "Tags": tags(),
        },
    ),
    "AWS::WAFv2::LoggingConfiguration": Translation(
        "aws_wafv2_web_acl_logging_configuration",
        arguments={
            "ResourceArn": "resource_arn",
            "LogDestinationConfigs": "log_destination_configs",
            "LoggingFilter": block(
                "logging_filter", {"DefaultBehavior": "default_behavior", "Filters": block("filter", _FILTER)}
            ),
            "RedactedFields": block(
                "redacted_fields",
                {"QueryString": block("query_string", {}), "SingleHeader": block("single_header", {"Name": "name"})},
            ),
        },
    ),
    "AWS::Shield::Protection": Translation(
        "aws_shield_protection",
        arguments={
            "Name": "name",
            "ResourceArn": "resource_arn",
            "HealthCheckArns": ignored("each is a resource of its own"),
        },
        rewrite=_health_checks,
    ),
    "AWS::CertificateManager::Certificate": Translation(
        "aws_acm_certificate",
        ref="aws_acm_certificate_validation.self.certificate_arn",  # after it is valid
        arguments={
            "DomainName": "domain_name",
            "ValidationMethod": "validation_method",
            "DomainValidationOptions": ignored("the record is a resource of its own"),
            "Tags": tags(),
        },
        rewrite=_validation,
    ),
    "AWS::Route53::RecordSet": Translation(
        "aws_route53_record",
        ref="fqdn",
        arguments={
            "HostedZoneId": "zone_id",
            "Name": "name",
            "Type": "type",
            "AliasTarget": block("alias", {"DNSName": "name", "HostedZoneId": "zone_id"}, evaluate_target_health=False),
        },
    ),
    "AWS::Route53::HealthCheck": Translation(
        "aws_route53_health_check",
        arguments={
            "HealthCheckConfig": inline(
                {
                    "Type": "type",
                    "FullyQualifiedDomainName": "fqdn",
                    "Port": "port",
                    "ResourcePath": "resource_path",
                    "EnableSNI": "enable_sni",
                    "RequestInterval": "request_interval",
                    "FailureThreshold": "failure_threshold",
                }
            ),
            "HealthCheckTags": tags(),
        },
    ),
    "AWS::Logs::ResourcePolicy": Translation(
        "aws_cloudwatch_log_resource_policy",
        arguments={"PolicyName": "policy_name", "PolicyDocument": document("policy_document")},
    ),
    "AWS::Logs::DeliverySource": Translation(
        "aws_cloudwatch_log_delivery_source",
        ref="name",
        attributes={"Arn": "arn"},
        arguments={"Name": "name", "ResourceArn": "resource_arn", "LogType": "log_type", "Tags": tags()},
    ),
    "AWS::Logs::DeliveryDestination": Translation(
        "aws_cloudwatch_log_delivery_destination",
        ref="name",
        attributes={"Arn": "arn"},
        arguments={
            "Name": "name",
            "DestinationResourceArn": Argument("delivery_destination_configuration", _destination),
            "OutputFormat": "output_format",
            "Tags": tags(),
        },
    ),
    "AWS::Logs::Delivery": Translation(
        "aws_cloudwatch_log_delivery",
        arguments={
            "DeliverySourceName": "delivery_source_name",
            "DeliveryDestinationArn": "delivery_destination_arn",
            "RecordFields": "record_fields",
            "Tags": tags(),
        },
    ),
}
