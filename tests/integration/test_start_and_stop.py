"""How the system of a laptop starts, reloads and stops: each test has one of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import psutil
import pytest

from local.home import CHECKOUT, Home
from local.processes import Processes
from tests.stack import Running, Stack, running

SOURCES = ("app.py", "chalicelib", "infra", "local", "migrations", "ops", "requirements.txt", "requirements-dev.txt")


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def subject_of(stack: Stack, email: str) -> str:
    return str(jwt.decode(stack.token(email), options={"verify_signature": False})["sub"])


def await_file(path: Path, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was never written"
        time.sleep(0.01)


def is_refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_saved_file_is_served_and_a_broken_one_leaves_the_last_good_version(workshop: Workshop) -> None:
    source = workshop.checkout / "app.py"
    good = source.read_text()

    workshop.save(source, good.replace('"status": "ok"', '"status": "fine"'), "functions reloaded")
    assert workshop.health() == "fine"

    workshop.save(source, f"{good}\nimport nowhere\n", "No module named 'nowhere'")
    assert workshop.health() == "fine"

    workshop.save(source, f"{good}\ndef (:\n", "SyntaxError: invalid syntax")
    assert workshop.health() == "fine"

    workshop.save(source, good, "functions reloaded")
    assert workshop.health() == "ok"
    assert workshop.system.output.count("not reloaded, the last good version goes on") == 2


def test_killed_system_is_tidied_up_by_the_next_start_and_loses_nobody(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with running(home.folder) as system:
        system.wait_until_ready()
        await_file(home.emulator / "state" / "s3.json")
        subject, orphans = subject_of(Stack(home), "seller@example.com"), system.family[1:]
        psutil.Process(system.pid).kill()
        psutil.Process(Processes(home).running()["emulator"]).kill()

    with running(home.folder) as system:
        system.wait_until_ready()
        assert alive(orphans) == []
        assert subject_of(Stack(home), "seller@example.com") == subject
        with Stack(home).database() as database:
            assert database.run("SELECT count(*) FROM products") == [[25]]


def test_lost_user_pool_is_made_again_and_the_demo_products_follow_their_seller(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with running(home.folder) as system:
        system.wait_until_ready()
        former = subject_of(Stack(home), "seller@example.com")
    shutil.rmtree(home.emulator)

    with running(home.folder) as system:
        system.wait_until_ready()
        seller = subject_of(Stack(home), "seller@example.com")
        with Stack(home).database() as database:
            assert database.run("SELECT DISTINCT seller_id::text FROM products") == [[seller]]
            assert database.run("SELECT count(*) FROM products") == [[25]]
            assert database.run("SELECT count(*) FROM users WHERE email = 'seller@example.com'") == [[1]]
    assert seller != former


def test_interrupt_leaves_no_process_and_no_busy_port(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with running(home.folder) as system:
        system.wait_until_ready()
        everything, ports = system.family, home.settings().ports
        httpx.get(f"http://127.0.0.1:{ports.front_door}/api/products", timeout=60).raise_for_status()

        assert system.stop(signal.SIGINT) == 0

    assert alive(everything) == []
    assert all(is_refused(port) for port in vars(ports).values())


def test_interrupt_while_starting_leaves_no_process_and_no_busy_port(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with running(home.folder) as system:
        system.wait_for("answers on")
        everything = system.family

        system.stop(signal.SIGINT)

    assert "Traceback" not in system.output
    assert alive(everything) == []
    assert all(is_refused(port) for port in vars(home.settings().ports).values())


class Workshop:
    """A copy of the sources with a system that reloads them."""

    def __init__(self, checkout: Path, system: Running) -> None:
        self.checkout = checkout
        self.system = system

    def save(self, path: Path, text: str, expected: str) -> None:
        """Save a file, and wait until the system says what is expected."""
        said = len(self.system.lines)
        path.write_text(text)
        self.system.wait_for(expected, after=said)

    def health(self) -> str:
        port = Home(self.system.home).settings().ports.front_door
        return str(httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=60).json()["status"])


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, checkout / name)
    shutil.copytree(CHECKOUT / ".chalice", checkout / ".chalice")
    (checkout / ".venv-emulator").symlink_to(CHECKOUT / ".venv-emulator")
    with running(tmp_path / "home", checkout, arguments=()) as system:
        system.wait_until_ready()
        yield Workshop(checkout, system)
