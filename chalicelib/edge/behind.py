"""What runs behind the requests: projectors, pushers, workers, schedules, and sockets.

Each of these flows is loaded by the function that runs it. Every Lambda imports all of `app.py`,
and a request should not wait for code that only a schedule needs (`bench/cold_import.py`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalicelib.edge import sources
from chalicelib.system import System


def project_graph(system: System, event: Any) -> Any:
    """Bring the graph's part of the streams that have news up to the log's head."""
    from chalicelib.flows import graph_project

    return sources.in_streams(system, event, graph_project.project_batch)


def mend_graph(system: System) -> Any:
    """Fill a graph that is new or lost something, and try again what was parked."""
    from chalicelib.flows import graph_project

    return sources.on_time(system, graph_project.mend)


def reconcile(system: System) -> Any:
    """Mend what lost records left behind, retry what is parked, delete what is due."""
    from chalicelib.flows import recover

    return sources.on_time(system, recover.reconcile).to_json()


def witness_heads(system: System) -> Any:
    """Sign a list of the heads that moved, outside the tables."""
    from chalicelib.flows import heads

    return sources.on_time(system, heads.witness)


def take_turn(system: System, command: Any, event: Any, context: Any) -> Any:
    """Carry out as much of an operator's command as there is time for."""
    from chalicelib.flows import turns

    def left_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    return sources.on_time(system, lambda system: turns.turn(system, command, event or {}, left_s))


def push_again(system: System) -> Any:
    """Go on with those to whom a post failed."""
    from chalicelib.edge import sockets
    from chalicelib.flows import push

    return sources.on_time(system, lambda system: push.sweep(system, sockets.show(system)))


def connect(system: System, event: Any) -> Any:
    """Let in who brings a token or a ticket."""
    from chalicelib.edge import sockets

    return sockets.connect(system, event)


def message(system: System, event: Any) -> Any:
    """Subscribe, unsubscribe, or answer a ping."""
    from chalicelib.edge import sockets

    return sockets.message(system, event)


def disconnect(system: System, event: Any) -> Any:
    """Forget who has left."""
    from chalicelib.edge import sockets

    return sockets.disconnect(system, event)


def push_views(system: System, event: Any) -> Any:
    """Post each move of a watermark to whoever watches it."""
    from chalicelib.edge import pushes

    return pushes.of_views(system, event)


def push_jobs(system: System, event: Any) -> Any:
    """Post each new state of a job to whoever watches it."""
    from chalicelib.edge import pushes

    return pushes.of_jobs(system, event)


def work(system: System, event: Any) -> Any:
    """Carry out the jobs that messages name."""
    from chalicelib.flows import work

    return sources.in_queue(system, event, work.work, work.stumble)


def sweep_jobs(system: System) -> Any:
    """Send jobs again whose message or worker was lost; end those that were tried too often."""
    from chalicelib.flows import jobs

    return asdict(sources.on_time(system, jobs.sweep))
