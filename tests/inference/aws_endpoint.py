"""A small HTTP endpoint on this machine that answers as an AWS service would, from kept shapes.

They follow botocore's models and AWS's documentation; none was captured from AWS.

Given answers are sent in order, the last one again and again; what was asked is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from chalicelib import aws

RECORDED = Path(__file__).parent / "recorded"


class Endpoint:
    """Answers of one recorded file, by name."""

    def __init__(self, service: str) -> None:
        self._shapes = json.loads((RECORDED / f"{service}.json").read_text("utf-8"))
        self._answers: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.url = ""

    def will_answer(self, *names: str) -> None:
        self._answers = list(names)

    def next(self) -> dict[str, Any]:
        name = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return self._shapes[name]

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
    answers = Endpoint(service)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answers.asked.append({"path": self.path, "headers": dict(self.headers), "body": body})
            answer = answers.next()
            data = json.dumps(answer["body"]).encode()
            self.send_response(answer["status"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if "type" in answer:
                self.send_header("x-amzn-ErrorType", answer["type"])
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    answers.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()
