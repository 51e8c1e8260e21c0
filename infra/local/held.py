"""Answers that go on: server-sent events, for as long as the client stays.

A whole answer is what a Lambda gives; here the process holds the connection. A stream looks again
when an item changed under a key that it names, and says something now and then so that no proxy
takes it for dead. A client that does not read stops its own stream and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from starlette.types import Receive, Scope, Send

from chalicelib.edge.sse import KEEP_ALIVE, KEEP_ALIVE_S, EventStream
from chalicelib.errors import Unavailable
from infra.local.gateway import Answer

THREADS: Final = 8  # that look at the same time


class Bell:
    """Wakes whoever waits for a key. `ring` may be called from any thread."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._lock = threading.Lock()

    def ring(self, keys: frozenset[str]) -> None:
        """Wake those who wait for one of the keys."""
        with self._lock:
            woken = {each for key in keys for each in self._waiting.get(key, ())}
        for loop, rung in woken:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(rung.set)

    @contextlib.contextmanager
    def waiting(self, keys: frozenset[str]) -> Iterator[asyncio.Event]:
        """Yield what is set when one of the keys is rung."""
        one = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            for key in keys:
                self._waiting.setdefault(key, set()).add(one)
        try:
            yield one[1]
        finally:
            with self._lock:
                for key in keys:
                    self._waiting[key].discard(one)
                    if not self._waiting[key]:
                        del self._waiting[key]

    @property
    def count(self) -> int:
        """Return how many wait."""
        with self._lock:
            return len({one for waiting in self._waiting.values() for one in waiting})


BELL: Final = Bell()
_LOOKERS: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="held")


class Held:
    """The ASGI response that sends a stream until the client leaves."""

    def __init__(self, answer: Answer, stream: EventStream) -> None:
        self._answer = answer
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a client that has left is noticed at once, even while he is not reading."""
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in self._answer.headers
        ]
        await send(
            {"type": "http.response.start", "status": self._answer.status, "headers": headers}
        )
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            for task in (sending, leaving):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task

    async def _send(self, send: Send) -> None:
        stream, loop = self._stream, asyncio.get_running_loop()

        async def say(text: str, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": more})

        with BELL.waiting(stream.source.wakes_on) as rung:
            await say(stream.preamble())
            while True:
                rung.clear()
                try:
                    text = await loop.run_in_executor(_LOOKERS, stream.look)
                except Unavailable:
                    break  # the client comes again, and goes on from where he is
                if text:
                    await say(text)
                    continue
                if stream.source.ended:
                    break
                try:
                    await asyncio.wait_for(rung.wait(), KEEP_ALIVE_S)
                except TimeoutError:
                    await say(KEEP_ALIVE)
        await say("", more=False)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
