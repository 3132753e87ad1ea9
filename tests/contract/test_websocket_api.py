"""The WebSocket API as it is built, and that each rule about it can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra import stages
from infra.chalice_app import Template
from infra.websocket_api import bind_addresses, complete_websocket_api
from tests.contract import websocket_checks as checks
from tests.contract.conftest import Built

Break = Callable[[Template], object]


def resource(app: Template, name: str) -> Template:
    """The properties of one resource."""
    found: Template = app["Resources"][name]["Properties"]
    return found


def test_every_message_has_its_function(prod: Built) -> None:
    assert prod.manifest["sockets"] == ["$connect", "$default", "$disconnect"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda app: resource(app, "WebsocketAPIStage").pop("AutoDeploy"),
        lambda app: resource(app, "WebsocketAPIStage").update(DeploymentId={"Ref": "Once"}),
        lambda app: resource(app, "WebsocketAPIStage").update(StageName="api"),
        lambda app: app["Resources"].update(Once={"Type": "AWS::ApiGatewayV2::Deployment", "Properties": {}}),
    ],
)
def test_a_change_of_the_api_reaches_its_stage(prod: Built, broken: Break) -> None:
    app = prod.template
    assert checks.not_deploying_itself(app) == []
    broken(app)
    assert len(checks.not_deploying_itself(app)) == 1


def _logging(app: Template, **more: str) -> None:
    settings = resource(app, "WebsocketAPIStage")["AccessLogSettings"]
    settings["Format"] = json.dumps(json.loads(settings["Format"]) | more)


@pytest.mark.parametrize(
    "broken",
    [
        lambda app: _logging(app, path="$context.path"),
        lambda app: _logging(app, query="$context.requestOverride.querystring.ticket"),
        lambda app: resource(app, "WebsocketAPIStage")["DefaultRouteSettings"].update(LoggingLevel="INFO"),
        lambda app: resource(app, "WebsocketAPIStage")["DefaultRouteSettings"].update(DataTraceEnabled=True),
        lambda app: resource(app, "WebsocketAPIStage")["DefaultRouteSettings"].pop("LoggingLevel"),
    ],
)
def test_no_ticket_is_in_a_log(prod: Built, broken: Break) -> None:
    app = prod.template
    assert checks.writing_tickets_down(app) == []
    broken(app)
    assert len(checks.writing_tickets_down(app)) == 1


@pytest.mark.parametrize("setting", ["DetailedMetricsEnabled", "ThrottlingRateLimit", "ThrottlingBurstLimit"])
def test_messages_are_measured_and_throttled(prod: Built, setting: str) -> None:
    app = prod.template
    assert checks.unmeasured(app) == []
    del resource(app, "WebsocketAPIStage")["DefaultRouteSettings"][setting]
    assert checks.unmeasured(app) == [setting]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (
            lambda app: resource(app, "PushActivity")["Environment"]["Variables"].pop("REALTIME_ENDPOINT"),
            "PushActivity: REALTIME_ENDPOINT",
        ),
        (
            lambda app: resource(app, "Migrate")["Environment"]["Variables"].update(REALTIME_URL="wss://…"),
            "Migrate: REALTIME_URL",
        ),
        (
            lambda app: resource(app, "APIHandler")["Environment"]["Variables"].pop("REALTIME_URL"),
            "APIHandler: REALTIME_URL",
        ),
    ],
)
def test_who_needs_an_address_is_told_it(prod: Built, broken: Break, fault: str) -> None:
    app = prod.template
    assert checks.wrongly_addressed(app) == []
    broken(app)
    assert checks.wrongly_addressed(app) == [fault]


def test_addresses_are_the_apis_own_unless_they_are_given(prod: Built) -> None:
    app = prod.template
    endpoint = resource(app, "PushActivity")["Environment"]["Variables"]["REALTIME_ENDPOINT"]
    url = resource(app, "APIHandler")["Environment"]["Variables"]["REALTIME_URL"]
    host = "${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/ws"
    given = {"RealtimeEndpoint": f"https://{host}", "RealtimeUrl": f"wss://{host}"}
    for value, (parameter, own) in zip((endpoint, url), given.items(), strict=True):
        assert value == {"Fn::If": [f"Has{parameter}", {"Ref": parameter}, {"Fn::Sub": own}]}
        assert app["Parameters"][parameter] == {"Type": "String", "Default": ""}
        assert app["Conditions"][f"Has{parameter}"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


def test_the_api_is_pinned_on_the_laptop_alone(built: Callable[[str], Built]) -> None:
    def tags(stage: str) -> dict[str, str]:
        found: dict[str, str] = resource(built(stage).template, "WebsocketAPI")["Tags"]
        return found

    assert tags("local")["ms-custom-id"] == "marketplace-local-ws"
    assert "ms-custom-id" not in tags("prod")


def test_an_app_without_sockets_stays_as_it_is() -> None:
    plain: dict[str, Any] = {"Resources": {}, "Outputs": {}}
    prod = stages.named("prod")
    assert bind_addresses(complete_websocket_api(plain, prod), prod) == plain
