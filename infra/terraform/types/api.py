"""HTTP and WebSocket APIs."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import Argument, Translation, block, tags
from infra.terraform.types.observability import without_streams

TYPES: Mapping[str, Translation] = {
    "AWS::ApiGatewayV2::Api": Translation(
        "aws_apigatewayv2_api",
        attributes={"ApiEndpoint": "api_endpoint", "ApiId": "id"},
        arguments={
            "Name": "name",
            "ProtocolType": "protocol_type",
            "RouteSelectionExpression": "route_selection_expression",
            "CorsConfiguration": block(
                "cors_configuration",
                {
                    "AllowOrigins": "allow_origins",
                    "AllowMethods": "allow_methods",
                    "AllowHeaders": "allow_headers",
                    "ExposeHeaders": "expose_headers",
                    "AllowCredentials": "allow_credentials",
                    "MaxAge": "max_age",
                },
            ),
            "DisableExecuteApiEndpoint": "disable_execute_api_endpoint",
            "Tags": tags(),
        },
    ),
    "AWS::ApiGatewayV2::Integration": Translation(
        "aws_apigatewayv2_integration",
        arguments={
            "ApiId": "api_id",
            "IntegrationType": "integration_type",
            "IntegrationUri": "integration_uri",
            "ConnectionType": "connection_type",
            "ContentHandlingStrategy": "content_handling_strategy",
            "PayloadFormatVersion": "payload_format_version",
            "TimeoutInMillis": "timeout_milliseconds",
        },
    ),
    "AWS::ApiGatewayV2::Route": Translation(
        "aws_apigatewayv2_route",
        arguments={
            "ApiId": "api_id",
            "RouteKey": "route_key",
            "Target": "target",
            "AuthorizationType": "authorization_type",
            "AuthorizerId": "authorizer_id",
        },
    ),
    "AWS::ApiGatewayV2::Authorizer": Translation(
        "aws_apigatewayv2_authorizer",
        attributes={"AuthorizerId": "id"},
        arguments={
            "ApiId": "api_id",
            "Name": "name",
            "AuthorizerType": "authorizer_type",
            "AuthorizerUri": "authorizer_uri",
            "AuthorizerPayloadFormatVersion": "authorizer_payload_format_version",
            "AuthorizerResultTtlInSeconds": "authorizer_result_ttl_in_seconds",
            "IdentitySource": "identity_sources",
            "JwtConfiguration": block("jwt_configuration", {"Audience": "audience", "Issuer": "issuer"}),
        },
    ),
    "AWS::ApiGatewayV2::Stage": Translation(
        "aws_apigatewayv2_stage",
        ref="name",
        arguments={
            "ApiId": "api_id",
            "StageName": "name",
            "AutoDeploy": "auto_deploy",
            "AccessLogSettings": block(
                "access_log_settings",
                {"DestinationArn": Argument("destination_arn", without_streams), "Format": "format"},
            ),
            "DefaultRouteSettings": block(
                "default_route_settings",
                {
                    "DetailedMetricsEnabled": "detailed_metrics_enabled",
                    "ThrottlingRateLimit": "throttling_rate_limit",
                    "ThrottlingBurstLimit": "throttling_burst_limit",
                    "LoggingLevel": "logging_level",
                    "DataTraceEnabled": "data_trace_enabled",
                },
            ),
            "Tags": tags(),
        },
    ),
}
