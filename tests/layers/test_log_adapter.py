"""What only the adapter of the log can do wrong: on the wire, and with items not its own."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.domain.chain import EMPTY, rehash
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import item_bytes, write_units
from chalicelib.errors import LogUnreadable, Unavailable
from chalicelib.log import Log, StaleHead
from chalicelib.system import System
from tests.layers.examples import ADA, CREATED, added, filled, intent, renamed
from tests.layers.raw import RawLog


@pytest.fixture
def log(real: System) -> Log:
    return real.log


@pytest.fixture
def raw(environment: dict[str, str]) -> RawLog:
    return RawLog(environment["LOG_TABLE"])


@contextmanager
def trouble(real: System, *kinds: str) -> Iterator[list[str]]:
    """Trouble the next puts on the wire: `refused` before the effect, `lost` after it.

    Yields what was sent: one entry for each try.
    """
    from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
    from moto.core.models import botocore_stubber

    events = real.tables.connection.client.meta.events
    left, sent = list(kinds), []

    def handler(request: Any, event_name: str = "", **_: object) -> None:
        sent.append(event_name)
        kind = left.pop(0) if left else "calm"
        if kind == "refused":
            raise ConnectTimeoutError(endpoint_url=request.url)
        if kind == "lost":
            botocore_stubber(event_name=event_name, request=request)
            raise ReadTimeoutError(endpoint_url=request.url)

    events.register_first("before-send.dynamodb.PutItem", handler)
    try:
        yield sent
    finally:
        events.unregister("before-send.dynamodb.PutItem", handler)


# -- on the wire ----------------------------------------------------------------------------------


def test_an_append_is_one_call(real: System, log: Log, stream: Stream) -> None:
    with trouble(real) as sent:
        log.append(stream, EMPTY, [CREATED] * 100, intent())

    assert len(sent) == 1


def test_a_lost_answer_is_asked_again_and_the_own_commit_recognised(
    real: System, log: Log, stream: Stream
) -> None:
    with trouble(real, "lost") as sent:
        commit = log.append(stream, EMPTY, [CREATED], intent("mine"))

    assert len(sent) == 2
    assert list(log.read(stream)) == [commit]
    assert commit.id == "mine"


def test_a_lost_answer_of_a_loser_still_names_the_winner(
    real: System, log: Log, stream: Stream
) -> None:
    winner = log.append(stream, EMPTY, [CREATED], intent())

    with trouble(real, "lost"), pytest.raises(StaleHead) as stale:
        log.append(stream, EMPTY, [CREATED], intent())

    assert stale.value.winner == winner


def test_a_table_that_does_not_answer_is_tried_again(
    real: System, log: Log, stream: Stream
) -> None:
    with trouble(real, "refused", "refused") as sent:
        commit = log.append(stream, EMPTY, [CREATED], intent())

    assert len(sent) == 3
    assert log.head(stream) == commit.head


def test_a_table_that_never_answers_is_unavailable(real: System, log: Log, stream: Stream) -> None:
    with trouble(real, *["refused"] * 20), pytest.raises(Unavailable) as refusal:
        log.append(stream, EMPTY, [CREATED], intent())

    assert refusal.value.extra["dependency"] == "eventStore"
    assert log.head(stream) == EMPTY


def test_an_answer_that_stays_lost_is_unavailable_and_the_repeat_finds_the_commit(
    real: System, log: Log, stream: Stream
) -> None:
    mine = intent("mine")
    with trouble(real, *["lost"] * 20), pytest.raises(Unavailable):
        log.append(stream, EMPTY, [CREATED], mine)

    assert log.append(stream, EMPTY, [CREATED], mine) == next(log.read(stream))


# -- the stored item ------------------------------------------------------------------------------


def test_the_stored_item_is_the_documented_one(log: Log, stream: Stream, raw: RawLog) -> None:
    one = log.append(stream, EMPTY, [CREATED], intent("one"))
    log.append(stream, one.head, [renamed("x")], intent("two", key="k"))

    first, second = raw.items(stream)

    assert set(first) == {
        *("pk", "sk", "count", "id", "body", "encoding", "hash", "at", "actor", "correlation"),
    }
    assert set(second) == {*first, "key", "previous"}
    assert first["pk"] == {"S": stream.key}
    assert first["sk"] == {"N": "1"}
    assert first["actor"] == {"M": {k: {"S": v} for k, v in ADA.to_json().items()}}
    assert second["previous"] == first["hash"] == {"B": one.hash}
    body = json.loads(second["body"]["B"])
    assert body == [{"type": "resource.updated", "v": 1, "data": {"name": "x"}}]
    assert second["body"]["B"] == json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def test_a_body_is_compressed_only_where_that_saves_a_unit(
    log: Log, stream: Stream, raw: RawLog
) -> None:
    head = EMPTY
    for number in range(1, 100, 3):
        events = [added(f"{number}", "A longer comment, " * number)] if number > 1 else [CREATED]
        commit = log.append(stream, head, events, intent())
        head = commit.head

    for item in raw.items(stream):
        size = item_bytes(item)
        body = item["body"]["B"]
        if item["encoding"]["S"] == "zlib":
            plain = size - len(body) + len(zlib.decompress(body)) - len("zlib") + len("identity")
            assert write_units(size) < write_units(plain)
        else:
            packed = size - len(body) + len(zlib.compress(body, 9))
            assert write_units(packed) >= write_units(size)
    encodings = {item["encoding"]["S"] for item in raw.items(stream)}
    assert encodings == {"identity", "zlib"}


def test_a_hundred_annotations_are_one_small_item(log: Log, stream: Stream, raw: RawLog) -> None:
    one = filled(log, stream, 1)[0]
    log.append(stream, one.head, [added(f"0192f3a0-{n:04}") for n in range(100)], intent())

    assert write_units(item_bytes(raw.items(stream)[1])) <= 10


# -- items that are not commits -------------------------------------------------------------------

REQUIRED = ("count", "id", "body", "encoding", "hash", "at", "actor", "correlation")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, {"S": "x"}, {"N": "5"}, {"BOOL": True}, {"M": {}}])
def test_an_item_that_is_no_commit_stops_readers_and_is_named(
    log: Log, stream: Stream, raw: RawLog, name: str, value: dict[str, Any] | None
) -> None:
    filled(log, stream, 1, 2, 1)
    item = raw.items(stream)[1]
    if value is not None and (set(item[name]) == set(value) and "M" not in value):
        pytest.skip("that is its type")
    del item[name]
    raw.put(item if value is None else {**item, name: value})

    for reading in (
        lambda: list(log.read(stream)),
        lambda: list(log.events_backward(stream)),
        lambda: log.commits_at(stream, [2]),
    ):
        with pytest.raises(LogUnreadable) as refusal:
            reading()
        assert refusal.value.extra["version"] == 2
    faults = log.verify(stream)
    assert faults[0].version == 2
    assert [c.first for c in log.commits_at(stream, [1]).values()] == [1]


def test_an_append_that_meets_no_commit_is_refused(log: Log, stream: Stream, raw: RawLog) -> None:
    one = filled(log, stream, 1)[0]
    raw.put({"pk": {"S": stream.key}, "sk": {"N": "2"}, "count": {"S": "many"}})

    with pytest.raises(LogUnreadable):
        log.append(stream, one.head, [renamed("x")], intent())
    with pytest.raises(LogUnreadable):
        log.head(stream)


def test_reads_of_a_table_that_is_not_there_are_unavailable(environment: dict[str, str]) -> None:
    from chalicelib.dynamo import Tables

    log = Log(Tables("no-such-table", environment["VIEWS_TABLE"]))
    stream = Stream.of_resource("demo", "r")

    for reading in (
        lambda: log.head(stream),
        lambda: list(log.read(stream)),
        lambda: list(log.events_backward(stream)),
        lambda: log.commits_at(stream, [1]),
        lambda: log.verify(stream),
        log.ping,
    ):
        with pytest.raises(Unavailable) as refusal:
            reading()
        assert refusal.value.extra["dependency"] == "eventStore"


def test_a_commit_can_be_rehashed_from_what_is_stored(log: Log, stream: Stream) -> None:
    for commit in filled(log, stream, 1, 40, 2):
        assert rehash(commit) == commit.hash
