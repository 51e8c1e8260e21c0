"""Resources: created, changed, listed and read, with their content and their history."""

from __future__ import annotations

from chalicelib.edge import answers, relations, requests
from chalicelib.edge import parameters as query
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import JSON, LINKED, MERGE_PATCH, Call
from chalicelib.edge.route import Body, operation
from chalicelib.flows import read, write
from chalicelib.system import System


@operation(
    body=Body("NewResource", form="NewResourceForm"),
    answers={201: "Resource"},
    offers=LINKED,
    again=answers.created_again,
)
def create_resource(system: System, call: Call) -> Answer:
    """Create a resource on content that comes with it, or that was uploaded before."""
    return answers.created(system, call, write.create(system, *requests.new_resource(system, call)))


@operation(body=Body("NewUpload"), answers={201: "Upload"})
def create_upload(system: System, call: Call) -> Answer:
    """Ask where to put content that is too large for a request."""
    return answers.upload(system, call)


@operation(
    body=Body("NewClone", optional=True),
    answers={201: "Resource"},
    offers=LINKED,
    condition="optional",
    again=answers.created_again,
)
def clone_resource(system: System, call: Call) -> Answer:
    """Create a resource on the same content, without the annotations."""
    return answers.created(system, call, write.create(system, *requests.clone(system, call)))


@operation(
    body=Body("ResourceChanges", (MERGE_PATCH, JSON)),
    answers={200: "Resource"},
    offers=LINKED,
    condition="optional",
)
def update_resource(system: System, call: Call) -> Answer:
    """Change name, description, language or entity types, archive or unarchive; one commit."""
    return answers.changed(system, call, write.change(system, *requests.changes(system, call)))


@operation(
    body=Body("NewContent", form="NewContentForm"),
    answers={200: "Resource"},
    offers=LINKED,
    condition="required",
)
def change_content(system: System, call: Call) -> Answer:
    """Give a resource new content; its annotations are found again in it, or orphaned."""
    return answers.changed(system, call, write.change(system, *requests.new_content(system, call)))


@operation(
    query=(
        query.ENTITY_TYPES,
        query.WORDS,
        query.ARCHIVED,
        query.CHANGED_SINCE,
        query.AFTER,
        query.LIMIT,
        query.CURSOR,
    ),
    answers={200: "Resources"},
)
def list_resources(system: System, call: Call) -> Answer:
    """List resources, newest first. The list is eventual: see `lag`, and `after`."""
    return relations.resources(system, call)


@operation(
    query=(query.AT_VERSION, query.AT_TIME), answers={200: "Resource"}, offers=LINKED, etag=True
)
def get_resource(system: System, call: Call) -> Answer:
    """Read a resource with its text, as it is, or as it was at a version or time."""
    return answers.resource(system, call, requests.resource(system, call))


@operation(query=(query.AT_VERSION,), answers={307: None}, offers=())
def get_content(system: System, call: Call) -> Answer:
    """Get the bytes as they came, by a redirect to where they lie."""
    return answers.redirect(system, call, requests.resource(system, call))


@operation(query=(query.ORDER, query.LIMIT, query.AFTER_VERSION), answers={200: "Events"})
def list_events(system: System, call: Call) -> Answer:
    """Page through a resource's history, with the hashes that chain it."""
    return answers.events(
        system,
        call,
        read.event_page(system, *requests.on(call), **requests.versions(call)),
    )
