"""The zip that the functions run: compiled, small, reproducible, and enough to start every function on its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from infra import bytecode, packager, pruning
from infra.build import PROJECT
from infra.errors import BuildError
from infra.manifest import Function
from tests.contract import elf
from tests.contract.conftest import Built
from tests.events import http_api_event, sign_up_event

# Of these, 3.5 MB are Pillow, which publish_upload alone loads: one package for all functions is one to build and keep.
LARGEST = 15_000_000
HEAVY = ("sqlalchemy", "pg8000", "redis", "alembic", "boto3", "botocore", "PIL")
ON_THE_MACHINE = ("ld-linux", "libc.so", "libdl.so", "libgcc_s.so", "libm.so", "libpthread.so", "librt.so", "libz.so")
CONFIGURED = json.loads((PROJECT / ".chalice" / "config.json").read_text())["lambda_functions"]
HANDLERS = {name: name for name in CONFIGURED} | {"api_handler": "app"}

# What Lambda's runtime does: import the module of the handler, take the handler, call it.
START = """
import json, sys
sys.path.insert(0, sys.argv[1])
import app
handler = getattr(app, sys.argv[2])
event = json.loads(sys.argv[3])
answer = handler(event, None) if event else None
print(json.dumps({"answer": answer, "modules": sorted(sys.modules), "debug": app.app.debug}, default=str))
"""


def start(task_root: Path, function: str, event: dict[str, Any] | None = None) -> dict[str, Any]:
    """Start `function` in an interpreter that has the package and nothing else: no site-packages, no boto3."""
    environment = {
        "AWS_LAMBDA_FUNCTION_NAME": f"marketplace-prod-{function}",
        "AWS_REGION": "eu-central-1",
        "STAGE": "prod",
        "POWERTOOLS_METRICS_DISABLED": "true",
    }
    command = [sys.executable, "-I", "-S", "-c", START, str(task_root), HANDLERS[function], json.dumps(event)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    said: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return said


def not_compiled(package: Path) -> list[str]:
    """The modules of a package that Python would compile, or check against their source, when they are imported."""
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())
        stale = [name for name in names if name.endswith(".pyc") and not bytecode.is_unchecked(archive.read(name))]
    sources = {name for name in names if name.endswith(".py")}
    return sorted(stale) + sorted(name for name in sources if bytecode.beside_source(name) not in names)


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_every_module_is_compiled(built: Callable[[str], Built], stage: str) -> None:
    assert not_compiled(built(stage).package) == []


def test_a_module_that_is_not_compiled_is_noticed(prod: Built, tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    shutil.copyfile(prod.package, package)
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr("late.py", "")
        archive.writestr("early.pyc", b"\0" * 16)
    assert not_compiled(package) == ["early.pyc", "late.py"]


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_the_package_is_small(built: Callable[[str], Built], stage: str) -> None:
    assert built(stage).package.stat().st_size < LARGEST


def test_the_package_holds_the_application_and_its_migrations(prod: Built) -> None:
    with zipfile.ZipFile(prod.package) as archive:
        names = set(archive.namelist())
    carried = ["app.py", *_sources(PROJECT / "chalicelib"), *_sources(PROJECT / "migrations")]
    assert set(carried) <= names
    assert "chalice/app.py" in names


def test_the_package_holds_nothing_that_the_runtime_has_or_no_function_needs(prod: Built) -> None:
    tops = set(prod.manifest["packages"])
    assert tops.isdisjoint({*pruning.IN_THE_RUNTIME, "tests", "infra", "local", "bench", "pip", "setuptools", "bin"})


def test_both_architectures_hold_the_same_modules(built: Callable[[str], Built]) -> None:
    def modules(stage: str) -> set[str]:
        with zipfile.ZipFile(built(stage).package) as archive:
            return {name for name in archive.namelist() if ".so" not in PurePosixPath(name).suffixes}

    assert modules("prod") == modules("local")


def test_the_same_sources_make_the_same_bytes(prod: Built, tmp_path: Path) -> None:
    dependencies = packager.dependencies(PROJECT, "arm64", lambda _: None)
    packager.assemble(PROJECT, dependencies, tmp_path / "again.zip")
    assert packager.sha256(tmp_path / "again.zip") == prod.manifest["sha256"]


def test_the_manifest_adds_up(prod: Built) -> None:
    manifest = prod.manifest
    assert manifest["size"]["zipped"] == prod.package.stat().st_size
    assert manifest["size"]["unzipped"] == sum(size["unzipped"] for size in manifest["packages"].values())
    assert manifest["sha256"] == packager.sha256(prod.package)
    assert all(set(function) == set(Function.__dataclass_fields__) for function in manifest["functions"])


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_starts_from_the_package_alone(task_root: Path, function: str) -> None:
    said = start(task_root, function)
    assert said["debug"] is False
    assert _loaded(said["modules"], ("boto3", "botocore")) == []


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_loads_nothing_heavy_before_it_needs_it(task_root: Path, function: str) -> None:
    loaded = set(_loaded(start(task_root, function)["modules"], HEAVY))
    assert loaded == ({"sqlalchemy", "pg8000"} if function == "api_handler" else set())


PICTURES = """
import io, sys
sys.path.insert(0, sys.argv[1])
from chalicelib.uploads import images
from PIL import Image
for kind in ("JPEG", "PNG", "WEBP"):
    sent = io.BytesIO()
    Image.new("RGB", (640, 480), (10, 200, 30)).save(sent, kind)
    picture = images.developed(sent.getvalue(), f"image/{kind.lower()}")
    assert (picture.width, picture.height) == (640, 480)
print("made anew")
"""


def test_pictures_of_every_kind_are_made_anew_by_the_package_alone(task_root: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", PICTURES, str(task_root)]
    run = subprocess.run(command, env={"STAGE": "prod"}, capture_output=True, text=True, check=False)
    assert run.stdout == "made anew\n", run.stderr


def test_every_library_finds_what_it_needs_in_the_package_or_on_the_machine(prod: Built) -> None:
    """Lambda's machine has glibc and zlib; the rest has to be in the package, for the other processor, too."""
    with zipfile.ZipFile(prod.package) as archive:
        libraries = {name: archive.read(name) for name in archive.namelist() if ".so" in PurePosixPath(name).suffixes}
    carried = {PurePosixPath(name).name for name in libraries}
    missing = {
        f"{name} needs {needed}"
        for name, library in libraries.items()
        for needed in elf.needed(library)
        if needed not in carried and not needed.startswith(ON_THE_MACHINE)
    }
    assert missing == set()
    assert any("pillow.libs" in name for name in libraries)


def test_a_registration_is_checked_without_database_or_sdk(task_root: Path) -> None:
    said = start(task_root, "pre_sign_up", sign_up_event("somebody@example.com"))
    assert said["answer"]["request"]["userAttributes"]["email"] == "somebody@example.com"
    assert _loaded(said["modules"], HEAVY) == []


def test_the_api_function_loads_what_it_serves_while_it_starts(task_root: Path) -> None:
    modules = start(task_root, "api_handler")["modules"]
    assert {"sqlalchemy", "pg8000", "marshmallow"} <= set(modules)


def test_health_is_answered_by_the_package_alone(task_root: Path) -> None:
    said = start(task_root, "api_handler", http_api_event("GET", "/health", route="/health"))
    assert said["answer"]["statusCode"] == 200


@pytest.mark.parametrize("path", ["/me", "/admin/users", "/nowhere"])
def test_the_catch_all_route_serves_no_route(task_root: Path, path: str) -> None:
    """It has no authorizer, so a request that reaches it must never reach a view, whatever its path."""
    said = start(task_root, "api_handler", http_api_event("GET", path))
    assert said["answer"]["statusCode"] in {404, 405}


def test_migrations_are_found_from_the_package_alone(task_root: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from alembic.script import ScriptDirectory; "
        "print(len(list(ScriptDirectory(sys.argv[1] + '/migrations').walk_revisions())))"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(task_root)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout) == len(list((PROJECT / "migrations" / "versions").glob("*.py")))


def test_a_dependency_that_cannot_be_installed_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "requirements.txt").write_text("marketplace-needs-this==1.0\n")
    with pytest.raises(BuildError, match="marketplace-needs-this"):
        packager.dependencies(tmp_path, "arm64", lambda _: None)


def test_a_module_that_is_not_python_stops_the_build(tmp_path: Path, prod: Built) -> None:
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "migrations").mkdir()
    (tmp_path / "app.py").write_text("def broken(:\n")
    with pytest.raises(BuildError, match=r"app\.py.*line 1"):
        packager.assemble(tmp_path, prod.package, tmp_path / "package.zip")
    assert not (tmp_path / "package.zip").exists()


def _sources(folder: Path) -> Iterable[str]:
    for path in folder.rglob("*.py*"):
        if path.suffix in {".py", ".pyi"}:
            yield path.relative_to(PROJECT).as_posix()


def _loaded(modules: list[str], packages: Iterable[str]) -> list[str]:
    return sorted(set(packages) & set(modules))
