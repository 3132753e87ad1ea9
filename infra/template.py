"""From the template that Chalice makes to the one that is deployed."""

from __future__ import annotations

from infra.alarms import add_alarms
from infra.aliases import add_aliases
from infra.bindings import bind_environment, bind_policies, declare_parameters
from infra.canary import shift_traffic
from infra.chalice_app import Template
from infra.concurrency import warm_api
from infra.events import (
    bind_rules,
    bind_streams,
    keep_undelivered,
    let_schedules_rest,
    limit_retries,
    name_schedules,
    report_partial_batches,
)
from infra.functions import add_log_groups, allow_user_pool
from infra.http_api import replace_rest_api
from infra.network import join_network
from infra.refund_workflow import add_refund_workflow
from infra.secrets import decrypt_secrets
from infra.stages import APP, Stage
from infra.websocket_api import bind_addresses, complete_websocket_api


def transform(generated: Template, stage: Stage, release: str) -> Template:
    """The app's stack for `stage`, from Chalice's template. Nothing is read or written; `generated` is left alone."""
    template = {
        "Description": f"{APP} {stage.name}: functions, HTTP API and WebSocket API, release {release}",
        **generated,
    }
    template = replace_rest_api(template, stage)
    template = complete_websocket_api(template, stage)
    template = bind_environment(template, stage, release)
    template = bind_addresses(template, stage)
    template = bind_policies(template, stage)
    template = report_partial_batches(template, stage)
    template = bind_streams(template, stage)
    template = bind_rules(template, stage)
    template = keep_undelivered(template, stage)
    template = name_schedules(template, stage)
    template = let_schedules_rest(template, stage)
    template = limit_retries(template, stage)
    template = add_log_groups(template, stage)
    template = allow_user_pool(template, stage)
    template = join_network(template, stage)
    template = decrypt_secrets(template, stage)
    template = add_refund_workflow(template, stage)
    template = warm_api(template, stage)
    template = add_aliases(template, stage)
    template = add_alarms(template, stage)
    template = shift_traffic(template, stage)
    template["Outputs"]["Release"] = {"Value": release}
    return declare_parameters(template, stage)
