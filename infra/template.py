"""From the template that Chalice makes to the one that is deployed."""

from __future__ import annotations

from infra.bindings import bind_environment, bind_policies, declare_parameters
from infra.chalice_app import Template
from infra.functions import add_log_groups, allow_user_pool
from infra.http_api import replace_rest_api
from infra.stages import APP, Stage


def transform(generated: Template, stage: Stage, release: str) -> Template:
    """The app's stack for `stage`, from Chalice's template. Nothing is read or written; `generated` is left alone."""
    template = {"Description": f"{APP} {stage.name}: functions and HTTP API, release {release}", **generated}
    template = replace_rest_api(template, stage)
    template = declare_parameters(template, stage)
    template = bind_environment(template, stage, release)
    template = bind_policies(template, stage)
    template = add_log_groups(template, stage)
    return allow_user_pool(template, stage)
