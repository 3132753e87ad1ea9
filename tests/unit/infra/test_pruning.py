"""What the dependencies bring along is left out by rule, and libraries are cut down to what a loader maps."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import _cffi_backend
import pytest

from infra import pruning


@pytest.mark.parametrize(
    "path",
    [
        "sqlalchemy/sql/compiler.py",
        "sqlalchemy/dialects/postgresql/pg8000.py",
        "sqlalchemy/ext/compiler.py",
        "pg8000-1.31.6.dist-info/METADATA",
        "pg8000-1.31.6.dist-info/licenses/LICENSE",
        "_cffi_backend.cpython-311-x86_64-linux-gnu.so",
        "typing_extensions.py",
    ],
)
def test_what_a_function_may_import_is_kept(path: str) -> None:
    assert pruning.is_needed(Path(path))


@pytest.mark.parametrize(
    "path",
    [
        "botocore/session.py",
        "botocore-1.44.5.dist-info/METADATA",
        "sqlalchemy/orm/session.py",
        "sqlalchemy/dialects/mysql/base.py",
        "sqlalchemy/ext/asyncio/engine.py",
        "sqlalchemy/util/_collections_cy.pyx",
        "pg8000-1.31.6.dist-info/RECORD",
        "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui.min.js",
        "marshmallow/py.typed",
        "bin/alembic",
    ],
)
def test_what_no_function_can_use_is_left_out(path: str) -> None:
    assert not pruning.is_needed(Path(path))


@pytest.mark.skipif(sys.platform != "linux", reason="the package holds ELF libraries, which only Linux loads")
def test_a_library_without_debug_sections_is_smaller_and_loads(tmp_path: Path) -> None:
    original = Path(_cffi_backend.__file__)
    stripped = tmp_path / original.name
    stripped.write_bytes(pruning.without_debug_sections(original.read_bytes()))
    assert stripped.stat().st_size < original.stat().st_size
    assert ctypes.PyDLL(str(stripped)).PyInit__cffi_backend
