"""The views' contract, of the adapter on moto and of the twin alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.annotation import (
    Annotation,
    Fragment,
    SpecificResource,
    Svg,
    Target,
    TextPosition,
    TextQuote,
    TextualBody,
)
from chalicelib.domain.chain import Head
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource
from chalicelib.domain.vocabulary import ENTITY_TYPES, TAG_SCHEMAS, Vocabulary
from chalicelib.view_items import View
from chalicelib.views import Entry, Parked, Views
from tests.layers.examples import ADA, CONTENT, NOW

LATER = "2026-11-23T09:35:01.000Z"
BODY = TextualBody("Österreich – \U0001f5fa", "tagging", "text/plain", "de")


def view(stream: Stream, version: int, *, applied: str = NOW, **changes: object) -> View:
    state = Resource(
        id=stream.resource_id or "",
        name="A page",
        representations=(CONTENT, replace(CONTENT, filename="a–b.txt")),
        creator=ADA,
        created=NOW,
        modified=NOW,
        version=version,
        entity_types=("Person", "Place"),
        description=None,
        language="en",
        annotation_count=3,
        source="01890a5d-ac96-774b-bcce-b302099a8050",
    )
    state = replace(state, **changes)  # type: ignore[arg-type]
    return View(state, Head(version, bytes([version]) * 32, NOW), 0, applied)


def mark(mark_id: str, version: int = 2, *, removed: bool = False) -> Mark:
    selectors = (
        TextPosition(3, 9),
        TextQuote("Vienna", "in ", ", "),
        Fragment("xywh=0,0,9,9", "http://www.w3.org/TR/media-frags/"),
        Svg("<svg/>"),
    )
    bodies = (BODY, SpecificResource("resource:01890a5d-ac96-774b-bcce-b302099a8057", "linking"))
    annotation = Annotation(
        mark_id, "linking", Target(CONTENT.checksum, selectors), bodies, {"name": "rules"}
    )
    history = tuple((n, n) for n in range(2, version + 1))
    return Mark(annotation, ADA, NOW, LATER if version > 2 else None, version, history, removed)


# -- watermarks -----------------------------------------------------------------------------------


def test_a_view_is_read_as_it_was_moved_there(views: Views, stream: Stream) -> None:
    assert views.get(stream) is None
    assert views.move(stream, None, view(stream, 3))
    assert views.get(stream) == view(stream, 3)


def test_a_vocabulary_is_a_view_too(views: Views, workspace: str) -> None:
    stream = Stream.of_system(workspace)
    state = Vocabulary(4, ENTITY_TYPES, {schema.id: schema for schema in TAG_SCHEMAS})
    new = View(state, Head(4, b"\x01" * 32, NOW), 0, NOW)

    assert views.move(stream, None, new)
    assert views.get(stream) == new


def test_a_watermark_moves_only_from_where_it_was_read(views: Views, stream: Stream) -> None:
    old, new = view(stream, 3), view(stream, 5)
    views.move(stream, None, old)

    assert not views.move(stream, None, new)
    assert not views.move(stream, view(stream, 2), new)
    assert not views.move(stream, replace(old, generation=1), new)
    assert views.get(stream) == old
    assert views.move(stream, old, new)
    assert not views.move(stream, old, view(stream, 6))
    assert views.get(stream) == new


def test_a_watermark_cannot_move_where_there_is_none(views: Views, stream: Stream) -> None:
    assert not views.move(stream, view(stream, 3), view(stream, 5))
    assert views.get(stream) is None


def test_descriptors_are_found_by_id(views: Views, workspace: str, stream: Stream) -> None:
    other = Stream.of_resource(workspace, "other")
    views.move(stream, None, view(stream, 3))
    views.move(other, None, view(other, 4))

    found = views.descriptors(workspace, [stream.resource_id or "", "other", "none", "other"])

    assert found == {stream.resource_id: view(stream, 3), "other": view(other, 4)}
    assert views.descriptors(workspace, []) == {}
    assert views.descriptors(workspace + "x", ["other"]) == {}


def test_more_descriptors_are_found_than_one_call_takes(views: Views, workspace: str) -> None:
    streams = [Stream.of_resource(workspace, f"r{n:03}") for n in range(101)]
    for stream in streams:
        views.move(stream, None, view(stream, 1))

    found = views.descriptors(workspace, [s.resource_id or "" for s in streams])

    assert len(found) == 101


# -- annotations ----------------------------------------------------------------------------------


def test_an_annotation_is_read_as_it_was_put(views: Views, stream: Stream) -> None:
    assert views.put_mark(stream, 0, mark("a", 5), 1000)

    assert views.marks(stream, 0, ["a"]) == {"a": mark("a", 5)}
    assert views.marks(stream, 0, ["a", "b", "a"]) == {"a": mark("a", 5)}
    assert views.marks(stream, 1, ["a"]) == {}
    assert views.marks(stream, 0, []) == {}


def test_a_watermark_comes_with_annotations(views: Views, stream: Stream) -> None:
    many = [f"m{number:03}" for number in range(120)]
    for mark_id in many:
        views.put_mark(stream, 0, mark(mark_id), 1000)
    assert views.watermark_and_marks(stream, 0, many[:1]) == (None, {many[0]: mark(many[0])})
    new = view(stream, 3)
    assert views.move(stream, None, new)

    for wanted in ([], many[:1], [*many[:99], "absent"], many):
        found = {mark_id: mark(mark_id) for mark_id in wanted if mark_id != "absent"}
        assert views.watermark_and_marks(stream, 0, wanted) == (new, found)
    assert views.watermark_and_marks(stream, 1, many[:1]) == (new, {})


def test_an_annotation_is_put_over_a_lower_version_only(views: Views, stream: Stream) -> None:
    views.put_mark(stream, 0, mark("a", 5), 1000)

    for version in (3, 5):
        assert not views.put_mark(stream, 0, mark("a", version), 1000)
    assert views.put_mark(stream, 0, mark("a", 6), 1000)
    assert views.marks(stream, 0, ["a"])["a"].version == 6


def test_a_removed_annotation_stays_as_a_tombstone_and_keeps_old_ones_out(
    views: Views, stream: Stream
) -> None:
    views.put_mark(stream, 0, mark("a", 5, removed=True), 1000)

    assert not views.put_mark(stream, 0, mark("a", 4), 1000)
    assert views.marks(stream, 0, ["a"]) == {"a": mark("a", 5, removed=True)}
    assert views.page(stream, 0, after=None, limit=5)[0] == [mark("a", 5, removed=True)]


def test_pages_go_by_id_and_say_when_there_is_more(views: Views, stream: Stream) -> None:
    for mark_id in ("c", "a", "d", "b", "e"):
        views.put_mark(stream, 0, mark(mark_id), 1000)
    views.put_mark(stream, 1, mark("z"), 1000)

    def page(after: str | None, limit: int) -> tuple[list[str], bool]:
        found, more = views.page(stream, 0, after=after, limit=limit)
        return [m.annotation.id for m in found], more

    assert page(None, 2) == (["a", "b"], True)
    assert page("b", 2) == (["c", "d"], True)
    assert page("d", 2) == (["e"], False)
    assert page("e", 2) == ([], False)
    assert page("bb", 2) == (["c", "d"], True)
    assert page(None, 9) == (["a", "b", "c", "d", "e"], False)
    # A page that is just full may say either; the next one is empty then.
    assert page("b", 3)[0] == ["c", "d", "e"]


def test_generations_do_not_see_one_another(views: Views, stream: Stream) -> None:
    views.put_mark(stream, 1, mark("a"), 1000)
    views.put_mark(stream, 10, mark("b"), 1000)

    assert [m.annotation.id for m in views.page(stream, 1, after=None, limit=9)[0]] == ["a"]


def test_annotations_of_several_resources_are_found_at_once(
    views: Views, workspace: str, stream: Stream
) -> None:
    other = Stream.of_resource(workspace, "other")
    views.put_mark(stream, 0, mark("a"), 1000)
    views.put_mark(other, 2, mark("b"), 1000)
    own = stream.resource_id or ""

    found = views.marks_across(workspace, [(own, 0, "a"), ("other", 2, "b"), ("other", 0, "b")])

    assert found == {(own, "a"): mark("a"), ("other", "b"): mark("b")}


# -- keys, entries, parked ------------------------------------------------------------------------


def test_a_key_is_remembered_by_stream(views: Views, workspace: str, stream: Stream) -> None:
    assert views.key(stream, "k") is None
    views.put_key(stream, "k", 7, 2_000_000_000)
    views.put_key(stream, "k", 7, 2_000_000_000)

    assert views.key(stream, "k") == 7
    assert views.key(Stream.of_resource(workspace, "other"), "k") is None


def test_entries_come_newest_first(views: Views, workspace: str) -> None:
    for order in ("2026-01", "2026-03", "2026-02"):
        assert views.put_entry(workspace, "type", "Person", Entry(order, "r"), 1)

    def entries(before: Entry | None, limit: int) -> list[str]:
        found = views.entries(workspace, "type", "Person", before=before, limit=limit)
        return [entry.order for entry in found]

    assert entries(None, 9) == ["2026-03", "2026-02", "2026-01"]
    assert entries(None, 2) == ["2026-03", "2026-02"]
    assert entries(Entry("2026-02", "r"), 9) == ["2026-01"]
    assert entries(Entry("2026-02", "s"), 9) == ["2026-02", "2026-01"]


def test_an_entry_is_put_and_dropped_by_version(views: Views, workspace: str) -> None:
    entry = Entry("2026", "r")

    def stands() -> bool:
        return views.entries(workspace, "all", "", before=None, limit=9) == [entry]

    assert views.put_entry(workspace, "all", "", entry, 3)
    assert not views.put_entry(workspace, "all", "", entry, 3)
    views.drop_entry(workspace, "all", "", entry, 3)
    assert stands()
    views.drop_entry(workspace, "all", "", entry, 4)
    assert not stands()
    views.drop_entry(workspace, "all", "", entry, 5)
    assert views.put_entry(workspace, "all", "", entry, 2)


@pytest.mark.parametrize("value", ["a#b", "a/b", "ä €", "%", "x" * 100, "\U0001f5fa", " "])
def test_no_value_gets_into_the_index_of_another(views: Views, workspace: str, value: str) -> None:
    views.put_entry(workspace, "type", value, Entry("2026", "r"), 1)

    assert len(views.entries(workspace, "type", value, before=None, limit=9)) == 1
    for other in ("", value[0], value + "#", value + "%"):
        if other != value:
            assert views.entries(workspace, "type", other, before=None, limit=9) == []


def test_changes_come_in_the_order_of_their_showing(views: Views, workspace: str) -> None:
    for resource_id, applied in (("b", "2026-01"), ("a", "2026-01"), ("c", "2026-02")):
        stream = Stream.of_resource(workspace, resource_id)
        views.move(stream, None, view(stream, 1, applied=applied))

    def changed(order: str, resource_id: str, limit: int = 9) -> list[tuple[str, str]]:
        found = views.changed(workspace, after=Entry(order, resource_id), limit=limit)
        return [(entry.order, entry.resource_id) for entry in found]

    everything = [("2026-01", "a"), ("2026-01", "b"), ("2026-02", "c")]
    assert changed("2025", "") == everything
    assert changed("2026-01", "a") == everything[1:]
    assert changed("2026-01", "b") == [("2026-02", "c")]
    assert changed("2026-02", "c") == []
    assert changed("2025", "", limit=1) == everything[:1]


def test_a_stream_is_parked_once_and_taken_back(views: Views, workspace: str) -> None:
    stream = Stream.of_resource(workspace, "r")

    def parked() -> list[Parked]:
        return [each for each in views.parked() if each.stream.workspace == workspace]

    views.park(Parked("view_materializer", stream, 7, "too new", NOW))
    views.park(Parked("view_materializer", stream, 8, "still", LATER))
    assert parked() == [Parked("view_materializer", stream, 8, "still", LATER)]
    views.unpark("view_materializer", stream)
    views.unpark("view_materializer", stream)
    assert parked() == []


def test_every_parked_stream_is_returned_however_many_there_are(
    views: Views, workspace: str
) -> None:
    streams = [Stream.of_resource(workspace, f"{number:04}") for number in range(1001)]
    for stream in streams:
        views.park(Parked(workspace, stream, 1, "too new", NOW))
    assert [each.stream for each in views.parked(consumer=workspace)] == streams
    assert len(views.parked(limit=100)) == 100
    for stream in streams:
        views.unpark(workspace, stream)


def test_a_ping_is_answered(views: Views) -> None:
    views.ping()
