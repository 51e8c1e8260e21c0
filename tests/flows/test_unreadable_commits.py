"""A commit that this code cannot read: stopped at, named, parked, never skipped; and mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from chalicelib.domain import events
from chalicelib.domain.commands import RemoveAnnotation
from chalicelib.domain.events import AnnotationRemoved, ResourceUpdated
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import Tables
from chalicelib.errors import LogDamaged, LogUnreadable, Unavailable
from chalicelib.flows import health, project, read, write
from chalicelib.flows.write import Request
from chalicelib.log import Intent
from chalicelib.system import System
from chalicelib.view_items import View
from chalicelib.views import Parked, Views
from infra.local.aws import client
from tests.flows.conftest import another
from tests.flows.scene import annotated, created, renamed


@dataclass(frozen=True)
class Rated:
    """An event of a later version of this code."""

    type: ClassVar[str] = "annotation.rated"
    v: ClassVar[int] = 1

    def data(self) -> dict[str, Any]:
        return {"stars": 5}


@dataclass(frozen=True)
class UpdatedV2:
    """A known event in a later shape."""

    type: ClassVar[str] = "resource.updated"
    v: ClassVar[int] = 2

    def data(self) -> dict[str, Any]:
        return {"name": "by a later version"}


@pytest.fixture(params=[Rated, UpdatedV2])
def future(request: pytest.FixtureRequest) -> Any:
    return request.param()


def append(system: System, request: Request, resource_id: str, *new: Any) -> int:
    """Append events as other code would; return the first one's version."""
    stream = Stream.of_resource(request.workspace, resource_id)
    intent = Intent(system.mint(), None, system.now(), request.actor, "later")
    return system.log.append(stream, system.log.head(stream), new, intent).first


def reads(
    system: System, request: Request, resource_id: str, mark_id: str
) -> list[Callable[[], Any]]:
    """Every read that needs the log's head."""
    of = (system, request.workspace, resource_id)
    return [
        lambda: read.resource(*of),
        lambda: read.annotation(*of, mark_id),
        lambda: read.annotation_page(*of, limit=10),
        lambda: read.event_page(*of, limit=10),
        lambda: read.event_page(*of, limit=10, newest_first=True),
        lambda: read.history(*of, mark_id, limit=10),
        lambda: read.resource_at(*of, at="2099-01-01T00:00:00.000Z"),
        lambda: renamed(system, request, resource_id, "x"),
        lambda: write.change_annotation(system, request, resource_id, RemoveAnnotation(mark_id)),
        lambda: annotated(system, request, resource_id, "more"),
    ]


def test_what_needs_the_head_stops_and_names_the_version(
    system: System, request_of_ada: Request, future: Any
) -> None:
    resource_id = created(system, request_of_ada)
    (mark_id,) = annotated(system, request_of_ada, resource_id, "one")
    version = append(system, request_of_ada, resource_id, future)
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)

    for instance in (system, another(system)):  # warm and cold
        for call in reads(instance, request_of_ada, resource_id, mark_id):
            with pytest.raises(LogUnreadable) as refusal:
                call()
            assert refusal.value.extra["version"] == version
    assert system.log.head(stream).version == version, "a write was let through"


def test_earlier_versions_are_read_as_ever(
    system: System, request_of_ada: Request, future: Any
) -> None:
    resource_id = created(system, request_of_ada)
    annotated(system, request_of_ada, resource_id, "one", "two")
    append(system, request_of_ada, resource_id, future)
    of = (system, request_of_ada.workspace, resource_id)

    assert read.resource_at(*of, version=3).annotation_count == 2
    assert read.resource_at(*of, version=1).annotation_count == 0
    assert [e.version for e in read.event_page(*of, limit=2).events] == [1, 2]


def test_the_materializer_stops_there_parks_once_and_lets_neighbours_go_on(
    system: System, request_of_ada: Request, future: Any
) -> None:
    workspace = request_of_ada.workspace
    bad, good = created(system, request_of_ada), created(system, request_of_ada)
    annotated(system, request_of_ada, bad, "one")
    version = append(system, request_of_ada, bad, future)
    streams = [Stream.of_resource(workspace, each) for each in (bad, good)]

    for _ in range(3):
        assert project.materialize_batch(system, streams) == {}

    shown = [system.views.get(stream) for stream in streams]
    assert [view.head.version for view in shown if view] == [version - 1, 1]
    parked = [each for each in system.views.parked() if each.stream.workspace == workspace]
    assert [(each.stream, each.version) for each in parked] == [(streams[0], version)]


def test_what_follows_is_not_read_either(
    system: System, request_of_ada: Request, future: Any
) -> None:
    resource_id = created(system, request_of_ada)
    version = append(system, request_of_ada, resource_id, future)
    append(system, request_of_ada, resource_id, ResourceUpdated((("name", "after"),)))
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)

    moved = project.materialize(system, stream)

    assert moved.version == version - 1
    assert moved.unreadable is not None
    with pytest.raises(LogUnreadable):
        list(system.log.events(stream))


def test_a_newer_deployment_mends_what_was_parked(
    system: System, request_of_ada: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource_id = created(system, request_of_ada)
    renamed(system, request_of_ada, resource_id, "in the first shape")
    append(system, request_of_ada, resource_id, UpdatedV2())
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    project.materialize_batch(system, [stream])

    # the deployment: this code knows v2, and how to read v1 as v2
    monkeypatch.setattr(ResourceUpdated, "v", 2)
    monkeypatch.setitem(events.UPCASTS, ("resource.updated", 1), lambda data: data)  # type: ignore[arg-type]

    assert project.retry_parked(system) > 0
    assert [p for p in system.views.parked() if p.stream == stream] == []
    view = system.views.get(stream)
    assert view is not None
    assert view.head.version == 3
    assert read.resource(system, request_of_ada.workspace, resource_id).name == "by a later version"


def test_a_parked_stream_stays_parked_while_it_cannot_be_read(
    system: System, request_of_ada: Request, future: Any
) -> None:
    resource_id = created(system, request_of_ada)
    append(system, request_of_ada, resource_id, future)
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    project.materialize_batch(system, [stream])

    project.retry_parked(system)

    assert [p.stream for p in system.views.parked() if p.stream == stream] == [stream]


class Stuck(Views):
    """The views, where one stream's never answers."""

    def __init__(self, tables: Tables, stream: Stream) -> None:
        super().__init__(tables)
        self._stuck = stream

    def get(self, stream: Stream) -> View | None:
        if stream == self._stuck:
            raise Unavailable("no answer")
        return super().get(stream)


def test_a_parked_stream_that_fails_does_not_keep_the_others_parked(
    system: System, request_of_ada: Request
) -> None:
    streams = [
        Stream.of_resource(request_of_ada.workspace, created(system, request_of_ada))
        for _ in range(3)
    ]
    for stream in streams:
        system.views.park(Parked(project.CONSUMER, stream, 1, "too new", "2026"))
    stuck = min(streams, key=lambda stream: stream.key)
    views = Stuck(system.tables, stuck)
    ailing = System(system.config, log=system.log, views=views, content=system.content)

    assert project.retry_parked(ailing) >= 2

    assert [p.stream for p in system.views.parked() if p.stream in streams] == [stuck]
    system.views.unpark(project.CONSUMER, stuck)


def test_a_hole_is_damage_and_parked_too(
    system: System, request_of_ada: Request, environment: dict[str, str]
) -> None:
    resource_id = created(system, request_of_ada)
    (mark_id,) = annotated(system, request_of_ada, resource_id, "one")
    renamed(system, request_of_ada, resource_id, "x")
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    key = {"pk": {"S": stream.key}, "sk": {"N": "2"}}
    client("dynamodb").delete_item(TableName=environment["LOG_TABLE"], Key=key)

    for call in reads(another(system), request_of_ada, resource_id, mark_id):
        with pytest.raises(LogDamaged) as refusal:
            call()
        assert refusal.value.extra["version"] == 2
    assert project.materialize_batch(system, [stream]) == {}
    assert [p.version for p in system.views.parked() if p.stream == stream] == [2]
    assert system.log.verify(stream)[0].version == 3


@pytest.mark.parametrize("stored", [b'"v":', b'"type":"annotation.added"', b"[", b'{"data"'])
def test_a_flipped_bit_that_leaves_nothing_to_decode_is_damage_and_parked_too(
    system: System, request_of_ada: Request, environment: dict[str, str], stored: bytes
) -> None:
    resource_id = created(system, request_of_ada)
    (mark_id,) = annotated(system, request_of_ada, resource_id, "one")
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    flip(environment["LOG_TABLE"], stream, 2, stored)

    for call in reads(another(system), request_of_ada, resource_id, mark_id):
        with pytest.raises(LogDamaged, match=r"version 2 .* its hash is not that of") as refusal:
            call()
        assert refusal.value.extra["version"] == 2
    assert project.materialize_batch(system, [stream]) == {}
    assert [p.version for p in system.views.parked() if p.stream == stream] == [2]
    (fault,) = system.log.verify(stream)
    assert (fault.version, fault.reason) == (2, "`hash` is not the hash of what is stored")


def test_a_flipped_bit_that_can_still_be_decoded_is_found_by_verify_alone(
    system: System, request_of_ada: Request, environment: dict[str, str]
) -> None:
    resource_id = created(system, request_of_ada)
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    flip(environment["LOG_TABLE"], stream, 1, b"A page", at=2)

    assert read.resource(another(system), request_of_ada.workspace, resource_id).name == "A qage"
    assert [fault.version for fault in system.log.verify(stream)] == [1]


def flip(table: str, stream: Stream, version: int, part: bytes, at: int = 1) -> None:
    """Flip the lowest bit of a byte of a stored body, `at` bytes after where the part begins."""
    key = {"pk": {"S": stream.key}, "sk": {"N": str(version)}}
    item = client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    assert item["encoding"]["S"] == "identity"
    body = bytearray(item["body"]["B"])
    body[body.index(part) + at] ^= 1
    item["body"]["B"] = bytes(body)
    client("dynamodb").put_item(TableName=table, Item=item)


def test_an_event_that_does_not_fit_its_stream_is_damage(
    system: System, request_of_ada: Request
) -> None:
    resource_id = created(system, request_of_ada)
    renamed(system, request_of_ada, resource_id, "x")
    version = append(system, request_of_ada, resource_id, events.EntityTypeAdded("Person"))
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)

    assert project.materialize_batch(system, [stream]) == {}

    view = system.views.get(stream)
    assert view is not None
    assert view.head.version == version - 1
    assert [p.version for p in system.views.parked() if p.stream == stream] == [version]
    with pytest.raises(LogDamaged) as refusal:
        read.resource(another(system), request_of_ada.workspace, resource_id)
    assert refusal.value.extra["version"] == version


def test_an_annotation_removed_that_never_was_is_parked(
    system: System, request_of_ada: Request
) -> None:
    resource_id = created(system, request_of_ada)
    append(system, request_of_ada, resource_id, AnnotationRemoved("0192f3a0"))
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)

    assert project.materialize_batch(system, [stream]) == {}

    assert ["does not fold" in p.detail for p in system.views.parked() if p.stream == stream] == [
        True
    ]


def test_health_tells_that_streams_are_parked_but_to_nobody_which(
    system: System, request_of_ada: Request
) -> None:
    resource_id = created(system, request_of_ada)
    append(system, request_of_ada, resource_id, AnnotationRemoved("0192f3a0"))
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    project.materialize_batch(system, [stream])

    told = health.health(system).database.detail

    assert told is not None
    assert "parked" in told or "no answer" in told  # on a slow machine
    assert resource_id not in told


def test_an_annotations_history_never_leaves_out_a_commit_that_is_gone(
    system: System, request_of_ada: Request, environment: dict[str, str]
) -> None:
    resource_id = created(system, request_of_ada)
    (mark_id,) = annotated(system, request_of_ada, resource_id, "one")
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    project.materialize_batch(system, [stream])
    key = {"pk": {"S": stream.key}, "sk": {"N": "2"}}
    client("dynamodb").delete_item(TableName=environment["LOG_TABLE"], Key=key)

    with pytest.raises(LogDamaged) as refusal:
        read.history(system, request_of_ada.workspace, resource_id, mark_id, limit=10)

    assert refusal.value.extra["version"] == 2
