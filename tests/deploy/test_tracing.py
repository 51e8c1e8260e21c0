"""Traces where they are switched on, and nothing of it where they are not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# As in Lambda: where a trace is under way, and somebody to send its parts to.
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
ASKING = """
import json, sys
from chalicelib.config import Config
from chalicelib.edge import sources
from chalicelib.system import System
from infra.local.aws import aws

with aws() as names:
    known = {"PUBLIC_URL": "http://x", "JWT_ISSUER": "i", "JWT_AUDIENCE": "a", "JWT_JWKS_URL": "j"}
    system = System(Config.from_env({**names, **known, "TRACING": sys.argv[1]}))
    sources.on_time(system, lambda system: system.log.ping())
print(json.dumps([name for name in sys.modules if name.startswith("aws_xray_sdk")]))
"""


@pytest.fixture
def daemon() -> socket.socket:
    """What takes the parts of traces in Lambda."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(5)
        yield made


def loaded(daemon: socket.socket, tracing: str) -> list[str]:
    """Make a call to AWS in a process like Lambda's; return what of the tracer it loaded."""
    host, port = daemon.getsockname()
    environ = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "LAMBDA_TASK_ROOT": str(ROOT),
        "_X_AMZN_TRACE_ID": TRACE,
        "AWS_XRAY_DAEMON_ADDRESS": f"{host}:{port}",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASKING, tracing],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def test_a_call_to_aws_is_part_of_the_trace_where_tracing_is_on(daemon: socket.socket) -> None:
    assert loaded(daemon, "true")

    _, _, told = daemon.recv(65_536).partition(b"\n")
    part = json.loads(told)
    assert part["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert part["name"] == "dynamodb"
    assert part["aws"]["table_name"] == "palimpsest-local-log"


def test_else_the_tracer_is_not_even_loaded(daemon: socket.socket) -> None:
    assert loaded(daemon, "false") == []
