"""checkov on the Terraform modules of prod: the rules that it has for CloudFormation, and the same short list."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.deployed import read, unrolled
from infra.terraform.export import SHARED
from infra.terraform.stack import snake
from infra.verify import security
from infra.verify.outcome import Outcome, State
from infra.verify.subjects import Subjects
from infra.verify.tools import CHECKOV, installed, run

# checkov's reader of Terraform's JSON crashes on these, and then says that nothing is wrong.
_UNREADABLE = ("terraform", "ephemeral")


def checkov(subjects: Subjects) -> Outcome:
    """What holds for the stacks holds for the modules. Rules that checkov has for Terraform alone are not asked for."""
    folder = subjects.folder / "checkov-terraform"
    modules = subjects.modules()
    for name in ("prod", SHARED):
        for path in modules[name].glob("*.tf.json"):
            readable_module(path, folder / name)
    program = installed(CHECKOV, "checkov")
    subjects.say("about half a minute")
    listed = run([program, "--list", "--framework", "cloudformation"]).stdout
    rules = ",".join(sorted(set(re.findall(r"\bCKV\w+", listed))))
    options = ["--skip-download", "--framework", "terraform_json", "--quiet", "--compact", "--output", "json"]
    ended = run([program, *options, "--check", rules, "--directory", "."], folder=folder)
    if not ended.stdout.strip():
        return Outcome(State.FAILED, f"checkov ended with {ended.returncode}", ended.stderr.splitlines()[-5:])
    origins = {
        f"{stack}_{snake(name)}": f"{stack} {resource['Type']}.{name}"
        for stack, template in subjects.in_prod().items()
        for name, resource in template["Resources"].items()
    }
    report = of_stacks(json.loads(ended.stdout), origins, _left_out(subjects) - set(origins))
    outcome = security.judge(report, security.skips(), "terraform")
    if "Traceback" in ended.stderr:
        return replace(outcome, state=State.FAILED, findings=[*outcome.findings, ended.stderr[-500:]])
    return outcome


def readable_module(path: Path, folder: Path) -> None:
    """Write the file of a module at `path` to `folder` as checkov reads it, with all blocks that there may be."""
    content = {name: _whole(value) for name, value in json.loads(path.read_text()).items() if name not in _UNREADABLE}
    if content:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_text(json.dumps(content, indent=1))


def of_stacks(report: dict[str, Any], origins: Mapping[str, str], left_out: Collection[str] = ()) -> dict[str, Any]:
    """`report` with each resource called as in its stack, which `origins` has by the name in Terraform.

    What is `left_out` of the stacks by their parameters is not judged there, and not here.
    """
    checks = report["results"]["failed_checks"]
    failed = [_origin(check, origins) for check in checks if check["resource"].rpartition(".")[2] not in left_out]
    return {**report, "results": {**report["results"], "failed_checks": failed}}


def _left_out(subjects: Subjects) -> set[str]:
    return {f"{path.stem}_{snake(name)}" for path in subjects.stacks for name in unrolled(read(path))["Resources"]}


def _origin(check: dict[str, Any], origins: Mapping[str, str]) -> dict[str, Any]:
    name = check["resource"].rpartition(".")[2]
    while name and name not in origins:
        name = name.rpartition("_")[0]  # one of several that a resource became
    stack, _, resource = origins.get(name, f"{Path(check['file_path']).stem} {check['resource']}").partition(" ")
    return {**check, "file_path": f"/{stack}.json", "resource": resource}


def _whole(value: Any) -> Any:
    match value:
        case {"dynamic": dict(blocks), **rest}:
            whole = _whole(rest)
            for name, conditional in blocks.items():
                bodies = [_whole(each["content"]) for each in _listed(conditional)]
                whole[name] = [*_listed(whole.get(name, [])), *bodies]
            return whole
        case dict():
            return {name: _whole(each) for name, each in value.items()}
        case list():
            return [_whole(each) for each in value]
    return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
