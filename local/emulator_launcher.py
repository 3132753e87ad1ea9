"""Starts MiniStack, and mends some things about it. Runs in the emulator's own environment (`.venv-emulator`).

MiniStack writes its state when it is asked to end, and never before: after a hard kill all of it is gone but S3's
objects. The laptop system therefore asks for a snapshot (SIGUSR1) when it is ready and now and then afterwards.

Each `mend_…` makes one thing as it is on AWS, so that the same templates and policies work in both places. The private
names used here are those of the exact version in `requirements-emulator.txt`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import signal
import zipfile
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.persistence import save_all
from ministack.services import apigateway, apigateway_v1, eventbridge, lambda_svc, s3, ses, ses_v2, sns
from ministack.services.cloudformation import provisioners

_BATCHES = {
    "sns:PublishBatch", "sqs:SendMessageBatch", "sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch",
}  # fmt: skip
_MODEL_ACTIONS = {
    "bedrock:Converse": "bedrock:InvokeModel",
    "bedrock:ConverseStream": "bedrock:InvokeModelWithResponseStream",
}
_END_OF_LOG = "--- end of the log of this invocation ---"
_GEOGRAPHIES = {"apac", "eu", "global", "us"}


def save(*_: object) -> None:
    """Write the state of every service, each file in one step."""
    save_all(app._build_persistence_save_dict())


def mend_cors() -> None:
    """Let the gateway read CORS settings by CloudFormation's names, too (`AllowOrigins`, not only `allowOrigins`)."""
    for name in ("_cors_preflight_response", "_cors_response_headers"):
        setattr(apigateway, name, _renaming(getattr(apigateway, name)))


def mend_transport() -> None:
    """Let policies that refuse what does not come over TLS admit what comes over the loopback address."""
    pin = app.pin_request_origin

    def pin_as_secure(address: str, _: bool) -> None:
        pin(address, True)

    app.pin_request_origin = pin_as_secure


def mend_batches() -> None:
    """Ask policies for the action on one message when a request is about ten: there is no `sqs:SendMessageBatch`."""
    action_of = iam_actions.extract_iam_action

    def action_on_one(*request: Any) -> str | None:
        action: str | None = action_of(*request)
        return action.removesuffix("Batch") if action in _BATCHES else action

    iam_actions.extract_iam_action = action_on_one


def mend_resources() -> None:
    """Ask policies for what a push or an e-mail is sent with, or for the stream, not for everything (`*`)."""
    resource_of = iam_actions.extract_resource_arn

    def resource_named(*request: Any) -> str:
        service, _, path, _, body, query, region, account = request
        named = ""
        if service == "sns":
            fields = ("PlatformApplicationArn", "EndpointArn")
            named = next(filter(None, (iam_actions._query_param(query, field) for field in fields)), "")
        if service == "ses" and path.endswith("/outbound-emails"):
            return _Checked.of_mail(json.loads(body), f"arn:aws:ses:{region}:{account}:")
        if service == "dynamodbstreams":
            named = json.loads(body).get("StreamArn", "")
        return named or str(resource_of(*request))

    iam_actions.extract_resource_arn = resource_named


def mend_models() -> None:
    """Ask policies for a model as Bedrock does: to invoke it, through its profile and by itself, under its guardrail.

    The emulator asks for the name of the operation (there is no action `bedrock:Converse`), on the model alone.
    """
    action_of, resource_of, enforce = (
        iam_actions.extract_iam_action, iam_actions.extract_resource_arn, iam_evaluator.enforce
    )  # fmt: skip

    def action_on_model(*request: Any) -> str | None:
        action: str | None = action_of(*request)
        return _MODEL_ACTIONS.get(action or "", action)

    def resource_with_more(*request: Any) -> str:
        service, _, path, _, body, _, region, account = request
        model = re.fullmatch("/model/(.+)/(converse|invoke)[a-z-]*", unquote(path))
        if service != "bedrock-runtime" or model is None:
            return resource_of(*request)  # type: ignore[no-any-return]
        return _Checked.of_model(model[1], json.loads(body or b"{}"), f"arn:aws:bedrock:{region}:", account)

    def enforce_more(key: str, action: str, service: str, region: str, resource_arn: str = "*", **more: Any) -> Any:
        denied = enforce(key, action, service, region, resource_arn=resource_arn, **more)
        for also, arn, context in getattr(resource_arn, "further", ()):
            denied = denied or enforce(key, also or action, service, region, resource_arn=arn, service_context=context)
        return denied

    iam_actions.extract_iam_action = action_on_model
    iam_actions.extract_resource_arn = resource_with_more
    iam_evaluator.enforce = enforce_more


class _Checked(str):
    """The ARN that a request is checked on. `further`: action (or the same), ARN and context of the other checks."""

    __slots__ = ("further",)
    further: list[tuple[str, str, dict[str, str]]]

    @classmethod
    def of_model(cls, model_id: str, body: dict[str, Any], arn: str, account: str) -> _Checked:
        """The inference profile, and the model behind it; or the model. And the guardrail, when one is named."""
        geography, _, model = model_id.partition(".")
        is_profile = geography in _GEOGRAPHIES
        resource = f"{account}:inference-profile/{model_id}" if is_profile else f":foundation-model/{model_id}"
        checked = cls(arn + resource)
        checked.further = (
            [("", f"{arn}:foundation-model/{model}", {"bedrock:InferenceProfileArn": checked})] if is_profile else []
        )
        if guardrail := body.get("guardrailConfig", {}).get("guardrailIdentifier"):
            checked.further.append(("bedrock:ApplyGuardrail", f"{arn}{account}:guardrail/{guardrail}", {}))
        return checked

    @classmethod
    def of_mail(cls, body: dict[str, Any], arn: str) -> _Checked:
        """The sender, and the configuration set when one is named."""
        _, sender = parseaddr(body.get("FromEmailAddress", ""))
        checked, configuration = cls(f"{arn}identity/{sender}"), body.get("ConfigurationSetName")
        checked.further = [("", f"{arn}configuration-set/{configuration}", {})] if configuration else []
        return checked


def mend_model_stream() -> None:
    """Hand calls of a model on as `bedrock_proxy.py` does."""
    _beside("bedrock_proxy").mend()


def record_calls(path: str) -> None:
    """Note in the file `path` what functions call, as `recorder.py` does."""
    _beside("recorder").record(Path(path))


def share_packages() -> None:
    """Unpack a package once for all processes of functions, as `unpacking.py` does."""
    shared = _beside("unpacking").SharedZipFile
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": shared})


def mend_logs() -> None:
    """Keep what an invocation logs with it; the emulator waits 50 ms for a line, and tells later ones with the next.

    Each invocation ends its log with a line that says so, and the emulator reads on until then.
    """
    start, answer, rest = lambda_runtime._PYTHON_WORKER_SCRIPT.rpartition("_real_stdout.flush()")
    end = f'sys.stderr.write("{_END_OF_LOG}\\n"); sys.stderr.flush(); '
    lambda_runtime._PYTHON_WORKER_SCRIPT = start + end + answer + rest

    def lines_of_one(worker: Any, *_: Any, **__: Any) -> str:
        lines = []
        with suppress(queue.Empty):  # a process that has died says nothing more
            while (line := worker._stderr_queue.get(timeout=1)) != _END_OF_LOG:
                lines.append(line)
        return "\n".join(lines)

    lambda_runtime.Worker._drain_stderr_bounded = lines_of_one


def mend_streams() -> None:
    """Let functions hear of the first changes after a start: streams begin anew then, and so do places in them."""
    restore = lambda_svc._restore_esm_positions

    def restore_from_the_beginning(places: Any, kept: Any) -> None:
        restore(places, kept)
        if places is lambda_svc._dynamodb_stream_positions:
            places._data.update(dict.fromkeys(places._data, 0))

    lambda_svc._restore_esm_positions = restore_from_the_beginning


def mend_bucket_events() -> None:
    """Name the version of an object in the event that tells of it, as S3 does in a bucket with versions."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event
    version: ContextVar[str | None] = ContextVar("version", default=None)

    def fire_of_version(*of_object: Any, version_id: str | None = None, **more: Any) -> None:
        token = version.set(version_id)
        fire(*of_object, version_id=version_id, **more)
        version.reset(token)

    def dispatch_with_version(event: dict[str, Any], *view: Any) -> Any:
        if event["Source"] == "aws.s3" and version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version.get()
            event["Detail"] = json.dumps(detail)
        return dispatch(event, *view)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_of_version, dispatch_with_version


def mend_push_endpoints() -> None:
    """Give a push endpoint the ARN `endpoint/…` that it has on AWS; here it is the application's with a tail."""
    create = sns._create_platform_endpoint

    def create_named(parameters: dict[str, Any]) -> Any:
        status, headers, body = create(parameters)
        for arn in [arn for arn in sns._platform_endpoints if ":app/" in arn]:
            endpoint = sns._platform_endpoints.pop(arn)
            endpoint["arn"] = arn.replace(":app/", ":endpoint/")
            sns._platform_endpoints[endpoint["arn"]] = endpoint
        return status, headers, body.replace(b":app/", b":endpoint/") if status == 200 else body

    sns._create_platform_endpoint = create_named


def mend_notifications() -> None:
    """Give functions every member of a topic's notification, also the empty ones, which Chalice expects."""
    deliver = sns._deliver_to_lambda

    def deliver_whole(endpoint: str, envelope: str, *of_message: Any) -> None:
        whole = {"Subject": None, "MessageAttributes": {}, **json.loads(envelope)}
        deliver(endpoint, json.dumps(whole), *of_message)

    sns._deliver_to_lambda = deliver_whole


def mend_mail_events() -> None:
    """Publish what becomes of mail to SES's mailbox simulator to the topics of the configuration set, as SES does."""
    handle = ses_v2.handle_request

    async def handle_and_tell(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        answer = await handle(method, path, headers, body, query)
        if path.endswith("/outbound-emails") and answer[0] == 200:
            _publish_mail_events(json.loads(body), json.loads(answer[2])["MessageId"])
        return answer

    ses_v2.handle_request = handle_and_tell


def mend_rest_import() -> None:
    """Give a REST API the routes of the document that it is imported from, or put in its place: `chalice deploy`'s way.

    The emulator reads such documents in CloudFormation's templates alone; of others it keeps the name.
    """
    create, handle, import_document = (
        apigateway_v1._create_rest_api, apigateway_v1.handle_request, apigateway_v1._import_rest_api
    )  # fmt: skip

    def create_whole(data: dict[str, Any]) -> Any:
        if "paths" not in data:
            return create(data)
        return apigateway_v1._v1_response(apigateway_v1._rest_apis[import_document(data)], 201)

    async def handle_put(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        replaced = re.fullmatch("/restapis/([^/]+)", path)
        if method != "PUT" or replaced is None or replaced[1] not in apigateway_v1._rest_apis:
            return await handle(method, path, headers, body, query)
        anew = import_document(json.loads(body))
        for store in (apigateway_v1._resources, apigateway_v1._authorizers_v1):
            store[replaced[1]] = store[anew]
        apigateway_v1._delete_rest_api(anew)
        return apigateway_v1._get_rest_api(replaced[1])

    apigateway_v1._create_rest_api, apigateway_v1.handle_request = create_whole, handle_put


def mend_global_tables() -> None:
    """Make a table that may have replicas as any other one, with the tags and the protection that its replica here has.

    The emulator leaves replicas out, and a change set does not know what replaces such a table.
    """
    kind, plain, types = "AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table", provisioners._RESOURCE_HANDLERS
    provisioners._REPLACING_PROPERTIES[kind] = provisioners._REPLACING_PROPERTIES[plain]
    create, update = types[plain]["create"], types[plain]["update"]

    def create_here(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return create(logical_id, _here(properties), stack)

    def update_here(name: str, old: dict[str, Any], new: dict[str, Any], *of_stack: Any) -> Any:
        return update(name, _here(old), _here(new), *of_stack)

    types[kind] = {**types[kind], "create": create_here, "update": update_here, "update_with_logical_id": True}


def _here(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of a table in its stack's region, which its first replica is in."""
    first, *_ = properties.get("Replicas", [{}])
    return {name: value for name, value in {**properties, **first}.items() if name not in ("Replicas", "Region")}


def _publish_mail_events(request: dict[str, Any], message_id: str) -> None:
    configured = ses_v2._config_sets.get(request.get("ConfigurationSetName", "")) or {}
    destinations = (configured.get("EventDestinations") or {}).values()
    for recipient in request.get("Destination", {}).get("ToAddresses", []):
        mailbox, _, domain = recipient.partition("@")
        outcomes = ses._SIMULATOR_OUTCOMES.get(mailbox, ()) if domain == ses._SIMULATOR_DOMAIN else ()
        mail = {"messageId": message_id, "source": request.get("FromEmailAddress"), "destination": [recipient]}
        for kind, subtype in outcomes:
            detail = ses._notification_detail(kind, recipient, datetime.now(UTC).isoformat(), subtype)
            event = json.dumps({"eventType": kind, "mail": mail, **detail})
            for destination in destinations:
                if kind.upper() in destination["MatchingEventTypes"] and "SnsDestination" in destination:
                    sns.publish_internal(destination["SnsDestination"]["TopicArn"], event)


def _beside(name: str) -> Any:
    """The module `name` of this folder: this process is isolated and has no path to it."""
    found = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if found is None or found.loader is None:
        raise ImportError(f"{name}.py is missing")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _renaming(answer: Callable[[dict[str, Any], str], Any]) -> Callable[[dict[str, Any], str], Any]:
    def renamed(settings: dict[str, Any], origin: str) -> Any:
        return answer({name[:1].lower() + name[1:]: value for name, value in settings.items()}, origin)

    return renamed


if __name__ == "__main__":
    if asked := os.environ.pop("RECORD_CALLS", ""):
        record_calls(asked)
    mend_cors()
    mend_transport()
    mend_batches()
    mend_resources()
    mend_models()
    share_packages()
    mend_logs()
    mend_streams()
    mend_model_stream()
    mend_bucket_events()
    mend_push_endpoints()
    mend_notifications()
    mend_mail_events()
    mend_rest_import()
    mend_global_tables()
    signal.signal(signal.SIGUSR1, save)
    app.main()
