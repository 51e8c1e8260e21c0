"""API Gateway's limits in time, shortened."""

from __future__ import annotations

import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from infra.local.sockets import Limits
from tests.live.local import running


def test_idle_and_old_connections_are_ended():
    with running(Limits(idle_s=0.3, life_s=0.8)) as local:
        with connect(local.ws_url) as idle, pytest.raises(ConnectionClosed) as closed:
            idle.recv(5)
        assert closed.value.rcvd.code == 1001
        began = time.monotonic()
        with connect(local.ws_url) as busy:
            with pytest.raises(ConnectionClosed) as closed:
                _stay_busy(busy)
            assert closed.value.rcvd.code == 1001
        assert 0.7 < time.monotonic() - began < 2


def _stay_busy(busy: ClientConnection) -> None:
    while True:
        busy.send('{"action": "ping"}')
        busy.recv(5)
        time.sleep(0.05)
