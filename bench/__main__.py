"""`python -m bench`: init, first and warm times of the API function under Lambda's runtime client."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import catalogue, figures, targets
from bench.runtime_api import FunctionFailed
from bench.targets import Target
from infra.errors import BuildError
from local.progress import Problem

FOLDER = Path("build/bench").resolve()


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status is 1, with a sentence on standard error, when something did not run."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except (BuildError, FunctionFailed, Problem) as error:
        print(f"bench failed: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    python = targets.runtime_python(FOLDER / "runtime", _say)
    root = targets.unpacked_package(FOLDER, _say)
    with _database(options) as (url, owner_url):
        catalogue.migrate(root, python, owner_url)
        with catalogue.product(owner_url):
            measured = figures.measure(_targets(root, url), python, options.rounds, options.calls, _say)
    print(figures.table(measured))
    print(figures.json_lines(measured))


def _targets(root: Path, url: str) -> list[Target]:
    path = f"/products/{catalogue.PRODUCT}"
    read_product = targets.request(path, "/products/{product_id}", product_id=str(catalogue.PRODUCT))
    return [
        targets.raw(),
        targets.function("GET /health", "app.app", root, targets.request("/health", "/health"), DATABASE_URL=url),
        targets.function("GET /products/{id}", "app.app", root, read_product, DATABASE_URL=url),
    ]


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if options.database_url:
        yield options.database_url, options.database_url
        return
    with catalogue.database(FOLDER / "home", _say) as urls:
        yield urls


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="new execution environments of each target (default: 7)")
    parser.add_argument("--calls", type=int, default=200, help="warm calls in each (default: 200)")
    parser.add_argument("--database-url", default="", help="use this database, migrated, in the place of a new one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
