"""What README, CONTRIBUTING, SECURITY and `docs/` say about files, commands, routes and problem types is true."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

import chalicelib
from chalicelib.errors import MarketplaceError
from chalicelib.web import problems
from chalicelib.web.endpoint import Endpoint
from infra.verify.lint import lint

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("[!.]*/README.md")])
EXAMPLE = ROOT / "docs" / "adding-a-domain.md"
TOP_LEVEL = {
    *("app.py", "bench", "chalicelib", "docs", "infra", "local", "migrations", "ops", "tests", "vendor"),
    *(".chalice", ".ci", ".editorconfig", ".pre-commit-config.yaml", "Makefile", "pyproject.toml"),
    *("requirements.txt", "requirements-dev.txt", "requirements.in", "requirements-dev.in"),
    *("requirements-jobs.txt", "requirements-jobs.in", "Dockerfile"),
}
MADE_LATER = re.compile(r"\.chalice/deploy|[…<{*]|build/")

_PARAMETER = re.compile(r"/marketplace/\$\{Stage\}/([a-z/-]+)")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text())

    lost = [link for link in links if "://" not in link and not _leads_somewhere(document, link)]

    assert lost == []


@each_document
def test_every_file_that_is_mentioned_exists(document: Path) -> None:
    mentioned = {mention for mention in _code_spans(document.read_text()) if _is_path(mention)}
    made = _files_of_the_example() if document == EXAMPLE else set()

    assert sorted(path for path in mentioned - made if not (ROOT / path).exists()) == []


@each_document
def test_every_make_target_that_is_mentioned_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = {words[1] for words in _commands(document) if words[0] == "make" and len(words) > 1}

    assert {target for target in mentioned if re.fullmatch("[a-z-]+", target)} <= targets


@each_document
def test_every_python_command_that_is_mentioned_exists(document: Path) -> None:
    for module, command, options in _module_commands(document):
        assert find_spec(module), f"python -m {module}"
        if module in {"infra", "local", "ops"}:
            assert options <= _options(module, command), f"python -m {module} {' '.join(command)}"


def test_the_templates_in_documents_are_clean_to_cfn_lint(tmp_path: Path) -> None:
    templates = [template for document in DOCUMENTS for template in _templates(document)]

    assert templates
    for template in templates:
        assert _lint(tmp_path, template) == []
        assert _lint(tmp_path, template.replace("RouteKey:", "Key:")) != []


def test_the_templates_in_documents_read_parameters_that_stacks_know() -> None:
    stacks = "".join(path.read_text() for path in (ROOT / "infra" / "stacks").glob("*.yaml"))
    read = set(_PARAMETER.findall("".join(template for document in DOCUMENTS for template in _templates(document))))

    assert read
    assert read <= set(_PARAMETER.findall(stacks))


def test_the_table_of_problem_types_is_the_codes() -> None:
    rows = re.findall(r"^\| `/problems/([a-z-]+)` \| (\d+) \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)

    assert {(slug, int(status)) for slug, status in rows} == {*_problem_types(), ("internal-error", 500)}
    assert len(rows) == len(set(rows))


def test_the_table_of_routes_is_the_apps() -> None:
    import app

    text = (ROOT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| ([A-Z]+) \| `(/[^`]*)` \| ([^|]+) \|([^|]*)\|", text, re.MULTILINE)

    documented = {(method, path, who, needs.strip(" `")) for method, path, who, needs in rows}
    assert documented == {_route(endpoint) for endpoint in app.app.endpoints}


def test_the_guide_explains_every_keyword_of_a_route() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", EXAMPLE.read_text(), re.MULTILINE))

    keywords = set(Endpoint.__dataclass_fields__) - {"view", "method", "path", "audience"} | {"methods", "authorizer"}
    assert keywords <= explained


def test_the_guides_example_is_a_domain_of_this_app(tmp_path: Path) -> None:
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("chalicelib", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))

    _follow_the_guide(tmp_path)

    assert _routes_under(tmp_path, "/reviews") == ["GET /reviews", "GET /reviews/{review_id}", "POST /reviews"]
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--ignore=I001", "."]  # I001: the guide says to sort
    assert subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False).stdout.endswith("passed!\n")


def _leads_somewhere(document: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not fragment or fragment in _anchors(target)


def _anchors(document: Path) -> set[str]:
    """The fragments of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code_spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def _is_path(mention: str) -> bool:
    """Whether a code span names a file of the project, and not one that a command makes or a pattern."""
    if MADE_LATER.search(mention) or not re.fullmatch(r"[\w./-]+", mention):
        return False
    return mention.partition("/")[0] in TOP_LEVEL and ("/" in mention or "." in mention or mention == "Makefile")


def _files_of_the_example() -> set[str]:
    """The files that the guide has its reader write."""
    return set(re.findall(r"^`([\w./-]+)`:$", EXAMPLE.read_text(), re.MULTILINE))


def _follow_the_guide(project: Path) -> None:
    """Does to the copy `project` what the guide says: writes its files, and its lines into `app.py`."""
    text = EXAMPLE.read_text()
    for name, source in re.findall(r"^`([\w./-]+)`:\n\n```python\n(.*?)```", text, re.MULTILINE | re.DOTALL):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(source)
    imports, routes, load = re.findall(
        r"```python\n(.*?)```", text.partition("## The lines in app.py")[2].partition("\n## ")[0], re.DOTALL
    )
    app = (project / "app.py").read_text()
    last_import = "from chalicelib.web import identity\n"
    app = app.replace(last_import, imports + last_import, 1).replace("# --- releases", f"{routes}\n\n# --- releases", 1)
    (project / "app.py").write_text(re.sub(r"^app\.load\(.*\)$", load.strip(), app, flags=re.MULTILINE))


def _routes_under(project: Path, path: str) -> list[str]:
    """The routes below `path` in the OpenAPI document that `project` makes, with its API function's imports done."""
    script = (
        "import app, json; from chalicelib.web import openapi; "
        "paths = json.loads(json.dumps(openapi.document(app.app.endpoints)))['paths']; "
        "print(*(f'{method.upper()} {path}' for path in paths for method in paths[path]), sep='\\n')"
    )
    environment = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": "marketplace-local-api_handler"}
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    return sorted(line for line in run.stdout.splitlines() if line.partition(" ")[2].startswith(path))


def _templates(document: Path) -> list[str]:
    """The whole CloudFormation templates in the YAML blocks of `document`."""
    return re.findall(r"```yaml\n(AWSTemplateFormatVersion.*?)```", document.read_text(), re.DOTALL)


def _lint(folder: Path, template: str) -> list[str]:
    (folder / "template.yaml").write_text(template)
    return lint(folder / "template.yaml")


def _commands(document: Path) -> Iterator[list[str]]:
    """Command lines in code spans and shell blocks, as words."""
    text = document.read_text()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    for line in [*blocks.splitlines(), *_code_spans(text)]:
        if words := line.partition("#")[0].split():
            yield words


def _module_commands(document: Path) -> Iterator[tuple[str, tuple[str, ...], set[str]]]:
    """Each `python -m module command --option`; the command is empty where none is given, and may have two words."""
    lines = "\n".join(" ".join(words) for words in _commands(document))
    for module, rest in re.findall(r"python -m ([\w.]+)([^|)\n]*)", lines):
        values = re.sub(r"--(home|profile|region|stage) \S+", r"--\1", rest)
        words = [word for word in values.split() if re.fullmatch("[a-z][a-z-]*", word)]
        depth = 2 if words[:1] in (["dead-letters"], ["jobs"]) else 1
        yield module, tuple(words[:depth]), set(re.findall(r"--[a-z-]+", rest))


@cache
def _options(module: str, command: tuple[str, ...]) -> set[str]:
    """The options that a command's help lists, and those of the whole module."""
    texts = [
        subprocess.run(
            [sys.executable, "-m", module, *words, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for words in {(), command}
    ]
    return set(re.findall(r"--[a-z-]+", "".join(texts)))


def _problem_types() -> Iterator[tuple[str, int]]:
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        importlib.import_module(module.name)
    for kind in _subclasses(MarketplaceError):
        error = kind.__new__(kind)
        yield problems._told(error, status := problems.status_of(error))[0], status


def _subclasses(kind: type[MarketplaceError]) -> Iterator[type[MarketplaceError]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__.startswith("chalicelib."):
            yield subclass
        yield from _subclasses(subclass)


def _route(endpoint: Endpoint) -> tuple[str, str, str, str]:
    needs = "Idempotency-Key" if endpoint.idempotent else "If-Match" if endpoint.conditional else ""
    return endpoint.method, endpoint.path, endpoint.audience.value, needs
