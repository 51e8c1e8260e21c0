"""Whatever is changed behind the system's back is named: law 7, on the real tables and bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.config import Config
from chalicelib.domain import chain
from chalicelib.domain.events import AnnotationAdded
from chalicelib.domain.ids import Stream
from chalicelib.flows import heads, rebuild, write
from chalicelib.flows.faults import Fault
from chalicelib.flows.project import materialize
from chalicelib.flows.stream_check import check
from chalicelib.flows.verify import summary, verify
from chalicelib.log import Intent
from chalicelib.system import System
from chalicelib.upkeep import wire
from infra.local.aws import client
from infra.ops.__main__ import main
from tests.recovery import scene

Items = dict[Any, dict[str, Any]]


@pytest.fixture
def stream(system: System) -> Stream:
    other, stream = scene.create(system, "Another page"), scene.create(system)
    first, second, _ = scene.annotate(system, stream, 3, to=other, key="k" * 64)
    scene.rewrite(system, stream, first, "changed")
    scene.remove(system, stream, second)
    scene.rename(system, stream, "A new name")
    write.seed_vocabulary(system, scene.request())
    materialize(system, Stream.of_system("demo"))
    return stream


@contextmanager
def changed(table: str) -> Iterator[Items]:
    """Give the items of a table to be changed, and put everything back afterwards."""
    before = scene.items(table)
    yield {key: dict(item) for key, item in before.items()}
    for key, item in scene.items(table).items():
        if key not in before:
            scene.delete(table, item)
    for item in before.values():
        scene.put(table, item)


def flipped(value: dict[str, Any], byte: int, bit: int) -> dict[str, Any]:
    """Return an attribute with one bit flipped."""
    ((kind, content),) = value.items()
    if kind == "M":
        name = sorted(content)[byte % len(content)]
        return {"M": {**content, name: flipped(content[name], byte, bit)}}
    if kind == "N":
        return {"N": str(int(content) ^ (1 << bit))}
    data = bytearray(content.encode() if kind == "S" else content)
    data[byte % len(data)] ^= 1 << bit
    return {kind: data.decode("latin-1") if kind == "S" else bytes(data)}


@pytest.mark.parametrize("removed", [False, True])
def test_an_annotation_that_is_added_twice_is_named(system: System, removed: bool) -> None:
    """Whoever removed it would see it again."""
    stream = scene.create(system)
    (mark_id,) = scene.annotate(system, stream, 1)
    if removed:
        scene.remove(system, stream, mark_id)
    head = system.log.head(stream)
    added = next(
        stored.event
        for stored in system.log.events(stream)
        if isinstance(stored.event, AnnotationAdded)
    )
    intent = Intent(system.mint(), None, system.now(), scene.ACTOR, "request:1")

    system.log.append(stream, head, [added], intent)

    (fault,) = [fault for fault in verify(system).faults if fault.kind == "chain"]
    assert (fault.where, fault.version) == (stream.key, head.version + 1)
    assert f"the annotation {mark_id} was added before" in fault.detail


def test_what_is_as_it_should_be_has_no_fault(system: System, stream: Stream) -> None:
    found = verify(system)

    assert found.faults == []
    assert (found.streams, found.events, found.contents) == (3, 20, 1)
    assert found.unnamed == []
    assert summary(found)["ok"] is True


def test_every_attribute_of_every_commit_is_held(system: System, stream: Stream) -> None:
    """Any bit of any attribute: the stream is named, and the version, or the one after it."""
    table = system.config.log_table
    of_stream = [item for (pk, _), item in scene.items(table).items() if pk == stream.key]
    unfound = []
    for number, item in enumerate(of_stream):
        for name in item:
            if name in ("pk", "sk"):
                continue
            wrong = item | {name: flipped(item[name], 7 * number + 3, number % 3)}
            scene.put(table, wrong)
            if not [f for f in check(system, stream).faults if f.kind == "chain"]:
                unfound.append((item["sk"], name))
            scene.put(table, item)

    assert unfound == []
    assert check(system, stream).faults == []


def test_every_byte_of_a_body_is_held(system: System, stream: Stream) -> None:
    for item in system.upkeep.log_items(stream.key):
        commit = wire.commit(item)
        for byte in range(len(commit.body)):
            body = bytearray(commit.body)
            body[byte] ^= 1 << byte % 8
            wrong = wire.commit({**item, "body": {"B": bytes(body)}})
            assert chain.rehash(wrong) != commit.hash


def _drop(items: Items, key: str) -> Items:
    del items[key, "2"]
    return items


def _drop_first(items: Items, key: str) -> Items:
    del items[key, "1"]
    return items


def _swap(items: Items, key: str) -> Items:
    for version, other in (("5", "6"), ("6", "5")):
        moved = dict(items[key, other]) | {"sk": {"N": version}}
        items[key, f"new {version}"] = moved
    del items[key, "5"], items[key, "6"]
    return items


def _insert(items: Items, key: str) -> Items:
    items[key, "new"] = items[key, "6"] | {"sk": {"N": "8"}}
    return items


def _of_another_stream(items: Items, key: str) -> Items:
    other = next(k for k in items if k[1] == "1" and k[0] != key and "resource#" in k[0])
    items[key, "1"] = items[other] | {"pk": {"S": key}}
    return items


def _rehash(items: Items, key: str) -> Items:
    item = items[key, "5"] | {"correlation": {"S": "forged"}}
    item["hash"] = {"B": chain.rehash(wire.commit(item))}
    items[key, "5"] = item
    return items


def _rehash_last(items: Items, key: str) -> Items:
    item = items[key, "7"] | {"correlation": {"S": "forged"}}
    item["hash"] = {"B": chain.rehash(wire.commit(item))}
    items[key, "7"] = item
    return items


def _change_actor(items: Items, key: str) -> Items:
    actor = {"M": {"id": {"S": "eve"}, "type": {"S": "Person"}, "name": {"S": "Eve"}}}
    items[key, "1"] = items[key, "1"] | {"actor": actor}
    return items


def _more(items: Items, key: str) -> Items:
    items[key, "1"] = items[key, "1"] | {"note": {"S": "was not there"}}
    return items


def _less(items: Items, key: str) -> Items:
    items[key, "1"] = {k: v for k, v in items[key, "1"].items() if k != "correlation"}
    return items


def _other_kind(items: Items, key: str) -> Items:
    items[key, "1"] = items[key, "1"] | {"body": {"S": "text"}}
    return items


TAMPERINGS: list[tuple[Callable[[Items, str], Items], str]] = [
    (_drop, "leaves a hole before version 2"),
    (_drop_first, "leaves a hole before version 1"),
    (_swap, "`hash` is not the hash of what is stored"),
    (_insert, "`previous` is not the hash of the commit before"),
    (_of_another_stream, "`hash` is not the hash of what is stored"),
    (_rehash, "`previous` is not the hash of the commit before"),
    (_rehash_last, "the watermark's hash or time is not that of the log's commit"),
    (_change_actor, "`hash` is not the hash of what is stored"),
    (_more, "the attribute `note` does not belong there"),
    (_less, "the attribute `correlation` is missing"),
    (_other_kind, "the attribute `body` is of another type"),
]


def unnamed(
    system: System, stream: Stream, verified: Callable[[], list[tuple[str, str]]]
) -> list[str]:
    """Tamper in each way with what is stored; return the ways that `verified` does not name.

    It returns (where, detail) of each fault.
    """
    missed = []
    for tamper, words in TAMPERINGS:
        with changed(system.config.log_table) as items:
            before = dict(items)
            after = tamper(items, stream.key)
            for item in before.values():
                if item not in after.values():
                    scene.delete(system.config.log_table, item)
            for item in after.values():
                scene.put(system.config.log_table, item)
            if not any(where == stream.key and words in detail for where, detail in verified()):
                missed.append(tamper.__name__)
    return missed


def test_each_way_of_tampering_with_the_log_is_named_and_the_exit_code_is_1(
    system: System,
    stream: Stream,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def command() -> list[tuple[str, str]]:
        code = main(["verify", "--no-content", "--json"])
        faults = json.loads(capsys.readouterr().out)["faults"]
        assert code == 1, faults
        return [(fault["where"], fault["detail"]) for fault in faults]

    assert unnamed(system, stream, command) == []
    assert main(["verify", "--json"]) == 0


@pytest.mark.parametrize("blind", ["to hashes", "to links", "to the first commit", "to views"])
def test_the_law_catches_a_verify_that_does_not_look(
    system: System, stream: Stream, blind: str
) -> None:
    """Each double is a verifier as one may first write it."""

    def double() -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        before: bytes | None = None
        for number, item in enumerate(system.upkeep.log_items(stream.key)):
            try:
                commit = wire.commit(item)
            except wire.NotACommit as error:
                found.append((stream.key, str(error)))
                continue
            if number == 0 and blind == "to the first commit":
                before = commit.hash
                continue
            if blind != "to hashes" and chain.rehash(commit) != commit.hash:
                found.append((stream.key, "`hash` is not the hash of what is stored"))
            if blind != "to links" and commit.previous != before:
                found.append((stream.key, "`previous` is not the hash of the commit before"))
                found.append((stream.key, "leaves a hole before version 1"))
                found.append((stream.key, "leaves a hole before version 2"))
            before = commit.hash
        if blind != "to views":
            detail = "the watermark's hash or time is not that of the log's commit"
            found.append((stream.key, detail))
        return found

    assert unnamed(system, stream, double) != []


def test_items_under_a_key_of_no_stream_are_named(system: System, stream: Stream) -> None:
    item = scene.items(system.config.log_table)[stream.key, "1"]
    scene.put(system.config.log_table, item | {"pk": {"S": "nowhere"}})

    assert [f.where for f in verify(system).faults if f.kind == "stray"] == ["nowhere"]


def test_each_wrong_item_of_the_views_is_named(system: System, stream: Stream) -> None:
    """Deleted, changed, or one too many; and what a rebuild puts right is right again."""
    table = system.config.views_table
    unfound = []
    for (pk, sk), item in scene.items(table).items():
        scene.delete(table, item)
        # A watermark may be missing for a minute, and a tombstone for good.
        silent = sk in ("resource", "vocabulary") or "removed" in item
        if not verify(system, content=False).faults and not silent:
            unfound.append(("deleted", pk, sk))
        if "body" in item:
            body = json.loads(item["body"]["S"])
            body[sorted(body)[0]] = None
            scene.put(table, item | {"body": {"S": json.dumps(body)}})
            if not verify(system, content=False).faults:
                unfound.append(("changed", pk, sk))
        scene.put(table, item)
    mark = next(i for (_, sk), i in scene.items(table).items() if sk.startswith("annotation#"))
    more = mark | {"sk": {"S": "annotation#0#01900000-0000-7000-8000-000000000000"}}
    scene.put(table, more)
    extra = verify(system, content=False).faults
    scene.delete(table, more)

    assert unfound == []
    assert ["in no event" in fault.detail for fault in extra] == [True]
    assert verify(system).faults == []


def test_what_would_hide_a_view_or_have_it_deleted_is_named(system: System, stream: Stream) -> None:
    """Given an index that no longer finds a resource, or an item that will expire, then that."""
    table = system.config.views_table
    held = scene.items(table)
    watermark = held[stream.key, "resource"]
    mark = next(
        item
        for (pk, sk), item in held.items()
        if pk == stream.key and sk.startswith("annotation#") and "removed" not in item
    )
    spoilt = [
        ({**watermark, "workspace": {"S": "elsewhere"}}, "not in the index of its workspace"),
        ({k: v for k, v in watermark.items() if k != "workspace"}, "not in the index"),
        ({**watermark, "applied": {"S": "2001-01-01T00:00:00.000Z"}}, "which cannot be"),
        ({**watermark, "applied": {"S": "soon"}}, "which cannot be"),
        ({**watermark, "expires": {"N": "1"}}, "the watermark expires"),
        ({**mark, "expires": {"N": "1"}}, "expires"),
    ]
    for item, named in spoilt:
        scene.put(table, item)

        faults = verify(system, content=False).faults

        assert [named in fault.detail for fault in faults] == [True], faults
        assert faults[0].where == stream.key
        rebuild.rebuild_view(system, stream)
        assert verify(system, content=False).faults == []
        for (pk, _), old in scene.items(table).items():
            if pk == stream.key:
                scene.delete(table, old)
        for (pk, _), old in held.items():
            if pk == stream.key:
                scene.put(table, old)


def test_a_view_that_stays_behind_is_a_fault_after_a_minute(
    system: System, stream: Stream, clock: Any
) -> None:
    table = system.config.views_table
    scene.delete(table, scene.items(table)[stream.key, "resource"])

    assert verify(system).faults == []
    clock.now_s += 61
    assert ["behind" in fault.detail for fault in verify(system).faults] == [True]


def test_a_view_of_a_stream_that_the_log_does_not_have_is_named(
    system: System, stream: Stream
) -> None:
    for (pk, _), item in scene.items(system.config.log_table).items():
        if pk == stream.key:
            scene.delete(system.config.log_table, item)

    faults = verify(system).faults

    assert (
        Fault("stray", stream.key, None, "the views have a stream that the log has not") in faults
    )


def test_content_that_is_missing_or_another_is_named_and_bytes_that_nobody_names_are_listed(
    system: System, stream: Stream
) -> None:
    bucket, text = system.config.content_bucket, scene.TEXT.encode()
    checksum, s3 = hashlib.sha256(text).hexdigest(), client("s3")
    s3.delete_object(Bucket=bucket, Key=f"demo/{checksum}")
    missing = verify(system).faults
    s3.put_object(Bucket=bucket, Key=f"demo/{checksum}", Body=b"forged")
    forged = verify(system).faults
    s3.put_object(Bucket=bucket, Key=f"demo/{checksum}", Body=text)
    unnamed = system.content.put("demo", b"nobody has named this yet")
    after = verify(system)

    assert [(f.where, "is missing" in f.detail) for f in missing] == [(f"demo/{checksum}", True)]
    assert ["differs from its checksum" in f.detail for f in forged] == [True]
    assert after.faults == []
    assert [each.checksum for each in after.unnamed] == [unnamed]


# -- heads ----------------------------------------------------------------------------------------


def _cut(system: System, stream: Stream) -> None:
    """Cut the tail off the log, and off everything that could tell of it."""
    table = system.config.log_table
    scene.delete(table, scene.items(table)[stream.key, "7"])
    for (pk, _), item in scene.items(system.config.views_table).items():
        if pk == stream.key:
            scene.delete(system.config.views_table, item)
    system.heads.forget(stream)
    materialize(system, stream)


def test_a_cut_tail_is_named_by_the_list_of_heads(system: System, stream: Stream) -> None:
    assert heads.witness(system) is not None
    _cut(system, stream)

    assert verify(system).faults == []
    (fault,) = verify(system, heads=heads.check).faults
    assert (fault.kind, fault.where, fault.version) == ("heads", stream.key, 7)
    assert "version 7 was witnessed, the log ends at 6" in fault.detail


def test_a_list_a_day_later_still_tells_of_it(system: System, stream: Stream, clock: Any) -> None:
    heads.witness(system)
    _cut(system, stream)
    for _ in range(3):
        clock.now_s += 12 * 3600
        assert heads.witness(system) is not None

    assert [f.version for f in verify(system, heads=heads.check).faults] == [7]


def test_each_list_holds_what_moved_since_the_one_before(
    system: System, stream: Stream, clock: Any
) -> None:
    clock.now_s += 301
    first = heads.witness(system)
    assert heads.witness(system) is None  # once in five minutes
    clock.now_s += 601
    scene.rename(system, stream, "Later")
    second = heads.witness(system)
    assert first is not None
    assert second is not None

    told = json.loads(system.objects.get_list(second))["list"]

    assert told["previous"]["name"] == first
    assert told["heads"][stream.key][0] == 8
    assert sorted(told["heads"]) == sorted([stream.key, "demo/system"])
    assert verify(system, heads=heads.check).lists == 2
    assert verify(system, heads=heads.check).faults == []


def test_a_forged_and_a_missing_list_are_named(system: System, stream: Stream, clock: Any) -> None:
    names = []
    for _ in range(3):
        names.append(heads.witness(system))
        clock.now_s += 301
    bucket, s3 = system.config.heads_bucket, client("s3")
    whole = json.loads(system.objects.get_list(str(names[1])))
    whole["list"]["heads"] = {}
    s3.put_object(Bucket=bucket, Key=names[1], Body=json.dumps(whole))
    forged = verify(system, heads=heads.check).faults
    s3.delete_object(Bucket=bucket, Key=names[1])
    missing = verify(system, heads=heads.check).faults

    assert Fault("heads", str(names[1]), None, "its signature is not right") in forged
    assert Fault("heads", str(names[1]), None, "the list is missing") in missing


def test_after_a_change_of_key_lists_count_from_the_next_complete_one_on(
    environment: dict[str, str], system: System, stream: Stream, clock: Any
) -> None:
    before = str(heads.witness(system))
    changed = System(
        Config.from_env({**environment, "HEADS_KEY": "another key that is long enough, too"}),
        clock=clock,
    )
    clock.now_s += 301
    partial = str(heads.witness(changed))
    told = verify(changed, heads=heads.check).faults
    clock.now_s += 24 * 3600
    assert heads.witness(changed) is not None

    assert told == [Fault("heads", before, None, "its signature is not right")]
    assert not json.loads(changed.objects.get_list(partial))["list"]["complete"]
    assert verify(changed, heads=heads.check).faults == []
    _cut(changed, stream)
    assert [f.version for f in verify(changed, heads=heads.check).faults] == [7]
