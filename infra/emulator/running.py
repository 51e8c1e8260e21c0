"""One emulator as a process of its own, on a free port of the loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from infra.emulator import waiters
from infra.emulator.installed import PYTHON, ROOT, install

START_S: Final = 30.0
STOP_S: Final = 10.0
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
KEY: Final = "test"  # the key and the secret of the account's root

# Not by PYTHONPATH: the functions would inherit it, and find the sources beside their package.
_ENTER: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); import infra.emulator.inside as i"


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator. `directory` holds all that it writes."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        """Return the file that it writes its log to."""
        return self.directory / "log"

    @property
    def calls_file(self) -> Path:
        """Return the file of calls: one JSON object a line, see `inside.calls`."""
        return self.directory / "calls.jsonl"

    def calls(self) -> list[dict[str, Any]]:
        """Return each distinct call that a role made so far, or was refused."""
        if not self.calls_file.exists():
            return []
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]

    def forget_calls(self) -> None:
        """Have calls written down anew."""
        self.calls_file.unlink(missing_ok=True)

    def environ(self) -> dict[str, str]:
        """Return what makes boto, and all that is built on it, speak to this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_DATA_PATH": str(self.directory / "models"),
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client of the account's root, for a look from outside."""
        return _session().client(service, endpoint_url=self.url)


@contextmanager
def running(directory: Path, port: int = 0, *, enforce: bool = True) -> Iterator[Emulator]:
    """Run an emulator until the block ends; what it writes lies in `directory`.

    `enforce` makes the functions' roles count. Raises `CannotBeInstalled`, or RuntimeError with the
    end of its log when it does not start.
    """
    install()
    directory = directory.resolve()
    (directory / "tmp").mkdir(parents=True, exist_ok=True)
    waiters.write(directory / "models")
    port = port or _free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        # The functions inherit this: nothing else of our own environment may reach them.
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(directory),
        "TMPDIR": str(directory / "tmp"),
        "AUTH": "true" if enforce else "false",
        "BIND_HOST": "127.0.0.1",  # otherwise it listens everywhere
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
        "LOG_LEVEL": "WARNING",
    }
    command = [str(PYTHON), "-c", f"{_ENTER}; i.main()", str(ROOT), str(directory)]
    with open(directory / "log", "ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own words
            command, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        emulator = Emulator(url, directory, process)
        try:
            _wait(emulator)
            yield emulator
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@cache
def _session() -> Any:
    import boto3

    return boto3.session.Session(KEY, KEY, region_name=REGION)


def _wait(emulator: Emulator) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and emulator.process.poll() is None:
        try:
            with urlopen(f"{emulator.url}/_ministack/health", timeout=1):  # noqa: S310  # http
                return
        except (URLError, OSError):
            time.sleep(0.05)
    said = emulator.log.read_text(errors="replace").strip()[-800:]
    raise RuntimeError(f"The emulator does not start: {said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
