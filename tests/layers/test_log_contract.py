"""The log's contract, of the adapter on moto and of the twin alike."""

from __future__ import annotations

import inspect
from dataclasses import replace
from random import Random

import pytest

from chalicelib.domain.chain import EMPTY
from chalicelib.domain.ids import Stream
from chalicelib.errors import LogDamaged, TooLarge
from chalicelib.log import Log, StaleHead
from tests.layers.examples import CREATED, NOW, added, filled, intent, renamed
from tests.twins import TwinContent, TwinLog, TwinViews


def test_an_empty_stream_has_an_empty_head_and_no_commits(log: Log, stream: Stream) -> None:
    assert log.head(stream) == EMPTY
    assert list(log.read(stream)) == []
    assert list(log.events_backward(stream)) == []
    assert log.verify(stream) == []


def test_an_appended_commit_is_read_as_it_was_returned(log: Log, stream: Stream) -> None:
    commit = log.append(stream, EMPTY, [CREATED, renamed("x")], intent("one", key="k"))

    assert [commit] == list(log.read(stream))
    assert (commit.first, commit.count, commit.last, commit.key) == (1, 2, 2, "k")
    assert commit.previous is None
    assert log.head(stream) == commit.head
    assert [event.event for event in log.events(stream)] == [CREATED, renamed("x")]


def test_commits_follow_one_another_by_version_and_hash(log: Log, stream: Stream) -> None:
    one, two, three = filled(log, stream, 1, 3, 2)

    assert [one.first, two.first, three.first] == [1, 2, 5]
    assert (two.previous, three.previous) == (one.hash, two.hash)
    assert log.verify(stream) == []


def test_of_two_appends_at_one_head_one_wins_and_the_other_sees_who(
    log: Log, stream: Stream
) -> None:
    won = log.append(stream, EMPTY, [CREATED], intent())

    with pytest.raises(StaleHead) as stale:
        log.append(stream, EMPTY, [CREATED], intent())

    assert stale.value.winner == won
    assert list(log.read(stream)) == [won]


def test_a_repeated_append_returns_the_commit_that_is_there(log: Log, stream: Stream) -> None:
    mine = intent("mine")
    first = log.append(stream, EMPTY, [CREATED], mine)

    again = log.append(stream, EMPTY, [CREATED], replace(mine, now="2026-11-23T09:36:00.000Z"))

    assert again == first


def test_the_time_of_a_stream_never_goes_back(log: Log, stream: Stream) -> None:
    one = log.append(stream, EMPTY, [CREATED], intent(now=NOW))
    two = log.append(stream, one.head, [renamed("x")], intent(now="2026-11-23T08:00:00.000Z"))

    assert two.at == NOW


def test_a_commit_holds_at_most_a_hundred_events_and_at_least_one(log: Log, stream: Stream) -> None:
    for events in ([], [renamed(str(n)) for n in range(101)]):
        with pytest.raises(ValueError, match="a commit holds 1 to 100 events"):
            log.append(stream, EMPTY, events, intent())


def test_a_commit_beyond_an_item_is_refused_and_leaves_nothing(log: Log, stream: Stream) -> None:
    random = Random(1)
    noise = "".join(chr(random.randrange(0x4E00, 0x9FA5)) for _ in range(300_000))

    with pytest.raises(TooLarge) as refusal:
        log.append(stream, EMPTY, [CREATED, added("a", noise)], intent())

    assert refusal.value.extra["limit_bytes"] == 400 * 1024
    assert log.head(stream) == EMPTY


def test_what_a_reader_could_not_inflate_is_refused(log: Log, stream: Stream) -> None:
    big = [added(str(n), "a" * 100_000) for n in range(90)]

    with pytest.raises(TooLarge):
        log.append(stream, EMPTY, big, intent())

    assert log.head(stream) == EMPTY


def test_events_are_read_after_any_version_also_inside_a_commit(log: Log, stream: Stream) -> None:
    filled(log, stream, 2, 5, 1)

    for after in range(9):
        versions = [e.version for e in log.events(stream, after, boundary=False)]
        assert versions == list(range(after + 1, 9))
    assert [c.first for c in log.read(stream, 4, boundary=False)] == [3, 8]
    assert [c.first for c in log.read(stream, 2)] == [3, 8]


@pytest.mark.parametrize("page_size", [1, 2, 3, 50])
def test_events_are_read_backward_below_any_version(
    log: Log, stream: Stream, page_size: int
) -> None:
    filled(log, stream, 2, 5, 1)

    for before in (*range(1, 10), 50, None):
        versions = [e.version for e in log.events_backward(stream, before, page_size=page_size)]
        assert versions == list(range(min((before or 9), 9) - 1, 0, -1))


@pytest.mark.parametrize("page_size", [1, 2, 3, 50])
def test_pages_of_any_size_give_the_same_events(log: Log, stream: Stream, page_size: int) -> None:
    filled(log, stream, 1, 1, 7, 1, 1, 2, 1)

    for after in (0, 1, 5, 13, 14, 20):
        events = log.events(stream, after, boundary=False, page_size=page_size)
        assert [e.version for e in events] == list(range(after + 1, 15))


def test_an_event_knows_its_commit(log: Log, stream: Stream) -> None:
    one, two = filled(log, stream, 1, 2)

    events = list(log.events(stream))

    assert [(e.version, e.first) for e in events] == [(1, 1), (2, 2), (3, 2)]
    assert [(e.hash, e.previous) for e in events[1:]] == [(two.hash, one.hash)] * 2


def test_commits_are_found_by_their_first_version(log: Log, stream: Stream) -> None:
    one, two, _ = filled(log, stream, 1, 2, 1)

    assert log.commits_at(stream, [1, 2, 3, 99, 2]) == {1: one, 2: two}
    assert log.commits_at(stream, []) == {}


def test_streams_do_not_see_one_another(log: Log, workspace: str, stream: Stream) -> None:
    filled(log, stream, 1)

    for other in (Stream.of_system(workspace), Stream(workspace + "x", stream.name)):
        assert log.head(other) == EMPTY
        assert list(log.read(other)) == []


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_hole_stops_every_reader(
    log: Log, stream: Stream, missing: int, request: pytest.FixtureRequest
) -> None:
    commits = filled(log, stream, 2, 1, 1, 2)
    _drop(log, stream, commits[missing - 1].first, request)
    hole, end = commits[missing - 1].first, commits[missing - 1].last

    with pytest.raises(LogDamaged) as forward:
        list(log.read(stream))
    assert forward.value.extra["version"] == hole
    for before in (None, 7, end + 1):
        with pytest.raises(LogDamaged):
            list(log.events_backward(stream, before))
        with pytest.raises(LogDamaged):
            list(log.events_backward(stream, before, page_size=1))
    for after in (hole - 1, end - 1):
        with pytest.raises(LogDamaged):
            list(log.events(stream, after, boundary=False))
    assert log.verify(stream)[0].version == commits[missing].first


def test_every_stream_is_found(log: Log, workspace: str, stream: Stream) -> None:
    other = Stream.of_resource(workspace, "01890a5d-ac96-774b-bcce-b302099a8058")
    filled(log, stream, 1, 2)
    filled(log, other, 1)

    assert {s for s in log.streams() if s.workspace == workspace} == {stream, other}


def test_a_ping_is_answered(log: Log) -> None:
    log.ping()


@pytest.mark.parametrize("twin", [TwinLog, TwinViews, TwinContent])
def test_a_twin_has_the_methods_of_its_adapter(twin: type) -> None:
    from chalicelib.content import Content
    from chalicelib.views import Views

    adapter = {TwinLog: Log, TwinViews: Views, TwinContent: Content}[twin]
    for name, method in inspect.getmembers(adapter, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(twin, name)) == inspect.signature(method), name


def _drop(log: Log, stream: Stream, first: int, request: pytest.FixtureRequest) -> None:
    if isinstance(log, TwinLog):
        del log.store.commits[stream.key][first]
        return
    from infra.local.aws import client

    table = request.getfixturevalue("environment")["LOG_TABLE"]
    key = {"pk": {"S": stream.key}, "sk": {"N": str(first)}}
    client("dynamodb").delete_item(TableName=table, Key=key)
