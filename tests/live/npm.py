"""Packages of npm that tests need, at fixed versions, installed once into .cache."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache"
LIVE = CACHE / "live-npm"
CLIENTS = ("eventsource@5.1.5", "ws@8.23.0")

EVENTSOURCE = """
import { EventSource } from 'eventsource';
const [url, count] = process.argv.slice(2);
const heard = [];
const source = new EventSource(url);
setInterval(() => {}, 1000); // its timer to reconnect does not keep Node alive
for (const type of ['resource.created', 'annotation.added', 'resource.updated']) {
  source.addEventListener(type, (event) => {
    const data = JSON.parse(event.data);
    if (event.lastEventId !== data.id) throw new Error(event.lastEventId);
    heard.push(data);
    if (heard.length >= Number(count)) {
      console.log(JSON.stringify(heard));
      process.exit(0);
    }
  });
}
"""


def installed(folder: Path, packages: Sequence[str]) -> str:
    """Return the path of Node, with the packages in `folder`; skips where that cannot be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("there is no Node here")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the tests may be at it
        _install(npm, folder, packages)
    return node


def _install(npm: str, folder: Path, packages: Sequence[str]) -> None:
    if all((folder / "node_modules" / each.rpartition("@")[0]).exists() for each in packages):
        return
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


def run(node: str, program: str, *arguments: str) -> list[Any]:
    """Run a module; it prints a JSON array of the events that it heard."""
    with tempfile.NamedTemporaryFile("w", suffix=".mjs", dir=LIVE, delete=False) as file:
        file.write(program)
    try:
        done = subprocess.run(
            [node, file.name, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=LIVE,
        )
    finally:
        os.unlink(file.name)
    assert done.returncode == 0, done.stderr
    assert done.stdout, done.stderr
    heard: list[Any] = json.loads(done.stdout)
    return heard
