"""A short walk through a deployed stage, from outside: what a client would do first.

It makes a user of its own in the workspace `smoke` and deletes it again, unless it is given a
token. What it writes stays: an archived resource in that workspace.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from infra.deploy import people
from infra.deploy.apis import Apis
from infra.deploy.errors import DeployError
from infra.deploy.stage import Stage

TIMEOUT_S: Final = 30.0
LAG_S: Final = 60.0
"""Until a view and a push are there; a cold start of each function is in it."""
AGAIN_S: Final = 5.0
"""A client that hears nothing subscribes again (docs/live.md)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def walk(stage: Stage, apis: Apis, token: str = "") -> Iterator[str]:
    """Yield what was found right, step by step; raises DeployError at the first that is not."""
    yield from _anonymous(apis)
    if token:
        yield from _with(apis, token)
    elif stage.identity is None:
        with _user(stage) as made:
            yield from _with(apis, made)
    else:
        yield "(no token, so that is all: TOKEN=… walks on)"


def _anonymous(apis: Apis) -> Iterator[str]:
    base = apis.public_url
    _expect(_call("GET", f"{base}/api/live"), 200, "liveness")
    health = _expect(_call("GET", f"{base}/api/health"), 200, "health").json
    yield "health: " + ", ".join(f"{name} {told['status']}" for name, told in health.items())
    missing = _expect(_call("GET", f"{base}/no/such/path"), 404, "an address without a route")
    if missing.headers.get_content_type() != "application/problem+json":
        raise DeployError("What API Gateway answers by itself is no problem document.")
    refused = _expect(_call("GET", f"{base}/resources"), 401, "a call without a token")
    contract = _expect(_call("GET", f"{base}/openapi.json"), 200, "the contract").json
    for url in (contract["servers"][0]["url"], refused.json["type"], missing.json["type"]):
        if not url.startswith(base):
            raise DeployError(f"The API calls itself {url}, but is at {base}.")
    yield "errors, contract and addresses: right"


def _with(apis: Apis, token: str) -> Iterator[str]:
    import websockets.sync.client

    base, text = apis.public_url, "In 1906 Heiberg read Archimedes in Constantinople."
    told = {"name": f"Smoke {time.time():.0f}", "format": "text/plain", "content": text}
    made = _expect(_call("POST", f"{base}/resources", token, told), 201, "creating")
    location = made.headers["Location"]
    if not location.startswith(base):
        raise DeployError(f"Location is {location}, but the API is at {base}.")
    resource = made.json["id"]
    ticket = _expect(_call("POST", f"{base}/tickets", token), 201, "a ticket").json["ticket"]
    with websockets.sync.client.connect(
        f"{apis.sockets_url}?ticket={ticket}", open_timeout=TIMEOUT_S
    ) as socket:
        annotation = {
            "motivation": "tagging",
            "target": {"selector": {"type": "TextQuoteSelector", "exact": "Heiberg"}},
            "body": [{"type": "TextualBody", "purpose": "tagging", "value": "Person"}],
        }
        url = f"{location}/annotations"
        _expect(_call("POST", url, token, annotation), 201, "annotating")
        yield "created and annotated"
        _hear(socket, resource, "annotation.added")
        yield "heard by websocket"
    read = _expect(_call("GET", f"{location}/content", token), 200, "the content")
    if read.body != text.encode():
        raise DeployError("The content is not what was sent.")
    _listed(base, token, resource)
    yield "content and list: right"
    job = {"kind": "detection", "resource": resource, "params": {"entityTypes": ["Location"]}}
    begun = _expect(_call("POST", f"{base}/jobs", token, job), (200, 201, 202), "a job").json
    state = _job(f"{base}/jobs/{begun['id']}", token)
    if state != "complete":
        raise DeployError(f"The job ended as {state}.")
    yield "a job: complete"
    _expect(_call("PATCH", location, token, {"archived": True}), 200, "archiving")


@contextmanager
def _user(stage: Stage) -> Iterator[str]:
    email, password = f"smoke-{secrets.token_hex(4)}@example.invalid", f"A1{secrets.token_hex(12)}a"
    people.put(stage, email, "smoke", "Smoke", password)
    try:
        yield people.token(stage, email, password, lambda prompt: password)
    finally:
        people.remove(stage, email)


def _hear(socket: Any, resource: str, kind: str) -> None:
    topics = [{"resource": resource, "from": 0}]
    until = time.monotonic() + LAG_S
    while time.monotonic() < until:
        socket.send(json.dumps({"action": "subscribe", "id": "1", "topics": topics}))
        again = time.monotonic() + AGAIN_S
        while (left := again - time.monotonic()) > 0:
            try:
                frame = json.loads(socket.recv(timeout=left))
            except TimeoutError:
                break
            if frame["type"] == "error":
                raise DeployError(f"The websocket answers {frame}.")
            # One by one as they happen, several at once where they are replayed.
            events = [frame["event"]] if frame["type"] == "event" else frame.get("events", ())
            if any(each["type"] == kind for each in events):
                return
    raise DeployError(f"No {kind} came by websocket within {LAG_S:.0f} s.")


def _listed(base: str, token: str, resource: str) -> None:
    until = time.monotonic() + LAG_S
    while time.monotonic() < until:
        page = _expect(_call("GET", f"{base}/resources?limit=10", token), 200, "the list").json
        if any(each["id"] == resource for each in page["items"]):
            return
        time.sleep(0.5)
    raise DeployError(f"The list does not show the resource within {LAG_S:.0f} s.")


def _job(url: str, token: str) -> str:
    until, state = time.monotonic() + 2 * LAG_S, "pending"
    while state in ("pending", "running") and time.monotonic() < until:
        time.sleep(0.5)
        state = str(_expect(_call("GET", url, token), 200, "the job").json["state"])
    return state


def _call(method: str, url: str, token: str = "", told: Any = None) -> Answer:
    data = None if told is None else json.dumps(told).encode()
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if data is not None:
        headers["Content-Type"] = "application/json"
    opener = urllib.request.build_opener(_AnonymousRedirect)
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 (our own)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())
    except (urllib.error.URLError, TimeoutError) as error:
        raise DeployError(f"{method} {url}: {error}.") from error


class _AnonymousRedirect(urllib.request.HTTPRedirectHandler):
    """Content is redirected to S3, which refuses a request that is signed twice."""

    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:
        request = super().redirect_request(*arguments)
        if request is not None:
            request.remove_header("Authorization")
        return request


def _expect(answer: Answer, status: int | tuple[int, ...], what: str) -> Answer:
    if answer.status not in ((status,) if isinstance(status, int) else status):
        said = answer.body[:500].decode("utf-8", "replace")
        raise DeployError(f"Not right: {what}. {answer.status} instead of {status}: {said}")
    return answer
