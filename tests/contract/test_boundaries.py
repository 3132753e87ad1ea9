"""The rules of the house hold, and each check notices when its rule does not."""

from __future__ import annotations

import pytest

from tests.contract.boundaries import BANNED_NAMES, CHECKS, ROOT, SHIPPED, Module, modules

SERVICE = "chalicelib/products/service.py"
ROUTE = '@app.route("/x", {})\ndef x(): return 1'

BROKEN = [
    ("chalice_stays_at_the_edge", SERVICE, "from chalice import Response"),
    ("chalice_stays_at_the_edge", "chalicelib/cache.py", "def f():\n    import chalice.app"),
    ("the_web_stays_at_the_edge", SERVICE, "from chalicelib.web import problems"),
    ("the_web_stays_at_the_edge", "chalicelib/users/repository.py", "from chalicelib.web.pagination import PageQuery"),
    ("clients_are_made_in_one_place", SERVICE, "import boto3"),
    ("clients_are_made_in_one_place", "chalicelib/users/directory.py", "def f():\n    from boto3 import client"),
    ("clients_are_made_in_one_place", "chalicelib/cache.py", "from botocore.exceptions import ClientError"),
    ("clients_are_made_in_one_place", "chalicelib/users/directory.py", "from botocore.session import Session"),
    ("settings_are_read_in_one_place", SERVICE, "import os\nx = os.environ['STAGE']"),
    ("settings_are_read_in_one_place", "app.py", "import os\nx = os.getenv('STAGE')"),
    ("settings_are_read_in_one_place", "chalicelib/cache.py", "from os import environ"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "from chalicelib.users import repository"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "from chalicelib.users.models import users"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "import chalicelib.users.repository"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "def f():\n    from chalicelib.users import directory"),
    ("the_edge_commits", SERVICE, "database.connection().commit()"),
    ("the_edge_commits", "chalicelib/products/repository.py", "connection().rollback()"),
    ("the_edge_commits", SERVICE, "database.write(lambda: 1)"),
    ("the_edge_commits", SERVICE, "with engine().begin() as c: pass"),
    ("nothing_is_printed", SERVICE, "print('x')"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime.now()"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime.datetime.now()"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime.utcnow()"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime.fromtimestamp(1)"),
    ("every_moment_has_a_time_zone", SERVICE, "date.today()"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime(2026, 1, 1)"),
    ("names_say_what_a_module_holds", "chalicelib/utils.py", ""),
    ("names_say_what_a_module_holds", "chalicelib/common/money.py", ""),
    ("nothing_shadows_the_standard_library", "chalicelib/http.py", ""),
    ("nothing_shadows_the_standard_library", "chalicelib/web/json.py", ""),
    ("every_route_declares_its_audience", "app.py", ROUTE.format("methods=['GET']")),
    ("money_is_never_a_float", SERVICE, "total = float(price)"),
    ("money_is_never_a_float", "chalicelib/products/models.py", "Column('price', Numeric)"),
    ("money_is_never_a_float", "chalicelib/products/schemas.py", "price = fields.Float()"),
    ("money_is_never_a_float", "chalicelib/money.py", "VAT = 0.19"),
    ("the_map_decides_nothing", "app.py", "def f(x):\n    if x:\n        return 1"),
    ("the_map_decides_nothing", "app.py", "def f(x):\n    return x or 1"),
    ("the_package_stands_on_its_own", SERVICE, "from local import seed"),
    ("the_package_stands_on_its_own", "app.py", "import tests.people"),
    ("the_package_stands_on_its_own", "chalicelib/messaging/redrive.py", "from ops import terminal"),
]

SOUND = [
    ("chalice_stays_at_the_edge", "chalicelib/web/endpoint.py", "from chalice.app import Request"),
    ("chalice_stays_at_the_edge", SERVICE, "import chalicelib"),
    ("the_web_stays_at_the_edge", "chalicelib/products/schemas.py", "from chalicelib.web.pagination import PageQuery"),
    ("clients_are_made_in_one_place", "chalicelib/clients.py", "import boto3"),
    ("clients_are_made_in_one_place", "chalicelib/users/directory.py", "from botocore.exceptions import ClientError"),
    ("settings_are_read_in_one_place", "chalicelib/config.py", "import os\nx = os.environ"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "from chalicelib import users"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "from chalicelib.users import service"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "from chalicelib.users import require_active"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "from chalicelib.products import repository"),
    ("domains_know_each_other_by_their_use_cases", SERVICE, "from chalicelib.database import connection"),
    ("the_edge_commits", "chalicelib/database/transaction.py", "connection.commit()"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime.now(UTC)"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime.fromtimestamp(1, tz=UTC)"),
    ("every_moment_has_a_time_zone", SERVICE, "datetime(2026, 1, 1, tzinfo=UTC)"),
    ("every_moment_has_a_time_zone", SERVICE, "func.now()"),
    ("every_route_declares_its_audience", "app.py", ROUTE.format("authorizer=anyone")),
    ("money_is_never_a_float", "chalicelib/cache.py", "x = 0.1"),
]


@pytest.mark.parametrize("rule", CHECKS)
def test_every_module_that_is_shipped_keeps_the_rule(rule: str) -> None:
    broken = [f"{module.path} {what}" for module in modules(*SHIPPED) for what in CHECKS[rule](module)]

    assert broken == []


def test_modules_that_stay_at_home_have_names_that_say_what_they_hold() -> None:
    at_home = modules("bench", "infra", "local", "migrations", "ops", "tests")

    assert [module.path for module in at_home if list(CHECKS["names_say_what_a_module_holds"](module))] == []
    assert len(at_home) > 50


def test_no_folder_and_no_document_has_a_banned_name() -> None:
    assert not [path for path in (ROOT / "docs").rglob("*") if path.stem in BANNED_NAMES]


@pytest.mark.parametrize(("rule", "path", "source"), BROKEN)
def test_a_check_notices_a_broken_rule(rule: str, path: str, source: str) -> None:
    assert list(CHECKS[rule](Module(path, source)))


@pytest.mark.parametrize(("rule", "path", "source"), SOUND)
def test_a_check_leaves_a_sound_module_alone(rule: str, path: str, source: str) -> None:
    assert not list(CHECKS[rule](Module(path, source)))


def test_every_check_has_a_control() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(CHECKS)
