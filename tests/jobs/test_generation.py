"""Documents that a job writes: from a resource, from a prompt, for a reference."""

from __future__ import annotations

from random import randrange
from typing import Any

import pytest

from chalicelib.domain.annotation import NewAnnotation, SpecificResource, TextPosition, TextualBody
from chalicelib.domain.commands import (
    AddAnnotations,
    RemoveAnnotation,
    UpdateBody,
    UpdateResource,
)
from chalicelib.domain.ids import Stream
from chalicelib.domain.resource import Resource
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.flows import project, read, write
from chalicelib.flows.content import text_of
from chalicelib.flows.write import Request
from chalicelib.inference import Capabilities
from tests.jobs.faults import watched
from tests.jobs.scene import ADA, World

TEXT = "Ada met Charles Babbage in London."


def resource_at(world: World, resource_id: str) -> Resource:
    return read.resource(world.process(), world.workspace, resource_id)


def text_at(world: World, resource_id: str) -> str:
    text = text_of(world.process(), world.workspace, resource_at(world, resource_id).content)
    assert text is not None
    return text


def reference(world: World, resource_id: str, motivation: str = "linking", **more: Any) -> str:
    """Annotate "Charles Babbage" as a person that nothing is known of yet; return the id."""
    bodies = (TextualBody("Person", "tagging"), *more.get("bodies", ()))
    new = NewAnnotation(motivation, (TextPosition(8, 23),), bodies)
    annotation_id = world.api.mint()
    request = Request(world.workspace, ADA, "test")
    write.change(world.api, request, resource_id, AddAnnotations((new,), (annotation_id,), ("",)))
    return annotation_id


def links(world: World, resource_id: str, annotation_id: str) -> list[str]:
    _, mark = read.annotation(world.process(), world.workspace, resource_id, annotation_id)
    return [b.source for b in mark.annotation.bodies if isinstance(b, SpecificResource)]


def test_a_document_is_written_from_a_resource(world: World) -> None:
    resource_id = world.resource(TEXT)
    done = world.deliver(world.generation(resource=resource_id, title="On Ada"))
    assert done.state == "complete"
    assert done.result is not None
    made = resource_at(world, done.result["resource"])
    assert (made.name, made.content.format) == ("On Ada", "text/markdown")
    assert text_at(world, made.id).startswith("# On Ada")
    assert made.creator == ADA
    assert done.result["cursors"] == [f"{made.id}:1"]
    assert done.result["sources"] == [resource_id]
    assert world.writer.briefs[0].sources[0].text == TEXT


def test_a_document_is_written_on_a_prompt_alone(world: World) -> None:
    world.detector.capabilities = Capabilities(marks=True)
    done = world.deliver(world.generation(prompt="Bees", format="text/plain", language="en"))
    assert done.result is not None
    made = resource_at(world, done.result["resource"])
    assert (made.name, made.content.format, made.language) == ("Bees", "text/plain", "en")


def test_a_reference_is_resolved_by_what_was_written_for_it(world: World) -> None:
    resource_id = world.resource(TEXT)
    annotation_id = reference(world, resource_id)
    done = world.deliver(world.generation(resource=resource_id, annotation=annotation_id))
    assert done.result is not None
    made = resource_at(world, done.result["resource"])
    assert made.name == "Charles Babbage"
    assert made.entity_types == ("Person",)
    assert links(world, resource_id, annotation_id) == [f"resource:{made.id}"]
    assert done.result["cursors"] == [f"{made.id}:1", f"{resource_id}:3"]


def test_resources_that_are_linked_are_read_too(world: World) -> None:
    other = world.resource("Babbage built engines.", name="Engines")
    resource_id = world.resource(TEXT)
    reference(world, resource_id, bodies=(SpecificResource(f"resource:{other}", "linking"),))
    for each in (other, resource_id):  # relations are eventual
        project.materialize(world.api, Stream.of_resource(world.workspace, each))
    world.deliver(world.generation(resource=resource_id))
    assert [source.id for source in world.writer.briefs[0].sources] == [resource_id, other]


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_a_worker_killed_at_any_call_leaves_one_document_and_one_link(
    world: World, every: int
) -> None:
    def begun() -> tuple[Any, str, str]:
        resource_id = world.resource(TEXT)
        annotation_id = reference(world, resource_id)
        job = world.generation(resource=resource_id, annotation=annotation_id)
        return job, resource_id, annotation_id

    job, *_ = begun()
    with watched() as calls:
        world.deliver(job)
    for number in range(randrange(every) + 1, len(calls.made) + 1, every):
        job, resource_id, annotation_id = begun()
        with watched((number, "after")):
            world.deliver(job)
        done = world.until_over(job)
        assert done.state == "complete"
        assert done.result is not None
        made = done.result["resource"]
        assert links(world, resource_id, annotation_id) == [f"resource:{made}"]
        assert len(world.commits_of(done, made)) == 1
        assert len(world.commits_of(done, resource_id)) == 1
        assert text_at(world, made).startswith("# Charles Babbage")


def test_an_annotation_removed_meanwhile_fails_the_job_which_says_what_it_wrote(
    world: World,
) -> None:
    resource_id = world.resource(TEXT)
    annotation_id = reference(world, resource_id)
    job = world.generation(resource=resource_id, annotation=annotation_id)
    with watched() as calls:
        world.deliver(job)
    append = calls.number("dynamodb.PutItem", "palimpsest-test-log")

    resource_id = world.resource(TEXT)
    annotation_id = reference(world, resource_id)
    job = world.generation(resource=resource_id, annotation=annotation_id)

    def remove() -> None:
        request = Request(world.workspace, ADA, "test")
        write.change_annotation(world.api, request, resource_id, RemoveAnnotation(annotation_id))

    with watched(do_at=((append, "after"), remove)):
        world.deliver(job)
    found = world.job(job)
    assert found.state == "failed"
    assert found.error is not None
    assert found.result is not None
    assert "no such annotation" in found.error["detail"]
    (cursor,) = found.result["cursors"]
    assert resource_at(world, cursor.partition(":")[0]).name == "Charles Babbage"


def test_resources_that_a_prompt_names_are_read(world: World) -> None:
    bees = world.resource("Bees dance.", name="On bees and their dances")
    world.resource("Ants do not.", name="On ants")
    project.materialize(world.api, Stream.of_resource(world.workspace, bees))
    done = world.deliver(world.generation(prompt="How bees speak by dances"))
    assert done.result is not None
    assert done.result["sources"] == [bees]


# -- what is refused before there is a job -------------------------------------------------------


def test_nothing_to_write_on_is_refused(world: World) -> None:
    with pytest.raises(Invalid, match="one of prompt, resource and annotation"):
        world.generation(title="On nothing")


def test_a_prompt_that_only_a_model_could_answer_is_refused_without_one(world: World) -> None:
    with pytest.raises(Invalid, match="takes a model"):
        world.generation(prompt="Bees")


def test_a_format_that_nobody_here_writes_is_refused(world: World) -> None:
    with pytest.raises(Invalid) as raised:
        world.generation(prompt="Bees", format="application/pdf")
    assert raised.value.extra["errors"][0]["pointer"] == "/format"


def test_an_annotation_is_named_with_its_resource(world: World) -> None:
    with pytest.raises(Invalid, match="with its resource"):
        world.generation(annotation=world.api.mint())


def test_a_reference_that_is_resolved_already_is_refused(world: World) -> None:
    resource_id = world.resource(TEXT)
    annotation_id = reference(world, resource_id)
    link = SpecificResource("resource:0192f000-0000-7000-8000-000000000001", "linking")
    request = Request(world.workspace, ADA, "test")
    update = UpdateBody(annotation_id, lambda bodies: (*bodies, link))
    write.change_annotation(world.api, request, resource_id, update)
    with pytest.raises(Conflict, match="already"):
        world.generation(resource=resource_id, annotation=annotation_id)


def test_an_annotation_that_is_no_reference_is_refused(world: World) -> None:
    resource_id = world.resource(TEXT)
    annotation_id = reference(world, resource_id, "commenting")
    with pytest.raises(Invalid, match="no reference"):
        world.generation(resource=resource_id, annotation=annotation_id)


def test_what_there_is_not_is_refused(world: World) -> None:
    with pytest.raises(NotFound):
        world.generation(resource=world.api.mint())
    with pytest.raises(NotFound):
        world.generation(resource=world.resource(TEXT), annotation=world.api.mint())


# -- images and archived resources ---------------------------------------------------------------


def test_an_image_that_no_text_is_linked_with_is_refused(world: World) -> None:
    image = world.resource("no text", format="image/png")
    annotation_id = annotated_as_a_whole(world, image)
    for more in ({}, {"prompt": "Bees"}, {"annotation": annotation_id}):
        with pytest.raises(Invalid, match="image/png has no text to write from"):
            world.generation(resource=image, **more)
    world.detector.capabilities = Capabilities(marks=True)
    with pytest.raises(Invalid, match="image/png has no text to write from"):
        world.generation(resource=image)


def test_of_an_image_a_model_writes_on_a_prompt(world: World) -> None:
    image = world.resource("no text", format="image/png")
    world.detector.capabilities = Capabilities(marks=True)
    assert world.deliver(world.generation(resource=image, prompt="Bees")).state == "complete"


def test_of_an_image_is_written_from_the_texts_that_it_is_linked_with(world: World) -> None:
    text = world.resource("Bees dance.", name="Bees")
    image = world.resource("no text", format="image/png")
    link = SpecificResource(f"resource:{text}", "linking")
    annotated_as_a_whole(world, image, link)
    for each in (text, image):  # relations are eventual
        project.materialize(world.api, Stream.of_resource(world.workspace, each))
    done = world.deliver(world.generation(resource=image))
    assert done.result is not None
    assert done.result["sources"] == [text]


def test_an_archived_resource_is_read_but_none_of_its_annotations_is_made_to_refer(
    world: World,
) -> None:
    resource_id = world.resource(TEXT)
    annotation_id = reference(world, resource_id)
    request = Request(world.workspace, ADA, "test")
    write.change(world.api, request, resource_id, UpdateResource(archived=True))
    assert world.deliver(world.generation(resource=resource_id)).state == "complete"
    with pytest.raises(Conflict, match="archived"):
        world.generation(resource=resource_id, annotation=annotation_id)


def annotated_as_a_whole(world: World, resource_id: str, *bodies: Any) -> str:
    """Annotate a resource without a selector, as a reference; return the annotation's id."""
    annotation_id = world.api.mint()
    new = NewAnnotation("linking", (), (TextualBody("Person", "tagging"), *bodies))
    request = Request(world.workspace, ADA, "test")
    write.change(world.api, request, resource_id, AddAnnotations((new,), (annotation_id,), ("",)))
    return annotation_id
