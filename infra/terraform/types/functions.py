"""Functions, who may call them and what does, and how their releases are shifted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from infra.terraform.expressions import Expression
from infra.terraform.translation import (
    Argument,
    Block,
    Companion,
    Own,
    Resource,
    Translation,
    block,
    inline,
    tags,
)

_ON_FAILURE = block("destination_config", {"OnFailure": block("on_failure", {"Destination": "destination"})})
_ON_FAILURE_ARN = block("destination_config", {"OnFailure": block("on_failure", {"Destination": "destination_arn"})})


def _of_alias(_: Resource, blocks: list[Block]) -> list[Block]:
    """CloudFormation knows an alias by its ARN alone; Terraform wants the function and the alias."""
    main = blocks[0]
    called = main.arguments["function_name"]
    if isinstance(called, Expression) and (alias := re.fullmatch(r"(aws_lambda_alias\..*)\.arn", called.text)):
        own = {"function_name": Expression(f"{alias[1]}.function_name"), "qualifier": Expression(f"{alias[1]}.name")}
        return [replace(main, arguments={**main.arguments, **own}), *blocks[1:]]
    return blocks


def _shifted(resource: Resource, blocks: list[Block]) -> list[Block]:
    """An alias that CodeDeploy shifts is CodeDeploy's from then on."""
    if "CodeDeployLambdaAliasUpdate" not in resource.update_policy:
        return blocks
    return [replace(blocks[0], lifecycle={"ignore_changes": ["function_version", "routing_config"]}), *blocks[1:]]


def _called(argument: str) -> Callable[[Resource, list[Block]], list[Block]]:
    """A name like those that CloudFormation makes up, where Terraform does not."""

    def rewrite(resource: Resource, blocks: list[Block]) -> list[Block]:
        name = {argument: f"{resource.title}-{resource.logical_id}"}
        return [replace(blocks[0], arguments={**name, **blocks[0].arguments}), *blocks[1:]]

    return rewrite


TYPES: Mapping[str, Translation] = {
    "AWS::Lambda::Function": Translation(
        "aws_lambda_function",
        ref="function_name",
        attributes={"Arn": "arn"},
        arguments={
            "FunctionName": "function_name",
            "Description": "description",
            "Code": inline({"S3Bucket": "s3_bucket", "S3Key": "s3_key"}),
            "Handler": "handler",
            "Runtime": "runtime",
            "Architectures": "architectures",
            "MemorySize": "memory_size",
            "Timeout": "timeout",
            "ReservedConcurrentExecutions": "reserved_concurrent_executions",
            "Role": "role",
            "Environment": block("environment", {"Variables": "variables"}),
            "VpcConfig": block("vpc_config", {"SubnetIds": "subnet_ids", "SecurityGroupIds": "security_group_ids"}),
            "TracingConfig": block("tracing_config", {"Mode": "mode"}),
            "SnapStart": block("snap_start", {"ApplyOn": "apply_on"}),
            "LoggingConfig": block(
                "logging_config", {"LogGroup": "log_group", "LogFormat": "log_format"}, log_format="Text"
            ),
            "Tags": tags(),
        },
    ),
    # What is published has no resource of its own: the function is told to, and knows the number.
    "AWS::Lambda::Version": Translation(
        "aws_lambda_function",
        ref="qualified_arn",
        attributes={"Version": "version"},
        arguments={},
        stands_for="FunctionName",
        marks={"publish": True},
    ),
    "AWS::Lambda::Alias": Translation(
        "aws_lambda_alias",
        ref="arn",
        attributes={"AliasArn": "arn"},
        arguments={
            "Name": "name",
            "Description": "description",
            "FunctionName": "function_name",
            "FunctionVersion": "function_version",
        },
        companions=(
            Companion(
                "aws_lambda_provisioned_concurrency_config",
                link={"function_name": Own("self.function_name"), "qualifier": Own("self.name")},
                table={
                    "ProvisionedConcurrencyConfig": inline(
                        {"ProvisionedConcurrentExecutions": "provisioned_concurrent_executions"}
                    )
                },
            ),
        ),
        rewrite=_shifted,
    ),
    "AWS::CodeDeploy::Application": Translation(
        "aws_codedeploy_app",
        ref="name",
        arguments={"ApplicationName": "name", "ComputePlatform": "compute_platform", "Tags": tags()},
        rewrite=_called("name"),
    ),
    "AWS::CodeDeploy::DeploymentGroup": Translation(
        "aws_codedeploy_deployment_group",
        ref="deployment_group_name",
        arguments={
            "ApplicationName": "app_name",
            "DeploymentGroupName": "deployment_group_name",
            "ServiceRoleArn": "service_role_arn",
            "DeploymentConfigName": "deployment_config_name",
            "DeploymentStyle": block(
                "deployment_style", {"DeploymentOption": "deployment_option", "DeploymentType": "deployment_type"}
            ),
            "AutoRollbackConfiguration": block(
                "auto_rollback_configuration", {"Enabled": "enabled", "Events": "events"}
            ),
            "AlarmConfiguration": block(
                "alarm_configuration",
                {
                    "Enabled": "enabled",
                    "IgnorePollAlarmFailure": "ignore_poll_alarm_failure",
                    "Alarms": Argument("alarms", lambda alarms: [alarm["Name"] for alarm in alarms]),
                },
            ),
        },
        rewrite=_called("deployment_group_name"),
    ),
    "AWS::Lambda::Permission": Translation(
        "aws_lambda_permission",
        arguments={
            "Action": "action",
            "FunctionName": "function_name",
            "Principal": "principal",
            "SourceArn": "source_arn",
            "SourceAccount": "source_account",
        },
        rewrite=_of_alias,
    ),
    "AWS::Lambda::EventInvokeConfig": Translation(
        "aws_lambda_function_event_invoke_config",
        arguments={
            "FunctionName": "function_name",
            "Qualifier": "qualifier",
            "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
            "MaximumRetryAttempts": "maximum_retry_attempts",
            "DestinationConfig": _ON_FAILURE,
        },
        rewrite=_of_alias,
    ),
    "AWS::Lambda::EventSourceMapping": Translation(
        "aws_lambda_event_source_mapping",
        ref="uuid",
        arguments={
            "FunctionName": "function_name",
            "EventSourceArn": "event_source_arn",
            "Enabled": "enabled",
            "BatchSize": "batch_size",
            "MaximumBatchingWindowInSeconds": "maximum_batching_window_in_seconds",
            "FunctionResponseTypes": "function_response_types",
            "ScalingConfig": block("scaling_config", {"MaximumConcurrency": "maximum_concurrency"}),
            "StartingPosition": "starting_position",
            "ParallelizationFactor": "parallelization_factor",
            "BisectBatchOnFunctionError": "bisect_batch_on_function_error",
            "MaximumRetryAttempts": "maximum_retry_attempts",
            "MaximumRecordAgeInSeconds": "maximum_record_age_in_seconds",
            "DestinationConfig": _ON_FAILURE_ARN,
            "FilterCriteria": block("filter_criteria", {"Filters": block("filter", {"Pattern": "pattern"})}),
            "Tags": tags(),
        },
    ),
    "AWS::StepFunctions::StateMachine": Translation(
        "aws_sfn_state_machine",
        ref="arn",
        attributes={"Arn": "arn", "Name": "name"},
        arguments={
            "StateMachineName": "name",
            "StateMachineType": "type",
            "DefinitionString": "definition",
            "RoleArn": "role_arn",
            "LoggingConfiguration": block(
                "logging_configuration",
                {
                    "Level": "level",
                    "IncludeExecutionData": "include_execution_data",
                    "Destinations": Argument(
                        "log_destination", lambda targets: targets[0]["CloudWatchLogsLogGroup"]["LogGroupArn"]
                    ),
                },
            ),
            "TracingConfiguration": block("tracing_configuration", {"Enabled": "enabled"}),
            "Tags": tags(),
        },
    ),
}
