"""The composition root: one `System` holds every layer, each client made when first used.

Nothing is made at import, and a layer that few functions need is loaded when it is first asked for.
What may be cached between requests belongs to a `System`, not to a module, so that tests and
benches can have several at once.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib import aws
from chalicelib.config import Config
from chalicelib.content import Content
from chalicelib.domain.ids import minted_id
from chalicelib.dynamo import Tables
from chalicelib.flows.head import Heads
from chalicelib.flows.watermarks import MAX_AGE_S, Watermarks
from chalicelib.jobs.outcomes import Outcomes
from chalicelib.jobs.queue import Queue
from chalicelib.jobs.table import Jobs
from chalicelib.live.places import Places
from chalicelib.live.posts import Posts
from chalicelib.log import Log
from chalicelib.metrics import Metrics
from chalicelib.views import Views

if TYPE_CHECKING:
    from chalicelib.graph.breaker import Answers, Breaker
    from chalicelib.graph.gremlin import Gremlin
    from chalicelib.inference import Inference
    from chalicelib.jobs.kinds.kind import Kind
    from chalicelib.live.connections import Connections
    from chalicelib.upkeep.objects import Objects
    from chalicelib.upkeep.tables import TableUpkeep

T = TypeVar("T")


class System:
    """Every layer, the clock and the source of ids.

    `clock` returns Unix seconds; layers may be given by tests that make them fail. Time, waiting
    and threads are taken from here alone, so that a simulation can put its own in their place.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], float] = time.time,
        log: Log | None = None,
        views: Views | None = None,
        content: Content | None = None,
        watermarks: Watermarks | None = None,
        connections: Connections | None = None,
        posts: Posts | None = None,
        graph: Gremlin | None = None,
        inference: Inference | None = None,
        kinds: Mapping[str, Kind] | None = None,
        upkeep: TableUpkeep | None = None,
        objects: Objects | None = None,
    ) -> None:
        self.config = config
        self.metrics = Metrics()
        self.heads = Heads(config.view_cache_s)
        self.watermarks = watermarks or Watermarks(min(config.view_cache_s, MAX_AGE_S))
        self.content = content or Content(config)
        self._clock = clock
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}
        if log is not None:
            self._made["log"] = log
        if views is not None:
            self._made["views"] = views
        if connections is not None:
            self._made["connections"] = connections
        if posts is not None:
            self._made["posts"] = posts
        if graph is not None:
            self._made["graph"] = graph
        if inference is not None:
            self._made["inference"] = inference
        if kinds is not None:
            self._made["kinds"] = kinds
        if upkeep is not None:
            self._made["upkeep"] = upkeep
        if objects is not None:
            self._made["objects"] = objects

    @property
    def tables(self) -> Tables:
        """Return the tables; the DynamoDB client is made at the first use."""
        names = self.config
        return self._once(
            "tables", lambda: Tables(names.log_table, names.views_table, names.jobs_table)
        )

    @property
    def log(self) -> Log:
        """Return L2."""
        return self._once("log", lambda: Log(self.tables))

    @property
    def views(self) -> Views:
        """Return L3."""
        return self._once("views", lambda: Views(self.tables))

    @property
    def graph(self) -> Gremlin | None:
        """Return L4, None where there is none; it connects at the first request."""
        from chalicelib.graph.gremlin import gremlin

        return self._once("graph", lambda: gremlin(self.config))

    @property
    def graph_breaker(self) -> Breaker:
        """Return what keeps a graph that does not answer from being asked."""
        from chalicelib.graph.breaker import Breaker

        return self._once("graph_breaker", lambda: Breaker(self.monotonic_s))

    @property
    def graph_answers(self) -> Answers:
        """Return the answers of the graph that are kept."""
        from chalicelib.graph.breaker import Answers

        return self._once("graph_answers", lambda: Answers(self.monotonic_s))

    @property
    def connections(self) -> Connections:
        """Return who watches what."""
        from chalicelib.live.connections import Connections

        return self._once(
            "connections",
            lambda: Connections(self.tables, self.config.connections_table, self._clock),
        )

    @property
    def posts(self) -> Posts:
        """Return the way to the other end of a websocket."""
        return self._once("posts", lambda: Posts(self.config.aws_region))

    @property
    def places(self) -> Places:
        """Return the places for event streams that wait."""
        return self._once("places", lambda: Places(self.connections, self.config.sse_places))

    @property
    def jobs(self) -> Jobs:
        """Return the jobs table."""
        return self._once("jobs", lambda: Jobs(self.tables))

    @property
    def jobs_queue(self) -> Queue:
        """Return what sends the messages of jobs."""
        return self._once("jobs_queue", lambda: Queue(self.config))

    @property
    def outcomes(self) -> Outcomes:
        """Return what the steps of jobs led to."""
        return self._once("outcomes", lambda: Outcomes(self.content))

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """Return the kinds of jobs there are."""
        from chalicelib.jobs.kinds import KINDS

        return self._once("kinds", lambda: KINDS)

    @property
    def inference(self) -> Inference:
        """Return who finds and who writes."""
        from chalicelib.inference import chosen

        return self._once("inference", lambda: chosen(self.config.inference))

    @property
    def upkeep(self) -> TableUpkeep:
        """Return the log's and the views' tables as they are stored, for recovery."""
        from chalicelib.upkeep.tables import TableUpkeep

        return self._once("upkeep", lambda: TableUpkeep(self.tables))

    @property
    def objects(self) -> Objects:
        """Return the bucket as it is stored, for recovery."""
        from chalicelib.upkeep.objects import Objects

        return self._once("objects", lambda: Objects(self.config))

    @property
    def heads_key(self) -> str:
        """Return the secret that signs the lists of heads, "" for none. Raises Unavailable."""
        return self._once("heads_key", lambda: aws.told(self.config.heads_key))

    def now_s(self) -> float:
        """Return Unix seconds."""
        return self._clock()

    def now(self) -> str:
        """Return the time as the log writes it: ``2026-11-23T09:35:00.123Z``."""
        return iso(self._clock())

    def mint(self) -> str:
        """Return a new UUIDv7."""
        return minted_id(int(self._clock() * 1000), secrets.randbits(74))

    def monotonic_s(self) -> float:
        """Return seconds that never go back: for how long something took."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def side_by_side(self, calls: Sequence[Callable[[], T]], at_once: int) -> list[T]:
        """Make the calls, at most `at_once` at a time, and return what they return, in order.

        Raises the first error after every call that had begun has ended; the others do not begin.
        """
        if len(calls) <= 1:
            return [call() for call in calls]
        with ThreadPoolExecutor(min(at_once, len(calls))) as pool:
            return list(pool.map(lambda call: call(), calls))

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            made: T = self._made[name]
            return made


def iso(unix_s: float) -> str:
    """Return ISO 8601 UTC with milliseconds; it sorts as text."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_system: System | None = None
_system_lock = threading.Lock()


def system(environ: Mapping[str, str] | None = None) -> System:
    """Return this process's `System`, made from the environment at the first call."""
    global _system
    with _system_lock:
        if _system is None:
            _system = System(Config.from_env(os.environ if environ is None else environ))
        return _system


def use(instance: System | None) -> None:
    """Make `system()` return `instance`; None forgets it. For the local system and tests."""
    global _system
    with _system_lock:
        _system = instance
