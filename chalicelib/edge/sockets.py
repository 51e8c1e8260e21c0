r"""Websockets: what API Gateway says of a connection, and what a client says over it.

::

    $connect     {"requestContext": {"connectionId": "L0SM9cOFvHcCIhw=", "apiId": "…",
                  "domainName": "…", "stage": "api", "identity": {"sourceIp": "…"}},
                  "headers": {…}, "queryStringParameters": {"ticket": "…"}}
    a message    {"requestContext": {"connectionId": "…", …}, "body": "{\"action\": \"ping\"}"}

Everything is answered by a post: a handler's return value goes nowhere. The shapes both ways stand
in `schemas.live`, and `/asyncapi.json` tells them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from chalicelib.domain.events import StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.job import Job
from chalicelib.edge import answers, jobs, metrics, problems, schemas, strict_json, tickets
from chalicelib.edge import parameters as query
from chalicelib.edge.auth import Authenticator
from chalicelib.edge.call import Call, correlation_of
from chalicelib.edge.headers import Headers
from chalicelib.edge.permissions import READ, require
from chalicelib.errors import AppError, Invalid, NotFound
from chalicelib.flows import push, watch
from chalicelib.live import frames
from chalicelib.live.connections import LIVES_S, Connection, Watcher, everything, of_job
from chalicelib.live.posts import Gone
from chalicelib.system import System

_LOGGER: Final = logging.getLogger(__name__)

MAX_WATCHED: Final = 500
"""Topics of one connection. Who wants more watches everything."""

Json = dict[str, Any]
Answer = dict[str, int]


def connect(system: System, event: Any) -> Answer:
    """Let a caller in who brings a token or a ticket: 200, else 401, 403 or 503."""
    with metrics.running(system):
        return _connect(system, event)


def message(system: System, event: Any) -> Answer:
    """Carry out what a client says, and answer it."""
    with metrics.running(system):
        return _message(system, event)


def disconnect(system: System, event: Any) -> Answer:
    """Forget a connection. API Gateway does not promise to call this; a post that finds nobody
    does the same.
    """
    system.connections.close(_payload(event)["requestContext"]["connectionId"])
    return {"statusCode": 200}


def _connect(system: System, event: Any) -> Answer:
    payload = _payload(event)
    context = payload["requestContext"]
    try:
        caller = tickets.Tickets(system, _authenticator(system)).caller(_call(payload))
        require(caller, READ)
        system.connections.open(
            Connection(
                context["connectionId"],
                _endpoint(system, context),
                caller.workspace,
                caller.actor,
                int(system.now_s()) + LIVES_S,
            )
        )
    except AppError as error:
        _LOGGER.info("A websocket was refused: %s", error)
        return {"statusCode": error.status}
    return {"statusCode": 200}


def _message(system: System, event: Any) -> Answer:
    payload = _payload(event)
    context = payload["requestContext"]
    connection_id, correlation = context["connectionId"], correlation_of(payload)
    connection = system.connections.get(connection_id)
    if connection is None:
        # It outlived its row. The client comes again, with a ticket that is valid.
        _quietly(lambda: system.posts.close(_endpoint(system, context), connection_id))
        return {"statusCode": 410}
    one = _One(system, connection, correlation)
    asked: Any = None
    try:
        asked = strict_json.loads((payload.get("body") or "").encode())
        schemas.check("ClientMessage", asked)
        match asked["action"]:
            case "ping":
                one.say({"type": "pong"}, asked)
            case "subscribe":
                one.subscribe(asked)
            case _:
                one.unsubscribe(asked)
    except AppError as error:
        one.refuse(error, asked)
    return {"statusCode": 200}


def show(system: System) -> push.Show:
    """Return what makes the JSON of an event: as `GET /resources/{id}/events` has it."""

    def shown(resource_id: str, stored: StoredEvent) -> Json:
        return answers.event(stored, resource_id, system.config.public_url)

    return shown


def job_frame(system: System, job: Job) -> frames.Frame:
    """Return the state of a job; what makes it too large for a frame is to be had at `href`."""
    told = jobs.job_json(job, system.config.public_url)
    made = frames.frame({"type": "job", "cursor": job.cursor, "job": told})
    if len(made.body) < frames.MAX_FRAME_BYTES:
        return made
    brief = {"id": job.id, "state": job.state, "progress": job.progress}
    brief["href"] = f"{system.config.public_url}/jobs/{job.id}"
    return frames.frame({"type": "job", "cursor": job.cursor, "job": brief})


class _One:
    """One connection, spoken to."""

    def __init__(self, system: System, connection: Connection, correlation: str) -> None:
        self._system = system
        self._connection = connection
        self._correlation = correlation

    def say(self, body: Json, asked: Any) -> None:
        """Send a frame that answers `asked`. Who cannot be reached is not told."""
        if isinstance(asked, dict) and isinstance(asked.get("id"), str):
            body = {"type": body["type"], "id": asked["id"], **body}
        self._post(frames.frame(body))

    def refuse(self, error: AppError, asked: Any, **about: Any) -> None:
        """Send what went wrong."""
        problem = problems.answer(error, self._correlation, self._system.config.public_url).body
        self.say({"type": "error", "problem": {**problem, **about}}, asked)

    def subscribe(self, asked: Json) -> None:
        """Register every topic, say where each starts, and then replay.

        In this order: what a view shows after the registration comes as a push, what it showed
        before comes with the replay, and what falls between comes with both. A topic that cannot be
        started or replayed is refused by its name; the others go on.
        """
        system, connection = self._system, self._connection
        held = system.connections.topics(connection.id)
        if len(held | {self._topic(topic) for topic in asked["topics"]}) > MAX_WATCHED:
            raise Invalid(
                f"A connection watches at most {MAX_WATCHED} topics; watch all, or open another",
                errors=({"pointer": "/topics", "detail": "are too many with those before"},),
            )
        watcher = Watcher(connection.id, connection.endpoint)
        started: list[Json] = []
        at: list[int] = []
        for index, topic in enumerate(asked["topics"]):
            with self._refused(asked, index):
                started.append(self._start(topic))
                at.append(index)
        if started:
            self.say({"type": "subscribed", "topics": started}, asked)
        for index in at:
            with self._refused(asked, index):
                self._replay(asked["topics"][index], watcher)

    def unsubscribe(self, asked: Json) -> None:
        """Take the connection from every topic."""
        for topic in asked["topics"]:
            self._system.connections.unwatch(self._connection.id, self._topic(topic))
        topics = [{k: v for k, v in each.items() if k != "from"} for each in asked["topics"]]
        self.say({"type": "unsubscribed", "topics": topics}, asked)

    @contextmanager
    def _refused(self, asked: Json, index: int) -> Iterator[None]:
        """Send what went wrong with one topic, and that it was this one."""
        try:
            yield
        except AppError as error:
            self.refuse(error, asked, topic=asked["topics"][index], pointer=f"/topics/{index}")

    def _post(self, sent: frames.Frame) -> None:
        connection = self._connection
        _quietly(
            lambda: self._system.posts.post(connection.endpoint, connection.id, sent.body),
            lambda: self._system.connections.close(connection.id),
        )

    def _start(self, topic: Json) -> Json:
        """Register for one topic; return it with where it starts.

        Raises NotFound, and Malformed for a version that is not there yet.
        """
        system, connection = self._system, self._connection
        if "job" in topic and system.jobs.get(connection.workspace, topic["job"]) is None:
            raise NotFound("there is no such job in this workspace")
        if "resource" not in topic:
            system.connections.watch(connection, self._topic(topic))
            return {**topic, "since": system.now()} if "all" in topic else topic
        stream = Stream.of_resource(connection.workspace, topic["resource"])
        seen: int | None = topic.get("from")
        watch.start(system, stream, seen)
        system.connections.watch(connection, stream.key)
        return {**topic, "from": push.watermark(system, stream) if seen is None else seen}

    def _replay(self, topic: Json, watcher: Watcher) -> None:
        """Tell what there was before the registration."""
        system, workspace = self._system, self._connection.workspace
        if "resource" in topic:
            stream = Stream.of_resource(workspace, topic["resource"])
            push.replay(system, stream, watcher, topic.get("from"), show(system))
        elif "job" in topic and (job := system.jobs.get(workspace, topic["job"])):
            self._post(job_frame(system, job))

    def _topic(self, topic: Json) -> str:
        workspace = self._connection.workspace
        if "resource" in topic:
            return Stream.of_resource(workspace, topic["resource"]).key
        return of_job(workspace, topic["job"]) if "job" in topic else everything(workspace)


_authenticators: dict[int, tuple[System, Authenticator]] = {}


def _authenticator(system: System) -> Authenticator:
    """Return the one of this system: it keeps the issuer's keys."""
    held = _authenticators.get(id(system))
    if held is None or held[0] is not system:
        _authenticators.clear()
        held = _authenticators[id(system)] = (system, Authenticator(system.config))
    return held[1]


def _call(payload: Mapping[str, Any]) -> Call:
    """Return the request that opened the connection, as the authenticator reads one."""
    context = payload["requestContext"]
    many = payload.get("multiValueQueryStringParameters")
    one = payload.get("queryStringParameters") or {}

    def nobody(_: Call) -> Any:
        raise AssertionError("the caller is identified by who made this call")

    return Call(
        method="GET",
        route="$connect",
        params={},
        sent={k: tuple(v) for k, v in many.items()} if many else {k: (v,) for k, v in one.items()},
        headers=Headers.of_event(payload),
        body=b"",
        correlation=correlation_of(payload),
        source_ip=str((context.get("identity") or {}).get("sourceIp") or ""),
        identify=nobody,
        parameters=(query.TICKET,),
    )


def _endpoint(system: System, context: Mapping[str, Any]) -> str:
    """Return where frames for this connection are posted to.

    By the API's own name and not by `domainName`, which may be a custom domain without the stage.
    """
    config = system.config
    if config.sockets_endpoint_url:
        return config.sockets_endpoint_url
    suffix = "amazonaws.com.cn" if config.aws_region.startswith("cn-") else "amazonaws.com"
    host = f"{context['apiId']}.execute-api.{config.aws_region}.{suffix}"
    return f"https://{host}/{context['stage']}"


def _payload(event: Any) -> Mapping[str, Any]:
    payload: Mapping[str, Any] = event if isinstance(event, Mapping) else event.to_dict()
    return payload


def _quietly(post: Callable[[], None], gone: Callable[[], None] = lambda: None) -> None:
    """Post what is only of use to who is there to hear it."""
    try:
        post()
    except Gone:
        gone()
    except AppError as error:
        _LOGGER.info("An answer did not get through: %s", error)
