"""The two stacks on the embedded AWS, and the parameters that the `data` stack writes on the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra import artifacts, deploy
from infra.cloudformation import LARGEST_BODY
from infra.errors import DeploymentFailed
from infra.stages import APP, LAPTOP
from local import aws, emulator, postgresql, valkey
from local.home import CHECKOUT, Home, Settings
from local.progress import Problem

SERVICES = f"{APP}-{LAPTOP}-services"
APPLICATION = f"{APP}-{LAPTOP}-app"
PREFIX = f"{APP}-{LAPTOP}-"
API_HANDLER = f"{PREFIX}api_handler"
CODE_BUCKET = f"{APP}-{LAPTOP}-code-{aws.ACCOUNT}"
HTTP_API = f"{APP}-{LAPTOP}-api"
WEBSOCKET_API = f"{APP}-{LAPTOP}-ws"
MIGRATE = f"{PREFIX}migrate"

# The parameter of the services stack for each push service. CloudFormation has no type for them.
PUSH_APPLICATIONS = {"PushFcmArn": "GCM", "PushApnsArn": "APNS"}

Say = Callable[[str], None]


def running(home: Home) -> tuple[Settings, Stacks]:
    """The settings and the stacks of the system that runs in `home`. Raises Problem when none does."""
    settings = home.settings()
    if home.holder() is None or not emulator.answers(settings.ports.emulator):
        raise Problem(f"Nothing runs in {home.folder}.", "Start it with `make run` and wait until it is ready.")
    return settings, Stacks(settings)


class Stacks:
    """Deploys the stacks of the laptop and reads what they hold."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.session = aws.session(settings)

    def are_stuck(self) -> bool:
        """Whether a deployment that was killed left a stack half-way, where no update and no deletion is possible."""
        return any(status.endswith("_IN_PROGRESS") for status in self.states().values())

    def states(self) -> dict[str, str]:
        """The state of each stack by name, for example `UPDATE_COMPLETE`."""
        stacks = self.session.client("cloudformation").describe_stacks()["Stacks"]
        return {stack["StackName"]: stack["StackStatus"] for stack in stacks}

    def deploy_services(self, say: Say) -> None:
        """The user pool, the table, the bus, the buckets, the queues and topics, and what sends mail and pushes."""
        self._ensure_code_bucket()
        template = (CHECKOUT / "infra" / "stacks" / "services.yaml").read_text()
        parameters = {
            "Stage": LAPTOP,
            "JwksBaseUrl": aws.endpoint(self._settings),
            "PreferencesUrl": f"{self._origin}/#preferences",
            "UploadOrigins": f"{self._origin},{_allowed_origins()}",
            "AssistantEmbeddingModelId": self._settings.embedding_model_id or "none",
            **{name: self._push_application(platform) for name, platform in PUSH_APPLICATIONS.items()},
        }
        self._deploy(SERVICES, template, parameters, say)

    def write_data_parameters(self) -> None:
        """The two database secrets and the parameters that name them and the cache."""
        app, owner = postgresql.app_login(self._settings), postgresql.owner_login(self._settings)
        parameters = {
            "database/secret-arn": self._write_secret("database/app", asdict(app)),
            "database/owner-secret-arn": self._write_secret("database/owner", asdict(owner)),
            "cache/url": valkey.url(self._settings),
        }
        client = self.session.client("ssm")
        for path, value in parameters.items():
            client.put_parameter(Name=f"/{APP}/{LAPTOP}/{path}", Value=value, Type="String", Overwrite=True)

    def deploy_application(self, build: Path, say: Say) -> None:
        """The functions and the gateway, as they were built in the folder `build`."""
        key = artifacts.upload_code(self.session, CODE_BUCKET, build / "package.zip")
        template = (build / "template.json").read_text()
        parameters = {
            "CodeBucket": CODE_BUCKET,
            "CodeKey": key,
            "MigrateCodeKey": key,
            "RealtimeEndpoint": f"{aws.endpoint(self._settings)}/_aws/execute-api/{WEBSOCKET_API}/ws",
            "RealtimeUrl": f"{self._origin.replace('http', 'ws', 1)}/ws",
        }
        self._deploy(APPLICATION, template, parameters, say)
        self._forget_packages_but(key)

    def migrate(self) -> str:
        """Run the migrations as a release does, and return what they say. Raises Problem when they fail."""
        answer = self.session.client("lambda").invoke(FunctionName=MIGRATE)
        result = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise Problem(f"The migrations failed: {_message(result)}", "`python -m local logs migrate` shows more.")
        return _revisions(result)

    def functions(self) -> list[str]:
        """The names of the stack's functions."""
        pages = self.session.client("lambda").get_paginator("list_functions").paginate()
        names = (function["FunctionName"] for page in pages for function in page["Functions"])
        return sorted(name for name in names if name.startswith(PREFIX))

    def variables(self, function: str) -> dict[str, str]:
        """The environment variables of a function as deployed."""
        configuration = self.session.client("lambda").get_function_configuration(FunctionName=function)
        variables: dict[str, str] = configuration["Environment"]["Variables"]
        return variables

    def parameter(self, path: str) -> str:
        """An SSM parameter of this stage, by a path such as `users/pool-id`."""
        answer = self.session.client("ssm").get_parameter(Name=f"/{APP}/{LAPTOP}/{path}")
        return str(answer["Parameter"]["Value"])

    def websocket_api(self) -> str:
        """The id of the WebSocket API; empty when there is none."""
        apis = self.session.client("apigatewayv2").get_apis()["Items"]
        return next((str(api["ApiId"]) for api in apis if api["ProtocolType"] == "WEBSOCKET"), "")

    @property
    def _origin(self) -> str:
        """The one origin that the front door serves."""
        return f"http://localhost:{self._settings.ports.front_door}"

    def _deploy(self, name: str, template: str, parameters: Mapping[str, str], say: Say) -> None:
        changes: list[str] = []
        is_large = len(template.encode()) > LARGEST_BODY
        url = artifacts.upload_template(self.session, CODE_BUCKET, template) if is_large else None
        try:
            deploy.deploy_stack(
                self.session, name, template, dict(parameters), progress=changes.append, template_url=url
            )
        except DeploymentFailed as error:
            reason = f"The stack {name} was not deployed.\n{error}"
            raise Problem(reason, "Correct the template and start again.") from None
        say(f"{name}: {len(changes)} resources changed" if changes else f"{name}: nothing to change")

    def _forget_packages_but(self, key: str) -> None:
        """Remove what earlier deployments uploaded, or hot reload would fill the disk."""
        client = self.session.client("s3")
        kept = (entry["Key"] for entry in client.list_objects_v2(Bucket=CODE_BUCKET).get("Contents", []))
        if former := [{"Key": name} for name in kept if name != key]:
            client.delete_objects(Bucket=CODE_BUCKET, Delete={"Objects": former})

    def _write_secret(self, path: str, content: dict[str, Any]) -> str:
        client, name = self.session.client("secretsmanager"), f"{APP}/{LAPTOP}/{path}"
        try:
            written = client.create_secret(Name=name, SecretString=json.dumps(content))
        except client.exceptions.ResourceExistsException:
            written = client.put_secret_value(SecretId=name, SecretString=json.dumps(content))
        return str(written["ARN"])

    def _push_application(self, platform: str) -> str:
        """The ARN of the platform application that stands for one of a real push service."""
        credential = {"PlatformCredential": "the emulator sends no pushes"}
        client, name = self.session.client("sns"), f"{APP}-{LAPTOP}"
        made = client.create_platform_application(Name=name, Platform=platform, Attributes=credential)
        return str(made["PlatformApplicationArn"])

    def _ensure_code_bucket(self) -> None:
        client = self.session.client("s3")
        try:
            client.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
        except client.exceptions.BucketAlreadyOwnedByYou:
            return


def _allowed_origins() -> str:
    """The other origins whose pages may call the laptop's API, separated by commas."""
    configuration = json.loads((CHECKOUT / ".chalice" / "config.json").read_text())
    return str(configuration["stages"][LAPTOP]["environment_variables"]["ALLOWED_ORIGINS"])


def _revisions(payload: str) -> str:
    """What the migrations did, in words: the function answers with the revisions before and after."""
    result = json.loads(payload)
    before, after = result.get("from"), result.get("to")
    return f"the schema is at revision {after}" + ("" if before == after else f" (was at {before or 'none'})")


def _message(payload: str) -> str:
    """What a failed function says of itself."""
    try:
        return str(json.loads(payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return payload
