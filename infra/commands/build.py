"""`build`: the app's stack of a stage, in a folder."""

from __future__ import annotations

import argparse

from infra.build import build


def run(options: argparse.Namespace) -> int:
    """Write template, package and manifest, and say how large they are."""
    made = build(options.stage, options.out, emulated=options.for_emulator)
    print(
        f"{options.out}: {len(made.functions)} functions, {len(made.routes)} routes, "
        f"package {made.size.zipped / 1e6:.1f} MB ({made.size.unzipped / 1e6:.1f} MB unpacked), {made.architecture}"
    )
    return 0
