"""Runs `chalice deploy`, as it is, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from infra.deploy.errors import DeployError
from infra.deploy.stage import ROOT, Stage

# botocore waits 5 s between two looks at each of fifteen functions; an emulator is ready at once.
_PLAIN: Final = """
import sys
from chalice.cli import main
sys.argv[0] = "chalice"
sys.exit(main())
"""
_QUICK: Final = """
import sys, botocore.waiter
made = botocore.waiter.SingleWaiterConfig.__init__
def quick(self, config):
    made(self, {**config, "delay": %(poll)s, "maxAttempts": config["maxAttempts"] * 50})
botocore.waiter.SingleWaiterConfig.__init__ = quick
from chalice.cli import main
sys.argv[0] = "chalice"
sys.exit(main())
"""


def run(*arguments: str, root: Path = ROOT) -> None:
    """Run a command of Chalice's; raises DeployError if it fails."""
    program, poll = _PLAIN, os.environ.get("DEPLOY_POLL_S")
    if poll:
        program = _QUICK % {"poll": float(poll)}
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program, *arguments], cwd=root, check=False
    )
    if done.returncode:
        raise DeployError(f"`chalice {' '.join(arguments)}` failed; what it said stands above.")


def deploy(stage: Stage) -> None:
    """`chalice deploy --stage …`."""
    run("deploy", "--stage", stage.name)
