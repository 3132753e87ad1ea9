"""`build`: the app's stack of a stage, in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from infra import stages
from infra.build import build
from infra.errors import BuildError
from infra.stages import Stage

TERRAFORM = "terraform"


def run(options: argparse.Namespace) -> int:
    """Write template, package and manifest, and the root module if that is asked for; say how large they are."""
    stage = stages.named(options.stage, emulated=options.for_emulator)
    if options.format == TERRAFORM and stage.is_emulated:
        raise BuildError("Terraform is for AWS: choose dev, staging or prod, not an emulator")
    made = build(options.stage, options.out, emulated=options.for_emulator)
    if options.format == TERRAFORM:
        _write_module(stage, options.out)
    print(
        f"{options.out}: {len(made.functions)} functions, {len(made.routes)} routes, "
        f"package {made.size.zipped / 1e6:.1f} MB ({made.size.unzipped / 1e6:.1f} MB unpacked), {made.architecture}"
    )
    return 0


def _write_module(stage: Stage, out: Path) -> None:
    # SAM's and cfn-lint's libraries take long to load, and other commands have no use for them.
    from infra.terraform import export  # noqa: PLC0415

    print(f"{out}: a root module of {export.write(stage, out)} resources, and that of the account in {export.SHARED}/")
