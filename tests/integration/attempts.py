"""What a function's role is tried out with, on the table, the bucket, sockets, functions and models.

Each attempt is named by its action and by how the resource ends in a policy; where it is allowed, it does no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stacks import PREFIX

if TYPE_CHECKING:
    from tests.stack import Stack

Attempt = tuple[str, str, dict[str, Any]]
"""A service, a method of its client, and the arguments."""

STATE_MACHINES = "arn:aws:states:eu-central-1:000000000000:stateMachine"
BUCKET = "marketplace-local-media-000000000000"


def on_the_table(stack: Stack) -> dict[str, Attempt]:
    """Items that are not there, the index, the stream, and the table itself."""
    name, key = {"TableName": "marketplace-local"}, {"pk": {"S": "probe"}, "sk": {"S": "probe"}}
    values = {"ExpressionAttributeValues": {":pk": {"S": "probe"}}}
    ttl = {"TimeToLiveSpecification": {"Enabled": False, "AttributeName": "probe"}}
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "GetItem": ("get_item", {"Key": key}),
        "PutItem": ("put_item", {"Item": key, "ConditionExpression": "attribute_exists(pk)"}),
        "UpdateItem": ("update_item", {"Key": key, "ConditionExpression": "attribute_exists(pk)"}),
        "DeleteItem": ("delete_item", {"Key": key}),
        "Query": ("query", values | {"KeyConditionExpression": "pk = :pk"}),
        "Scan": ("scan", {}),
        "UpdateTimeToLive": ("update_time_to_live", ttl),
        "DeleteTable": ("delete_table", {}),
    }
    attempts: dict[str, Attempt] = {
        f"dynamodb:{action} on table/marketplace-${{Stage}}": ("dynamodb", method, name | arguments)
        for action, (method, arguments) in calls.items()
    }
    by_index = name | values | {"IndexName": "gsi1", "KeyConditionExpression": "gsi1pk = :pk"}
    stream = {"StreamArn": stack.stacks.parameter("data/stream-arn")}
    return attempts | {
        "dynamodb:Query on table/marketplace-${Stage}/index/gsi1": ("dynamodb", "query", by_index),
        "dynamodb:DescribeStream on data/stream-arn}}": ("dynamodbstreams", "describe_stream", stream),
    }


def on_media() -> dict[str, Attempt]:
    """Objects that are not there, in folders of ours and in another one, and the bucket itself."""
    bucket, attempts = {"Bucket": BUCKET}, dict[str, Attempt]()
    for folder in ("incoming", "media", "originals", "elsewhere"):
        key = bucket | {"Key": f"{folder}/probe"}
        version = key | {"VersionId": "00000000-0000-0000-0000-000000000000"}
        for action, method, arguments in (
            ("GetObject", "get_object", key),
            ("GetObjectVersion", "get_object", version),
            ("PutObject", "put_object", key | {"Body": "x", "ServerSideEncryption": "AES256"}),
            ("DeleteObject", "delete_object", key),
            ("DeleteObjectVersion", "delete_object", version),
        ):
            attempts[f"s3:{action} on /{folder}/*"] = ("s3", method, arguments)
    attempts["s3:ListBucket on media"] = ("s3", "list_objects_v2", bucket)
    attempts["s3:PutBucketPolicy on media"] = ("s3", "put_bucket_policy", bucket | {"Policy": "{}"})
    return attempts


def on_sockets() -> dict[str, Attempt]:
    """A connection that nobody has."""
    nobody = {"ConnectionId": "probe"}
    return {
        f"execute-api:ManageConnections on /ws/{method}/@connections/*": ("apigatewaymanagementapi", call, arguments)
        for method, call, arguments in (
            ("POST", "post_to_connection", nobody | {"Data": "x"}),
            ("GET", "get_connection", nobody),
            ("DELETE", "delete_connection", nobody),
        )
    }


def on_functions_and_models(stack: Stack) -> dict[str, Attempt]:
    """Calls of functions that are not carried out, and words to models: through the profile, another one, and none."""
    said = [{"role": "user", "content": [{"text": "probe"}]}]
    attempts: dict[str, Attempt] = {
        f"lambda:InvokeFunction on function:marketplace-${{Stage}}-{name}": (
            "lambda", "invoke", {"FunctionName": f"{PREFIX}{name}", "InvocationType": "DryRun"}
        ) for name in ("migrate", "answer_question", "dead_letters")
    }  # fmt: skip
    attempts["states:StartExecution on stateMachine:marketplace-${Stage}-refund"] = (
        "stepfunctions", "start_execution",
        {"stateMachineArn": f"{STATE_MACHINES}:{PREFIX}refund", "input": "no JSON"},
    )  # fmt: skip
    profile = stack.stacks.parameter("assistant/model-id")
    for model, named in {
        "assistant/model-id}}": profile,
        "another profile": profile.replace("sonnet", "opus"),
        "the model itself": profile.partition(".")[2],
    }.items():
        asked = {"modelId": named, "messages": said}
        attempts[f"bedrock:InvokeModel on {model}"] = ("bedrock-runtime", "converse", asked)
        attempts[f"bedrock:InvokeModelWithResponseStream on {model}"] = ("bedrock-runtime", "converse_stream", asked)
    return attempts
