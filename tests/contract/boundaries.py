"""The rules of the house as checks of source text: each says what is wrong with a module, or nothing."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("app.py", "chalicelib")
BANNED_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"})

BOTOCORE_ERRORS = frozenset(
    {
        "chalicelib/assistant/asking.py",
        "chalicelib/assistant/embeddings.py",
        "chalicelib/assistant/model.py",
        "chalicelib/messaging/destinations.py",
        "chalicelib/messaging/redrive.py",
        "chalicelib/notifications/endpoints.py",
        "chalicelib/notifications/provider.py",
        "chalicelib/refunds/workflow.py",
        "chalicelib/realtime/sockets.py",
        "chalicelib/realtime/sweep.py",
        "chalicelib/storage.py",
        "chalicelib/table.py",
        "chalicelib/users/directory.py",
    }
)
"""Modules that tell botocore's errors apart; its clients come from `clients.py` all the same."""

NAMED_AS_IN_THE_STANDARD_LIBRARY = frozenset({"chalicelib/secrets.py"})
"""Named after what it reads, and never imported by that name alone."""

MEASURES_TIME = frozenset({"chalicelib/health"})
"""Domains in which a float is a duration; nowhere in a domain is it anything else."""


@dataclass(frozen=True)
class Module:
    """A module by its path from the root, and its source."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def domain(self) -> str:
        """The domain that the module belongs to (`chalicelib/users`), or `""`."""
        folder = PurePosixPath(self.path).parent
        return str(folder) if (ROOT / folder / "service.py").exists() else ""

    def imports(self) -> Iterator[str]:
        """Every module or name that is imported, in full, wherever in the source."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parent = node.module or ""
                yield from (f"{parent}.{alias.name}" for alias in node.names)

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with what is called, as it is written."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


Check = Callable[[Module], Iterator[str]]


def modules(*places: str) -> list[Module]:
    """The modules in `places` (files and folders of the project)."""
    files = [
        file for place in places for file in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    return [Module(file.relative_to(ROOT).as_posix(), file.read_text()) for file in sorted(files)]


def chalice_stays_at_the_edge(module: Module) -> Iterator[str]:
    """Only `app.py` and `chalicelib/web` know Chalice."""
    if module.path != "app.py" and not module.path.startswith("chalicelib/web/"):
        yield from (f"imports {name}" for name in module.imports() if name.split(".")[0] == "chalice")


def the_web_stays_at_the_edge(module: Module) -> Iterator[str]:
    """A use case knows nothing of HTTP; schemas name the query of a page."""
    if module.domain and not module.path.endswith("schemas.py"):
        yield from (f"imports {name}" for name in module.imports() if name.startswith("chalicelib.web"))


def clients_are_made_in_one_place(module: Module) -> Iterator[str]:
    """Only `clients.py` makes boto3 clients, with their time-outs."""
    if module.path == "chalicelib/clients.py":
        return
    for name in module.imports():
        is_error = (
            name.startswith(("botocore.exceptions.", "botocore.eventstream.ParserError"))
            and module.path in BOTOCORE_ERRORS
        )
        if name.split(".")[0] in {"boto3", "botocore"} and not is_error:
            yield f"imports {name}"


def settings_are_read_in_one_place(module: Module) -> Iterator[str]:
    """Only `config.py` reads the environment."""
    if module.path == "chalicelib/config.py":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"}:
            yield f"uses {ast.unparse(node)}"
    yield from (f"imports {name}" for name in module.imports() if name in {"os.environ", "os.getenv"})


def domains_know_each_other_by_their_use_cases(module: Module) -> Iterator[str]:
    """A domain imports another one's package, service, schemas or events, never its tables and SQL."""
    if not module.domain:
        return
    for name in module.imports():
        package, _, rest = name.removeprefix("chalicelib.").partition(".")
        inner = f"chalicelib/{package}/{rest.partition('.')[0]}"
        is_other = Module(f"{inner}.py", "").domain not in {"", module.domain}
        if is_other and (ROOT / f"{inner}.py").exists() and not inner.endswith(("/service", "/schemas", "/events")):
            yield f"imports {name}"


def the_edge_commits(module: Module) -> Iterator[str]:
    """Use cases and SQL never commit, roll back, or open a unit of work of their own."""
    if module.domain:
        for name, _ in module.calls():
            if name.rpartition(".")[2] in {"commit", "rollback", "begin", "engine"} or name in {
                "database.write",
                "database.read",
            }:
                yield f"calls {name}"


def nothing_is_printed(module: Module) -> Iterator[str]:
    """Logs are log lines."""
    yield from (f"calls {name}" for name, _ in module.calls() if name in {"print", "pprint", "sys.stdout.write"})


def every_moment_has_a_time_zone(module: Module) -> Iterator[str]:
    """No naive datetime is made."""
    for name, call in module.calls():
        called = name.rpartition(".")[2]
        has_zone = len(call.args) > (called == "fromtimestamp") or any(keyword.arg == "tz" for keyword in call.keywords)
        if (
            called in {"utcnow", "utcfromtimestamp", "today"}
            or (called in {"now", "fromtimestamp"} and "date" in name and not has_zone)
            or (
                name in {"datetime", "datetime.datetime"}
                and len(call.args) < 8
                and "tzinfo" not in {k.arg for k in call.keywords}
            )
        ):
            yield f"calls {name}"


def names_say_what_a_module_holds(module: Module) -> Iterator[str]:
    """No module is called after what it is instead of what it is about."""
    yield from (
        f"is called {part}" for part in PurePosixPath(module.path).with_suffix("").parts if part in BANNED_NAMES
    )


def nothing_shadows_the_standard_library(module: Module) -> Iterator[str]:
    """No module of the package has the name of one of Python's own."""
    name = PurePosixPath(module.path).stem
    if name in sys.stdlib_module_names and name != "__init__" and module.path not in NAMED_AS_IN_THE_STANDARD_LIBRARY:
        yield f"is called {name}"


def every_route_declares_its_audience(module: Module) -> Iterator[str]:
    """A route says who may call it where it is declared."""
    for name, call in module.calls():
        if name == "app.route" and "authorizer" not in {keyword.arg for keyword in call.keywords}:
            yield f"declares {ast.unparse(call)[:60]} without an authorizer"


def money_is_never_a_float(module: Module) -> Iterator[str]:
    """No fraction of any kind in a domain: money is an integer of minor units."""
    if (not module.domain and module.path != "chalicelib/money.py") or module.domain in MEASURES_TIME:
        return
    for node in ast.walk(module.tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name in {"float", "Float", "Decimal", "Numeric", "REAL", "DOUBLE_PRECISION"}:
            yield f"uses {name}"
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"uses {node.value}"


def the_map_decides_nothing(module: Module) -> Iterator[str]:
    """`app.py` declares and calls; a branch or a loop belongs into a use case."""
    if module.path == "app.py":
        deciding = (ast.If, ast.For, ast.While, ast.Try, ast.Match, ast.IfExp, ast.BoolOp, ast.comprehension)
        yield from (
            f"decides in line {getattr(n, 'lineno', '?')}" for n in ast.walk(module.tree) if isinstance(n, deciding)
        )


def the_package_stands_on_its_own(module: Module) -> Iterator[str]:
    """What is shipped imports nothing of what stays at home."""
    at_home = {"bench", "infra", "local", "migrations", "ops", "tests", "pytest"}
    yield from (f"imports {name}" for name in module.imports() if name.split(".")[0] in at_home)


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        chalice_stays_at_the_edge,
        the_web_stays_at_the_edge,
        clients_are_made_in_one_place,
        settings_are_read_in_one_place,
        domains_know_each_other_by_their_use_cases,
        the_edge_commits,
        nothing_is_printed,
        every_moment_has_a_time_zone,
        names_say_what_a_module_holds,
        nothing_shadows_the_standard_library,
        every_route_declares_its_audience,
        money_is_never_a_float,
        the_map_decides_nothing,
        the_package_stands_on_its_own,
    )
}
