"""One websocket to a Gremlin server: bytecode out, results in, every wait bounded.

gremlinpython's own driver is not used, only its language and its GraphBinary. Its connect has no
time-out, its close waits ten seconds for a server that is gone, and a connection of its pool that
was dropped never heals (seen with 3.7.7). Here a dropped connection is thrown away and the next one
is made afresh, with fresh headers: SigV4 signatures are good for five minutes.

Not for use on a thread whose event loop is running.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

CLOSE_S: Final = 0.2
"""A peer that does not say goodbye by then is left."""
MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024


class Dropped(Exception):
    """The connection is of no use any more. Whether the request was carried out is unknown."""


class TookTooLong(Dropped):
    """No answer by the deadline."""


class Answered(Exception):
    """The server answered with an error: its status code and what it said."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


def load() -> None:
    """Import what a connection needs: half a second that must not count against a deadline."""
    import aiohttp  # noqa: F401
    from gremlin_python.driver import serializer  # noqa: F401
    from gremlin_python.process import anonymous_traversal  # noqa: F401


class Connection:
    """An open connection. One request at a time: the caller holds a lock."""

    def __init__(self, url: str, headers: Mapping[str, str], deadline: float) -> None:
        """Connect by `deadline` (monotonic seconds). Raises Dropped, TookTooLong."""
        import asyncio  # 10 ms of every cold start, and only a graph needs it

        from gremlin_python.driver.serializer import GraphBinarySerializersV1

        self._loop = asyncio.new_event_loop()
        self._session: Any = None
        self._socket: Any = None
        self._format = GraphBinarySerializersV1()
        try:
            self._run(self._connect(url, headers), deadline)
        except Dropped:
            self.close()
            raise

    def submit(self, bytecode: Any, deadline: float) -> list[Any]:
        """Return the results. Raises Answered; after Dropped or TookTooLong, close it."""
        from gremlin_python.driver.request import RequestMessage

        left_ms = max(1, int((deadline - time.monotonic()) * 1000))
        request_id = str(uuid.uuid4())
        arguments = {
            "gremlin": bytecode,
            "aliases": {"g": "g"},
            "evaluationTimeout": left_ms,
        }
        message = self._format.serialize_message(
            request_id, RequestMessage("traversal", "bytecode", arguments)
        )
        answer: list[Any] = self._run(self._exchange(message, request_id), deadline)
        return answer

    def close(self) -> None:
        """Leave; waits no longer than `CLOSE_S` for the peer."""
        import asyncio

        if self._loop.is_closed():
            return
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(asyncio.wait_for(self._leave(), 2 * CLOSE_S))
        with contextlib.suppress(Exception):
            # Cut off in the middle of leaving, the session still counts as open.
            if self._session is not None and not self._session.closed:
                self._loop.run_until_complete(self._session.close())
        self._loop.close()

    async def _connect(self, url: str, headers: Mapping[str, str]) -> None:
        import aiohttp

        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(
            url,
            headers=dict(headers),
            max_msg_size=MAX_ANSWER_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
        )

    async def _exchange(self, message: bytes, request_id: str) -> list[Any]:
        from aiohttp import WSMsgType

        await self._socket.send_bytes(message)
        found: list[Any] = []
        while True:
            frame = await self._socket.receive()
            if frame.type is not WSMsgType.BINARY:
                raise Dropped(f"the server closed the connection ({frame.type.name})")
            part = self._format.deserialize_message(frame.data)
            if str(part["requestId"]) != request_id:
                continue
            status = part["status"]
            if status["code"] not in (200, 204, 206):
                raise Answered(status["code"], str(status["message"]))
            if status["code"] != 204:
                for traverser in part["result"]["data"]:
                    found += [traverser.object] * traverser.bulk
            if status["code"] != 206:
                return found

    async def _leave(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._session is not None:
            await self._session.close()

    def _run(self, work: Any, deadline: float) -> Any:
        import asyncio

        import aiohttp

        left_s = max(0.001, deadline - time.monotonic())
        try:
            return self._loop.run_until_complete(asyncio.wait_for(work, left_s))
        except TimeoutError as error:
            raise TookTooLong("no answer in time") from error
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise Dropped(f"{type(error).__name__}: {error}") from error
