"""The app's functions apart: each runs with a `System` of its own, as each Lambda does, on moto.

So a `Recorder` can tell whose calls are whose, and nothing is found in somebody else's cache.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from app import app
from chalicelib import system as systems
from chalicelib.aws import IN_SSM
from chalicelib.config import Config
from chalicelib.system import System
from infra.deploy.functions import FUNCTIONS
from infra.deploy.stage import Stage
from infra.local.aws import client
from infra.local.functions import Function, context
from infra.local.payloads import queue_event
from infra.local.pumps import Pumps
from tests.deploy.ends import GraphTwin, OtherEnds
from tests.deploy.recording import Recorder
from tests.edge.api import HOST, Api

WORKSPACE = "everything"
STAGE = Stage(name="local")
SOCKETS = {"$connect": "connect", "$default": "message", "$disconnect": "disconnect"}
SCHEDULES = ("reconcile", "witness_heads", "mend_graph", "push_sweep", "sweep_jobs")
SETTINGS = {
    "LOCAL_USER": "ada",
    "LOCAL_WORKSPACE": WORKSPACE,
    "HEADS_KEY": IN_SSM + STAGE.heads_key,
    "SSE_HOLD_S": "0.02",
    "SSE_POLL_S": "0.01",
    "VIEW_CACHE_S": "0",
}


class Functions:
    """The app and its functions, each with a `System` of its own, as each Lambda has."""

    def __init__(
        self, environment: Mapping[str, str], recorder: Recorder, ends: OtherEnds, graph: Any
    ) -> None:
        self.config = Config.from_env({**environment, **SETTINGS, "SOCKETS_ENDPOINT_URL": ends.url})
        self.environment = environment
        self.recorder = recorder
        self.ends = ends
        self.pumps = Pumps(app, environment)
        self.called: set[tuple[str, str]] = set()
        self.headers: Mapping[str, str] = {}
        self._graph = graph
        self._systems: dict[str, System] = {}
        self._sockets = {
            route: Function(
                f"websocket_{kind}", app.handler_map[app.websocket_handlers[route].name]
            )
            for route, kind in SOCKETS.items()
        }

    def system(self, name: str = "api_handler") -> System:
        """Return a function's own system."""
        if name not in self._systems:
            self._systems[name] = System(self.config, graph=self._graph_of(name))
        return self._systems[name]

    @contextmanager
    def function(self, name: str, ahead_s: float = 0) -> Iterator[System]:
        """All that is called in the block is called by this function, at a time to come."""
        system = self.system(name)
        if ahead_s:
            later = partial(_later, ahead_s)
            system = System(self.config, graph=self._graph_of(name), clock=later)
        systems.use(system)
        try:
            with self.recorder.function(name):
                yield system
        finally:
            systems.use(None)
            system.posts.stop()

    def _graph_of(self, name: str) -> Any:
        function = FUNCTIONS.get(name)
        return self._graph if function is not None and function.graph else None

    def call(
        self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any
    ) -> Any:
        """Call the API, expect a status, and return the answer's JSON."""
        with self.function("api_handler") as system:
            got = Api(system)(method, path, body, **more)
        assert got.status == status, (method, path, got.status, got.body[:500])
        self.called.add((method, path))
        self.headers = got.headers
        return got.json if "json" in got.headers.get("content-type", "") else got.body

    def socket(self, route: str, connection: str, said: str = "", **query: str) -> int:
        """Invoke a socket's handler as API Gateway does; return its status."""
        event = {
            "requestContext": {
                "connectionId": connection,
                "apiId": "sockets",
                "stage": "api",
                "domainName": "sockets.test",
                "requestId": "r",
                "identity": {"sourceIp": "1.2.3.4"},
            },
            "headers": {"host": HOST},
            "queryStringParameters": query or None,
            "body": said,
        }
        invoke = self._sockets[route]
        with self.function(invoke.name):
            return int(invoke(event)["statusCode"])

    def empty_graph(self) -> None:
        self._graph.empty()

    def take_turns(self, command: str) -> None:
        """Invoke an operator's function until it says that nothing is left."""
        asked: Any = {}
        while asked is not None:
            with self.function(command):
                asked = app.handler_map[command](asked, context(command, 900))["next"]

    def connect(self, *connections: str) -> None:
        for each in connections:
            ticket = self.call("POST", "/tickets", status=201)["ticket"]
            assert self.socket("$connect", each, ticket=ticket) == 200

    def say(self, connection: str, action: str, *topics: Any) -> None:
        """Send a message over a connection."""
        said = {"action": action, "id": "1", "topics": list(topics)}
        assert self.socket("$default", connection, json.dumps(said)) == 200

    def run(self) -> None:
        """Let streams and queues do all that waits."""
        waiting = [name for name in self.pumps if name not in SCHEDULES]
        while any(self.step(name) for name in waiting):
            pass

    def step(self, name: str) -> bool:
        with self.function(name):
            return self.pumps[name].step()

    def fire(self, *names: str, ahead_s: float = 0) -> None:
        for name in names:
            with self.function(name, ahead_s):
                self.pumps.fire(name)
            assert not self.pumps[name].pump.failed, f"{name} failed"

    def work_briefly(self, name: str) -> None:
        """Let a worker take a message so late that it can only put its job back."""
        arn = self.pumps[name].pump.source.queue_arn  # type: ignore[union-attr]
        queue = client("sqs")
        url = queue.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        messages = queue.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
        with self.function(name):
            app.handler_map[name](queue_event(messages, arn), context(name, 5))
        queue.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])


@contextmanager
def functions(environment: Mapping[str, str], recorder: Recorder) -> Iterator[Functions]:
    """Yield it, ready to run, with a graph."""
    ends = OtherEnds(recorder)
    client("ssm").put_parameter(
        Name=STAGE.heads_key, Value="a key for lists of heads, long enough", Type="SecureString"
    )
    with recorder.attached():
        try:
            yield Functions(environment, recorder, ends, GraphTwin(recorder))
        finally:
            ends.stop()


def _later(ahead_s: float) -> float:
    return time.time() + ahead_s
