"""Flows on moto, which a module's tests share; each test has a workspace of its own.

`system` is a cold instance on the shared clients: making those takes as long as ten requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from chalicelib.config import Config
from chalicelib.domain.actor import Actor
from chalicelib.flows.write import Request
from chalicelib.system import System
from infra.local.aws import aws

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """AWS on moto with everything of `infra/core.yaml`; yields the settings that name it."""
    with aws() as names:
        yield {
            **names,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }


@pytest.fixture(scope="module")
def shared(environment: dict[str, str]) -> System:
    return System(Config.from_env(environment))


@pytest.fixture
def system(shared: System) -> System:
    return another(shared)


@pytest.fixture
def request_of_ada() -> Request:
    """A request in a workspace of its own."""
    return Request(f"w{next(_NUMBERS)}", Actor("ada", "Person", "Ada"), "request-1")


def another(system: System) -> System:
    """Return another instance, with nothing cached, on the same layers."""
    return System(system.config, log=system.log, views=system.views, content=system.content)
