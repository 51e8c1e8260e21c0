"""What a command asks of who typed it, and what it says where nobody answers."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys

import pytest

from infra.deploy.__main__ import main
from infra.deploy.stage import ROOT


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks AWS anything, fails."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


@pytest.mark.parametrize("typed", [io.StringIO(""), None])
def test_a_destroy_that_nobody_answers_deletes_nothing_and_says_how_to_answer(
    typed: io.StringIO | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", typed)

    assert main(["destroy", "--stage", "dev", "--data"]) == 1

    said = capsys.readouterr()
    assert (
        said.out.startswith("This deletes EVERYTHING EVER WRITTEN of the stage dev.") or not typed
    )
    assert said.err == (
        "destroy: nothing was deleted, as nobody answered. Where nobody is there to be asked, "
        "`echo dev |` before the command does.\n"
    )


def test_a_destroy_that_is_answered_with_another_name_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("prod\n"))

    assert main(["destroy", "--stage", "dev"]) == 1

    assert capsys.readouterr().err == "destroy: nothing was deleted: 'prod' is not 'dev'.\n"


def test_a_token_whose_password_nobody_types_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    # No terminal either, as on a build server.
    monkeypatch.setattr("os.open", lambda *_: (_ for _ in ()).throw(OSError("no terminal")))

    assert main(["token", "--stage", "dev", "--email", "ada@example.org"]) == 1

    assert capsys.readouterr().err == (
        "token: nobody is there to be asked for the password of ada@example.org: set PASSWORD in "
        "the environment.\n"
    )


def test_a_function_that_a_stage_has_not_is_refused_with_those_that_it_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["logs", "--stage", "dev", "--function", "nosuch"]) == 1

    said = capsys.readouterr().err
    assert "There is no function nosuch; there are api_handler, " in said
    assert "graph_projector" not in said


def test_a_variable_that_says_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEPLOY_ENV", "A=1 B")

    assert main(["status", "--stage", "dev"]) == 1

    assert capsys.readouterr().err == "status: DEPLOY_ENV has 'B', which is not NAME=value.\n"


def test_a_token_of_nobody_is_refused_before_anybody_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["token", "--stage", "dev", "--email", ""]) == 1

    assert capsys.readouterr().err == "token: EMAIL='' is no address.\n"


def test_chalice_ends_with_the_deploy_that_runs_it() -> None:
    """Given a deploy that was killed, when its Chalice finds that, then it goes no further."""
    nobody = str(os.getpid() + 1)
    command = [sys.executable, "-m", "infra.deploy.chalice", nobody, "deploy", "--stage", "never"]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)

    assert ended.returncode == -signal.SIGKILL


def test_data_that_says_something_else_than_delete_is_refused() -> None:
    command = ["make", "-n", "destroy", "STAGE=dev", "DATA=yes"]

    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "DATA=yes says nothing" in said
    assert "exit 2" in said
