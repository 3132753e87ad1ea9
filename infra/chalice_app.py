"""Chalice's own packager, asked for the template of one stage.

It has to import `app.py` with that stage's environment, so `generate` runs it in an interpreter of its own: the caller
keeps its environment and its modules, and a long-lived caller sees the file as it is now.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from chalice.cli.factory import CLIFactory
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import (
    BuildStage,
    InjectDefaults,
    LambdaEventSourcePolicyInjector,
    PolicyGenerator,
    SwaggerBuilder,
    WebsocketPolicyInjector,
)
from chalice.deploy.models import LambdaFunction, ScheduledEvent
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.deploy.validate import validate_configuration, validate_resource_policy
from chalice.package import ResourceBuilder, SAMTemplateGenerator
from chalice.policy import AppPolicyGenerator
from chalice.utils import OSUtils, to_cfn_resource_name

from infra.errors import BuildError
from infra.stages import DEFAULT_REGION, MIGRATE, Stage

Template = dict[str, Any]


def generate(project: Path, stage: Stage) -> Template:
    """The SAM template that Chalice makes of `project`, every function named and its code taken from the parameters.

    Raises `BuildError` with Chalice's message, or the traceback of `app.py`, when it cannot be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "template.json")
        command = [sys.executable, "-m", "infra.chalice_app", str(project), stage.name, stage.architecture, str(target)]
        run = subprocess.run(command, cwd=project, env=_environment(), capture_output=True, text=True, check=False)
        if run.returncode:
            raise BuildError(run.stderr.strip() or f"Chalice stopped with status {run.returncode}")
        template: Template = json.loads(target.read_text())
        return template


class NamedFunctions(SAMTemplateGenerator):
    """Chalice's generator, naming each function as it is named in `app.py`, and its code by reference.

    `migrate` has a key of its own, so that a release can hand it the new package before the others. It keeps the
    descriptions of schedules, too.
    """

    def _generate_lambdafunction(self, resource: LambdaFunction, template: Template) -> None:
        super()._generate_lambdafunction(resource, template)
        properties = template["Resources"][to_cfn_resource_name(resource.resource_name)]["Properties"]
        properties["FunctionName"] = f"{self._config.app_name}-{self._config.chalice_stage}-{resource.resource_name}"
        key = "MigrateCodeKey" if resource.resource_name == MIGRATE else "CodeKey"
        properties["CodeUri"] = {"Bucket": {"Ref": "CodeBucket"}, "Key": {"Ref": key}}

    def _generate_scheduledevent(self, resource: ScheduledEvent, template: Template) -> None:
        super()._generate_scheduledevent(resource, template)
        properties = template["Resources"][to_cfn_resource_name(resource.lambda_function.resource_name)]["Properties"]
        (event,) = properties["Events"].values()
        event["Properties"]["Description"] = resource.rule_description


def _environment() -> dict[str, str]:
    search_path = os.pathsep.join(filter(None, (str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH"))))
    return (
        {"AWS_DEFAULT_REGION": DEFAULT_REGION, "AWS_CHALICE_CLI_MODE": "true"}
        | os.environ
        | {"PYTHONPATH": search_path}
    )


def _template(project: str, stage: str, architecture: str) -> Template:
    factory = CLIFactory(project, environ=os.environ)
    config = factory.create_config_obj(stage, user_provided_params={"lambda_architecture": architecture})
    validate_configuration(config)
    validate_resource_policy(config)
    files = OSUtils()
    steps = BuildStage(
        [
            InjectDefaults(),
            PolicyGenerator(AppPolicyGenerator(files), files),
            SwaggerBuilder(CFNSwaggerGenerator()),
            LambdaEventSourcePolicyInjector(),
            WebsocketPolicyInjector(),
        ]
    )
    builder = ResourceBuilder(ApplicationGraphBuilder(), DependencyBuilder(), steps)
    resources = builder.construct_resources(config, stage)
    template: Template = NamedFunctions(config, factory.create_package_options()).generate(resources)
    return template


if __name__ == "__main__":
    *subject, output = sys.argv[1:]
    Path(output).write_text(json.dumps(_template(*subject)))
