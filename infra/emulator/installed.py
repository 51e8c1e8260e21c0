"""The emulator's own virtual environment, `.cache/ministack-3.13`, made at the first use.

One for each version of Python: functions are executed by the same Python that `chalice deploy`
names as their runtime, and that is the one which runs it.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Final

VERSION: Final = "1.5.33"
ROOT: Final = Path(__file__).resolve().parents[2]
VENV: Final = ROOT / ".cache" / "ministack-{}.{}".format(*sys.version_info)
PYTHON: Final = VENV / "bin" / "python"
_INSTALL: Final = (str(PYTHON), "-m", "pip", "install", "--quiet", "--retries", "1")


class CannotBeInstalled(Exception):
    """The package index does not answer, or does not have it."""


def install() -> Path:
    """Return the environment's directory, making it first; raises `CannotBeInstalled`."""
    VENV.parent.mkdir(exist_ok=True)
    with open(VENV.with_name(f"{VENV.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at it
        return _installed()


def _installed() -> Path:
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
