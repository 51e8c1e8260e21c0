"""The map of Palimpsest: every way in, one statement each, in the order in which data flows.

Each route names what it needs (`edge.permissions`), what it takes and what it answers; the router
checks all of that before the view runs, and the contract at `/openapi.json` is made from it.
Importing this opens nothing and loads no AWS SDK: every Lambda imports all of it.
"""

from __future__ import annotations

from typing import Any, Final

from chalice.app import Chalice, Rate

from chalicelib.config import (
    jobs_queue_arn,
    jobs_stream_arn,
    log_stream_arn,
    views_stream_arn,
    where_there_is_a_graph,
)
from chalicelib.edge import (
    answers,
    behind,
    docs,
    jobs,
    pushes,
    relations,
    requests,
    sockets,
    sources,
    streams,
)
from chalicelib.edge import parameters as query
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import JSON, JSON_LD, MERGE_PATCH, Call
from chalicelib.edge.http import Router
from chalicelib.edge.permissions import ADMIN, NOTHING, READ, WRITE
from chalicelib.edge.route import Body
from chalicelib.edge.sse import MEDIA_TYPE as EVENT_STREAM
from chalicelib.flows import graph_ask, health, project, read, write
from chalicelib.system import system

app = Chalice(app_name="palimpsest", configure_logs=False)
app.experimental_feature_flags.add("WEBSOCKETS")
route = Router(app, system)

LINKED: Final = (JSON, JSON_LD)

# -- write: validate, decide, store the bytes, append one commit --------------------------------


@route.post(
    "/resources",
    needs=WRITE,
    body=Body("NewResource", form="NewResourceForm"),
    answers={201: "Resource"},
    offers=LINKED,
    again=lambda call, told: answers.created_again(system(), call, told),
)
def create_resource(call: Call) -> Answer:
    """Create a resource on content that comes with it, or that was uploaded before."""
    return answers.created(
        system(), call, write.create(system(), *requests.new_resource(system(), call))
    )


@route.post("/uploads", needs=WRITE, body=Body("NewUpload"), answers={201: "Upload"})
def create_upload(call: Call) -> Answer:
    """Ask where to put content that is too large for a request."""
    return answers.upload(system(), call)


@route.post(
    "/resources/{resource_id}/clone",
    needs=WRITE,
    body=Body("NewClone", optional=True),
    answers={201: "Resource"},
    offers=LINKED,
    again=lambda call, told: answers.created_again(system(), call, told),
)
def clone_resource(call: Call) -> Answer:
    """Create a resource on the same content, without the annotations."""
    return answers.created(system(), call, write.create(system(), *requests.clone(system(), call)))


@route.patch(
    "/resources/{resource_id}",
    needs=WRITE,
    body=Body("ResourceChanges", (MERGE_PATCH, JSON)),
    answers={200: "Resource"},
    offers=LINKED,
    condition="optional",
)
def update_resource(call: Call) -> Answer:
    """Change name, description, language or entity types, archive or unarchive; one commit."""
    return answers.changed(
        system(), call, write.change(system(), *requests.changes(system(), call))
    )


@route.put(
    "/resources/{resource_id}/content",
    needs=WRITE,
    body=Body("NewContent", form="NewContentForm"),
    answers={200: "Resource"},
    offers=LINKED,
    condition="required",
)
def change_content(call: Call) -> Answer:
    """Give a resource new content; its annotations are found again in it, or orphaned."""
    return answers.changed(
        system(), call, write.change(system(), *requests.new_content(system(), call))
    )


@route.post(
    "/resources/{resource_id}/annotations",
    needs=WRITE,
    body=Body("NewAnnotations", LINKED),
    query=(query.OFFSETS,),
    answers={201: "AddedAnnotations"},
    offers=LINKED,
    condition="optional",
    again=lambda call, told: answers.annotations_added_again(system(), call, told),
)
def add_annotations(call: Call) -> Answer:
    """Attach one annotation, or many as {"items": […]}, all or nothing."""
    return answers.annotations_added(
        system(), call, write.change(system(), *requests.new_annotations(system(), call))
    )


@route.put(
    "/resources/{resource_id}/annotations/{annotation_id}/body",
    needs=WRITE,
    body=Body("NewBody", LINKED),
    query=(query.OFFSETS,),
    answers={200: "Annotation"},
    offers=LINKED,
    condition="optional",
)
def update_body(call: Call) -> Answer:
    """Replace an annotation's body, or change it by operations, all or nothing."""
    return answers.annotation_changed(
        system(), call, write.change_annotation(system(), *requests.new_body(system(), call))
    )


@route.delete(
    "/resources/{resource_id}/annotations/{annotation_id}",
    needs=WRITE,
    answers={204: None},
    condition="optional",
)
def remove_annotation(call: Call) -> Answer:
    """Remove an annotation. Its history stays."""
    return answers.removed(write.change_annotation(system(), *requests.removal(system(), call)))


@route.post(
    "/entity-types",
    needs=ADMIN,
    body=Body("NewEntityTypes"),
    answers={200: "EntityTypes"},
    again=lambda call, told: answers.vocabulary_again(system(), call, told, answers.entity_types),
)
def add_entity_types(call: Call) -> Answer:
    """Offer more entity types in the workspace's vocabulary."""
    return answers.vocabulary_extended(
        write.extend_vocabulary(system(), *requests.new_entity_types(call)), answers.entity_types
    )


@route.post(
    "/tag-schemas",
    needs=ADMIN,
    body=Body("TagSchema"),
    answers={200: "TagSchemas"},
    again=lambda call, told: answers.vocabulary_again(system(), call, told, answers.tag_schemas),
)
def add_tag_schema(call: Call) -> Answer:
    """Offer a tag schema, or replace the one of the same id."""
    return answers.vocabulary_extended(
        write.extend_vocabulary(system(), *requests.new_tag_schema(call)), answers.tag_schemas
    )


# -- views: the log's stream rings, the materializer reads the log ------------------------------


@app.on_dynamodb_record(
    stream_arn=log_stream_arn(),
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="view_materializer",
)
def view_materializer(event: Any) -> Any:
    """Bring the views of the streams that have news up to the log's head."""
    return sources.in_streams(system(), event, project.materialize_batch)


@app.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile")
def reconcile(event: Any) -> Any:
    """Mend what lost records left behind, retry what is parked, delete what is due."""
    return behind.reconcile(system())


@app.schedule(Rate(5, unit=Rate.MINUTES), name="witness_heads")
def witness_heads(event: Any) -> Any:
    """Sign a list of the heads that moved, outside the tables."""
    return behind.witness_heads(system())


# -- graph: the other reader of the log's stream --------------------------------------------------


@where_there_is_a_graph(
    app.on_dynamodb_record(
        stream_arn=log_stream_arn(),
        batch_size=100,
        starting_position="TRIM_HORIZON",
        name="graph_projector",
    )
)
def graph_projector(event: Any) -> Any:
    """Bring the graph's part of the streams that have news up to the log's head."""
    return behind.project_graph(system(), event)


@where_there_is_a_graph(app.schedule(Rate(1, unit=Rate.MINUTES), name="mend_graph"))
def mend_graph(event: Any) -> Any:
    """Fill a graph that is new or lost something, and try again what was parked."""
    return behind.mend_graph(system())


@route.get(
    "/resources/{resource_id}/referenced-by",
    needs=READ,
    query=(query.MOTIVATION, query.OFFSETS, query.AFTER, query.LIMIT, query.CURSOR),
    answers={200: "References"},
    offers=LINKED,
)
def get_references(call: Call) -> Answer:
    """List the annotations that refer to a resource, newest first."""
    return relations.referenced_by(system(), call)


@route.get(
    "/resources/{resource_id}/neighbours",
    needs=READ,
    query=(query.DEPTH, query.AFTER, query.LIMIT, query.CURSOR),
    answers={200: "Neighbours"},
    offers=LINKED,
)
def get_neighbours(call: Call) -> Answer:
    """List the resources around one, the nearest first."""
    return relations.neighbours(system(), call)


@route.get(
    "/graph/paths",
    needs=READ,
    query=(query.PATH_FROM, query.PATH_TO, query.MAX_PATH, query.AFTER),
    answers={200: "Paths"},
    offers=LINKED,
)
def get_paths(call: Call) -> Answer:
    """Find the ways from one resource to another, the shortest first."""
    return relations.paths(system(), call)


@route.get("/graph/stats", needs=READ, query=(query.AFTER,), answers={200: "Stats"})
def get_stats(call: Call) -> Answer:
    """Count resources, annotations, references and entity types."""
    return relations.stats(system(), call)


# -- read: the view, completed from the log -----------------------------------------------------


@route.get(
    "/resources",
    needs=READ,
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
    offers=LINKED,
)
def list_resources(call: Call) -> Answer:
    """List resources, newest first. The list is eventual: see `lag`, and `after`."""
    return answers.resources(
        system(),
        call,
        graph_ask.resources(system(), requests.workspace(call), **requests.listing(call)),
    )


@route.get(
    "/resources/{resource_id}",
    needs=READ,
    query=(query.AT_VERSION, query.AT_TIME),
    answers={200: "Resource"},
    offers=LINKED,
    etag=True,
)
def get_resource(call: Call) -> Answer:
    """Read a resource with its text, as it is, or as it was at a version or time."""
    return answers.resource(system(), call, requests.resource(system(), call))


@route.get(
    "/resources/{resource_id}/content",
    needs=READ,
    query=(query.AT_VERSION,),
    answers={307: None},
    offers=(),
)
def get_content(call: Call) -> Answer:
    """Get the bytes as they came, by a redirect to where they lie."""
    return answers.redirect(system(), call, requests.resource(system(), call))


@route.get(
    "/resources/{resource_id}/annotations",
    needs=READ,
    query=(query.MOTIVATION, query.OFFSETS, query.LIMIT, query.AFTER_ID),
    answers={200: "Annotations"},
    offers=LINKED,
)
def list_annotations(call: Call) -> Answer:
    """Page through a resource's annotations, complete up to the last 201."""
    return answers.annotation_page(
        system(), call, read.annotation_page(system(), *requests.on(call), **requests.page(call))
    )


@route.get(
    "/resources/{resource_id}/annotations/{annotation_id}",
    needs=READ,
    query=(query.OFFSETS,),
    answers={200: "Annotation"},
    offers=LINKED,
    etag=True,
)
def get_annotation(call: Call) -> Answer:
    """Read one annotation; its ETag is the version that last changed it."""
    return answers.annotation(
        system(),
        call,
        read.annotation(system(), *requests.on(call), requests.annotation_id(call)),
    )


@route.get(
    "/resources/{resource_id}/annotations/{annotation_id}/history",
    needs=READ,
    query=(query.LIMIT, query.AFTER_VERSION),
    answers={200: "Events"},
)
def get_history(call: Call) -> Answer:
    """Page through the events of one annotation, also of one that was removed."""
    return answers.events(
        system(),
        call,
        read.history(
            system(),
            *requests.on(call),
            requests.annotation_id(call),
            **requests.versions(call),
        ),
    )


@route.get(
    "/resources/{resource_id}/events",
    needs=READ,
    query=(query.ORDER, query.LIMIT, query.AFTER_VERSION),
    answers={200: "Events"},
)
def list_events(call: Call) -> Answer:
    """Page through a resource's history, with the hashes that chain it."""
    return answers.events(
        system(),
        call,
        read.event_page(system(), *requests.on(call), **requests.versions(call)),
    )


# -- live: every change, to whoever watches -----------------------------------------------------


@route.get(
    "/resources/{resource_id}/events/stream",
    needs=READ,
    query=(query.SEEN, query.TICKET),
    answers={200: None},
    offers=(EVENT_STREAM,),
)
def watch_resource(call: Call) -> Answer:
    """Watch a resource: its events as server-sent events, from now on or from what was seen."""
    return streams.of_resource(system(), call)


@route.get(
    "/events/stream",
    needs=READ,
    query=(query.WATCHED, query.SEEN, query.TICKET),
    answers={200: None},
    offers=(EVENT_STREAM,),
)
def watch_resources(call: Call) -> Answer:
    """Watch up to 20 resources in one stream; an event's `id` is a cursor of all of them."""
    return streams.of_resources(system(), call)


@route.post("/tickets", needs=READ, answers={201: "Ticket"})
def create_ticket(call: Call) -> Answer:
    """Get a ticket for one websocket or event stream, for who cannot send headers; lives 30 s."""
    return streams.ticket(system(), call)


@app.on_ws_connect(name="socket_connect")
def socket_connect(event: Any) -> Any:
    """Let in who brings a token or a ticket."""
    return sockets.connect(system(), event)


@app.on_ws_message(name="socket_message")
def socket_message(event: Any) -> Any:
    """Subscribe, unsubscribe, or answer a ping."""
    return sockets.message(system(), event)


@app.on_ws_disconnect(name="socket_disconnect")
def socket_disconnect(event: Any) -> Any:
    """Forget who has left."""
    return sockets.disconnect(system(), event)


@app.on_dynamodb_record(
    stream_arn=views_stream_arn(),
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="pusher",
)
def pusher(event: Any) -> Any:
    """Post each move of a watermark to whoever watches it."""
    return pushes.of_views(system(), event)


@app.on_dynamodb_record(
    stream_arn=jobs_stream_arn(),
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="job_pusher",
)
def job_pusher(event: Any) -> Any:
    """Post each new state of a job to whoever watches it."""
    return pushes.of_jobs(system(), event)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="push_sweep")
def push_sweep(event: Any) -> Any:
    """Go on with those to whom a post failed."""
    return behind.push_again(system())


# -- jobs: work for models, begun by requests, done by workers ----------------------------------


@route.post(
    "/jobs",
    needs=WRITE,
    body=Body("NewJob"),
    answers={201: "Job"},
    again=lambda call, told: jobs.created_again(system(), call, told),
)
def create_job(call: Call) -> Answer:
    """Begin a job of any kind."""
    return jobs.create(system(), call)


@route.post(
    "/resources/{resource_id}/detect-annotations-stream",
    needs=WRITE,
    body=Body("DetectionParams"),
    answers={200: None},
    offers=(EVENT_STREAM,),
    again=lambda call, told: jobs.streamed_again(system(), call, told),
)
def detect_annotations(call: Call) -> Answer:
    """Find entities, or what else is asked for, in a resource's text; streams the job."""
    return jobs.detect(system(), call)


@route.post(
    "/generate-resource-stream",
    needs=WRITE,
    body=Body("NewGeneration"),
    answers={200: None},
    offers=(EVENT_STREAM,),
    again=lambda call, told: jobs.streamed_again(system(), call, told),
)
def generate_resource(call: Call) -> Answer:
    """Write a document from a resource, on a prompt, or for a reference; streams the job."""
    return jobs.generate(system(), call)


@route.post(
    "/resources/{resource_id}/annotations/{annotation_id}/generate-resource-stream",
    needs=WRITE,
    body=Body("ReferenceParams", optional=True),
    answers={200: None},
    offers=(EVENT_STREAM,),
    again=lambda call, told: jobs.streamed_again(system(), call, told),
)
def generate_for_reference(call: Call) -> Answer:
    """Write the document that a reference is in need of; streams the job."""
    return jobs.generate_for(system(), call)


@route.get(
    "/jobs",
    needs=READ,
    query=(query.JOB_STATE, query.JOBS_ON, query.LIMIT, query.CURSOR),
    answers={200: "Jobs"},
)
def list_jobs(call: Call) -> Answer:
    """List one's own jobs, or those on a resource, newest first."""
    return jobs.listed(system(), call)


@route.get("/jobs/{job_id}", needs=READ, answers={200: "Job"}, etag=True)
def get_job(call: Call) -> Answer:
    """Read a job."""
    return jobs.show(system(), call)


@route.get(
    "/jobs/{job_id}/events/stream",
    needs=READ,
    query=(query.JOB_SEEN, query.TICKET),
    answers={200: None, 204: None},
    offers=(EVENT_STREAM,),
)
def watch_job(call: Call) -> Answer:
    """Watch a job until it is over: its state, each time that it has changed."""
    return jobs.watch(system(), call)


@route.delete("/jobs/{job_id}", needs=WRITE, answers={202: "Job"})
def cancel_job(call: Call) -> Answer:
    """Cancel a job. What it has written stays, and stands in its result."""
    return jobs.cancel(system(), call)


@app.on_sqs_message(
    queue_arn=jobs_queue_arn("quick"), batch_size=1, name="job_worker", maximum_concurrency=20
)
def job_worker(event: Any) -> Any:
    """Work on a job that takes seconds."""
    return behind.work(system(), event)


@app.on_sqs_message(
    queue_arn=jobs_queue_arn("slow"), batch_size=1, name="slow_job_worker", maximum_concurrency=10
)
def slow_job_worker(event: Any) -> Any:
    """Work on a job that waits for a model; these have workers of their own."""
    return behind.work(system(), event)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="sweep_jobs")
def sweep_jobs(event: Any) -> Any:
    """Send jobs again whose message or worker was lost; end those that were tried too often."""
    return behind.sweep_jobs(system())


# -- vocabulary ---------------------------------------------------------------------------------


@route.get("/entity-types", needs=READ, answers={200: "EntityTypes"}, etag=True)
def list_entity_types(call: Call) -> Answer:
    """List the entity types that the workspace offers."""
    return answers.entity_types(write.seed_vocabulary(system(), requests.request(call)))


@route.get("/tag-schemas", needs=READ, answers={200: "TagSchemas"}, etag=True)
def list_tag_schemas(call: Call) -> Answer:
    """List the tag schemas that the workspace offers."""
    return answers.tag_schemas(write.seed_vocabulary(system(), requests.request(call)))


# -- about: health, and what the API says of itself ---------------------------------------------


@route.get("/api/health", needs=NOTHING, answers={200: "Health", 503: "Health"})
def get_health(call: Call) -> Answer:
    """Tell whether requests can be served: 200 or 503, and how each dependency does."""
    return answers.health(health.health(system()))


@route.get("/api/live", needs=NOTHING, answers={200: "Alive"})
def get_live(call: Call) -> Answer:
    """Tell that the process runs."""
    return Answer(200, {"status": "ok"})


@route.get("/", needs=NOTHING, answers={200: "Home"})
def get_home(call: Call) -> Answer:
    """Tell where to go from here, and who is asking."""
    return docs.home(system(), call)


@route.get("/openapi.json", needs=NOTHING, answers={200: None}, etag=True)
def get_openapi(call: Call) -> Answer:
    """Return this contract."""
    return docs.contract(system(), route)


@route.get("/asyncapi.json", needs=NOTHING, answers={200: None}, etag=True)
def get_asyncapi(call: Call) -> Answer:
    """Return the contract of the websocket, as AsyncAPI 3."""
    return docs.live_contract(system())


@route.get("/docs", needs=NOTHING, answers={200: None}, offers=(docs.HTML,), etag=True)
def get_docs(call: Call) -> Answer:
    """Return a page that lists the operations and lets one try them."""
    return docs.page()


@route.get("/context.jsonld", needs=NOTHING, answers={200: None}, offers=(JSON_LD, JSON))
def get_context(call: Call) -> Answer:
    """Return the JSON-LD context of resources."""
    return docs.context()


@route.get(
    "/problems/{problem}",
    needs=NOTHING,
    answers={200: "ProblemType"},
    offers=(JSON, docs.HTML),
)
def get_problem(call: Call) -> Answer:
    """Tell what a kind of problem means."""
    return docs.problem(system(), call)
