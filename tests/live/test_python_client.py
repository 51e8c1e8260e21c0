"""The Python client: order by itself, and against a system behind a proxy that cuts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from palimpsest_live import Order, Refused, follow
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidURI
from websockets.http11 import Request, Response

from tests.live.local import Local
from tests.live.proxy import CuttingProxy


@given(
    st.permutations(range(1, 9)),
    st.lists(st.integers(1, 8), max_size=8),
    st.integers(0, 4),
)
def test_whatever_arrives_comes_out_once_and_in_order(order, again, seen):
    orders = Order(seen)
    given_out: list[int] = []
    for version in [*order, *again]:
        given_out += [event["version"] for event in orders.take([{"version": version}])]
    assert given_out == list(range(seen + 1, 9))
    assert not orders.incomplete


def test_it_knows_when_something_is_missing():
    order = Order(2)
    assert order.take([{"version": 4}]) == []
    assert order.incomplete
    assert [e["version"] for e in order.take([{"version": 3}])] == [3, 4]
    assert not order.incomplete
    order.shown(6)
    assert order.incomplete


async def heard(
    url: str, local: Local, wanted: dict[str, int], **more: Any
) -> dict[str, list[Any]]:
    """Follow resources from their beginning until each has had so many events."""
    found: dict[str, list[Any]] = {resource: [] for resource in wanted}
    async with aclosing(follow(url, dict.fromkeys(wanted, 0), api=local.url, **more)) as events:
        async for event in events:
            found[event["resource"]].append(event)
            if all(len(found[resource]) >= count for resource, count in wanted.items()):
                return found
    raise AssertionError("it does not end by itself")


def test_it_follows_from_the_beginning_and_fetches_what_is_too_large(local):
    resource = local.created()
    local.annotate(resource, 1, "large " * 10_000)
    local.annotate(resource, 3)
    found = asyncio.run(asyncio.wait_for(heard(local.ws_url, local, {resource: 5}), 20))
    assert found[resource] == local.history(resource)


def test_what_is_not_there_is_refused(local):
    nothing = "0192f0c1-0000-7000-8000-00000000dead"
    with pytest.raises(Refused) as refused:
        asyncio.run(heard(local.ws_url, local, {nothing: 1}))
    assert refused.value.problem["status"] == 404


def test_a_gap_is_filled_over_http(local, monkeypatch):
    from chalicelib.flows import push

    monkeypatch.setattr(push, "MAX_EVENTS", 5)
    resource = local.created()
    local.annotate(resource, 20)
    found = asyncio.run(asyncio.wait_for(heard(local.ws_url, local, {resource: 21}), 20))
    assert found[resource] == local.history(resource)


async def once(true: Callable[[], bool]) -> None:
    """Return when something is true, or after a minute."""
    for _ in range(600):
        if true():
            return
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("commits", "most_bytes"), [(25, 15_000), pytest.param(500, 400_000, marks=pytest.mark.long)]
)
def test_cut_at_random_bytes_with_restarts_each_event_comes_once_and_in_order(
    local, commits, most_bytes
):
    """Thousands of events, three watchers, each behind a proxy that cuts whatever it carries."""
    resources = [local.created() for _ in range(2)]
    random = Random(7)
    wanted: dict[str, int] = {}

    def write() -> None:
        for number in range(commits):
            local.annotate(random.choice(resources), random.choice((1, 2, 20)), "x" * 200)
            if number in (commits // 3, 2 * commits // 3):
                local.restart_gateway()

    async def run() -> tuple[list[dict[str, list[Any]]], int]:
        async with CuttingProxy(local.port, random, most_bytes) as proxy:
            url = f"ws://127.0.0.1:{proxy.port}/ws"
            writing = asyncio.ensure_future(asyncio.to_thread(write))
            collected: list[dict[str, list[Any]]] = [{r: [] for r in resources} for _ in range(3)]

            async def watch(into: dict[str, list[Any]]) -> None:
                seen = dict.fromkeys(resources, 0)
                following = follow(url, seen, api=local.url, patience_s=1.0)
                async with aclosing(following) as events:
                    async for event in events:
                        into[event["resource"]].append(event)

            watching = [asyncio.ensure_future(watch(into)) for into in collected]
            await writing
            wanted.update({r: len(local.history(r)) for r in resources})

            def heard_all() -> bool:
                return all(len(i[r]) >= n for i in collected for r, n in wanted.items())

            # Who writes may be done before anything has come through, where pumps are slow.
            await once(lambda: proxy.cuts > 3 or heard_all())
            proxy.calm = True
            await once(heard_all)
            for each in watching:
                each.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            return collected, proxy.cuts

    collected, cuts = asyncio.run(run())
    for resource in resources:
        history = local.history(resource)
        for each in collected:
            assert each[resource] == history
    assert cuts > 3


A = "0192f0c1-0000-7000-8000-00000000000a"


@asynccontextmanager
async def serving(
    told: Callable[[ServerConnection, Any], Awaitable[None]],
    answered: Callable[[ServerConnection, Request], Response | None] = lambda socket, request: None,
) -> AsyncIterator[str]:
    """A server that answers each message by `told`, and calls of its HTTP API by `answered`."""

    async def each(socket: ServerConnection) -> None:
        async for text in socket:
            await told(socket, json.loads(text))

    async with serve(each, "127.0.0.1", 0, process_request=answered) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ws"


async def large(socket: ServerConnection, message: Any) -> None:
    """One event, which is too large for a frame."""
    event = {"resource": A, "version": 1, "href": "…"}
    await socket.send(json.dumps({"type": "event", "event": event}))


async def failing(statuses: list[int], where: str) -> tuple[Refused, list[float]]:
    """Follow a server whose calls of `where` fail so; return how it ended, and when each came."""
    times: list[float] = []

    def answered(socket: ServerConnection, request: Request) -> Response | None:
        if not request.path.startswith(where):
            return None
        times.append(time.monotonic())
        response = socket.respond(statuses[len(times) - 1], '{"detail": "no"}')
        response.headers["Retry-After"] = "1"
        return response

    async with serving(large, answered) as url:
        with pytest.raises(Refused) as refused:
            await asyncio.wait_for(anext(follow(url, {A: 0})), 10)
    return refused.value, times


@pytest.mark.parametrize("where", ["/resources", "/ws"])
def test_what_is_refused_is_not_asked_for_again_and_what_may_come_later_when_it_says(where):
    refused, times = asyncio.run(failing([503, 429, 403], where))
    assert refused.problem == {"status": 403, "detail": "no"}
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))


def test_an_address_that_is_none_is_reported():
    async def first() -> Any:
        return await asyncio.wait_for(anext(follow("http://127.0.0.1:8000/ws", {A: 0})), 2)

    with pytest.raises(InvalidURI):
        asyncio.run(first())


@pytest.mark.parametrize("lost", [None, 3, 10])
def test_one_who_takes_his_time_is_sent_again_what_was_lost_only(lost):
    replays: list[int] = []

    async def told(socket: ServerConnection, message: Any) -> None:
        replays.append(message["topics"][0]["from"])
        for version in range(replays[-1] + 1, 11):
            if version != lost or len(replays) > 1:
                event = {"resource": A, "version": version}
                await socket.send(json.dumps({"type": "event", "event": event}))
        await socket.send(json.dumps({"type": "live", "cursor": f"{A}:10"}))

    async def slowly() -> list[int]:
        found: list[int] = []
        async with serving(told) as url, aclosing(follow(url, {A: 0}, patience_s=0.2)) as events:
            async for event in events:
                found.append(event["version"])
                if len(found) == 10:
                    break
                await asyncio.sleep(0.15)
        return found

    assert asyncio.run(asyncio.wait_for(slowly(), 10)) == list(range(1, 11))
    assert replays == ([0] if lost is None else [0, lost - 1])


def test_what_is_missing_is_asked_for_again_while_other_resources_have_much_to_say():
    other = A[:-1] + "b"
    replays: list[int] = []
    talking: list[asyncio.Task[None]] = []

    async def talk(socket: ServerConnection) -> None:
        for version in range(1, 1000):
            event = {"resource": other, "version": version}
            await socket.send(json.dumps({"type": "event", "event": event}))
            await asyncio.sleep(0.005)

    async def told(socket: ServerConnection, message: Any) -> None:
        for topic in message["topics"]:
            if topic["resource"] == A:
                replays.append(topic["from"])
                for version in (1, 2, 3) if len(replays) > 1 else (1, 3):
                    event = {"resource": A, "version": version}
                    await socket.send(json.dumps({"type": "event", "event": event}))
        talking[:] = talking or [asyncio.ensure_future(talk(socket))]

    async def all_of_it() -> list[int]:
        found: list[int] = []
        async with (
            serving(told) as url,
            aclosing(follow(url, {A: 0, other: 0}, patience_s=0.2)) as events,
        ):
            async for event in events:
                found += [event["version"]] if event["resource"] == A else []
                if len(found) == 3:
                    break
        talking[0].cancel()
        return found

    assert asyncio.run(asyncio.wait_for(all_of_it(), 4)) == [1, 2, 3]
    assert replays[:2] == [0, 1]
