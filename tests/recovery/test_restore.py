"""The drill of docs/operations.md: a log that lost commits, put back from a restored table.

moto restores a table as it is at the call, whatever moment is asked for. So T is when these tests
restore, and what a stage writes after T is written after that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.config import Config
from chalicelib.domain.commands import UpdateResource
from chalicelib.domain.ids import Stream
from chalicelib.errors import Conflict, NotFound, Unavailable
from chalicelib.flows import accept, heads, read, restore, write
from chalicelib.flows.faults import Fault
from chalicelib.flows.project import materialize
from chalicelib.flows.verify import verify
from chalicelib.system import System
from infra.local.aws import client
from infra.ops.__main__ import main
from tests.recovery import scene

BACK = "palimpsest-test-log-back"


@dataclass(frozen=True, slots=True)
class Written:
    """What was there at T: five streams with views, witnessed."""

    page: Stream
    other: Stream
    system: Stream


@pytest.fixture
def ops(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command as an operator does; return its exit code."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: main(list(arguments))


@pytest.fixture
def written(system: System, clock: Any) -> Written:
    clock.now_s = time.time() - 900  # the commands have no clock but the real one
    other, page = scene.create(system, "Another page"), scene.create(system)
    first, second = scene.annotate(system, page, 2, to=other, key="k" * 64)
    scene.rewrite(system, page, first, "changed")
    scene.remove(system, page, second)
    scene.annotate(system, other, 3)
    write.seed_vocabulary(system, scene.request())
    vocabulary = Stream.of_system("demo")
    materialize(system, vocabulary)
    heads.witness(system)
    clock.now_s += 300
    return Written(page, other, vocabulary)


@pytest.fixture
def restored(system: System, written: Written) -> Iterator[None]:
    """The log as it was at T, restored beside it."""
    restore_beside(system)
    yield
    client("dynamodb").delete_table(TableName=BACK)


def restore_beside(system: System) -> None:
    source = system.config.log_table
    client("dynamodb").restore_table_to_point_in_time(
        SourceTableName=source, TargetTableName=BACK, UseLatestRestorableTime=True
    )


def lose(system: System, *, stream: Stream | None = None, above: int = 0, upto: int = 999) -> None:
    """Delete commits of the log, as nobody should."""
    for (pk, sk), item in scene.items(system.config.log_table).items():
        if (stream is None or pk == stream.key) and above < int(sk) <= upto:
            scene.delete(system.config.log_table, item)


def renamed(system: System, stream: Stream, name: str) -> None:
    """Write to a stream, without moving its view."""
    assert stream.resource_id is not None
    write.change(system, scene.request(), stream.resource_id, UpdateResource((("name", name),)))


def told(system: System, stream: Stream) -> Any:
    """Return what a reader is shown of a resource."""
    assert stream.resource_id is not None
    resource = read.resource(system, "demo", stream.resource_id)
    page = read.annotation_page(system, "demo", stream.resource_id, limit=100)
    events = [item.event for item in system.log.events(stream)]
    return resource, page.marks, events


# -- the whole drill ------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["everything", "a whole stream", "tails", "the middle"])
def test_what_was_lost_is_put_back_byte_for_byte_and_everything_is_as_before(
    system: System,
    cold: System,
    environment: dict[str, str],
    written: Written,
    restored: None,
    ops: Callable[..., int],
    lost: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = scene.items(system.config.log_table)
    shown = scene.shown(system)
    reads = [told(cold, stream) for stream in (written.page, written.other)]
    match lost:
        case "everything":
            lose(system)
        case "a whole stream":
            lose(system, stream=written.page)
        case "tails":
            lose(system, above=1)
        case "the middle":
            lose(system, stream=written.page, above=1, upto=4)
    missing = len(before) - len(scene.items(system.config.log_table))
    assert missing > 0
    assert ops("verify") == 1

    assert ops("restore-log", "--from", BACK, "--dry-run") == 0
    assert len(scene.items(system.config.log_table)) == len(before) - missing
    assert f"Would put back {missing} commit(s)" in capsys.readouterr().out
    assert ops("restore-log", "--from", BACK, "--json") == 0

    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["commits"], report["present"]) == (missing, len(before) - missing)
    assert "streams 3/3" in err
    assert scene.items(system.config.log_table) == before
    assert ops("accept-loss") == 0
    assert ops("recover") == 0
    assert scene.shown(system) == shown
    fresh = System(Config.from_env(environment))
    assert [told(fresh, stream) for stream in (written.page, written.other)] == reads
    assert ops("restore-log", "--from", BACK) == 0
    assert "Put back 0 commit(s)" in capsys.readouterr().out


def test_what_was_written_after_t_is_named_and_can_be_accepted(
    system: System,
    environment: dict[str, str],
    written: Written,
    restored: None,
    ops: Callable[..., int],
    clock: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_t = [told(system, stream) for stream in (written.page, written.other)]
    scene.annotate(system, written.page, 2, key="n" * 64)
    new = scene.create(system, "Written after T")
    heads.witness(system)
    clock.now_s += 300
    scene.rename(system, written.other, "Seen by its view alone")
    answers = system.config.idempotency_table
    client("dynamodb").put_item(TableName=answers, Item={"id": {"S": "request#" + 64 * "0"}})
    lose(system)

    assert ops("restore-log", "--from", BACK) == 0

    assert ops("verify", "--json") == 1
    capsys.readouterr()
    found = faults(system)
    assert {fault.where for fault in found if fault.kind == "heads"} == {written.page.key, new.key}
    assert {fault.where for fault in found if fault.kind == "view"} >= {
        written.page.key,
        written.other.key,
    }
    assert {fault.where for fault in found if fault.kind == "stray"} == {new.key}
    shown = scene.items(system.config.views_table)
    assert ops("accept-loss") == 1
    assert scene.items(system.config.views_table) == shown
    out, _ = capsys.readouterr()
    assert "3 stream(s) have been further than the log is; nothing was changed" in out
    assert f"{written.page.key}: the view showed 7, the log ends at 5" in out

    assert ops("accept-loss", "--yes", "--json") == 0

    report = json.loads(capsys.readouterr().out)
    assert report["accepted"]
    assert (report["answersForgotten"], kept_answers(system)) == (1, 0)
    assert {each["stream"] for each in report["heads"]} == {written.page.key, new.key}
    assert {each["stream"]: each["log"] for each in report["views"]} == {
        written.page.key: 5,
        written.other.key: 4,
        new.key: 0,
    }
    assert ops("recover") == 0
    assert ops("accept-loss") == 0
    fresh = System(Config.from_env(environment), clock=clock)
    assert [told(fresh, stream) for stream in (written.page, written.other)] == at_t
    assert fresh.views.key(written.page, "n" * 64) is None
    scene.annotate(fresh, written.page, 1)
    clock.now_s += 86_400
    heads.witness(fresh)
    assert verify(fresh).faults == []


def test_a_process_that_kept_a_lost_state_would_write_after_it(
    system: System, written: Written, restored: None
) -> None:
    """Why every function is started anew before anybody writes again."""
    renamed(system, written.page, "After T")
    lose(system)
    restore.restore_log(system, BACK)

    renamed(system, written.page, "By a process that remembers")

    assert system.log.verify(written.page)[0].reason == "leaves a hole before version 6"


def test_so_would_any_process_while_a_view_is_further_than_the_log(
    cold: System, written: Written, restored: None
) -> None:
    """Why nobody writes before what is missing was put back, or its loss accepted."""
    lose(cold, stream=written.page, above=3)

    renamed(cold, written.page, "After what is not there")

    assert cold.log.verify(written.page)[0].reason == "leaves a hole before version 4"
    done = restore.restore_log(cold, BACK)
    assert (done.commits, done.newer, done.refused) == (2, 1, [])


def kept_answers(system: System) -> int:
    """Return how many answers are kept for Idempotency-Key."""
    return int(client("dynamodb").scan(TableName=system.config.idempotency_table)["Count"])


def faults(system: System) -> list[Fault]:
    return verify(system, heads=heads.check).faults


# -- broken off, repeated, refused ----------------------------------------------------------------


def test_a_copy_that_was_killed_is_repeated_and_puts_back_the_rest(
    system: System, written: Written, restored: None, environment: dict[str, str]
) -> None:
    before = scene.items(system.config.log_table)
    lose(system)
    for number in range(1, len(before)):
        dying = System(Config.from_env(environment))
        puts = iter(range(number))
        table = system.config.log_table

        def die(params: dict[str, Any], puts: Any = puts, table: str = table, **_: Any) -> None:
            if params["TableName"] == table and next(puts, None) is None:
                raise KeyboardInterrupt

        dying.tables.connection.client.meta.events.register(
            "provide-client-params.dynamodb.PutItem", die
        )
        with pytest.raises(KeyboardInterrupt):
            restore.restore_log(dying, BACK)
        left = scene.items(system.config.log_table)
        assert 0 < len(left) < len(before)
        assert all(before[key] == item for key, item in left.items())

        done = restore.restore_log(system, BACK)

        assert done.commits == len(before) - len(left)
        assert done.refused == []
        assert scene.items(system.config.log_table) == before
        lose(system)


def test_commits_that_are_in_the_log_alone_stay_and_the_chain_is_whole(
    system: System, written: Written, restored: None
) -> None:
    renamed(system, written.page, "After T")
    before = scene.items(system.config.log_table)
    lose(system, stream=written.page, above=1, upto=5)

    done = restore.restore_log(system, BACK)

    assert (done.commits, done.newer, done.refused) == (3, 1, [])
    assert done.mended == [written.page.key]
    assert scene.items(system.config.log_table) == before


def test_another_history_is_named_and_nothing_of_that_stream_is_touched(
    cold: System, written: Written, restored: None, ops: Callable[..., int], capsys: Any
) -> None:
    lose(cold, stream=written.page, above=3)
    cold.upkeep.drop_view(written.page)
    renamed(cold, written.page, "Written after the loss")
    lose(cold, stream=written.other, above=1)
    before = scene.items(cold.config.log_table)

    assert ops("restore-log", "--from", BACK) == 1

    out, _ = capsys.readouterr()
    assert f"{written.page.key} at 4: not what the table has: both are whole" in out
    after = scene.items(cold.config.log_table)
    changed = {pk for (pk, _), item in after.items() if before.get((pk, _)) != item}
    assert changed == {written.other.key}
    assert cold.log.verify(written.page) == []


def test_a_hole_that_the_table_does_not_fill_is_named(
    system: System, written: Written, restored: None
) -> None:
    for name in ("After T", "And again"):
        renamed(system, written.page, name)
    lose(system, stream=written.page, above=4, upto=6)

    done = restore.restore_log(system, BACK)

    ((stream, version, why),) = done.refused
    assert (stream, version, why) == (written.page.key, 7, "leaves a hole before version 6")
    assert done.commits == 0


def test_a_damaged_commit_is_told_from_the_right_one_and_never_overwritten(
    system: System, written: Written, restored: None
) -> None:
    table = system.config.log_table
    right = scene.items(table)[written.page.key, "4"]
    scene.put(table, right | {"at": {"S": "2026-11-27T00:00:00.000Z"}})

    ((_, version, why),) = restore.restore_log(system, BACK).refused

    assert (version, why) == (4, "not what the table has: the log's is not what its hash says")
    scene.delete(table, right)
    assert restore.restore_log(system, BACK).commits == 1
    assert scene.items(table)[written.page.key, "4"] == right
    scene.put(BACK, right | {"at": {"S": "2026-11-27T00:00:00.000Z"}})
    ((_, _, why),) = restore.restore_log(system, BACK).refused
    assert why == "not what the table has: the table's is not what its hash says"


def test_whoever_writes_meanwhile_is_not_overwritten(
    cold: System, written: Written, restored: None
) -> None:
    lose(cold, stream=written.page, above=3)
    cold.upkeep.drop_view(written.page)
    told: list[None] = []

    def write_first(params: dict[str, Any], **_: Any) -> None:
        if params["TableName"] == cold.config.log_table and not told:
            told.append(None)
            renamed(other, written.page, "Faster")

    other = System(cold.config)
    events = cold.tables.connection.client.meta.events
    events.register("provide-client-params.dynamodb.PutItem", write_first)
    try:
        ((stream, version, why),) = restore.restore_log(cold, BACK).refused
    finally:
        events.unregister("provide-client-params.dynamodb.PutItem", write_first)

    assert (stream, version) == (written.page.key, 4)
    assert why == "somebody else wrote there meanwhile"
    assert cold.log.verify(written.page) == []


def test_two_that_put_back_at_once_do_it_once(
    system: System, cold: System, written: Written, restored: None
) -> None:
    before = scene.items(system.config.log_table)
    lose(system)
    others: list[restore.Restored] = []

    def other_first(params: dict[str, Any], **_: Any) -> None:
        if params["TableName"] == system.config.log_table and not others:
            others.append(restore.Restored(BACK))
            others.append(restore.restore_log(cold, BACK))

    events = system.tables.connection.client.meta.events
    events.register("provide-client-params.dynamodb.PutItem", other_first)
    try:
        done = restore.restore_log(system, BACK)
    finally:
        events.unregister("provide-client-params.dynamodb.PutItem", other_first)

    assert (done.refused, others[-1].refused) == ([], [])
    assert scene.items(system.config.log_table) == before


def test_items_of_no_stream_and_of_other_workspaces_are_left_where_they_are(
    system: System, written: Written, restored: None
) -> None:
    stray = scene.items(BACK)[written.page.key, "1"] | {"pk": {"S": "nobody's"}}
    scene.put(BACK, stray)
    before = scene.items(system.config.log_table)
    lose(system)

    nothing = restore.restore_log(system, BACK, workspace="other")
    done = restore.restore_log(system, BACK, workspace="demo")

    assert (nothing.streams, nothing.commits) == (0, 0)
    assert done.refused == [("nobody's", None, "is the key of no stream")]
    assert scene.items(system.config.log_table) == before


def test_what_is_no_restored_log_is_refused(system: System, written: Written) -> None:
    with pytest.raises(NotFound, match="there is no table nowhere"):
        restore.restore_log(system, "nowhere")
    with pytest.raises(Conflict, match="is the log itself"):
        restore.restore_log(system, system.config.log_table)
    with pytest.raises(Conflict, match="its keys are others"):
        restore.restore_log(system, system.config.idempotency_table)


def test_a_log_that_is_gone_is_restored_under_its_own_name_first(
    environment: dict[str, str], written: Written, restored: None
) -> None:
    gone = System(Config.from_env({**environment, "LOG_TABLE": "palimpsest-test-gone"}))

    with pytest.raises(NotFound, match="palimpsest-test-gone is gone: restore it under its name"):
        restore.restore_log(gone, BACK)


def test_lists_that_are_not_to_be_believed_are_not_accepted_away(
    system: System, written: Written
) -> None:
    (name,) = system.objects.lists()
    bucket = system.config.heads_bucket
    forged = system.objects.get_list(name).replace(b'[5,"', b'[4,"')
    client("s3").put_object(Bucket=bucket, Key=name, Body=forged)

    with pytest.raises(Conflict, match="signature is not right; look into that first"):
        accept.accept_loss(system)


def test_answers_are_forgotten_also_where_accepting_broke_off_after_a_view_was_dropped(
    system: System, cold: System, written: Written
) -> None:
    """The view is gone then, and nothing tells the next run of the loss."""
    scene.rename(system, written.page, "Seen by its view alone")
    lose(system, stream=written.page, above=5)
    answers = system.config.idempotency_table
    client("dynamodb").put_item(TableName=answers, Item={"id": {"S": "request#" + 64 * "0"}})

    with refused(cold, "PutItem", cold.config.views_table), pytest.raises(Unavailable):
        accept.accept_loss(cold)
    assert cold.upkeep.watermark(written.page) is None

    assert accept.accept_loss(cold).streams == []

    assert kept_answers(system) == 0


def test_answers_are_forgotten_whenever_it_is_asked_for(system: System, written: Written) -> None:
    answers = system.config.idempotency_table
    client("dynamodb").put_item(TableName=answers, Item={"id": {"S": "request#" + 64 * "0"}})

    assert accept.accept_loss(system).answers == 1


def test_a_log_that_does_not_answer_loses_nothing(system: System, written: Written) -> None:
    """Not to be reached is no loss: nothing is lowered."""
    shown = scene.items(system.config.views_table)
    with refused(system, "Query"), pytest.raises(Unavailable):
        accept.accept_loss(system)
    assert scene.items(system.config.views_table) == shown


@contextmanager
def refused(system: System, operation: str, table: str | None = None) -> Iterator[None]:
    """Have DynamoDB not answer one operation, on one table or on all."""

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if table in (None, params["TableName"]):
            raise EndpointConnectionError(endpoint_url="https://dynamodb.invalid")

    events, name = system.tables.connection.client.meta.events, f"dynamodb.{operation}"
    events.register(f"provide-client-params.{name}", refuse)
    try:
        yield
    finally:
        events.unregister(f"provide-client-params.{name}", refuse)
