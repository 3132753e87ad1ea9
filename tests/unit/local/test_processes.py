"""Processes that are started, written down and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.home import Home
from local.processes import Command, Processes, is_program, nobody_works_in, wait_until
from local.progress import Problem

SLEEP = "import time; time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
PARENT = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{SLEEP}']).pid, flush=True); {SLEEP}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def python(home: Home, code: str) -> Command:
    return Command([sys.executable, "-c", code], home.folder / "log", dict(os.environ))


def said(home: Home, processes: Processes, name: str) -> str:
    log = home.folder / "log"
    wait_until(lambda: log.read_text().endswith("\n"), lambda: processes.is_running(name), name, log, patience=10)
    return log.read_text().strip()


def test_process_is_known_to_later_readers_of_the_home_and_stopped_by_them(home: Home) -> None:
    pid = Processes(home).start("one", python(home, SLEEP))
    later = Processes(home)

    assert later.running() == {"one": pid}
    later.stop("one")
    assert later.running() == {}
    assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # its parent is this test


def test_deaf_process_and_its_children_are_ended_by_force(home: Home) -> None:
    processes = Processes(home)
    processes.start("deaf", python(home, STUBBORN))
    assert said(home, processes, "deaf") == "deaf"

    processes.stop("deaf", patience=0.1)

    assert not processes.is_running("deaf")


def test_children_go_with_their_parent(home: Home) -> None:
    processes = Processes(home)
    processes.start("parent", python(home, PARENT))
    child = psutil.Process(int(said(home, processes, "parent")))

    processes.stop_all()

    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_later_process_with_the_same_id_is_left_alone(home: Home) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    try:
        earlier = {"pid": stranger.pid, "created": 1.0, "stop_with": int(signal.SIGTERM)}
        home.processes.write_text(json.dumps({"postgresql": earlier}))

        Processes(home).stop_all()

        assert Processes(home).running() == {}
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_nothing_starts_once_everything_is_being_stopped(home: Home) -> None:
    processes = Processes(home)
    processes.stop_all()

    with pytest.raises(Problem):
        processes.start("late", python(home, SLEEP))


def test_command_that_fails_shows_its_last_words(home: Home) -> None:
    lines: list[str] = []
    with pytest.raises(Problem, match="exit code 3") as failed:
        Processes(home).run("build", python(home, "print('one'); print('two'); exit(3)"), on_line=lines.append)

    assert lines == ["one", "two"]
    assert "| two" in failed.value.what


def test_service_that_ends_while_it_starts_is_told_with_its_log(home: Home) -> None:
    processes = Processes(home)
    processes.start("valkey", python(home, "exit('bad option')"))

    with pytest.raises(Problem, match="ended while it was starting") as ended:
        wait_until(lambda: False, lambda: processes.is_running("valkey"), "Valkey", home.folder / "log", patience=10)

    assert "bad option" in ended.value.what


def test_killed_process_that_nobody_waited_for_counts_as_gone(home: Home) -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEP], cwd=home.folder)
    name = psutil.Process(child.pid).name()
    assert is_program(child.pid, name)
    assert not nobody_works_in(home.folder)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not is_program(child.pid, name)
    assert nobody_works_in(home.folder)
    child.wait()
