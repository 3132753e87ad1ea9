"""The Terraform modules, held to the provider's schema, to Terraform's own eyes, and to checkov's rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from infra.terraform.types import translations
from infra.verify.outcome import Outcome, State, judged
from infra.verify.provider_schema import provider_schema
from infra.verify.subjects import Subjects
from infra.verify.terraform_module import findings, read
from infra.verify.terraform_tables import misnamed
from infra.verify.terraform_twin import write_twin
from infra.verify.tools import run

# Values of variables that have none, and with them all that a variable can add.
WANTED = {"code_bucket": "code", "repository": "marketplace/marketplace"}
EVERYTHING = {
    **WANTED,
    "edge": "true",
    "domain": "shop.example.com",
    "hosted_zone_id": "Z0123456789",
    "health_check": "true",
    "shield_advanced": "true",
    "blocked_countries": "AA,BB",
    "alarm_email": "team@example.com",
    "image_digest": f"sha256:{'0' * 64}",
    "budget_amount": 10,
    "api_provisioned_concurrency": 1,
    "table_replica_region": "eu-west-1",
}
_LONGEST = 800


def provider(subjects: Subjects) -> Outcome:
    """Every block has the arguments that the provider wants, and reads attributes that are there; so do the tables."""
    schema = provider_schema(subjects.say)
    tables = translations()
    found, blocks = [each for kind, table in tables.items() for each in misnamed(kind, table, schema)], 0
    for name, folder in subjects.modules().items():
        module = read(folder)
        blocks += len(module.blocks)
        found += [f"{name}/{finding}" for finding in findings(module, schema)]
    return judged(
        found, f"{len(subjects.modules())} modules, {blocks} blocks, {len(tables)} tables, {len(found)} findings"
    )


def plan(subjects: Subjects) -> Outcome:
    """Terraform formats the modules as they are, and comes to a plan with their expressions."""
    terraform = shutil.which("terraform")
    if terraform is None:
        return Outcome(State.NOT_RUN, "terraform is not installed")
    found = []
    for name, folder in subjects.modules().items():
        subjects.say(f"planning {name}")
        formatted = run([terraform, "fmt", "-check", "-recursive", str(folder)])
        found += [f"{name}: {path} is not as `terraform fmt` writes it" for path in formatted.stdout.split()]
        found += [f"{name}: {problem}" for problem in _planned(terraform, folder, subjects.folder / f"twin-{name}")]
    return judged(found, f"{len(subjects.modules())} modules, {len(found)} findings")


def _planned(terraform: str, module: Path, twin: Path) -> list[str]:
    write_twin(module, twin)
    variables = {name for path in module.glob("*.tf.json") for name in json.loads(path.read_text()).get("variable", {})}
    ended = run([terraform, "init", "-backend=false", "-input=false", "-no-color"], folder=twin)
    problems = [] if ended.returncode == 0 else [" ".join(ended.stderr.partition("Error:")[2].split())[:_LONGEST]]
    for given in (WANTED, EVERYTHING) if not problems else ():
        values = {name: value for name, value in given.items() if name in variables}
        (twin / "terraform.tfvars.json").write_text(json.dumps(values))
        ended = run([terraform, "plan", "-input=false", "-json"], folder=twin)
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        problems += [_problem(line["diagnostic"]) for line in lines if line["@level"] == "error"]
    return list(dict.fromkeys(problems))


def _problem(diagnostic: dict[str, Any]) -> str:
    where = diagnostic.get("snippet", {}).get("context") or diagnostic.get("address", "")
    return f"{where} {diagnostic['summary']}: {diagnostic['detail']}".replace("\n", " ").strip()
