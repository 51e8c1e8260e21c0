r"""Server-sent events (WHATWG HTML, 9.2): an answer that goes on.

A view answers ``Answer(200, EventStream(system, source), media_type=sse.MEDIA_TYPE)``. How long
that lasts is for the environment to say: where the invocation's context can hold a connection open
(`hold_open`, as the local gateway's can), it is handed over and goes on for as long as the client
stays; on Lambda, whose answers are whole, it ends at the first event or after `config.sse_hold_s`
with nothing, and the client comes again with `Last-Event-ID`.

::

    retry: 1000

    id: 0192f…:8
    event: annotation.added
    data: {"id":"0192f…:8","type":"annotation.added",…}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.edge import strict_json
from chalicelib.edge.answer import MAX_ANSWER_BYTES, PAGE_BYTES, sent_bytes

if TYPE_CHECKING:
    from chalicelib.system import System

MEDIA_TYPE: Final = "text/event-stream"
RETRY_MS: Final = 1000
KEEP_ALIVE: Final = ": still here\n\n"
KEEP_ALIVE_S: Final = 15.0
"""Proxies cut what is silent for longer: 30 s at some, 60 s at most (nginx's default)."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `data` is JSON, sent as one line; `id` is a cursor, or None for no position.

    `brief` stands for `data` in a whole answer that even this event alone would be too large for.
    """

    type: str
    data: Any
    id: str | None = None
    brief: Any = None

    def __str__(self) -> str:
        """Return it as sent. JSON has no line breaks of its own, so `data` is always one line."""
        lines = [] if self.id is None else [f"id: {self.id}"]
        return "\n".join([*lines, f"event: {self.type}", f"data: {_line(self.data)}", "", ""])


class Source(Protocol):
    """What an event stream is made of."""

    @property
    def wakes_on(self) -> frozenset[str]:
        """Partition keys of items whose change may mean news: who can, looks again at once."""

    @property
    def ended(self) -> bool:
        """Tell that nothing will follow; the client is told so, and should not come again."""

    def look(self) -> Sequence[Event]:
        """Return what is new since the last look; never waits. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class EventStream:
    """The body of an answer that goes on."""

    system: System
    source: Source

    def body(self, context: Any) -> str:
        """Return the whole answer; the empty text if the context holds the connection open."""
        hold_open = getattr(context, "hold_open", None)
        if hold_open is not None:
            hold_open(self)
            return ""
        return self.whole()

    def preamble(self) -> str:
        """Return what comes first: after how long to come again."""
        return f"retry: {RETRY_MS}\n\n"

    def look(self) -> str:
        """Return the text of what is new, which may be empty. Never waits."""
        return "".join(map(str, self.source.look()))

    def whole(self) -> str:
        """Wait for the first event, for a bounded time, and return what is there and fits.

        The client comes again for the rest. Raises Unavailable where too many requests wait.
        """
        found = self.source.look()
        if not found and not self.source.ended:
            with self.system.places.one():
                found = self._awaited()
        told = [self.preamble()]
        size_bytes = sent_bytes(told[0])
        for event in found:
            text = str(event)
            size_bytes += sent_bytes(text)
            if size_bytes > PAGE_BYTES and len(told) > 1:
                break
            if size_bytes > MAX_ANSWER_BYTES and event.brief is not None:
                # Refused, it would be asked for again and again: nobody would come past it.
                text = str(replace(event, data=event.brief))
            told.append(text)
        return "".join(told)

    def _awaited(self) -> Sequence[Event]:
        config = self.system.config
        until = self.system.monotonic_s() + config.sse_hold_s
        while (left := until - self.system.monotonic_s()) > 0:
            self.system.sleep(min(config.sse_poll_s, left))
            found = self.source.look()
            if found or self.source.ended:
                return found
        return ()


def _line(data: Any) -> str:
    return strict_json.dumps(data)
