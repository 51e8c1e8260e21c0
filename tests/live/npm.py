"""Packages of npm that tests need, at fixed versions, installed once into .cache."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache"


def installed(folder: Path, packages: Sequence[str]) -> str:
    """Return the path of Node, with the packages in `folder`; skips where that cannot be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("there is no Node here")
    if not all((folder / "node_modules" / each.rpartition("@")[0]).exists() for each in packages):
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--no-audit", "--no-fund", "--ignore-scripts")
        done = subprocess.run(
            [npm, "install", "--prefix", str(folder), *options, *packages],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            pytest.skip(f"npm cannot install {' '.join(packages)}: {done.stderr[-300:]}")
    return node
