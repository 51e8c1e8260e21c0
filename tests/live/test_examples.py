"""The clients' examples say what happens, from the first event on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.local import Local

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
NODE = shutil.which("node")


def said(command: list[str], lines: int) -> list[str]:
    """Return what a program that goes on for ever prints first."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=CLIENTS
    ) as process:
        assert process.stdout is not None
        try:
            return [process.stdout.readline().rstrip() for _ in range(lines)]
        finally:
            process.kill()


def told(local: Local, resource: str) -> list[str]:
    return [
        f"{each['id']} {each['type']} {each['actor']['name']}" for each in local.history(resource)
    ]


def test_the_example_in_python(local: Local) -> None:
    resource = local.created()
    local.annotate(resource, 2)
    program = "import sys; sys.stdout.reconfigure(line_buffering=True); import runpy;"
    program += "sys.path.insert(0, 'python'); runpy.run_path('python/example.py', {}, '__main__')"
    command = [sys.executable, "-c", program, local.ws_url, resource]
    assert said(command, 3) == told(local, resource)


@pytest.mark.skipif(NODE is None, reason="there is no Node here")
def test_the_example_in_javascript(local: Local) -> None:
    resource = local.created()
    local.annotate(resource, 2)
    assert said([str(NODE), "js/example.mjs", local.url, resource], 3) == told(local, resource)
