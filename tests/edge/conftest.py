"""The app on AWS in this process, which a module's tests share; each has a workspace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.system import System
from infra.local.aws import aws
from tests.edge.api import Api

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """AWS on moto with everything of `infra/core.yaml`; yields the settings that name it."""
    with aws(stage="test") as names:
        yield {
            **names,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
            "LOCAL_USER": "ada",
        }


@pytest.fixture(scope="module")
def shared(environment: dict[str, str]) -> System:
    """The system whose clients the tests share: making one takes as long as ten requests."""
    return System(Config.from_env(environment))


@pytest.fixture
def api(environment: dict[str, str], shared: System) -> Iterator[Api]:
    config = Config.from_env({**environment, "LOCAL_WORKSPACE": f"w{next(_NUMBERS)}"})
    system = System(config, log=shared.log, views=shared.views, content=shared.content)
    systems.use(system)
    try:
        yield Api(system)
    finally:
        systems.use(None)
