"""A walk through everything that a deployed stage does, by its own endpoints and from outside."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.deploy.deployed import Deployed

TEXT: Final = "In 1906 Johan Heiberg read Archimedes in Constantinople."
PATIENCE_S: Final = 150.0  # a post that failed on a busy machine is made up for within a minute
SCHEDULES: Final = ("reconcile", "witness_heads", "mend_graph", "push_sweep", "sweep_jobs")
# What EventBridge sends (AWS, "Scheduled events", 2026-11).
SCHEDULED: Final = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-23T09:35:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}

Json = dict[str, Any]


def until(seen: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Return what `seen` returns once that is something."""
    end = time.monotonic() + patience_s
    while not (found := seen()):
        assert time.monotonic() < end, f"{what} does not come"
        time.sleep(0.1)
    return found


def created(api: httpx.Client, **changes: Any) -> Json:
    """Create a resource, and return it as it was answered."""
    body = {"name": "A letter", "format": "text/plain", "content": TEXT, **changes}
    answer = api.post("/resources", json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(f"/resources/{answer.json()['id']}")
    made: Json = answer.json()
    return made


def annotated(api: httpx.Client, resource: str, exact: str) -> Json:
    """Annotate a quote of a resource, and return the annotation."""
    note = {
        "motivation": "tagging",
        "target": {"selector": {"type": "TextQuoteSelector", "exact": exact}},
        "body": [{"type": "TextualBody", "purpose": "tagging", "value": "Person"}],
    }
    answer = api.post(f"/resources/{resource}/annotations", json=note)
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def uploaded(api: httpx.Client, data: bytes) -> str:
    """Put bytes straight into the bucket, as the API told; returns the upload's id."""
    asked = {"checksum": hashlib.sha256(data).hexdigest(), "size": len(data)}
    told = api.post("/uploads", json=asked).json()
    put = httpx.put(told["url"], content=data, headers=told["headers"])
    assert put.status_code == 200, put.text
    return str(told["upload"])


@contextmanager
def watching(deployed: Deployed, api: httpx.Client, *topics: Json) -> Iterator[Socket]:
    """Open a websocket with a ticket, subscribed to the topics."""
    ticket = api.post("/tickets").json()["ticket"]
    with connect(f"{deployed.sockets_url}?ticket={ticket}", open_timeout=PATIENCE_S) as opened:
        socket = Socket(opened)
        socket.say("subscribe", topics=list(topics))
        socket.hear("subscribed")
        yield socket


class Socket:
    """The client's end of a websocket; keeps what it has heard."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.heard: list[Json] = []

    def say(self, action: str, **more: Any) -> None:
        """Send a message."""
        self._connection.send(json.dumps({"action": action, "id": "1", **more}))

    def hear(self, kind: str, **fields: Any) -> Json:
        """Return the first frame of a kind, and of an event of that type or a job in that state.

        Several events in one frame are taken apart.
        """

        def fits(frame: Json) -> bool:
            inner = frame.get("event") or frame.get("job") or {}
            return frame["type"] == kind and fields.items() <= inner.items()

        end = time.monotonic() + PATIENCE_S
        seen = 0
        while True:
            for frame in self.heard[seen:]:
                if fits(frame):
                    return frame
            seen = len(self.heard)
            try:
                frame = json.loads(self._connection.recv(timeout=end - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"no {kind} {fields}, only {self.heard}") from None
            if frame["type"] == "events":
                self.heard += [{"type": "event", "event": each} for each in frame["events"]]
            else:
                self.heard.append(frame)


def events_of(stream: str) -> list[tuple[str, Json]]:
    """Return the events of an SSE answer: type and data."""
    found = []
    for block in stream.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def fired(deployed: Deployed, *names: str) -> None:
    """Run scheduled functions now."""
    for name in names:
        answer = deployed.emulator.client("lambda").invoke(
            FunctionName=f"{deployed.prefix}-{name}",
            Payload=json.dumps(SCHEDULED).encode(),
            LogType="Tail",
        )
        said = answer["Payload"].read().decode()
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        assert "FunctionError" not in answer, f"{name}: {said}\n{log}"
