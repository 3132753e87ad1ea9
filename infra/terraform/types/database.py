"""PostgreSQL and Valkey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from infra.terraform.expressions import joined, mapped
from infra.terraform.translation import (
    Block,
    Companion,
    Own,
    Properties,
    Resource,
    Translation,
    block,
    ignored,
    inline,
    tags,
)

_LIMITS = {"Minimum": "minimum", "Maximum": "maximum"}


def _settings(properties: Properties) -> Properties:
    settings = [{"Name": name, "Value": value} for name, value in properties.get("Parameters", {}).items()]
    return {**properties, "Parameters": settings}


def _last_snapshot(resource: Resource, blocks: list[Block]) -> list[Block]:
    """A cluster that is protected leaves a snapshot when it is deleted all the same."""
    protected = resource.properties["DeletionProtection"]
    last = {
        "skip_final_snapshot": mapped(protected, lambda value: not value),
        "final_snapshot_identifier": joined([resource.properties["DBClusterIdentifier"], "-final"]),
    }
    return [replace(blocks[0], arguments={**blocks[0].arguments, **last}), *blocks[1:]]


TYPES: Mapping[str, Translation] = {
    "AWS::RDS::DBSubnetGroup": Translation(
        "aws_db_subnet_group",
        arguments={
            "DBSubnetGroupName": "name",
            "DBSubnetGroupDescription": "description",
            "SubnetIds": "subnet_ids",
            "Tags": tags(),
        },
    ),
    "AWS::RDS::DBClusterParameterGroup": Translation(
        "aws_rds_cluster_parameter_group",
        prepare=_settings,
        arguments={
            "Description": "description",
            "Family": "family",
            "Parameters": block("parameter", {"Name": "name", "Value": "value"}),
            "Tags": tags(),
        },
    ),
    "AWS::RDS::DBCluster": Translation(
        "aws_rds_cluster",
        ref="cluster_identifier",
        attributes={
            "Endpoint.Address": "endpoint",
            "Endpoint.Port": "port",
            "DBClusterArn": "arn",
            "MasterUserSecret.SecretArn": "self.master_user_secret[0].secret_arn",
        },
        arguments={
            "DBClusterIdentifier": "cluster_identifier",
            "Engine": "engine",
            "EngineVersion": "engine_version",
            "EngineLifecycleSupport": "engine_lifecycle_support",
            "DatabaseName": "database_name",
            "ServerlessV2ScalingConfiguration": block(
                "serverlessv2_scaling_configuration",
                {
                    "MinCapacity": "min_capacity",
                    "MaxCapacity": "max_capacity",
                    "SecondsUntilAutoPause": "seconds_until_auto_pause",
                },
            ),
            "DBSubnetGroupName": "db_subnet_group_name",
            "VpcSecurityGroupIds": "vpc_security_group_ids",
            "DBClusterParameterGroupName": "db_cluster_parameter_group_name",
            "MasterUsername": "master_username",
            "ManageMasterUserPassword": "manage_master_user_password",
            "MasterUserSecret": inline({"KmsKeyId": "master_user_secret_kms_key_id"}),
            "EnableIAMDatabaseAuthentication": "iam_database_authentication_enabled",
            "EnableHttpEndpoint": "enable_http_endpoint",
            "StorageEncrypted": "storage_encrypted",
            "KmsKeyId": "kms_key_id",
            "BackupRetentionPeriod": "backup_retention_period",
            "PreferredBackupWindow": "preferred_backup_window",
            "PreferredMaintenanceWindow": "preferred_maintenance_window",
            "CopyTagsToSnapshot": "copy_tags_to_snapshot",
            "DeletionProtection": "deletion_protection",
            "EnableCloudwatchLogsExports": "enabled_cloudwatch_logs_exports",
            "Tags": tags(),
        },
        rewrite=_last_snapshot,
    ),
    "AWS::RDS::DBInstance": Translation(
        "aws_rds_cluster_instance",
        ref="identifier",
        arguments={
            "DBInstanceIdentifier": "identifier",
            "DBClusterIdentifier": "cluster_identifier",
            "DBInstanceClass": "instance_class",
            "Engine": "engine",
            "PromotionTier": "promotion_tier",
            "PubliclyAccessible": "publicly_accessible",
            "AutoMinorVersionUpgrade": "auto_minor_version_upgrade",
            "CACertificateIdentifier": "ca_cert_identifier",
            "EnablePerformanceInsights": "performance_insights_enabled",
            "PerformanceInsightsKMSKeyId": "performance_insights_kms_key_id",
            "PerformanceInsightsRetentionPeriod": "performance_insights_retention_period",
            "MonitoringInterval": "monitoring_interval",
            "MonitoringRoleArn": "monitoring_role_arn",
            "Tags": tags(),
        },
    ),
    "AWS::RDS::DBProxy": Translation(
        "aws_db_proxy",
        ref="name",
        attributes={"Endpoint": "endpoint", "DBProxyArn": "arn"},
        arguments={
            "DBProxyName": "name",
            "EngineFamily": "engine_family",
            "RequireTLS": "require_tls",
            "IdleClientTimeout": "idle_client_timeout",
            "DebugLogging": "debug_logging",
            "RoleArn": "role_arn",
            "Auth": block(
                "auth",
                {
                    "AuthScheme": "auth_scheme",
                    "SecretArn": "secret_arn",
                    "IAMAuth": "iam_auth",
                    "ClientPasswordAuthType": "client_password_auth_type",
                    "Description": "description",
                },
            ),
            "VpcSubnetIds": "vpc_subnet_ids",
            "VpcSecurityGroupIds": "vpc_security_group_ids",
            "Tags": tags(),
        },
    ),
    "AWS::RDS::DBProxyTargetGroup": Translation(
        "aws_db_proxy_default_target_group",
        arguments={
            "DBProxyName": "db_proxy_name",
            "TargetGroupName": ignored("a proxy has this one", "default"),
            "ConnectionPoolConfigurationInfo": block(
                "connection_pool_config",
                {
                    "MaxConnectionsPercent": "max_connections_percent",
                    "MaxIdleConnectionsPercent": "max_idle_connections_percent",
                    "ConnectionBorrowTimeout": "connection_borrow_timeout",
                },
            ),
        },
        companions=(
            Companion(
                "aws_db_proxy_target",
                link={"db_proxy_name": Own("self.db_proxy_name"), "target_group_name": Own("self.name")},
                each="DBClusterIdentifiers",
                table={"Value": "db_cluster_identifier"},
            ),
        ),
    ),
    "AWS::ElastiCache::ServerlessCache": Translation(
        "aws_elasticache_serverless_cache",
        ref="name",
        attributes={"Endpoint.Address": "self.endpoint[0].address", "Endpoint.Port": "self.endpoint[0].port"},
        arguments={
            "ServerlessCacheName": "name",
            "Description": "description",
            "Engine": "engine",
            "MajorEngineVersion": "major_engine_version",
            "KmsKeyId": "kms_key_id",
            "UserGroupId": "user_group_id",
            "SubnetIds": "subnet_ids",
            "SecurityGroupIds": "security_group_ids",
            "CacheUsageLimits": block(
                "cache_usage_limits",
                {
                    "DataStorage": block("data_storage", {**_LIMITS, "Unit": "unit"}),
                    "ECPUPerSecond": block("ecpu_per_second", _LIMITS),
                },
            ),
            "Tags": tags(),
        },
    ),
    "AWS::ElastiCache::User": Translation(
        "aws_elasticache_user",
        ref="user_id",
        arguments={
            "UserId": "user_id",
            "UserName": "user_name",
            "Engine": "engine",
            "AuthenticationMode": block("authentication_mode", {"Type": "type"}),
            "AccessString": "access_string",
            "Tags": tags(),
        },
    ),
    "AWS::ElastiCache::UserGroup": Translation(
        "aws_elasticache_user_group",
        ref="user_group_id",
        arguments={"UserGroupId": "user_group_id", "Engine": "engine", "UserIds": "user_ids", "Tags": tags()},
    ),
}
