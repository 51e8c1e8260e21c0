"""A world for jobs, on AWS in this process, which a module's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.aws import aws
from tests.jobs.scene import World


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
        }


@pytest.fixture
def world(environment: dict[str, str]) -> World:
    """One process that takes requests, and as many workers as a test wants."""
    return World(environment)
