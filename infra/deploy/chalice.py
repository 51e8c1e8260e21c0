"""Runs Chalice's own command line, as it is, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.stage import ROOT, Stage


def run(*arguments: str) -> None:
    """Run a command of Chalice's; raises DeployError if it fails."""
    executable = Path(sys.executable).with_name("chalice")
    done = subprocess.run([executable, *arguments], cwd=ROOT, check=False)  # noqa: S603
    if done.returncode:
        raise DeployError(f"`chalice {' '.join(arguments)}` failed; what it said stands above.")


def deploy(stage: Stage) -> None:
    """`chalice deploy --stage …`."""
    run("deploy", "--stage", stage.name)


def delete(stage: Stage) -> None:
    """`chalice delete --stage …`."""
    run("delete", "--stage", stage.name)
