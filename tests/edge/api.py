"""The app, called as API Gateway calls it: with proxy events, in this process, without a port."""

from __future__ import annotations

import json as jsons
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import httpx

from app import app
from chalicelib import system as systems
from chalicelib.domain.ids import Stream
from chalicelib.flows import project
from chalicelib.system import System
from infra.local.gateway import Gateway, Request

HOST = "localhost:8000"


@dataclass(frozen=True)
class Answer:
    """An answer: `headers` by lower-case name, `json` parsed (None for an empty body)."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return jsons.loads(self.body) if self.body else None

    @property
    def problem(self) -> str:
        """The last segment of the problem's type; checks what every problem must have."""
        assert self.headers["content-type"] == "application/problem+json"
        told = self.json
        assert told["status"] == self.status
        assert {"title", "detail", "instance"} <= told.keys()
        return str(told["type"].rpartition("/")[2])

    @property
    def etag(self) -> str:
        return self.headers["etag"]


class Api:
    """Calls the app as the local user of a system's workspace."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._gateway = Gateway(app, system.config.public_url)

    def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Any = "",
    ) -> Answer:
        sent = {"host": HOST} | ({"content-type": "application/json"} if json is not None else {})
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        asked = query if isinstance(query, str) else urlencode(query, doseq=True)
        data = body if json is None else jsons.dumps(json).encode()
        path = path.removeprefix(self.system.config.public_url)
        got = self._gateway.handle(
            Request(method, path, asked, list(sent.items()), data, "127.0.0.1")
        )
        return Answer(got.status, {k.lower(): v for k, v in got.headers}, got.body)

    @property
    def workspace(self) -> str:
        return self.system.config.local_workspace

    def get(self, path: str, **more: Any) -> Answer:
        return self("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self("POST", path, json, **more)

    def forget_requests(self) -> None:
        """Lose every record of keyed requests, as when a day has passed."""
        import boto3

        table = boto3.resource("dynamodb").Table(self.system.config.idempotency_table)
        for item in table.scan()["Items"]:
            table.delete_item(Key={"id": item["id"]})

    def created(self, **members: Any) -> dict[str, Any]:
        """Create a text resource and return it."""
        wanted = {"name": "A letter", "format": "text/plain", "content": "Ada was in Vienna."}
        answer = self.post("/resources", wanted | members)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json
        return made

    def materialize(self, *resource_ids: str) -> None:
        """Do what the stream's pump would."""
        failed = project.materialize_batch(
            self.system, [Stream.of_resource(self.workspace, each) for each in resource_ids]
        )
        assert not failed

    def of(self, workspace: str) -> Api:
        """Return the same system as the local user sees it in another workspace."""
        name = f"{self.workspace}-{workspace}"
        own = self.system
        other = System(
            replace(own.config, local_workspace=name),
            log=own.log,
            views=own.views,
            content=own.content,
        )
        return _Elsewhere(other)


class _Elsewhere(Api):
    def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        before = systems.system()
        systems.use(self.system)
        try:
            return super().__call__(method, path, json, **more)
        finally:
            systems.use(before)


def form(**parts: Any) -> dict[str, Any]:
    """Return a multipart body and its headers; `parts` as httpx takes them."""
    request = httpx.Request("POST", "http://x/", **parts)
    return {"body": request.read(), "headers": {"Content-Type": request.headers["Content-Type"]}}
