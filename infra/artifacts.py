"""The bucket that CloudFormation takes code and large templates from, and what is put there."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra import packager
from infra.account import Account, Session
from infra.errors import Refused
from infra.stages import APP, Stage

DELIVERY_PARAMETER = f"/{APP}/delivery/artifact-bucket"
_MADE_FOR = {"local", "dev"}


def find_bucket(account: Account, stage: Stage, wanted: str = "") -> str:
    """The bucket of a stage: the one that is wanted, that of the delivery stack, or the stage's own by its name.

    Empty when it does not exist. Raises `Refused` when the wanted one does not.
    """
    name = wanted or _of_delivery(account) or conventional_name(account, stage)
    if _exists(account, name):
        return name
    if wanted:
        raise Refused(f"There is no bucket {wanted} in this account.")
    return ""


def ensure_bucket(account: Account, stage: Stage, wanted: str = "") -> str:
    """`find_bucket`, making the stage's own when there is none. Raises `Refused` for staging and prod."""
    if found := find_bucket(account, stage, wanted):
        return found
    name = conventional_name(account, stage)
    if stage.name not in _MADE_FOR:
        raise Refused(
            f"There is no bucket for the code of {stage.name}: deploy the stack delivery, or name a --bucket."
        )
    client = account.client("s3")
    place = {} if account.region == "us-east-1" else {"LocationConstraint": account.region}
    client.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
    return name


def conventional_name(account: Account, stage: Stage) -> str:
    """What the stage's own bucket is called."""
    return f"{APP}-{stage.name}-code-{account.id}"


def upload_code(session: Session, bucket: str, package: Path) -> str:
    """Put `package` into `bucket` under a key made of its content, unless it is there, and return the key."""
    client = session.client("s3")
    key = code_key(package)
    if client.list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount", 0) == 0:
        with package.open("rb") as body:
            client.put_object(Bucket=bucket, Key=key, Body=body)
    return key


def code_key(package: Path) -> str:
    """The key that `upload_code` gives a package."""
    return f"{APP}/{packager.sha256(package)}.zip"


def upload_template(session: Session, bucket: str, template: str) -> str:
    """Put `template` into `bucket` under a key made of its content, and return its address for `template_url`."""
    client = session.client("s3")
    key = f"templates/{sha256(template.encode()).hexdigest()}"
    client.put_object(Bucket=bucket, Key=key, Body=template.encode())
    return f"{client.meta.endpoint_url}/{bucket}/{key}"


def empty(client: Any, bucket: str) -> int:
    """Remove every object of `bucket` with all of its versions, and return how many that were."""
    removed = 0
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if versions := [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]:
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
            if refused := answer.get("Errors"):
                raise Refused(f"{bucket}: {refused[0]['Key']} cannot be removed: {refused[0].get('Message', '')}")
            removed += len(versions)
    return removed


def _of_delivery(account: Account) -> str:
    client = account.client("ssm")
    try:
        return str(client.get_parameter(Name=DELIVERY_PARAMETER)["Parameter"]["Value"])
    except client.exceptions.ParameterNotFound:
        return ""


def _exists(account: Account, bucket: str) -> bool:
    try:
        account.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True
