"""A job as a process of its own, over the running system."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

from local import aws
from local.home import CHECKOUT
from local.stacks import API_HANDLER
from tests.stack import Stack


def test_the_catalogue_is_exported_to_the_bucket(stack: Stack) -> None:
    settings = stack.stacks.variables(API_HANDLER) | aws.credentials(stack.settings)
    before = datetime.now(UTC).date()
    command = [sys.executable, "-m", "chalicelib.jobs", "export-catalogue"]
    process = subprocess.run(
        command,
        check=False,
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stdout + process.stderr

    s3, bucket = stack.client("s3"), stack.stacks.parameter("media/bucket-name")
    days = {before, datetime.now(UTC).date()}
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="exports/")["Contents"]]
    (manifest_key,) = [key for key in keys if key in {f"exports/catalogue/{day}/manifest.json" for day in days}]
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=manifest_key)["Body"].read())
    parts = [s3.get_object(Bucket=bucket, Key=part["key"])["Body"].read() for part in manifest["parts"]]
    exported = [json.loads(line) for part in parts for line in gzip.decompress(part).splitlines()]
    product = stack.http.get("/products", params={"limit": 1}).json()["items"][0]
    assert manifest["is_complete"]
    assert exported[0].keys() == product.keys()
    assert len(exported) == sum(part["products"] for part in manifest["parts"]) > 0
    assert {json.loads(line)["job"] for line in process.stdout.splitlines() if '"job"' in line} == {"export-catalogue"}
