"""The emulator as a fixture. Without network these tests are skipped; where `CI` is set, they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.emulator.installed import CannotBeInstalled
from infra.emulator.running import Emulator, running
from tests.deploy.deployed import Deployed, copied, identified_by, issuer

NOTHING = "ws://127.0.0.1:9/gremlin"
"""A graph that is configured and not there."""


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A stage, deployed by the commands that deploy to AWS. Its graph is not there."""
    directory = tmp_path_factory.mktemp("deployed")
    with _running(directory / "emulator") as emulator, issuer() as trusted:
        stage = Deployed(emulator, copied(directory / "sources"), "one")
        identified_by(trusted, stage.sources, stage.stage)
        stage.deploy(GRAPH=NOTHING)
        yield stage


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One emulator for a module's tests, with roles that count."""
    with _running(tmp_path_factory.mktemp("emulator")) as started:
        yield started


@contextmanager
def _running(directory: Path) -> Iterator[Emulator]:
    try:
        with running(directory) as started:
            yield started
    except CannotBeInstalled as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
