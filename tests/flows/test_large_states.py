"""What is accepted can be shown: the largest annotation and vocabulary fit into their views' items."""

from __future__ import annotations

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import Annotation, NewAnnotation, Target, TextualBody
from chalicelib.domain.commands import AddAnnotations, AddTagSchema
from chalicelib.domain.events import TagSchema
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import MAX_HISTORY, Mark
from chalicelib.domain.sizes import MAX_STATE_BYTES, fitting
from chalicelib.flows import project, read, write
from chalicelib.flows.write import Request
from chalicelib.system import System
from tests.flows.scene import created

QUOTES = '"' * ((MAX_STATE_BYTES - 1_000) // 8)
"""In JSON each takes two bytes; four bodies of them are nearly the limit."""


LARGE = tuple(TextualBody(f"{n}{QUOTES}") for n in range(4))


def test_the_largest_annotation_has_a_view(system: System, request_of_ada: Request) -> None:
    resource_id, mark_id = created(system, request_of_ada), system.mint()
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)
    new = NewAnnotation("commenting", (), LARGE)

    write.change(system, request_of_ada, resource_id, AddAnnotations((new,), (mark_id,), ("",)))

    assert project.materialize_batch(system, [stream]) == {}
    (mark,) = read.annotation_page(system, stream.workspace, resource_id, limit=5).marks
    assert mark.annotation.bodies == LARGE
    assert system.views.marks(stream, 0, [mark_id]) == {mark_id: mark}


def test_there_is_room_for_the_longest_history(system: System, request_of_ada: Request) -> None:
    stream = Stream.of_resource(request_of_ada.workspace, "r")
    steps = tuple((10**9 + n, 10**9 + n) for n in range(MAX_HISTORY))
    annotation = Annotation(system.mint(), "commenting", Target("0" * 64), LARGE)
    somebody = Actor("a" * 500, "Person", "é" * 500)
    now = system.now()

    mark = Mark(fitting(annotation), somebody, now, now, 10**9 + MAX_HISTORY, steps)

    assert system.views.put_mark(stream, 0, mark, 1_000)


def test_the_largest_vocabulary_has_a_view(system: System, request_of_ada: Request) -> None:
    stream = Stream.of_system(request_of_ada.workspace)
    tags = tuple((f"tag {n}", QUOTES[:1_700]) for n in range(100))
    schema = TagSchema("large", "Large", "", tags)

    write.extend_vocabulary(system, request_of_ada, AddTagSchema(schema))

    assert project.materialize_batch(system, [stream]) == {}
    view = system.views.get(stream)
    assert view is not None
    assert view.head == system.log.head(stream)
