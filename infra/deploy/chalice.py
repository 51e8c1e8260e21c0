"""Runs Chalice's own command line, as it is, in a process that ends when this one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

from infra.deploy.errors import DeployError
from infra.deploy.stage import ROOT, Stage

_WATCH_S: Final = 0.5


def run(*arguments: str, environ: Mapping[str, str] | None = None) -> None:
    """Run a command of Chalice's; raises DeployError if it fails."""
    command = [sys.executable, "-m", "infra.deploy.chalice", str(os.getpid()), *arguments]
    ended = subprocess.run(  # noqa: S603  # our own words
        command, cwd=ROOT, check=False, env={**os.environ, **(environ or {})}
    )
    if ended.returncode:
        raise DeployError(f"`chalice {' '.join(arguments)}` failed; what it said stands above.")


def deploy(stage: Stage) -> None:
    """`chalice deploy --stage …`."""
    run("deploy", "--stage", stage.name)


def delete(stage: Stage, environ: Mapping[str, str]) -> None:
    """`chalice delete --stage …`, of a stage that needs not be configured: `environ` is loaded."""
    run("delete", "--stage", stage.name, environ=environ)


def main() -> None:
    """Be Chalice, and end with the process whose number comes first.

    A deploy that is killed leaves its lock, and whoever deletes that has to be alone.
    """
    parent = int(sys.argv.pop(1))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    from chalice.cli import main as chalice

    sys.argv[0] = "chalice"
    sys.exit(chalice())


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
