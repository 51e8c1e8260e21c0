"""The whole: rebuild all, go on with a rebuild that broke off, reconcile, recover."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.commands import UpdateResource
from chalicelib.domain.ids import Stream
from chalicelib.flows import recover, write
from chalicelib.flows.project import materialize
from chalicelib.flows.recover import rebuild_views, reconcile
from chalicelib.flows.verify import verify
from chalicelib.system import System
from tests.recovery import scene


@pytest.fixture
def streams(system: System) -> list[Stream]:
    made = [scene.create(system, f"Page {number}") for number in range(5)]
    for stream in made[1:]:
        scene.annotate(system, stream, 2, to=made[0])
    return made


def test_all_views_come_back_after_a_wipe_and_progress_is_told(
    system: System, streams: list[Stream]
) -> None:
    before, table = scene.shown(system), system.config.views_table
    for item in scene.items(table).values():
        scene.delete(table, item)
    told: list[tuple[str, int, int]] = []

    done = rebuild_views(system, progress=lambda *step: told.append(step))

    assert scene.shown(system) == before
    assert (done.rebuilt, done.failed, done.stopped, done.strays) == (5, [], [], [])
    assert told[0] == ("views", 0, 5)
    assert ("views", 5, 5) in told


def test_a_rebuild_that_broke_off_is_gone_on_with(
    system: System, streams: list[Stream], clock: Any
) -> None:
    clock.now_s += 1
    first = rebuild_views(system, streams[:3])

    second = rebuild_views(system, since_ms=first.began_ms)

    assert (second.rebuilt, second.skipped) == (2, 3)


def test_views_of_no_stream_and_generations_on_no_list_are_reported(
    system: System, streams: list[Stream], clock: Any
) -> None:
    log, views = system.config.log_table, system.config.views_table
    for (pk, _), item in scene.items(log).items():
        if pk == streams[4].key:
            scene.delete(log, item)
    mark = next(i for (pk, sk), i in scene.items(views).items() if sk.startswith("annotation#"))
    clock.now_s += 1
    rebuild_views(system, [Stream.parse(mark["pk"]["S"])])
    for item in system.upkeep.due("9", 100):
        system.upkeep.settle(item)

    done = rebuild_views(system)

    assert done.strays == [streams[4].key]
    assert done.retired == 1


def test_one_bad_stream_does_not_keep_its_neighbours_from_being_rebuilt(
    system: System, streams: list[Stream]
) -> None:
    table = system.config.log_table
    scene.delete(table, scene.items(table)[streams[2].key, "1"])
    scene.put(table, scene.items(table)[streams[3].key, "2"] | {"encoding": {"S": "lzma"}})

    done = rebuild_views(system)

    assert done.rebuilt == 4 - 1
    assert sorted(key for key, _ in done.failed) == sorted([streams[2].key, streams[3].key])
    assert done.to_json()["ok"] is False


def test_reconcile_mends_what_lost_records_left_behind_and_looks_at_each_item_of_the_log_once(
    system: System, streams: list[Stream]
) -> None:
    lost = streams[2]
    assert lost.resource_id is not None
    write.change(system, scene.request(), lost.resource_id, UpdateResource((("name", "Lost"),)))

    done = reconcile(system)

    view = system.views.get(lost)
    assert view is not None
    assert view.head.version == 4
    assert (done.looked_at, done.behind, done.mended, done.round_done) == (5, 1, 1, True)
    assert reconcile(system).behind == 0


def test_reconcile_goes_on_where_it_left_off(system: System, streams: list[Stream]) -> None:
    client = system.tables.connection.client
    pages: list[dict[str, Any]] = []

    def small(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 2
        pages.append(params)

    client.meta.events.register("provide-client-params.dynamodb.Scan", small)
    try:
        rounds = [reconcile(system, pages=1) for _ in range(5)]
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb.Scan", small)

    assert [each.round_done for each in rounds] == [False, False, False, False, True]
    assert len({str(each.get("ExclusiveStartKey")) for each in pages}) == 5


def test_recover_rebuilds_and_verifies_in_one_report(system: System, streams: list[Stream]) -> None:
    table = system.config.views_table
    for (_, sk), item in scene.items(table).items():
        if sk != "resource":
            scene.delete(table, item)
    assert verify(system).faults

    done = recover.recover(system)

    assert done.ok
    assert done.to_json()["verify"]["faults"] == []
    assert done.to_json()["views"]["rebuilt"] == 5
    assert done.graph is None


def test_what_is_read_while_all_is_rebuilt_is_never_less(
    system: System, cold: System, streams: list[Stream]
) -> None:
    """Readers and writers between any two streams; the law's schedules look between any two calls."""
    from chalicelib.flows import read

    counts: list[int] = []

    def look(what: str, done: int, of: int) -> None:
        scene.annotate(cold, streams[1], 1)
        assert streams[1].resource_id is not None
        page = read.annotation_page(cold, "demo", streams[1].resource_id, limit=100)
        counts.append(len(page.marks))

    rebuild_views(system, at_once=1, progress=look)
    materialize(system, streams[1])

    assert counts == sorted(counts)
    assert counts == list(range(3, 3 + len(counts)))
    assert verify(system).faults == []


# -- more behind than one run mends ---------------------------------------------------------------


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "FAR_BEHIND", 2)


def lag(system: System, stream: Stream) -> None:
    """Write, and lose the record."""
    assert stream.resource_id is not None
    write.change(system, scene.request(), stream.resource_id, UpdateResource((("name", "Late"),)))


def spoil(system: System, stream: Stream) -> None:
    """Write what this code cannot read, and lose the record."""
    lag(system, stream)
    table = system.config.log_table
    last = max((sk for pk, sk in scene.items(table) if pk == stream.key), key=int)
    scene.put(table, scene.items(table)[stream.key, last] | {"encoding": {"S": "lzma"}})


def current(system: System, streams: list[Stream]) -> list[Stream]:
    return [s for s in streams if (v := system.views.get(s)) and v.head == system.log.head(s)]


def test_streams_that_cannot_be_read_do_not_keep_reconcile_from_the_others(
    system: System, streams: list[Stream], few_at_a_time: None
) -> None:
    *bad, late = sorted(streams[1:], key=lambda stream: stream.key)  # the log's order, on moto
    for stream in bad:
        spoil(system, stream)
    lag(system, late)

    first, second = reconcile(system), reconcile(system)

    assert (first.behind, first.mended, first.round_done) == (4, 0, False)
    assert (second.mended, second.round_done) == (1, True)
    assert late in current(system, streams)
    again = reconcile(system)
    assert (again.behind, again.mended) == (3, 0)


def test_reconcile_comes_to_each_stream_though_many_are_behind(
    system: System, streams: list[Stream], few_at_a_time: None
) -> None:
    for stream in streams:
        lag(system, stream)

    rounds = [reconcile(system) for _ in range(3)]

    assert [each.mended for each in rounds] == [2, 2, 1]
    assert [each.looked_at for each in rounds] == [5, 3, 1]
    assert [each.round_done for each in rounds] == [False, False, True]
    assert current(system, streams) == streams
