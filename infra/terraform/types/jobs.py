"""Tasks in containers, and their schedules."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.expressions import Document, Value
from infra.terraform.translation import Argument, Companion, Own, Table, Translation, block, document, inline, tags


def _container(value: Value) -> Value:
    """A container as ECS's own JSON has it, whose names start with a small letter; those of options stay."""
    match value:
        case dict():
            return {name[0].lower() + name[1:]: _container(each) for name, each in value.items()}
        case list():
            return [_container(each) for each in value]
    return value


_NETWORK: Table = {
    "AssignPublicIp": Argument("assign_public_ip", lambda value: value == "ENABLED"),
    "SecurityGroups": "security_groups",
    "Subnets": "subnets",
}
_TASK: Table = {
    "TaskDefinitionArn": "task_definition_arn",
    "LaunchType": "launch_type",
    "PlatformVersion": "platform_version",
    "TaskCount": "task_count",
    "PropagateTags": "propagate_tags",
    "NetworkConfiguration": inline({"AwsvpcConfiguration": block("network_configuration", _NETWORK)}),
}

TYPES: Mapping[str, Translation] = {
    "AWS::ECR::Repository": Translation(
        "aws_ecr_repository",
        ref="name",
        attributes={"Arn": "arn", "RepositoryUri": "repository_url"},
        arguments={
            "RepositoryName": "name",
            "ImageTagMutability": "image_tag_mutability",
            "ImageScanningConfiguration": block("image_scanning_configuration", {"ScanOnPush": "scan_on_push"}),
            "EncryptionConfiguration": block("encryption_configuration", {"EncryptionType": "encryption_type"}),
            "EmptyOnDelete": "force_delete",
            "Tags": tags(),
        },
        companions=(
            Companion(
                "aws_ecr_lifecycle_policy",
                link={"repository": Own("self.name")},
                table={"LifecyclePolicy": inline({"LifecyclePolicyText": document("policy")})},
            ),
        ),
    ),
    "AWS::ECS::Cluster": Translation(
        "aws_ecs_cluster",
        ref="name",
        attributes={"Arn": "arn"},
        arguments={
            "ClusterName": "name",
            "ClusterSettings": block("setting", {"Name": "name", "Value": "value"}),
            "Tags": tags(),
        },
        companions=(
            Companion(
                "aws_ecs_cluster_capacity_providers",
                link={"cluster_name": Own("self.name")},
                table={"CapacityProviders": "capacity_providers"},
            ),
        ),
    ),
    "AWS::ECS::TaskDefinition": Translation(
        "aws_ecs_task_definition",
        ref="arn",
        arguments={
            "Family": "family",
            "RequiresCompatibilities": "requires_compatibilities",
            "NetworkMode": "network_mode",
            "RuntimePlatform": block(
                "runtime_platform",
                {"CpuArchitecture": "cpu_architecture", "OperatingSystemFamily": "operating_system_family"},
            ),
            "Cpu": "cpu",
            "Memory": "memory",
            "ExecutionRoleArn": "execution_role_arn",
            "TaskRoleArn": "task_role_arn",
            "ContainerDefinitions": Argument("container_definitions", lambda value: Document(_container(value))),
            "Tags": tags(),
        },
    ),
    "AWS::Scheduler::ScheduleGroup": Translation(
        "aws_scheduler_schedule_group",
        ref="name",
        attributes={"Arn": "arn"},
        arguments={"Name": "name", "Tags": tags()},
    ),
    "AWS::Scheduler::Schedule": Translation(
        "aws_scheduler_schedule",
        ref="name",
        attributes={"Arn": "arn"},
        arguments={
            "Name": "name",
            "GroupName": "group_name",
            "Description": "description",
            "ScheduleExpression": "schedule_expression",
            "ScheduleExpressionTimezone": "schedule_expression_timezone",
            "FlexibleTimeWindow": block(
                "flexible_time_window", {"Mode": "mode", "MaximumWindowInMinutes": "maximum_window_in_minutes"}
            ),
            "State": "state",
            "Target": block(
                "target",
                {
                    "Arn": "arn",
                    "RoleArn": "role_arn",
                    "RetryPolicy": block(
                        "retry_policy",
                        {
                            "MaximumRetryAttempts": "maximum_retry_attempts",
                            "MaximumEventAgeInSeconds": "maximum_event_age_in_seconds",
                        },
                    ),
                    "DeadLetterConfig": block("dead_letter_config", {"Arn": "arn"}),
                    "EcsParameters": block("ecs_parameters", _TASK),
                },
            ),
        },
    ),
}
