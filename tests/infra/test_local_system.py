"""`python -m infra.local` as a process: what a developer who types `make run` meets."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import jwt
import pytest

from infra.local import keys

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    *arguments: str, port: int
) -> Iterator[tuple[subprocess.Popen[str], str, httpx.Client]]:
    """Start the system with the tiny app; yield the process, what it printed, and a client."""
    command = [sys.executable, "-m", "infra.local", "--app", "tinyapp", "--port", str(port)]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        cwd=ROOT,
    )
    printed = ""
    try:
        assert process.stdout
        while "Ready in" not in printed:
            line = process.stdout.readline()
            assert line, f"it ended: {printed}"
            printed += line
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as web:
            yield process, printed, web
    finally:
        process.kill()
        process.communicate()


def heard(web: httpx.Client, *versions: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if set(versions) <= set(web.get("/seen").json()):
            return True
        time.sleep(0.02)
    return False


def test_a_developer_s_session():
    port = free_port()
    with running(port=port) as (process, printed, web):
        assert f"Palimpsest   http://127.0.0.1:{port}" in printed
        assert "in memory only: nothing is kept (use DATA=DIR)" in printed
        assert "acts as user local in workspace demo" in printed
        assert len(re.findall(r"^  curl ", printed, re.MULTILINE)) == 3
        found = re.search(r"Ready in ([\d.]+) s", printed)
        assert found
        assert float(found[1]) < 5

        assert web.put("/log/1").json() == {"version": 1}
        assert heard(web, 1)
        with ThreadPoolExecutor(8) as threads:
            words = threads.map(lambda n: web.get(f"/echo/{n}").json()["word"], range(100))
            assert list(words) == [str(n) for n in range(100)]
        assert web.get("/_local/metrics").json()["metrics"]["Appends"]["count"] == 1
        about = web.get("/_local/").json()
        assert about["GRAPH"]  # an operator's command asks for it here
        assert about["AWS_ENDPOINT_URL"] in printed

        other = subprocess.run(
            [sys.executable, "-m", "infra.local", "--port", str(port)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert other.returncode == 2
        assert other.stderr == (
            f"Port {port} is taken; `make run PORT={port + 123}` takes another.\n"
        )

        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in rest
        assert re.search(r"^\d\d:\d\d:\d\d  200 PUT     /log/1  \d+ ms  \d+ B$", rest, re.MULTILINE)


def test_a_paused_pump_shows_its_lag_and_kill_9_loses_nothing(tmp_path):
    port = free_port()
    with running("--data", str(tmp_path), port=port) as (process, printed, web):
        assert f"kept in {tmp_path}" in printed
        web.put("/log/1")
        assert heard(web, 1)
        web.post("/_local/pumps/reader", json={"paused": True})
        for version in (2, 3):
            assert web.put(f"/log/{version}").status_code == 200
        (pump,) = web.get("/_local/pumps").json()["items"]
        assert (pump["paused"], pump["behind"]) == (True, 2)
        process.kill()
    with running("--data", str(tmp_path), port=port) as (process, _, web):
        assert heard(web, 2, 3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 0


def test_a_large_object_goes_in_and_comes_out_in_constant_memory(tmp_path):
    piece, pieces = bytes(range(256)) * 4096, 64  # 64 MB; moto alone would take three times that
    digest = hashlib.sha256(piece * pieces)
    port = free_port()
    with running("--data", str(tmp_path), port=port) as (process, _, web):
        url = web.get(f"/upload-url/{len(piece) * pieces}/{digest.hexdigest()}").json()
        before = most_memory_bytes(process.pid)
        headers = {"x-amz-checksum-sha256": url["checksum"]}
        headers["content-length"] = str(len(piece) * pieces)
        put = web.put(url["put"], content=(piece for _ in range(pieces)), headers=headers)
        assert put.status_code == 200, put.text
        back = hashlib.sha256()
        with web.stream("GET", url["get"]) as answer:
            for got in answer.iter_bytes():
                back.update(got)
        assert back.digest() == digest.digest()
        assert most_memory_bytes(process.pid) - before < 32 * 1024 * 1024


def most_memory_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("needs /proc")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert found
    return int(found[1]) * 1024


def test_a_token_is_printed_for_any_user_and_workspace():
    printed = subprocess.run(
        [sys.executable, "-m", "infra.local.token", "ada", "engine"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    ).stdout
    public = keys.key().public_key()
    claims = jwt.decode(printed.strip(), public, ["RS256"], audience=keys.AUDIENCE)
    assert (claims["sub"], claims["workspace"], claims["iss"]) == ("ada", "engine", keys.ISSUER)


def test_a_workspace_that_cannot_be_one_is_refused():
    refused = subprocess.run(
        [sys.executable, "-m", "infra.local.token", "ada", "No Such"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (refused.returncode, refused.stderr) == (
        2,
        "A workspace is 1 to 40 of a-z, 0-9 and -.\n",
    )
