"""An emulator of AWS that is a server, so that several processes can write to one table.

It pins its own botocore, hence a virtual environment of its own (`.cache/ministack-venv`, made at
the first use). Without network the tests that need it are skipped; where `CI` is set, they fail.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

import pytest

VERSION: Final = "1.5.33"
ROOT: Final = Path(__file__).resolve().parents[2]
VENV: Final = ROOT / ".cache" / "ministack-venv"
START_S: Final = 30.0


def installed() -> Path:
    """Return the emulator's executable, installing it first; skips, in CI fails, if that fails."""
    stamp, python = VENV / f"installed-{VERSION}", VENV / "bin" / "python"
    if not stamp.exists():
        steps: list[list[str]] = [
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--retries",
                "1",
                f"ministack=={VERSION}",
            ],
        ]
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, timeout=600, check=False)
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines()[-1:]
                reason = f"ministack {VERSION} cannot be installed: {''.join(said)}"
                if os.environ.get("CI"):
                    pytest.fail(reason)
                pytest.skip(reason)
        stamp.touch()
    return VENV / "bin" / "ministack"


@contextmanager
def running() -> Iterator[str]:
    """Run the emulator on a free port of the loopback; yields its URL."""
    executable, port = installed(), _free_port()
    with tempfile.TemporaryDirectory() as scratch:
        environ = {
            **os.environ,
            "BIND_HOST": "127.0.0.1",  # otherwise it listens everywhere
            "GATEWAY_PORT": str(port),
            "STATE_DIR": scratch,
            "TMPDIR": scratch,
        }
        with open(Path(scratch) / "said", "w+") as said:
            server = subprocess.Popen([executable], env=environ, stdout=said, stderr=said)
            try:
                _wait(server, port, said.name)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()
                try:
                    server.wait(10)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, said: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=1):
                return
        except URLError as error:
            if getattr(error, "code", None) is not None:
                return  # it answers
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail(f"ministack does not start: {Path(said).read_text()[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
