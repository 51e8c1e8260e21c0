"""The emulator's own virtual environment, `.cache/ministack-venv`, made at the first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

VERSION: Final = "1.5.33"
ROOT: Final = Path(__file__).resolve().parents[2]
VENV: Final = ROOT / ".cache" / "ministack-venv"
PYTHON: Final = VENV / "bin" / "python"
_INSTALL: Final = (str(PYTHON), "-m", "pip", "install", "--quiet", "--retries", "1")


class CannotBeInstalled(Exception):
    """The package index does not answer, or does not have it."""


def install() -> Path:
    """Return the environment's directory, making it first; raises `CannotBeInstalled`.

    It is made by the interpreter that runs this: functions are executed by the same Python that
    `chalice deploy` names as their runtime.
    """
    stamp = VENV / f"installed-{VERSION}"
    if stamp.exists() and PYTHON.exists():
        return VENV
    steps: tuple[list[str], ...] = (
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        [*_INSTALL, f"ministack=={VERSION}", "cryptography"],  # which signs its user pools' tokens
    )
    for step in steps:
        done = subprocess.run(  # noqa: S603  # our own words
            step, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise CannotBeInstalled(f"ministack {VERSION} cannot be installed: {''.join(said)}")
    stamp.touch()
    return VENV
