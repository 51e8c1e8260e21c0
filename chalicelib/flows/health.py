"""Whether the system can serve: one probe per dependency, side by side, each with its time-out."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from chalicelib.errors import Unavailable
from chalicelib.flows import jobs, project

if TYPE_CHECKING:
    from chalicelib.system import System

TIMEOUT_S: Final = 1.5
"""For each probe; they run at the same time, so this bounds the whole answer."""

SHOWN: Final = 100
"""Parked streams that are counted."""

Status = Literal["ok", "degraded", "absent", "failed"]


@dataclass(frozen=True, slots=True)
class Part:
    """The state of one dependency. `detail` says what is wrong, None when nothing is."""

    status: Status
    latency_ms: float
    detail: str | None = None


ABSENT: Final = Part("absent", 0.0)
"""Of a dependency that is not configured."""


@dataclass(frozen=True, slots=True)
class Health:
    """The four parts. Ready unless one has failed; `absent` and `degraded` do not count."""

    database: Part
    event_store: Part
    graph: Part
    jobs: Part

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return all of them."""
        return (self.database, self.event_store, self.graph, self.jobs)

    @property
    def ready(self) -> bool:
        """Tell whether requests can be served."""
        return all(part.status != "failed" for part in self.parts)


def health(system: System) -> Health:
    """Probe every dependency: `database` is views and content, `eventStore` the log."""
    system.tables  # noqa: B018  # a new process loads the SDK now, which is nobody's latency
    pool = ThreadPoolExecutor(5)
    try:
        views = pool.submit(_timed, lambda: _views(system))
        content = pool.submit(_timed, lambda: _silent(system.content.ping))
        log = pool.submit(_timed, lambda: _silent(system.log.ping))
        configured = system.jobs_queue.configured
        work = pool.submit(_timed, lambda: jobs.trouble(system)) if configured else None
        graph = pool.submit(_timed, lambda: _relations(system)) if system.graph else None
        deadline = time.monotonic() + TIMEOUT_S

        def result(future: object) -> Part:
            try:
                part: Part = future.result(max(0.0, deadline - time.monotonic()))  # type: ignore[attr-defined]
            except TookTooLong:
                return Part("failed", TIMEOUT_S * 1000, f"no answer within {TIMEOUT_S} s")
            return part

        database = max(result(views), result(content), key=_severity)
        relations = ABSENT
        if graph:
            relations = _graph(result(graph), required=system.config.graph_required)
        found = Health(
            database,
            result(log),
            relations,
            result(work) if work else ABSENT,
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    states = [part.status for part in found.parts]
    system.metrics.count("HealthFailed", states.count("failed"))
    system.metrics.count("HealthDegraded", states.count("degraded"))
    return found


def _graph(part: Part, *, required: bool) -> Part:
    """Return the graph's part: without it the views answer, unless the setting says otherwise."""
    if part.status == "failed" and not required:
        return replace(part, status="degraded")
    return part


def _views(system: System) -> str | None:
    return _parked(system, project.CONSUMER)


def _relations(system: System) -> str | None:
    from chalicelib.flows import graph_ask, graph_project

    return graph_ask.trouble(system) or _parked(system, graph_project.CONSUMER)


def _parked(system: System, consumer: str) -> str | None:
    """Tell how many streams are parked; not which, for anybody may ask for the health."""
    parked = len(system.views.parked(limit=SHOWN, consumer=consumer))
    if not parked:
        return None
    return f"{'at least ' if parked == SHOWN else ''}{parked} stream(s) are parked"


def _silent(probe: Callable[[], None]) -> None:
    probe()


def _timed(probe: Callable[[], str | None]) -> Part:
    start = time.perf_counter()
    status: Status = "ok"
    detail: str | None = None
    try:
        detail = probe()
        status = "ok" if detail is None else "degraded"
    except Unavailable as error:
        status, detail = "failed", error.detail
    return Part(status, round((time.perf_counter() - start) * 1000, 1), detail)


def _severity(part: Part) -> int:
    return ("absent", "ok", "degraded", "failed").index(part.status)
