"""A TCP proxy that cuts connections after a random number of bytes."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random


class CuttingProxy:
    """Listens on `port`; each connection lives for a random number of bytes, either way."""

    def __init__(self, target: int, random: Random, most_bytes: int) -> None:
        self._target = target
        self._random = random
        self._most_bytes = most_bytes
        self.cuts = 0
        self.calm = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> CuttingProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0.05)  # who was just let in begins, so that its end is run too
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # what was aborted is closed in the loop's next turns

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(OSError):
                there_reader, there_writer = await asyncio.open_connection(
                    "127.0.0.1", self._target
                )
                budget = [self._random.randint(1, self._most_bytes)]
                ways = [
                    asyncio.ensure_future(self._carry(reader, there_writer, budget)),
                    asyncio.ensure_future(self._carry(there_reader, writer, budget)),
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
                    there_writer.transport.abort()
        finally:
            writer.transport.abort()  # also when cancelled: an open writer outlives its loop

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: list[int]
    ) -> None:
        while data := await reader.read(4096):
            if not self.calm:
                data, cut = data[: budget[0]], len(data) >= budget[0]
                budget[0] -= len(data)
                if cut:
                    self.cuts += 1
                    writer.write(data)
                    await writer.drain()
                    return
            writer.write(data)
            await writer.drain()
