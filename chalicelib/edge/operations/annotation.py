"""Annotations: added, changed, removed, paged and read."""

from __future__ import annotations

from functools import partial

from chalicelib.edge import answers, requests
from chalicelib.edge import parameters as query
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import LINKED, Call
from chalicelib.edge.route import Body, operation
from chalicelib.flows import read, write
from chalicelib.system import System


@operation(
    body=Body("NewAnnotations", LINKED),
    query=(query.OFFSETS,),
    answers={201: "AddedAnnotations"},
    offers=LINKED,
    condition="optional",
    again=answers.annotations_added_again,
)
def add_annotations(system: System, call: Call) -> Answer:
    """Attach one annotation, or many as {"items": […]}, all or nothing."""
    return answers.annotations_added(
        system,
        call,
        write.change(
            system,
            *requests.new_annotations(system, call),
            foreseen=partial(answers.annotations_that_fit, system, call),
        ),
    )


@operation(
    body=Body("NewBody", LINKED),
    query=(query.OFFSETS,),
    answers={200: "Annotation"},
    offers=LINKED,
    condition="optional",
)
def update_body(system: System, call: Call) -> Answer:
    """Replace an annotation's body, or change it by operations, all or nothing."""
    return answers.annotation_changed(
        system, call, write.change_annotation(system, *requests.new_body(system, call))
    )


@operation(answers={204: None}, condition="optional")
def remove_annotation(system: System, call: Call) -> Answer:
    """Remove an annotation. Its history stays."""
    return answers.removed(write.change_annotation(system, *requests.removal(system, call)))


@operation(
    query=(
        query.AT_VERSION,
        query.AT_TIME,
        query.MOTIVATION,
        query.OFFSETS,
        query.LIMIT,
        query.AFTER_ID,
    ),
    answers={200: "Annotations"},
)
def list_annotations(system: System, call: Call) -> Answer:
    """Page through a resource's annotations, complete up to the last 201, or as they were."""
    return answers.annotation_page(
        system, call, read.annotation_page(system, *requests.on(call), **requests.page(call))
    )


@operation(query=(query.OFFSETS,), answers={200: "Annotation"}, offers=LINKED, etag=True)
def get_annotation(system: System, call: Call) -> Answer:
    """Read one annotation; its ETag is the version that last changed it."""
    return answers.annotation(
        system,
        call,
        read.annotation(system, *requests.on(call), requests.annotation_id(call)),
    )


@operation(query=(query.LIMIT, query.AFTER_VERSION), answers={200: "Events"})
def get_history(system: System, call: Call) -> Answer:
    """Page through the events of one annotation, also of one that was removed."""
    return answers.events(
        system,
        call,
        read.history(
            system,
            *requests.on(call),
            requests.annotation_id(call),
            **requests.versions(call),
        ),
    )
