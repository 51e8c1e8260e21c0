"""The adapter to a Gremlin server: Neptune on AWS, TinkerPop's own on a laptop.

One connection for writing and one for reading, made at the first use and again after it dropped.
Each request has a deadline that bounds everything: waiting for the connection, connecting, sending
again what a conflict turned away. The names of errors are those of AWS, "Graph engine error
messages and codes", read 2026-11.
"""

from __future__ import annotations

import random
import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import vertex_of
from chalicelib.graph import Behind, Part, Refused, traversals, unavailable
from chalicelib.graph.iam import signed_headers
from chalicelib.graph.wire import Answered, Connection, Dropped, TookTooLong, load

if TYPE_CHECKING:
    from chalicelib.config import Config

WRITE_S: Final = 10.0
READ_S: Final = 0.8
"""Deadlines. A reader's is short: after it, the views answer."""
CONNECT_S: Final = 0.6
IDLE_S: Final = 600.0
"""A connection unused for so long is made anew; Neptune closes idle ones after 20 minutes."""
READY_S: Final = 10.0
"""How long a reader believes that the graph is complete."""

GRAPH_ID: Final = "palimpsest"
"""The vertex whose `complete` says that everything was projected once: see `Graph.finish`."""

CONFLICTS: Final = (
    "ConcurrentModificationException",
    "ConstraintViolationException",
    "element modified in another transaction",  # TinkerTransactionGraph
    "with id already exists",  # two transactions made the same stub
)
PASSING: Final = (
    "ReadOnlyViolationException",
    "ThrottlingException",
    "TooManyRequestsException",
    "MemoryLimitExceededException",
    "TimeLimitExceededException",
    "CancelledByUserException",
    "InternalFailureException",
    "evaluation exceeded the configured",
)


class Gremlin:
    """A graph behind a `ws://` or `wss://` address. Safe for threads; each request takes its turn.

    `reader` is where questions go, if not to `url`; `headers` is called for every new connection.
    """

    def __init__(
        self,
        url: str,
        reader: str = "",
        *,
        headers: Callable[[str], Mapping[str, str]] | None = None,
        write_s: float = WRITE_S,
    ) -> None:
        load()
        # Two lines, also to one address: a long write must not keep a question waiting.
        self._writer = _Line(url, headers)
        self._reader = _Line(reader or url, headers)
        self._write_s = write_s
        self._ready_until = 0.0
        self._ready_on = -1

    # -- writing ------------------------------------------------------------------------------

    def checkpoints(self, streams: Collection[Stream]) -> dict[Stream, int]:
        """See `Graph.checkpoints`."""
        found = self._writer.submit(_projected(streams).bytecode, self._write_s)
        return _by_stream(streams, found)

    def apply(self, parts: Sequence[Part]) -> None:
        """See `Graph.apply`."""
        found = self._writer.submit(traversals.request(parts), self._write_s)
        reached = {each["id"]: int(each["projected"]) for each in found}
        for part in parts:
            if reached.get(vertex_of(part.stream).id, 0) < max(part.after, part.upto or 0):
                raise unavailable(
                    f"the graph does not hold what came before version {part.after + 1} of "
                    f"{part.stream.name}: it was emptied meanwhile"
                )

    def submit(self, bytecode: Any) -> list[Any]:
        """Carry out a traversal on the writing side: see `graph.upkeep`."""
        return self._writer.submit(bytecode, self._write_s)

    def complete(self) -> bool:
        """Tell whether everything in the log was projected into this graph once."""
        asked = traversals.source().V(GRAPH_ID).has("complete", True).count()
        return bool(self._writer.submit(asked.bytecode, self._write_s)[0])

    def begin(self, token: str) -> str:
        """See `Graph.begin`."""
        from gremlin_python.process.graph_traversal import __
        from gremlin_python.process.traversal import Cardinality, T

        set_ = __.property(Cardinality.single, "filling", token).values("filling")
        begun = traversals.source().merge_v({T.id: GRAPH_ID, T.label: "Graph"})
        begun = begun.coalesce(__.values("filling"), set_)
        return str(self._writer.submit(begun.bytecode, self._write_s)[0])

    def finish(self, token: str) -> bool:
        """Let readers use the graph: the filling is done. False if the graph was emptied meanwhile.

        An empty graph must not tell a reader "nothing".
        """
        from gremlin_python.process.traversal import Cardinality

        done = traversals.source().V(GRAPH_ID).has("filling", token)
        done = done.property(Cardinality.single, "complete", True).count()
        finished = bool(self._writer.submit(done.bytecode, self._write_s)[0])
        self._ready_until = 0.0
        return finished

    # -- reading ------------------------------------------------------------------------------

    def ask(self, traversal: Any, deadline: float | None = None) -> list[Any]:
        """Return a question's results by the deadline. Raises Unavailable, Refused, Behind."""
        deadline = deadline or time.monotonic() + READ_S
        for _ in range(2):
            line = self._ready(deadline)
            found = self._reader.submit(traversal.bytecode, _left_s(deadline))
            if self._reader.line == line:
                return found
            # A new connection, perhaps to a server that was started anew, and is empty.
        raise unavailable("the graph's connection does not last")

    def _ready(self, deadline: float) -> int:
        """Return the number of the connection over which the graph was seen to be complete."""
        if time.monotonic() > self._ready_until or self._ready_on != self._reader.line:
            asked = traversals.source().V(GRAPH_ID).has("complete", True).count()
            found = self._reader.submit(asked.bytecode, _left_s(deadline))
            if not found[0]:
                raise Behind("the graph is being filled")
            self._ready_until = time.monotonic() + READY_S
            self._ready_on = self._reader.line
        return self._ready_on

    def shown(self, streams: Collection[Stream], within_s: float = READ_S) -> dict[Stream, int]:
        """Return up to which version the graph that is asked shows each stream; 0 if not at all."""
        deadline = time.monotonic() + within_s
        return _by_stream(streams, self.ask(_projected(streams), deadline))

    def ping(self) -> None:
        """Ask for one vertex; raises Unavailable, and Behind while the graph is filled."""
        self.ask(traversals.source().V(GRAPH_ID).count())

    def close(self) -> None:
        """Close the connections. They open again at the next use."""
        self._writer.close()
        self._reader.close()


def gremlin(config: Config) -> Gremlin | None:
    """Return the graph that the configuration names. IAM, TLS and engine are configuration only."""
    if config.graph == "none":
        return None
    headers = signed_headers if config.graph_iam else None
    return Gremlin(config.graph, config.graph_reader, headers=headers)


class _Line:
    """One connection, made when needed and made again when it dropped."""

    def __init__(self, url: str, headers: Callable[[str], Mapping[str, str]] | None) -> None:
        if urlsplit(url).scheme not in ("ws", "wss"):
            raise ValueError(f"{url!r} is not a ws:// or wss:// address")
        self._url = url
        self._headers = headers
        self._lock = threading.Lock()
        self._held: list[Connection] = []
        self._used = 0.0
        self.line = 0  # how often it was connected
        weakref.finalize(self, _close_all, self._held)

    def submit(self, bytecode: Any, within_s: float) -> list[Any]:
        """Return the results by the deadline.

        A request that a conflict turned away, or whose connection dropped, is sent again: all that
        is sent here may be carried out twice. Raises Unavailable, Refused.
        """
        deadline = time.monotonic() + within_s
        if not self._lock.acquire(timeout=within_s):
            raise unavailable("the graph is busy: no answer in time")
        try:
            return self._submitted(bytecode, deadline)
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            _close_all(self._held)

    def _submitted(self, bytecode: Any, deadline: float) -> list[Any]:
        number = 0
        while True:
            try:
                fresh = self._ensure(deadline)
                return self._held[0].submit(bytecode, deadline)
            except Answered as error:
                if _says(error, PASSING):
                    # After a failover the old writer answers, read-only: go and find the new one.
                    _close_all(self._held)
                if not _says(error, CONFLICTS):
                    raise _translated(error) from error
            except Dropped as error:
                _close_all(self._held)
                if isinstance(error, TookTooLong) or fresh:
                    raise unavailable(f"the graph does not answer ({error})") from error
            number += 1
            # Full jitter; AWS advises exponential backoff for ConcurrentModificationException.
            pause_s = random.uniform(0, min(0.01 * 2 ** min(number, 6), 0.5))
            if time.monotonic() + pause_s >= deadline:
                raise unavailable("the graph is contended: no answer in time")
            time.sleep(pause_s)

    def _ensure(self, deadline: float) -> bool:
        """Connect unless connected; return whether the connection is new."""
        now = time.monotonic()
        if self._held and now - self._used > IDLE_S:
            _close_all(self._held)
        fresh = not self._held
        if fresh:
            try:
                headers = {} if self._headers is None else self._headers(self._url)
            except OSError as error:
                raise unavailable(f"the graph's credentials: {error}") from error
            try:
                self._held.append(Connection(self._url, headers, min(deadline, now + CONNECT_S)))
            except Dropped as error:
                raise unavailable(f"the graph does not answer ({error})") from error
            self.line += 1
        self._used = now
        return fresh


def _projected(streams: Collection[Stream]) -> Any:
    from gremlin_python.process.traversal import T

    keys = [vertex_of(stream).id for stream in streams]
    # V() without an id would be every vertex.
    asked = traversals.source().V(GRAPH_ID, *keys).has("projected")
    return asked.project("id", "projected").by(T.id).by("projected")


def _by_stream(
    streams: Collection[Stream], found: Sequence[Mapping[str, Any]]
) -> dict[Stream, int]:
    known = {each["id"]: int(each["projected"]) for each in found}
    return {stream: known.get(vertex_of(stream).id, 0) for stream in streams}


def _left_s(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _close_all(held: list[Connection]) -> None:
    while held:
        held.pop().close()


def _says(error: Answered, phrases: Sequence[str]) -> bool:
    return any(phrase in error.message for phrase in phrases)


def _translated(error: Answered) -> Exception:
    if _says(error, PASSING) or error.status in (401, 403, 407, 429, 503, 596, 598):
        return unavailable(f"the graph cannot answer now ({error.message[:200]})")
    return Refused(f"the graph refuses the request ({error})")
