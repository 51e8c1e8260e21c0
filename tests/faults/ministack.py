"""An emulator of AWS that is a server, so that several processes can write to one table.

It is the one of `infra/emulator`, without its patches. Without network the tests that need it are
skipped; where `CI` is set, they fail.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from infra.emulator.installed import CannotBeInstalled, install

START_S: Final = 30.0


def installed() -> Path:
    """Return the emulator's executable, installing it first; skips, in CI fails, if that fails."""
    try:
        return install() / "bin" / "ministack"
    except CannotBeInstalled as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


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
