"""Health as it is asked on AWS: it answers in time, names what is wrong, and is measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.graph import unavailable
from chalicelib.system import System
from infra.local.aws import aws, client
from tests.edge.api import Api


class DeadGraph:
    """A graph that does not answer."""

    def ping(self) -> None:
        raise unavailable("the graph does not answer")


@pytest.fixture
def system() -> Iterator[System]:
    with aws(stage="test") as names:
        known = {
            **names,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }
        yield System(Config.from_env(known))
        systems.use(None)


def asked(system: System) -> tuple[int, dict[str, Any], dict[str, float]]:
    """Ask for the health: status, the status of each part, and what was measured."""
    measured: dict[str, float] = {}
    system.metrics.outlet = lambda name, value, unit: measured.update({name: value})
    systems.use(system)
    answer = Api(system).get("/api/health")
    parts = {name: part["status"] for name, part in answer.json.items()}
    return answer.status, parts, measured


def with_dead_graph(system: System, *, required: bool) -> System:
    dead: Any = DeadGraph()
    return System(replace(system.config, graph_required=required), graph=dead)


def test_where_all_is_well_nothing_is_counted(system: System) -> None:
    status, parts, measured = asked(system)

    assert (status, set(parts.values())) == (200, {"ok", "absent"})
    assert (measured["HealthFailed"], measured["HealthDegraded"]) == (0, 0)


def test_without_the_log_it_says_503_within_two_seconds_and_names_it(system: System) -> None:
    client("dynamodb").delete_table(TableName=system.config.log_table)

    started = time.perf_counter()
    status, parts, measured = asked(system)

    assert time.perf_counter() - started < 2
    assert (status, parts["eventStore"]) == (503, "failed")
    assert measured["HealthFailed"] == 1


def test_a_graph_that_is_dead_is_degraded(system: System) -> None:
    status, parts, measured = asked(with_dead_graph(system, required=False))

    assert (status, parts["graph"]) == (200, "degraded")
    assert (measured["HealthFailed"], measured["HealthDegraded"]) == (0, 1)


def test_where_it_is_required_nothing_can_be_served_without_it(system: System) -> None:
    status, parts, _ = asked(with_dead_graph(system, required=True))

    assert (status, parts["graph"]) == (503, "failed")
