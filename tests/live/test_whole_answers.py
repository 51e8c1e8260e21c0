"""A real EventSource where answers are whole, as behind API Gateway."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.live.local import running
from tests.live.npm import EVENTSOURCE, run


def test_npm_s_eventsource_loses_nothing_where_answers_are_whole(node):
    """An answer ends with the first events, or after a while with none."""
    with running(sse_hold_s=0.3, sse_poll_s=0.05) as system:
        system.holds = False
        system.restart_gateway()
        resource = system.created()
        changes = 4

        async def while_it_is_written() -> list[Any]:
            url = f"{system.url}/resources/{resource}/events/stream?from=0"
            watching = asyncio.to_thread(run, node, EVENTSOURCE, url, str(1 + changes))
            heard = asyncio.ensure_future(watching)
            for number in range(changes):
                await asyncio.to_thread(system.rename, resource, f"B{number}")
                await asyncio.sleep(0.3)
            return await heard

        assert asyncio.run(while_it_is_written()) == system.history(resource)
