"""The functions as deployed: what each is given. A test holds this table equal to `app.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

API_STAGE: Final = "api"
"""Name of both API Gateway stages, and so the first segment of every path."""


@dataclass(frozen=True, slots=True)
class Function:
    """What a function gets. `graph`: it talks to the graph, so it stands in the graph's network."""

    timeout_s: int = 60
    memory_mb: int = 512
    graph: bool = False
    only_with_graph: bool = False


# REST requests: API Gateway gives up after 29 s, and what it no longer hears should not run on.
FUNCTIONS: Final[Mapping[str, Function]] = {
    "api_handler": Function(timeout_s=30, memory_mb=1024, graph=True),
    "websocket_connect": Function(timeout_s=29),
    "websocket_message": Function(timeout_s=29),
    "websocket_disconnect": Function(timeout_s=29),
    "view_materializer": Function(memory_mb=1024),
    "reconcile": Function(timeout_s=240, graph=True),
    "witness_heads": Function(timeout_s=240),
    # An operator's: a turn of minutes, then the next.
    "recover": Function(timeout_s=900, memory_mb=1769, graph=True),
    "rebuild_views": Function(timeout_s=900, memory_mb=1769),
    "rebuild_graph": Function(timeout_s=900, memory_mb=1769, graph=True, only_with_graph=True),
    "verify": Function(timeout_s=900, memory_mb=1769, graph=True),
    "graph_projector": Function(memory_mb=1024, graph=True, only_with_graph=True),
    "mend_graph": Function(graph=True, only_with_graph=True),
    "pusher": Function(),
    "job_pusher": Function(),
    "push_sweep": Function(),
    # A job's lease is the deadline and 30 s, the queue's visibility is longer (core.yaml).
    "job_worker": Function(timeout_s=900, memory_mb=1024),
    "slow_job_worker": Function(timeout_s=900, memory_mb=1024),
    "sweep_jobs": Function(),
}


def deployed(graph: bool) -> list[str]:
    """Return the functions of a stage with, or without, a graph."""
    return [name for name, each in FUNCTIONS.items() if graph or not each.only_with_graph]
