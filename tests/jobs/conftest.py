"""A world for jobs, on AWS in this process, which a module's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import system as systems
from infra.local.aws import aws
from tests.jobs.api import JobsApi
from tests.jobs.scene import World, text_of_entities


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


@pytest.fixture
def api(environment: dict[str, str], world: World) -> Iterator[JobsApi]:
    systems.use(world.api)
    for name in ("JOBS_QUEUE_URL", "SLOW_JOBS_QUEUE_URL"):
        world.messages(environment[name])  # what earlier tests have left
    try:
        yield JobsApi(world, environment)
    finally:
        systems.use(None)


@pytest.fixture
def resource_id(world: World) -> str:
    return world.resource(text_of_entities(7))
