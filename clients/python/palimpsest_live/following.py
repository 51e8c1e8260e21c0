"""Following resources over a websocket: reconnect, resume, order, each event once."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.uri import parse_uri

from palimpsest_live.order import Event, Order

PATIENCE_S = 5.0
"""A missing event is asked for again after that long."""
PING_S = 60.0
"""A connection that is silent for longer is asked whether it is there; API Gateway ends it after
ten minutes without a word."""
ANSWER_S = 10.0
MOST_TOPICS = 50
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
LONGEST_ADVICE_S = 60.0
PERHAPS_LATER = frozenset({408, 425, 429})
"""All else that blames the request, 400 to 499, is final."""

Headers = Callable[[], Awaitable[Mapping[str, str]]]


class Refused(Exception):
    """The server will not have it: `problem` is its problem document, or its status alone."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail") or f"status {problem.get('status')}")
        self.problem = problem


async def follow(
    url: str,
    seen: Mapping[str, int | None],
    *,
    api: str | None = None,
    headers: Headers | None = None,
    patience_s: float = PATIENCE_S,
) -> AsyncGenerator[Event, None]:
    """Yield the events of the resources in `seen`, each once and in the order of its resource.

    `seen` has the last version that was seen of each, 0 for all of its history, None for "from now
    on". `headers` is awaited at each connection and call, for ``Authorization``. `api` is the
    address of the HTTP API, needed where it is not that of the websocket without its path. Ends
    only by an error: `Refused`, or websockets' ``InvalidURI`` for a `url` that is no websocket's;
    everything else is tried again, and not before the server's ``Retry-After``, if it is within a
    minute. An event's ``id`` says where to go on later.

    Who leaves the loop before it ends closes its socket at once with ``contextlib.aclosing``.
    """
    parse_uri(url)
    one = _Following(url, api or _beside(url), seen, headers or _none, patience_s)
    pause_s = FIRST_PAUSE_S
    async with httpx.AsyncClient(timeout=30) as one.web:
        while True:
            advice_s = 0.0
            try:
                async with aclosing(one.session()) as events:  # its socket, when we are cancelled
                    async for event in events:
                        pause_s = FIRST_PAUSE_S
                        yield event
            except InvalidStatus as bad:
                answer = bad.response
                advice_s = _advice_s(answer.status_code, answer.headers, answer.body)
            except httpx.HTTPStatusError as bad:
                page = bad.response
                advice_s = _advice_s(page.status_code, page.headers, page.content)
            except (OSError, WebSocketException, httpx.HTTPError, TimeoutError):
                pass
            await asyncio.sleep(max(advice_s, pause_s * random.uniform(0.5, 1.0)))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class _Following:
    web: httpx.AsyncClient

    def __init__(
        self,
        url: str,
        api: str,
        seen: Mapping[str, int | None],
        headers: Headers,
        patience_s: float,
    ) -> None:
        self._url = url
        self._api = api.rstrip("/")
        self._orders = {resource: Order(version) for resource, version in seen.items()}
        self._headers = headers
        self._patience_s = patience_s
        self._waited_s = 0.0  # for frames, in all: what the consumer takes is no silence
        self._moved: dict[str, float] = {}  # of that, when each went on last, or was asked for
        self._live: set[str] = set()

    async def session(self) -> AsyncGenerator[Event, None]:
        """Yield what one connection brings; ends, or raises, when it does."""
        headers = list((await self._headers()).items())
        async with connect(self._url, additional_headers=headers, ping_interval=None) as socket:
            self._live.clear()
            await self._subscribe(socket, list(self._orders))
            heard = pinged = self._waited_s
            while True:
                begun = time.monotonic()
                try:
                    text = await asyncio.wait_for(socket.recv(), self._patience_s / 4)
                except TimeoutError:
                    self._waited_s += time.monotonic() - begun
                    now = self._waited_s
                    if now - heard > PING_S + ANSWER_S:
                        return
                    if now - max(heard, pinged) > PING_S:
                        pinged = now
                        await socket.send('{"action":"ping"}')
                else:
                    self._waited_s += time.monotonic() - begun
                    heard = self._waited_s
                    for event in await self._take(json.loads(text)):
                        yield event
                await self._ask_again(socket)

    async def _subscribe(self, socket: ClientConnection, resources: list[str]) -> None:
        for start in range(0, len(resources), MOST_TOPICS):
            topics = []
            for resource in resources[start : start + MOST_TOPICS]:
                seen = self._orders[resource].seen
                topics.append({"resource": resource} | ({} if seen is None else {"from": seen}))
                self._moved[resource] = self._waited_s
            await socket.send(json.dumps({"action": "subscribe", "topics": topics}))

    async def _ask_again(self, socket: ClientConnection) -> None:
        late_s = self._waited_s - self._patience_s
        missing = [
            resource
            for resource, order in self._orders.items()
            if self._moved[resource] < late_s and (order.incomplete or resource not in self._live)
        ]
        if missing:
            await self._subscribe(socket, missing)

    async def _take(self, frame: Mapping[str, Any]) -> list[Event]:
        match frame["type"]:
            case "subscribed":
                for topic in frame["topics"]:
                    if (order := self._orders.get(topic.get("resource"))) is not None:
                        order.start(topic["from"])
            case "live":
                resource, _, version = frame["cursor"].rpartition(":")
                self._live.add(resource)
                self._orders[resource].shown(int(version))
            case "event" | "events":
                events = frame.get("events") or [frame["event"]]
                whole = [await self._whole(event) for event in events]
                return self._next(events[0]["resource"], whole)
            case "gap":
                fetched = await self._history(frame["resource"], frame["from"], frame["to"])
                return self._next(frame["resource"], fetched)
            case "error" if frame["problem"].get("status") in (400, 403, 404, 422):
                raise Refused(frame["problem"])
        return []

    def _next(self, resource: str, events: list[Event]) -> list[Event]:
        ready = self._orders[resource].take(events)
        if ready:
            self._moved[resource] = self._waited_s
        return ready

    async def _whole(self, event: Event) -> Event:
        """Return an event with its data, which may be too large for a frame."""
        if "href" not in event:
            return event
        version = int(event["version"])
        return (await self._history(event["resource"], version, version))[0]

    async def _history(self, resource: str, first: int, last: int) -> list[Event]:
        events: list[Event] = []
        while first <= last:
            query = {"limit": str(min(200, last - first + 1))}
            query |= {"cursor": str(first - 1)} if first > 1 else {}
            url = f"{self._api}/resources/{resource}/events"
            answer = await self.web.get(url, params=query, headers=dict(await self._headers()))
            answer.raise_for_status()
            page = answer.json()["items"]
            if not page:
                break
            events += page
            first = int(page[-1]["version"]) + 1
        return events


def _advice_s(status: int, headers: Mapping[str, str], body: bytes | None) -> float:
    """Return how long the server says to wait. Raises Refused, if it will never have it."""
    if 400 <= status < 500 and status not in PERHAPS_LATER:
        raise Refused({"status": status} | _problem(body or b""))
    try:
        advice_s = float(headers.get("Retry-After", 0))
    except ValueError:  # a date
        return 0.0
    return min(advice_s, LONGEST_ADVICE_S)


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


async def _none() -> Mapping[str, str]:
    return {}


def _beside(url: str) -> str:
    """Return ``http://host`` for ``ws://host/ws``."""
    parts = urlsplit(url)
    scheme = "https" if parts.scheme == "wss" else "http"
    return urlunsplit((scheme, parts.netloc, "", "", ""))
