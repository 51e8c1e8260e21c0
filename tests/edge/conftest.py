"""The app on a system of its own; see `api.Api`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.system import System
from tests.edge.api import Api


@pytest.fixture
def config(environment: dict[str, str]) -> Config:
    return Config.from_env({**environment, "LOCAL_USER": "ada"})


@pytest.fixture
def api(config: Config) -> Iterator[Api]:
    system = System(config)
    systems.use(system)
    try:
        yield Api(system)
    finally:
        systems.use(None)
