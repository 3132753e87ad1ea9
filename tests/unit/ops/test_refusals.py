"""What AWS refuses, told to a person."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from local.home import CHECKOUT
from local.progress import Problem
from ops.refusals import explained


def told(error: Exception) -> str:
    with pytest.raises(Problem) as problem, explained("dev"):
        raise error
    return str(problem.value)


def ops(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command as an operator starts it, without anything of the account of whoever runs the tests."""
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    environment = {"PATH": os.defpath, "AWS_EC2_METADATA_DISABLED": "true"} | nothing | variables
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDeniedException", "AWS denies it: because"),
        ("ExpiredToken", "AWS does not accept these credentials: because"),
        ("UnrecognizedClientException", "AWS does not accept these credentials: because"),
        ("ResourceNotFoundException", "There is nothing of this name: because"),
        ("TooManyRequestsException", "AWS refuses it: because (TooManyRequestsException)"),
    ],
)
def test_a_refusal_says_what_aws_says(code: str, sentence: str) -> None:
    assert told(ClientError({"Error": {"Code": code, "Message": "because"}}, "Invoke")).startswith(sentence)


def test_an_answer_that_did_not_come_may_have_been_done() -> None:
    assert "may still be done" in told(exceptions.ReadTimeoutError(endpoint_url="https://lambda.example.com"))


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), explained("dev"):
        raise ZeroDivisionError


@pytest.mark.parametrize("command", [("dead-letters", "list"), ("jobs", "list"), ("trace", "some-request")])
def test_without_credentials_it_says_so(command: tuple[str, ...]) -> None:
    run = ops("--stage", "dev", *command)

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("There are no credentials for the stage dev")
    assert "Traceback" not in run.stderr


def test_a_profile_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[profile staging]\nregion = eu-west-1\n")

    run = ops("--stage", "dev", "--profile", "nobody", "dead-letters", "list", AWS_CONFIG_FILE=str(config))

    assert run.returncode == 1
    assert run.stderr == "The config profile (nobody) could not be found.\nProfiles of this machine: staging.\n"


def test_where_nothing_listens_it_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"

        run = ops("--stage", "dev", "trace", "some-request", AWS_ENDPOINT_URL=address, **credentials)

    assert run.returncode == 1
    assert run.stderr.startswith("AWS cannot be reached: Could not connect to the endpoint URL")


@pytest.mark.parametrize("command", [("dead-letters", "list"), ("jobs", "list"), ("trace", "some-request")])
def test_a_laptop_on_which_nothing_runs_is_told_how_to_start(command: tuple[str, ...], tmp_path: Path) -> None:
    run = ops("--home", str(tmp_path / "empty"), *command)

    assert run.returncode == 1
    assert (
        run.stderr == f"Nothing runs in {tmp_path / 'empty'}.\nStart it with `make run` and wait until it is ready.\n"
    )
