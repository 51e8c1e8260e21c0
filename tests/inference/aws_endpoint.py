"""A small HTTP endpoint on this machine that answers as an AWS service did, or would.

`shapes/` holds answers of the shape in which others recorded them of AWS, with words and numbers of
our own. `made/` holds answers whose shape nobody's recording shows, or that say something else in
one: each is one of the shapes with the members named there set. `shapes/README.md` says which is
which, and where each shape comes from.

Given answers are sent in order, the last one again and again; what was asked is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from chalicelib import aws

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str | None]
    """By name, spelt and in the order as AWS did; what depends on the body is None."""
    body: Any
    spaced: bool = False
    """Whether the JSON has a space after each comma and colon: some models' has."""

    def data(self) -> bytes:
        separators = (", ", ": ") if self.spaced else (",", ":")
        return json.dumps(self.body, ensure_ascii=False, separators=separators).encode()


def kept(directory: str, service: str) -> dict[str, dict[str, Any]]:
    """Return what a directory keeps for a service, by name."""
    return json.loads((HERE / directory / f"{service}.json").read_text("utf-8"))


def answers(service: str) -> dict[str, Answer]:
    """Return the answers of a service in the shapes recorded and those made from them, by name."""
    shapes = {name: Answer(**each) for name, each in kept("shapes", service).items()}
    made = kept("made", service)
    assert not shapes.keys() & made.keys()
    return shapes | {name: _made(shapes[each["as"]], each) for name, each in made.items()}


def _made(shape: Answer, change: Mapping[str, Any]) -> Answer:
    body = deepcopy(shape.body)
    for pointer, value in change["set"].items():
        body = _with(body, pointer, value)
    headers = {**shape.headers, **change.get("headers", {})}
    return Answer(change.get("status", shape.status), headers, body, shape.spaced)


def _with(body: Any, pointer: str, value: Any) -> Any:
    """Return the body with one place of it, named by a JSON pointer, set to the value."""
    *way, last = pointer.split("/")
    if not way:
        return value
    place = body
    for step in way[1:]:
        place = place[int(step) if isinstance(place, list) else step]
    place[last] = value
    return body


class Endpoint:
    """Answers of one service, by name."""

    def __init__(self, service: str) -> None:
        self._kept = answers(service)
        self._answers: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    def will_answer(self, *names: str) -> None:
        self._answers = list(names)

    def next(self) -> Answer:
        name = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return self._kept[name]

    @cache  # noqa: B019 as long as the endpoint
    def client(self, service: str, attempts: int = 1) -> Any:
        from botocore.config import Config

        return aws.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
        )


@contextmanager
def endpoint(service: str) -> Iterator[Endpoint]:
    """Run an endpoint on a free port of the loopback address."""
    running = Endpoint(service)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.asked.append({"path": self.path, "headers": dict(self.headers), "body": body})
            answer = running.next()
            data = answer.data()
            length = {"content-length": str(len(data))}
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, length.pop(name.casefold()) if value is None else value)
            for name, value in length.items():  # some recordings kept none
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    running.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
