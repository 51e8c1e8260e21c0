"""Everything that Palimpsest does, once, on moto: each route, stream, queue, schedule and socket.

Every function runs by itself, so that a `Recorder` can tell whose calls are whose. What goes wrong
now and then is part of it: a parked stream, a watcher that is gone or does not answer, a view whose
items are due for deletion.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app import app
from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.domain import job as domain
from chalicelib.domain.ids import Stream
from chalicelib.flows import rebuild
from chalicelib.graph import unavailable
from chalicelib.system import System
from chalicelib.views import Parked
from infra.deploy.functions import FUNCTIONS
from infra.local.aws import client
from infra.local.functions import Function, context
from infra.local.payloads import queue_event
from infra.local.pumps import Pumps
from tests.deploy.recording import Recorder
from tests.edge.api import HOST, Api

WORKSPACE = "everything"
URL = "http://127.0.0.1:8000"
TEXT = "Ada Lovelace met Charles Babbage in London."
SOCKETS_ARN = "arn:aws:execute-api:us-east-1:123456789012:sockets/api/{}/@connections/{}"
GRAPH_ARN = "arn:aws:neptune-db:us-east-1:123456789012:cluster-GRAPH/database"
SOCKETS = {"$connect": "connect", "$default": "message", "$disconnect": "disconnect"}
SCHEDULES = ("reconcile", "witness_heads", "mend_graph", "push_sweep", "sweep_jobs")
SETTINGS = {
    "LOCAL_USER": "ada",
    "LOCAL_WORKSPACE": WORKSPACE,
    "HEADS_KEY": "a key for lists of heads, long enough",
    "SSE_HOLD_S": "0.02",
    "SSE_POLL_S": "0.01",
    "VIEW_CACHE_S": "0",
}


class GraphTwin:
    """The graph's contract, so far as to see who asks and who writes; it answers no question."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._whole = False

    def checkpoints(self, streams: Any) -> dict[Stream, int]:
        self._needs("Read")
        return dict.fromkeys(streams, 0)

    def apply(self, parts: Any) -> None:
        self._needs("Read", "Write", "Delete")

    def complete(self) -> bool:
        self._needs("Read")
        return self._whole

    def begin(self, token: str) -> str:
        self._needs("Read", "Write", "Delete")
        return token

    def finish(self, token: str) -> bool:
        self._needs("Read", "Write", "Delete")
        self._whole = True
        return True

    def ping(self) -> None:
        self._needs("Read")

    def submit(self, bytecode: Any) -> Any:
        self._needs("Read", "Write", "Delete")
        raise unavailable("nothing is stored here")

    def empty(self) -> None:
        self._whole = False

    def __getattr__(self, question: str) -> Callable[..., Any]:
        def ask(*_: Any, **__: Any) -> Any:
            self._needs("Read")
            raise unavailable(f"no {question} here")

        return ask

    def _needs(self, *kinds: str) -> None:
        self._recorder.needs(*((f"neptune-db:{kind}DataViaQuery", GRAPH_ARN) for kind in kinds))


class OtherEnds:
    """An HTTP server that takes the frames for websockets; `answer` says with which status."""

    def __init__(self, recorder: Recorder) -> None:
        self.answer: Callable[[str], int | None] = {}.get
        ends = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = self.path.rpartition("/")[2]
                arn = SOCKETS_ARN.format(self.command, connection)
                recorder.needs(("execute-api:ManageConnections", arn))
                self.send_response(ends.answer(connection) or 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_DELETE = do_POST  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Everything:
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
def everything(environment: Mapping[str, str], recorder: Recorder) -> Iterator[Everything]:
    """Yield it, ready to run, with a graph."""
    ends = OtherEnds(recorder)
    with recorder.attached():
        try:
            yield Everything(environment, recorder, ends, GraphTwin(recorder))
        finally:
            ends.stop()


def _later(ahead_s: float) -> float:
    return time.time() + ahead_s


def do_all(all: Everything) -> None:
    """Do everything once."""
    resource = _write(all)
    _live(all, resource)
    _jobs(all, resource)
    _read(all, resource)
    _mend(all, resource)
    _recover(all)


def _write(all: Everything) -> str:
    new = {"name": "A letter", "format": "text/plain", "content": TEXT, "entityTypes": ["Letter"]}
    for _ in range(2):
        made = all.call("POST", "/resources", new, status=201, headers={"Idempotency-Key": "once"})
    resource, path = str(made["id"]), f"/resources/{made['id']}"
    unknown = {"name": "n", "format": "text/plain", "upload": "0" * 64}
    all.call("POST", "/resources", unknown, status=422, headers={"Idempotency-Key": "never"})
    data = b"A longer text."
    checksum = hashlib.sha256(data).hexdigest()
    told = all.call("POST", "/uploads", {"checksum": checksum, "size": len(data)}, status=201)
    put = {"Bucket": all.config.content_bucket, "Key": f"{WORKSPACE}/{checksum}"}
    client("s3").put_object(Body=data, **put)
    uploaded = {**unknown, "upload": told["upload"]}
    other = all.call("POST", "/resources", uploaded, status=201)["id"]
    all.run()
    all.call("POST", f"{path}/clone", {"name": "Its twin"}, status=201)
    note = _note("Charles Babbage")
    note["body"].append({"type": "SpecificResource", "source": f"{URL}/resources/{other}"})
    added = all.call(
        "POST", f"{path}/annotations", note, status=201, headers={"Idempotency-Key": "note"}
    )
    own = added["id"].removeprefix(URL)
    all.run()
    all.call("PUT", f"{own}/body", {"body": note["body"][:1]})
    gone = all.call("POST", f"{path}/annotations", _note("London"), status=201)["id"]
    all.run()
    all.call("DELETE", gone.removeprefix(URL), status=204)
    all.call("PUT", f"{own}/body", {"body": note["body"]})
    all.call("PATCH", path, {"name": "Another name", "entityTypes": ["Book"]})
    all.run()
    all.call("GET", path)
    content = {"content": TEXT + " More.", "format": "text/plain"}
    match = {"If-Match": all.headers["etag"]}
    all.call("PUT", f"{path}/content", content, headers=match)
    all.call("POST", "/entity-types", {"entityTypes": ["Folio"]})
    schema = {"id": "s", "name": "S", "tags": [{"name": "t", "description": "d"}]}
    all.call("POST", "/tag-schemas", schema)
    all.run()
    return resource


def _live(all: Everything, resource: str) -> None:
    assert all.socket("$connect", "wrong", ticket="x" * 43) == 401
    all.connect("ada", "gone", "late", "left")
    for each in ("gone", "late", "left"):
        all.say(each, "subscribe", {"resource": resource, "from": 1})
    all.say("ada", "subscribe", {"resource": resource}, {"all": True})
    all.say("ada", "unsubscribe", {"all": True})
    assert all.socket("$disconnect", "left") == 200
    assert all.socket("$default", "left", '{"action": "ping"}') == 410
    all.ends.answer = {"gone": 410, "late": 500}.get
    for name in ("First", "Second"):  # who is late is late once, and left out once
        all.call("PATCH", f"/resources/{resource}", {"name": name})
        all.run()
    all.ends.answer = {}.get
    all.fire("push_sweep")
    all.connect("slow", "fled")
    for each, status in (("fled", 410), ("slow", 500)):
        all.ends.answer = {each: status}.get
        all.say(each, "subscribe", {"resource": resource, "from": 1})
    all.fire("push_sweep")
    all.ends.answer = {"slow": 410}.get
    all.fire("push_sweep")
    all.ends.answer = {}.get
    ticket = all.call("POST", "/tickets", status=201)["ticket"]
    watched = f"/resources/{resource}/events/stream"
    all.call("GET", watched, query={"from": 1, "ticket": ticket})
    all.call("GET", watched)
    all.call("GET", "/events/stream", query={"resource": resource})


def _jobs(all: Everything, resource: str) -> None:
    path = f"/resources/{resource}"
    asked = {"kind": "detection", "resource": resource, "params": {"entityTypes": ["Person"]}}
    for _ in range(2):
        job = all.call("POST", "/jobs", asked, status=201, headers={"Idempotency-Key": "job"})
    all.call("GET", f"/jobs/{job['id']}/events/stream")
    all.say("ada", "subscribe", {"job": job["id"]})
    all.work_briefly("job_worker")
    all.connect("out")
    all.say("out", "subscribe", {"job": job["id"]})
    all.ends.answer = {"out": 410}.get
    all.run()
    all.ends.answer = {}.get
    assert all.call("GET", f"/jobs/{job['id']}")["state"] == "complete"
    cancelled = all.call("POST", "/jobs", asked, status=201)
    all.call("DELETE", f"/jobs/{cancelled['id']}", status=202)
    all.call("POST", f"{path}/detect-annotations-stream", {"entityTypes": ["Person"]})
    new = {"prompt": "Charles Babbage", "title": "He", "resource": resource}
    all.call("POST", "/generate-resource-stream", new)
    all.call("POST", "/generate-resource-stream", {"prompt": "Its twin"})
    all.work_briefly("slow_job_worker")
    note = all.call("POST", f"{path}/annotations", _note("London"), status=201)["id"]
    all.call("POST", f"{note.removeprefix(URL)}/generate-resource-stream", {})
    all.run()
    assert {each["state"] for each in all.call("GET", "/jobs")["items"]} == {
        "complete",
        "cancelled",
    }
    all.call("GET", "/jobs", query={"resource": resource})
    _lost_jobs(all, asked)
    # Who reads a resource whose view is far behind brings it up to date himself.
    story = _story(all)
    all.call("POST", "/jobs", {**asked, "resource": story["id"]}, status=201)
    _fall_behind(all, story)
    assert all.step("job_worker")
    story = _story(all)
    all.call("POST", "/generate-resource-stream", {**new, "resource": story["id"]})
    _fall_behind(all, story)
    assert all.step("slow_job_worker")
    story = _story(all)
    _fall_behind(all, story)
    all.call("GET", f"/resources/{story['id']}/annotations")
    all.run()


def _lost_jobs(all: Everything, asked: Mapping[str, Any]) -> None:
    """Jobs whose message was lost; one whose worker was, and another that is to be cancelled."""
    made = [all.call("POST", "/jobs", asked, status=201)["id"] for _ in range(3)]
    params = {"prompt": "Its twin"}
    slow = {"kind": "generation", "params": params}
    made.append(all.call("POST", "/jobs", slow, status=201)["id"])
    system = all.system("test")
    for job_id in made[:2]:
        job = system.jobs.get(WORKSPACE, job_id)
        assert job is not None
        now, now_s = system.now(), system.now_s()
        job = domain.claim(job, domain.Lease("worker", now_s - 1), now, now_s)
        assert system.jobs.put(job)
        written = {asked["resource"]: 1}
        job = domain.advance(job, "worker", now, domain.Place(0), {"percentage": 1}, written)
        assert system.jobs.put(job)
    assert system.jobs.put(domain.request_cancel(job, now))
    all.fire("sweep_jobs", ahead_s=3600)
    all.run()
    states = [all.call("GET", f"/jobs/{job_id}")["state"] for job_id in made]
    assert states == ["complete", "cancelled", "complete", "complete"]


def _story(all: Everything) -> dict[str, Any]:
    """Create a resource with annotations whose view is up to date."""
    new = {"name": "A long story", "format": "text/plain", "content": TEXT}
    made = all.call("POST", "/resources", new, status=201)
    notes = {"items": [_note("London")] * 3}
    added = all.call("POST", f"/resources/{made['id']}/annotations", notes, status=201)
    all.run()
    return {"id": made["id"], "notes": [each["id"].removeprefix(URL) for each in added["items"]]}


def _fall_behind(all: Everything, story: Mapping[str, Any]) -> None:
    """Write 204 events that its view does not know."""
    path = f"/resources/{story['id']}"
    for note in story["notes"]:
        all.call("DELETE", note, status=204)
    all.call("PATCH", path, {"name": "Quite another story"})
    for _ in range(2):
        many = {"items": [_note("London")] * 100}
        all.call("POST", f"{path}/annotations", many, status=201)


def _read(all: Everything, resource: str) -> None:
    path = f"/resources/{resource}"
    since = "changedSince=2026-01-01T00:00:00Z"
    for query in ("", "q=name", "entityType=Book", since, f"after={resource}:9"):
        all.call("GET", "/resources", query=query)
    all.call("GET", path, query="version=1")
    all.call("GET", f"{path}/content", status=307)
    note = all.call("GET", f"{path}/annotations")["items"][0]["id"].removeprefix(URL)
    for each in (note, f"{note}/history", f"{path}/events"):
        all.call("GET", each)
    all.call("GET", f"{path}/events", query="order=newest&limit=1")
    for each in (f"{path}/referenced-by", f"{path}/neighbours", "/graph/stats"):
        all.call("GET", each)
    all.call("GET", "/graph/paths", query={"from": resource, "to": resource})
    for each in (
        "/entity-types",
        "/tag-schemas",
        "/api/health",
        "/api/live",
        "/",
        "/openapi.json",
        "/asyncapi.json",
        "/docs",
        "/context.jsonld",
        "/problems/not-found",
    ):
        all.call("GET", each)


def _mend(all: Everything, resource: str) -> None:
    stream, system = Stream.of_resource(WORKSPACE, resource), all.system("test")
    for consumer in ("view_materializer", "graph_projector"):
        system.views.park(Parked(consumer, stream, 1, "for a test", system.now()))
    rebuild.rebuild_view(system, stream)
    story = _story(all)
    all.call("PATCH", f"/resources/{story['id']}", {"name": "Rung for nobody"})
    _damage(all, story["id"])
    all.fire("mend_graph", "reconcile", ahead_s=3600)
    all.run()
    all.fire("reconcile", ahead_s=7200)
    all.fire("witness_heads")
    for days in (1, 2):
        all.fire("witness_heads", ahead_s=days * 86_400)


def _recover(all: Everything) -> None:
    """A view is behind, a content is gone, the graph was emptied."""
    story = _story(all)
    for note in story["notes"]:
        all.call("DELETE", note, status=204)
    gone = f"{WORKSPACE}/{hashlib.sha256(b'A longer text.').hexdigest()}"
    client("s3").delete_object(Bucket=all.config.content_bucket, Key=gone)
    for command in ("rebuild_views", "rebuild_graph", "verify", "recover"):
        all.empty_graph()
        all.take_turns(command)
    all.run()


def _damage(all: Everything, resource: str) -> None:
    """Put what nobody can read at the end of a stream."""
    log = {"TableName": all.config.log_table}
    pk = Stream.of_resource(WORKSPACE, resource).key
    asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
    (last,) = client("dynamodb").query(**log, **asked, ScanIndexForward=False, Limit=1)["Items"]
    next_ = {"N": str(int(last["sk"]["N"]) + int(last["count"]["N"]))}
    client("dynamodb").put_item(**log, Item={**last, "sk": next_, "body": {"B": b"[{"}})


def _note(exact: str) -> dict[str, Any]:
    body = [{"type": "TextualBody", "value": "Person", "purpose": "tagging"}]
    target = {"selector": {"type": "TextQuoteSelector", "exact": exact}}
    return {"motivation": "linking", "target": target, "body": body}
