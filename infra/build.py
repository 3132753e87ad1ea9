"""The app's stack of one stage: a template, the package its functions run, and a manifest of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from infra import manifest, packager, release, stages
from infra.chalice_app import generate
from infra.errors import BuildError
from infra.manifest import Manifest, Size
from infra.stages import Stage
from infra.template import transform

PROJECT = Path(__file__).parent.parent
TEMPLATE, PACKAGE, MANIFEST = "template.json", "package.zip", "manifest.json"

# Lambda's own limits on a package, in bytes: what CloudFormation takes from S3, and what that may unpack to.
_LARGEST_UNZIPPED = 250 * 1024 * 1024


def build(stage: str, out: Path, *, emulated: bool = False, progress: Callable[[str], object] = print) -> Manifest:
    """Build `stage` into the folder `out`: `template.json`, `package.zip`, `manifest.json`.

    With `emulated` for an emulator on this machine: its processor, no TLS to PostgreSQL, and APIs with agreed ids.
    Raises `BuildError` when the stage is unknown, the configuration or `app.py` is wrong, or a dependency is missing.
    """
    return _build(stages.named(stage, emulated=emulated), out, progress, release_id="")


def refresh(stage: str, out: Path, *, progress: Callable[[str], object] = print) -> Manifest:
    """Build again under the release of the last build in `out`, so that only what was edited differs.

    The template is the same, byte for byte, while no route, function or setting changed: compare `template_sha256`.
    """
    earlier = out / MANIFEST
    release_id = manifest.read(earlier)["release"] if earlier.exists() else ""
    return _build(stages.named(stage), out, progress, release_id)


def _build(stage: Stage, out: Path, progress: Callable[[str], object], release_id: str) -> Manifest:
    out.mkdir(parents=True, exist_ok=True)
    package = out / PACKAGE
    packager.assemble(PROJECT, packager.dependencies(PROJECT, stage.architecture, progress), package)
    digest = packager.sha256(package)
    release_id = release_id or release.identify(PROJECT, digest)
    progress(f"{stage.name} {release_id}: packaged, asking Chalice for the template")
    template = transform(generate(PROJECT, stage), stage, release_id)
    text = json.dumps(template, indent=2) + "\n"
    (out / TEMPLATE).write_text(text)
    packages = manifest.sizes(package)
    made = Manifest(
        stage=stage.name,
        is_emulated=stage.is_emulated,
        release=release_id,
        python=packager.RUNTIME,
        architecture=stage.architecture,
        sha256=digest,
        template_sha256=hashlib.sha256(text.encode()).hexdigest(),
        size=Size(package.stat().st_size, sum(size.unzipped for size in packages.values())),
        packages=packages,
        functions=tuple(manifest.list_functions(template, stage)),
        routes=tuple(manifest.list_routes(template)),
        sockets=tuple(manifest.list_sockets(template)),
    )
    if made.size.unzipped > _LARGEST_UNZIPPED:
        raise BuildError(f"the package unpacks to {made.size.unzipped} bytes: Lambda takes {_LARGEST_UNZIPPED}")
    made.write(out / MANIFEST)
    return made
