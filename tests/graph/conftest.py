"""A real Gremlin Server for the session. In CI it must run; elsewhere its tests skip, and say why."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from chalicelib.graph.gremlin import Gremlin
from infra import gremlin as servers
from tests.graph.world import World, emptied


@pytest.fixture(scope="session")
def server() -> Iterator[servers.Server]:
    try:
        servers.fetch()
    except servers.NoGremlinError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Gremlin Server: {error}")
    with servers.running() as running:
        yield running


@pytest.fixture(scope="session")
def connected(server: servers.Server) -> Iterator[Gremlin]:
    adapter = Gremlin(server.url)
    yield adapter
    adapter.close()


@pytest.fixture
def gremlin(connected: Gremlin) -> Gremlin:
    """An empty graph that readers may use."""
    emptied(connected)
    assert connected.finish(connected.begin("test"))
    return connected


@pytest.fixture
def world(gremlin: Gremlin) -> World:
    """Palimpsest on twins of log and views, and on the real graph."""
    return World(gremlin)
