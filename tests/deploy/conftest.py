"""The emulator as a fixture. Without network these tests are skipped; where `CI` is set, they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from infra.emulator.installed import CannotBeInstalled
from infra.emulator.running import Emulator, running


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One emulator for a module's tests, with roles that count."""
    try:
        with running(tmp_path_factory.mktemp("emulator")) as started:
            yield started
    except CannotBeInstalled as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
