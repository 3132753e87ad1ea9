"""What is looked at: the stacks as they are written, and the app's stack as it is built for each stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from infra.build import PROJECT, TEMPLATE, build
from infra.chalice_app import Template
from infra.deployed import deployed
from infra.sam import sam_translated
from infra.stages import LAPTOP, STAGE_NAMES, named
from infra.terraform import export

STACKS = PROJECT / "infra" / "stacks"
# With everything that a parameter can add.
PROD = {
    "Stage": "prod",
    "ImageDigest": f"sha256:{'0' * 64}",
    "Domain": "shop.example.com",
    "Edge": "true",
    "TableReplicaRegion": "eu-west-1",
}


class Subjects:
    """The templates, each built once, in a folder of their own."""

    def __init__(self, folder: Path, say: Callable[[str], object]) -> None:
        self.folder = folder
        self.say = say

    @property
    def stacks(self) -> list[Path]:
        """The templates that are written by hand."""
        return sorted(STACKS.glob("*.yaml"))

    def built(self, stage: str) -> Path:
        """The app's template for `stage`, before the SAM transform."""
        template = self.folder / stage / TEMPLATE
        if not template.exists():
            self.say(f"building {stage}")
            build(stage, template.parent, progress=lambda _: None)
        return template

    def translated(self, stage: str) -> Path:
        """The app's template for `stage`, after the SAM transform."""
        path = self.folder / f"app-{stage}.json"
        if not path.exists():
            path.write_text(json.dumps(sam_translated(json.loads(self.built(stage).read_text()))))
        return path

    def modules(self) -> dict[str, Path]:
        """The folder of each root module of Terraform: one for a stage on AWS, and the account's own."""
        folders = {stage: self.built(stage).parent for stage in STAGE_NAMES if stage != LAPTOP}
        for stage, folder in folders.items():
            if not (folder / export.SHARED).exists():
                self.say(f"translating {stage} to Terraform")
                export.write(named(stage), folder)
        return {**folders, export.SHARED: next(iter(folders.values())) / export.SHARED}

    def in_prod(self) -> dict[str, Template]:
        """Every template as CloudFormation has it for prod: loops written out, conditions decided, SAM translated."""
        stacks = {path.stem: deployed(path, **PROD) for path in self.stacks}
        return {**stacks, "app": json.loads(self.translated("prod").read_text())}
