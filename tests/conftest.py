"""The fixture `system`: all of Palimpsest in this process, on moto, with pumps on demand.

No port, no network, no thread. `docs/testing.md` shows a test of fifteen lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.system import System
from infra.local.aws import aws, names
from infra.local.pumps import Pumps

# The map reads these when it is imported, whoever imports it first: where streams and queues are.
os.environ.update({name: value for name, value in names().items() if name.endswith("_ARN")})

# A law is about what is so, not about how fast a shared machine finds it out.
settings.register_profile("default-without-deadline", deadline=None)
settings.load_profile("default-without-deadline")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """AWS on moto with everything of `infra/core.yaml`; yields the settings that name it."""
    with aws() as outputs:
        yield {
            **outputs,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }


@pytest.fixture
def system(environment: dict[str, str]) -> System:
    """A `System` of its own on empty tables."""
    return System(Config.from_env(environment))


@pytest.fixture
def pumps(environment: dict[str, str], system: System) -> Iterator[Pumps]:
    """What carries stream records and messages to the functions of `app.py`, on demand.

    ``pumps.run_until_idle()`` delivers all that waits; until then nothing is.
    """
    from app import app

    systems.use(system)
    try:
        yield Pumps(app, environment)
    finally:
        systems.use(None)
