"""S3 buckets, which Terraform makes of many resources."""

from __future__ import annotations

from collections.abc import Mapping

from infra.terraform.translation import (
    Argument,
    Blocks,
    Companion,
    Nested,
    Own,
    Properties,
    Table,
    Translation,
    block,
    document,
    inline,
    tags,
)

_OF_BUCKET = {"bucket": Own("self.id")}


def _within(name: str, argument: str) -> Argument:
    """A value that is the one argument of a block."""
    return Argument(name, lambda value: Blocks(({argument: value},)))


def _for_all(rule: Properties) -> Properties:
    """A rule without a prefix is one for every object, which Terraform wants said."""
    return {"Prefix": "", **rule}


def _part(kind: str, table: Table) -> Companion:
    return Companion(kind, link=_OF_BUCKET, table=table)


_ENCRYPTION = block(
    "rule",
    {
        "ServerSideEncryptionByDefault": block(
            "apply_server_side_encryption_by_default",
            {"SSEAlgorithm": "sse_algorithm", "KMSMasterKeyID": "kms_master_key_id"},
        ),
        "BucketKeyEnabled": "bucket_key_enabled",
    },
)
_LIFECYCLE_RULE: Table = {
    "Id": "id",
    "Status": "status",
    "Prefix": _within("filter", "prefix"),
    "ExpirationInDays": _within("expiration", "days"),
    "ExpiredObjectDeleteMarker": _within("expiration", "expired_object_delete_marker"),
    "Transitions": block("transition", {"StorageClass": "storage_class", "TransitionInDays": "days"}),
    "NoncurrentVersionExpiration": block("noncurrent_version_expiration", {"NoncurrentDays": "noncurrent_days"}),
    "AbortIncompleteMultipartUpload": block(
        "abort_incomplete_multipart_upload", {"DaysAfterInitiation": "days_after_initiation"}
    ),
}
_CORS_RULE: Table = {
    "AllowedMethods": "allowed_methods",
    "AllowedOrigins": "allowed_origins",
    "AllowedHeaders": "allowed_headers",
    "ExposedHeaders": "expose_headers",
    "MaxAge": "max_age_seconds",
}

TYPES: Mapping[str, Translation] = {
    "AWS::S3::Bucket": Translation(
        "aws_s3_bucket",
        attributes={
            "Arn": "arn",
            "DomainName": "bucket_domain_name",
            "RegionalDomainName": "bucket_regional_domain_name",
        },
        arguments={"BucketName": "bucket", "Tags": tags()},
        companions=(
            _part(
                "aws_s3_bucket_public_access_block",
                {
                    "PublicAccessBlockConfiguration": inline(
                        {
                            "BlockPublicAcls": "block_public_acls",
                            "BlockPublicPolicy": "block_public_policy",
                            "IgnorePublicAcls": "ignore_public_acls",
                            "RestrictPublicBuckets": "restrict_public_buckets",
                        }
                    )
                },
            ),
            _part(
                "aws_s3_bucket_ownership_controls",
                {"OwnershipControls": inline({"Rules": block("rule", {"ObjectOwnership": "object_ownership"})})},
            ),
            _part(
                "aws_s3_bucket_server_side_encryption_configuration",
                {"BucketEncryption": inline({"ServerSideEncryptionConfiguration": _ENCRYPTION})},
            ),
            _part(
                "aws_s3_bucket_versioning",
                {"VersioningConfiguration": block("versioning_configuration", {"Status": "status"})},
            ),
            _part(
                "aws_s3_bucket_lifecycle_configuration",
                {
                    "LifecycleConfiguration": inline(
                        {"Rules": Nested("rule", _LIFECYCLE_RULE, prepare=_for_all)},
                    )
                },
            ),
            _part(
                "aws_s3_bucket_notification",
                {
                    "NotificationConfiguration": inline(
                        {"EventBridgeConfiguration": inline({"EventBridgeEnabled": "eventbridge"})}
                    )
                },
            ),
            _part(
                "aws_s3_bucket_cors_configuration",
                {"CorsConfiguration": inline({"CorsRules": block("cors_rule", _CORS_RULE)})},
            ),
        ),
    ),
    "AWS::S3::BucketPolicy": Translation(
        "aws_s3_bucket_policy", arguments={"Bucket": "bucket", "PolicyDocument": document("policy")}
    ),
}
