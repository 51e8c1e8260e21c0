"""Law 5: a push is never before its view, and whoever reconnects anywhere misses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.ids import Stream
from chalicelib.edge import sockets
from chalicelib.flows import push
from chalicelib.live.connections import Watcher
from tests.live.lives import Doubles, Plan, TwinConnections, broken, holds


def varied(seed: int) -> Plan:
    return Plan(
        seed,
        changes=(4, 8, 14)[seed % 3],
        watchers=1 + seed % 3,
        sessions=1 + seed % 4,
        overtaking=(0.0, 0.1, 0.5)[seed // 3 % 3],
    )


def test_every_watcher_ends_with_each_event_once_and_in_order():
    for seed in range(120):
        holds(varied(seed))


@pytest.mark.long
def test_every_watcher_ends_with_each_event_once_and_in_order_in_ten_thousand_schedules():
    for seed in range(300, 10_300):
        holds(varied(seed))


# -- broken doubles, each of which the law must catch --------------------------------------------


def test_it_catches_a_push_from_the_log_s_stream():
    assert "is pushed while the view is at" in broken(Doubles(from_the_log=True))


def replays_before_it_registers(system: Any, connection_id: str, topic: Any) -> None:
    connection = system.connections.get(connection_id)
    stream = Stream.of_resource("demo", topic["resource"])
    watcher = Watcher(connection.id, connection.endpoint)
    push.replay(system, stream, watcher, topic["from"], sockets.show(system))
    system.connections.watch(connection, stream.key)


def test_it_catches_a_replay_before_the_registration():
    assert "law 5: w" in broken(Doubles(subscribe=replays_before_it_registers))


class ForgetsFailedPosts(TwinConnections):
    def fall_behind(self, stream: Stream, watcher: Watcher, version: int, known: int) -> None:
        pass


def test_it_catches_a_failed_post_that_is_forgotten():
    assert "law 5: w" in broken(Doubles(connections=ForgetsFailedPosts))


def test_it_catches_a_client_that_applies_what_comes_as_it_comes():
    assert "law 5: w" in broken(Doubles(follows=False))
