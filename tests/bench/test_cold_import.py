"""Importing the app is cheap and opens nothing: every Lambda does it before its first request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import UnknownServiceError

from bench.cold_import import ENVIRONMENT, SCRIPTS
from chalicelib import aws

ROOT = Path(__file__).parent.parent.parent

HEAVY = {
    "asyncio",
    "aws_lambda_powertools.utilities.idempotency",
    "boto3",
    "botocore",
    "cryptography",
    "gremlin_python",
    "jsonschema_rs",
    "jwt",
    "nh3",
    "pydantic",
    "pynamodb",
    "rfc8785",
}

WATCHED = """
import json, sys
opened = []
sys.addaudithook(lambda event, args: event.startswith("socket.") and opened.append(event))
{script}
json.dump({{"opened": opened, "loaded": sorted(sys.modules)}}, sys.stdout)
"""


def told(script, environ):
    """What a fresh interpreter opened and loaded while it ran a script."""
    run = subprocess.run(
        [sys.executable, "-c", WATCHED.format(script=script)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def imported():
    return told("import app", {})


def test_what_is_for_whoever_deploys_is_not_loaded(imported):
    assert "chalicelib.edge.http" in imported["loaded"]
    assert "chalicelib.edge.gateway_answers" not in imported["loaded"]
    assert not [each for each in imported["loaded"] if each.startswith("chalice.deploy")]


def test_importing_the_app_opens_no_socket(imported):
    assert imported["opened"] == []


def test_importing_the_app_loads_nothing_heavy_and_so_makes_no_client(imported):
    assert HEAVY & set(imported["loaded"]) == set()


def test_making_the_clients_connects_to_nothing_and_loads_no_boto3():
    serving = told(SCRIPTS["serving"][1], ENVIRONMENT)
    # urllib3 binds one, at import, to find out whether there is IPv6.
    assert {"socket.connect", "socket.getaddrinfo"} & set(serving["opened"]) == set()
    assert "pynamodb" in serving["loaded"]
    assert "boto3" not in serving["loaded"]


def test_the_watch_would_see_a_socket():
    seen = told("import socket; socket.socket().close()", {})
    assert seen["opened"] == ["socket.__new__"]


def test_a_service_that_is_not_known_is_refused_by_name():
    with pytest.raises(UnknownServiceError, match="kinesis"):
        aws.client("kinesis")
