"""The app over a world of jobs, called as API Gateway calls it; its workers, as Lambda calls them."""

from __future__ import annotations

import json
from typing import Any

from app import app
from infra.local.functions import Function, QueueSource
from infra.local.queuepump import QueuePump
from tests.edge.api import Answer, Api
from tests.jobs.scene import World

NOTHING_HERE = "0192f000-0000-7000-8000-000000000001"


class JobsApi(Api):
    """The app over a world, as its user Ada; and its workers, on demand."""

    def __init__(self, world: World, environment: dict[str, str]) -> None:
        super().__init__(world.api)
        self.world = world
        self.pumps = [
            QueuePump(QueueSource(Function(name, app.handler_map[name]), environment[arn], 1, 1))
            for name, arn in (
                ("job_worker", "JOBS_QUEUE_ARN"),
                ("slow_job_worker", "SLOW_JOBS_QUEUE_ARN"),
            )
        ]

    def work(self) -> None:
        """Let the workers do all that there is to do."""
        while any(pump.step() for pump in self.pumps):
            pass

    def delete(self, path: str, **more: Any) -> Answer:
        return self("DELETE", path, **more)

    def stream(self, path: str, json: Any = None, **more: Any) -> list[dict[str, Any]]:
        """Return the events of an event stream; a GET without a body."""
        method = "GET" if json is None else "POST"
        return events(self(method, path, json, **more))


def events(answer: Answer) -> list[dict[str, Any]]:
    """Return what an answer of server-sent events holds."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/event-stream"
    preamble, *frames = answer.body.decode().strip().split("\n\n")
    assert preamble == "retry: 1000"
    fields = [dict(line.split(": ", 1) for line in frame.splitlines()) for frame in frames]
    return [{**each, "data": json.loads(each["data"])} for each in fields]


def detection(resource_id: str) -> dict[str, Any]:
    return {
        "kind": "detection",
        "resource": resource_id,
        "params": {"entityTypes": ["Person"]},
    }
