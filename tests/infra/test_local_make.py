"""The Makefile and the set-up, as far as they can be tried without installing anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_lists_what_there_is():
    listed = run("make").stdout
    assert listed == run("make", "help").stdout
    for target in (
        "setup",
        "run",
        "demo",
        "token",
        "test",
        "test-long",
        "lint",
        "package",
        "clean",
    ):
        assert f"  make {target} " in listed


def test_a_python_that_does_not_fit_is_refused_in_one_sentence():
    refused = run("sh", "infra/local/setup.sh", PYTHON="/no/such/python")
    assert refused.returncode == 2
    assert refused.stderr == "PYTHON=/no/such/python is no Python 3.11, 3.12 or 3.13 that runs.\n"


def test_a_shim_without_an_interpreter_is_passed_over(tmp_path):
    """Pyenv leaves a `python3.13` in the path that only says that there is none."""
    project, bin_ = tmp_path / "project", tmp_path / "bin"
    project.mkdir()
    bin_.mkdir()
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        (bin_ / name).write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
        (bin_ / name).chmod(0o755)
    found = subprocess.run(
        ["sh", str(ROOT / "infra/local/setup.sh")],
        cwd=project,
        env={"PATH": f"{bin_}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr.startswith("No Python 3.11, 3.12 or 3.13 runs here; install one")
    assert len(found.stderr.splitlines()) == 1


def test_ci_tests_the_sources_and_what_is_deployed_of_them():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("make test\nexec make deploy-local")
