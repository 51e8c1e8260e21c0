"""Rebuilding views on the real tables: what it repairs, what it leaves, what it deletes and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.errors import LogDamaged, NotFound
from chalicelib.flows import project, rebuild
from chalicelib.flows.rebuild import KEPT_S, rebuild_view, sweep
from chalicelib.log import StaleHead
from chalicelib.system import System
from infra.local.aws import client
from tests.recovery import scene
from tests.recovery.conftest import Clock


@pytest.fixture
def stream(system: System) -> scene.Stream:
    """A resource with annotations of every fate, one of them by a keyed request."""
    other, stream = scene.create(system, "Another page"), scene.create(system)
    first, second, _ = scene.annotate(system, stream, 3, to=other, key="k" * 64)
    scene.rewrite(system, stream, first, "changed")
    scene.remove(system, stream, second)
    scene.rename(system, stream, "A new name")
    return stream


def test_a_rebuild_of_a_right_view_shows_the_same(system: System, stream: scene.Stream) -> None:
    before = scene.shown(system)

    done = rebuild_view(system, stream)

    assert scene.shown(system) == before
    assert (done.version, done.annotations, done.stopped) == (7, 2, None)


def test_a_rebuild_makes_everything_from_nothing(system: System, stream: scene.Stream) -> None:
    before = scene.shown(system)
    for item in scene.items(system.config.views_table).values():
        scene.delete(system.config.views_table, item)

    for each in system.log.streams():
        rebuild_view(system, each)

    assert scene.shown(system) == before


SPOILT = [
    ("annotation#", "body", "{}"),
    ("annotation#", "version", "99"),
    ("resource", "body", "not JSON"),
    ("resource", "hash", b"\x00" * 32),
    ("resource", "generation", None),
    ("resource", "version", None),
    ("key#", "version", "5"),
]


def test_a_wrong_item_at_the_right_version_is_repaired(
    system: System, stream: scene.Stream
) -> None:
    before, table = scene.shown(system), system.config.views_table
    for prefix, name, value in SPOILT:
        held = system.views.get(stream)
        assert held is not None
        sk = f"annotation#{held.generation}#" if prefix == "annotation#" else prefix
        items = scene.items(table)
        item = next(i for (pk, key), i in items.items() if pk == stream.key and key.startswith(sk))
        if value is None:
            del item[name]
        else:
            item[name] = {next(iter(item[name])): value}
        scene.put(table, item)

        rebuild_view(system, stream)

        assert scene.shown(system) == before, (prefix, name)


def test_index_entries_that_were_lost_come_back(system: System, stream: scene.Stream) -> None:
    before, table = scene.shown(system), system.config.views_table
    for (pk, _), item in scene.items(table).items():
        if "/list#" in pk:
            scene.delete(table, item)

    for each in system.log.streams():
        rebuild_view(system, each)

    assert scene.shown(system) == before


def test_what_a_broken_off_rebuild_left_is_in_nobodys_way(
    system: System, stream: scene.Stream
) -> None:
    """That is why generations are not counted: g + 1 may hold what is wrong by now."""
    before, table = scene.shown(system), system.config.views_table
    for (pk, sk), item in scene.items(table).items():
        if pk == stream.key and sk.startswith("annotation#0#"):
            wrong = item | {"sk": {"S": sk.replace("#0#", "#1#")}, "body": {"S": "{}"}}
            scene.put(table, wrong)

    rebuild_view(system, stream)

    assert scene.shown(system) == before


def test_the_old_generation_stays_for_ten_minutes_and_then_goes(
    system: System, stream: scene.Stream, clock: Clock
) -> None:
    held = system.views.get(stream)
    assert held is not None
    done = rebuild_view(system, stream)

    clock.now_s += KEPT_S - 5
    assert sweep(system) == 0
    assert len(system.views.page(stream, held.generation, after=None, limit=10)[0]) == 3
    clock.now_s += 10
    assert sweep(system) == 3
    assert system.views.page(stream, held.generation, after=None, limit=10) == ([], False)
    assert len(system.views.page(stream, done.generation, after=None, limit=10)[0]) == 3
    assert system.upkeep.due(system.now(), 10) == []


def test_what_a_broken_off_rebuild_would_have_replaced_stays_as_long_once_another_has(
    system: System, stream: scene.Stream, clock: Clock
) -> None:
    """Given a rebuild that died yesterday, when another flips, then its readers have their time."""
    held = system.views.get(stream)
    assert held is not None
    died = rebuild.Due(system.now(), stream, held.generation + 1, before=held.generation)
    system.upkeep.note(died)
    rebuild_view(system, stream)
    clock.now_s += 5

    assert sweep(system) == 0
    assert len(system.views.page(stream, held.generation, after=None, limit=10)[0]) == 3
    clock.now_s += KEPT_S + 5
    assert sweep(system) == 3
    assert system.upkeep.due("9", 10) == []


def test_a_sweep_never_deletes_the_live_generation(
    system: System, stream: scene.Stream, clock: Clock
) -> None:
    before = scene.shown(system)
    held = system.views.get(stream)
    assert held is not None
    system.upkeep.note(rebuild.Due(system.now(), stream, held.generation))
    clock.now_s += 1

    assert sweep(system) == 0
    assert scene.shown(system) == before


def test_generations_of_streams_without_a_view_do_not_keep_the_others_from_being_deleted(
    system: System, stream: scene.Stream, clock: Clock
) -> None:
    for name in ("0192f000-0000-7000-8000-000000000001", "0192f000-0000-7000-8000-000000000002"):
        wiped = scene.Stream.of_resource(scene.WORKSPACE, name)
        system.upkeep.note(rebuild.Due(system.now(), wiped, 7))
    rebuild_view(system, stream)
    clock.now_s += KEPT_S + 5

    assert [sweep(system, limit=2) for _ in range(2)] == [0, 3]

    later = [(due.stream.resource_id, due.generation) for due in system.upkeep.due("9", 10)]
    assert later == [
        ("0192f000-0000-7000-8000-000000000001", 7),
        ("0192f000-0000-7000-8000-000000000002", 7),
    ], "they are left for later"


def test_a_materializer_of_the_old_generation_starts_again(
    system: System, stream: scene.Stream
) -> None:
    old = system.views.get(stream)
    assert old is not None
    rebuild_view(system, stream)

    assert not system.views.move(stream, old, replace(old, applied=system.now()))
    project.materialize(system, stream)


def test_a_flip_announces_nothing_and_skips_nothing(system: System, stream: scene.Stream) -> None:
    """The watermark's version is that of before; what the view lacked comes by a move of its own."""
    moves: list[tuple[int, int, int, int]] = []
    move = system.views.move

    def told(of: scene.Stream, old: object, new: object) -> bool:
        moved = move(of, old, new)  # type: ignore[arg-type]
        if moved:
            moves.append((old.head.version, new.head.version, old.generation, new.generation))  # type: ignore[attr-defined]
        return moved

    system.views.move = told  # type: ignore[method-assign]
    materialize, project.materialize = project.materialize, lambda system, stream: None  # type: ignore[assignment,return-value]
    try:
        scene.rename(system, stream, "Not in the view yet")
    finally:
        project.materialize = materialize

    done = rebuild_view(system, stream)

    assert moves == [(7, 7, 0, done.generation), (7, 8, done.generation, done.generation)]


def test_a_view_that_is_further_than_the_log_is_not_lowered(
    system: System, stream: scene.Stream
) -> None:
    table = system.config.log_table
    last = max(sk for pk, sk in scene.items(table) if pk == stream.key)
    scene.delete(table, scene.items(table)[stream.key, last])

    with pytest.raises(LogDamaged, match="at version 7, the log ends at 6"):
        rebuild_view(system, stream)

    held = system.views.get(stream)
    assert held is not None
    assert held.head.version == 7


def test_a_commit_that_cannot_be_read_ends_the_view_below_it(
    system: System, stream: scene.Stream
) -> None:
    table = system.config.log_table
    scene.put(table, scene.items(table)[stream.key, "7"] | {"encoding": {"S": "lzma"}})
    scene.delete(system.config.views_table, {"pk": {"S": stream.key}, "sk": {"S": "resource"}})

    done = rebuild_view(system, stream)

    assert done.version == 6
    assert "version 7" in (done.stopped or "")


def test_a_stream_that_the_log_does_not_have_is_refused(system: System) -> None:
    with pytest.raises(NotFound):
        rebuild_view(system, scene.Stream.of_resource("demo", system.mint()))


def test_the_vocabulary_is_rebuilt_too(system: System) -> None:
    from chalicelib.flows.write import seed_vocabulary

    seed_vocabulary(system, scene.request())
    stream = scene.Stream.of_system("demo")
    project.materialize(system, stream)
    before = scene.shown(system)
    client("dynamodb").delete_item(
        TableName=system.config.views_table,
        Key={"pk": {"S": stream.key}, "sk": {"S": "vocabulary"}},
    )

    rebuild_view(system, stream)

    assert scene.shown(system) == before


def test_a_stale_head_is_still_refused_after_a_rebuild(
    system: System, stream: scene.Stream
) -> None:
    held = system.views.get(stream)
    assert held is not None
    rebuild_view(system, stream)
    scene.rename(system, stream, "Further")

    from chalicelib.domain.events import ResourceArchived
    from chalicelib.log import Intent

    with pytest.raises(StaleHead):
        system.log.append(
            stream,
            held.head,
            [ResourceArchived()],
            Intent(system.mint(), None, system.now(), scene.ACTOR, "x"),
        )
