"""Event streams where a process can hold them: they go on for as long as the client stays."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse

from infra.local.held import BELL
from tests.live.local import Local


@contextmanager
def watching(local: Local, path: str, **params: Any) -> Iterator[list[Any]]:
    """Watch with a client that is not ours; yields the list that it fills."""
    heard: list[Any] = []
    client = httpx.Client(base_url=local.url, timeout=20)
    ready = threading.Event()
    opened: list[socket.socket] = []

    def read() -> None:
        try:
            with connect_sse(client, "GET", path, params=params) as source:
                stream = source.response.extensions["network_stream"]
                opened.append(stream.get_extra_info("socket"))
                ready.set()
                for event in source.iter_sse():
                    if event.data:
                        heard.append((event.id, event.event, event.json()))
        except (httpx.HTTPError, RuntimeError):
            pass

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield heard
    finally:
        opened[0].shutdown(socket.SHUT_RDWR)
        thread.join(5)
        client.close()


def until(condition: Any, timeout_s: float = 5.0) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def test_a_stream_replays_and_goes_on(local):
    resource = local.created()
    local.rename(resource, "B")

    with watching(local, f"/resources/{resource}/events/stream", **{"from": "0"}) as heard:
        assert until(lambda: len(heard) == 2)
        local.annotate(resource, 3)
        assert until(lambda: len(heard) == 5)

    assert [event[2] for event in heard] == local.history(resource)


def test_while_the_views_pump_is_paused_the_stream_is_silent(local):
    resource = local.created()
    with watching(local, f"/resources/{resource}/events/stream", **{"from": "0"}) as heard:
        assert until(lambda: len(heard) == 1)
        local.pause("view_materializer")
        local.rename(resource, "B")
        assert not until(lambda: len(heard) > 1, 0.3)
        local.pause("view_materializer", False)
        assert until(lambda: len(heard) == 2)


@pytest.mark.parametrize("hundreds", [2, pytest.param(10, marks=pytest.mark.long)])
def test_a_thousand_streams_opened_and_cut_leave_none(local, hundreds):
    resource = local.created()
    request = (
        f"GET /resources/{resource}/events/stream?from=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    ).encode()
    before = BELL.count

    for _ in range(hundreds):
        opened = [socket.create_connection(("127.0.0.1", local.port)) for _ in range(100)]
        for each in opened:
            each.sendall(request)
        assert until(lambda: BELL.count == before + 100, 10)
        for each in opened:
            each.close()
        assert until(lambda: BELL.count == before, 1.0), "they end within a second"


def test_a_stream_that_is_not_read_takes_no_more_than_its_buffers(local):
    resource = local.created()
    with socket.create_connection(("127.0.0.1", local.port)) as lazy:
        path = f"/resources/{resource}/events/stream?from=0"
        lazy.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        for _ in range(3):
            local.annotate(resource, 50, "long " * 2000)
        with watching(local, f"/resources/{resource}/events/stream", **{"from": "0"}) as heard:
            assert until(lambda: len(heard) == 151)
    assert until(lambda: BELL.count == 0, 1.0)
