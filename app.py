"""The map of Palimpsest: every way in, in the order in which data flows.

A route says where an operation stands and what it needs (`edge.permissions`); what the operation
takes, does and answers stands in `edge.operations`. The router checks all of that before the view
runs, and makes the contract at `/openapi.json` from it. Streams, queues, schedules and sockets have
a handler here, one statement each.

Importing this opens nothing and loads no AWS SDK: every Lambda imports all of it.
"""

from __future__ import annotations

from typing import Any

from chalice.app import Chalice, Rate

from chalicelib.config import (
    cors_origins,
    deploying,
    jobs_queue_arn,
    jobs_stream_arn,
    log_stream_arn,
    public_url,
    service,
    views_stream_arn,
    where_there_is_a_graph,
)
from chalicelib.edge import behind, sources
from chalicelib.edge.http import Router
from chalicelib.edge.operations import about, annotation, job, live, relation, resource, vocabulary
from chalicelib.edge.permissions import ADMIN, NOTHING, READ, WRITE
from chalicelib.flows import project
from chalicelib.system import system

app = Chalice(app_name=service(), configure_logs=False)
app.experimental_feature_flags.add("WEBSOCKETS")
route = Router(app, system)
if deploying():  # no Lambda loads this; the definition that Chalice imports is to carry them
    from chalicelib.edge import gateway_answers

    gateway_answers.into_the_definition(gateway_answers.responses(public_url(), cors_origins()))

# -- write: validate, decide, store the bytes, append one commit ---------------------------------

route.post("/resources", WRITE, resource.create_resource)
route.post("/uploads", WRITE, resource.create_upload)
route.post("/resources/{resource_id}/clone", WRITE, resource.clone_resource)
route.patch("/resources/{resource_id}", WRITE, resource.update_resource)
route.put("/resources/{resource_id}/content", WRITE, resource.change_content)
route.post("/resources/{resource_id}/annotations", WRITE, annotation.add_annotations)
route.put(
    "/resources/{resource_id}/annotations/{annotation_id}/body", WRITE, annotation.update_body
)
route.delete(
    "/resources/{resource_id}/annotations/{annotation_id}", WRITE, annotation.remove_annotation
)
route.post("/entity-types", ADMIN, vocabulary.add_entity_types)
route.post("/tag-schemas", ADMIN, vocabulary.add_tag_schema)

# -- views: the log's stream rings, the materializer reads the log -------------------------------


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


# -- recovery: invoked by an operator, a turn of some minutes at a time (docs/recovery.md) -------


@app.lambda_function(name="recover")
def recover(event: Any, context: Any) -> Any:
    """Rebuild views and graph, then verify everything."""
    return behind.take_turn(system(), "recover", event, context)


@app.lambda_function(name="rebuild_views")
def rebuild_views(event: Any, context: Any) -> Any:
    """Make the views anew from the log."""
    return behind.take_turn(system(), "rebuild_views", event, context)


@where_there_is_a_graph(app.lambda_function(name="rebuild_graph"))
def rebuild_graph(event: Any, context: Any) -> Any:
    """Make the graph equal the log."""
    return behind.take_turn(system(), "rebuild_graph", event, context)


@app.lambda_function(name="verify")
def verify(event: Any, context: Any) -> Any:
    """Name every fault in log, content, views, graph and heads."""
    return behind.take_turn(system(), "verify", event, context)


# -- graph: the other reader of the log's stream -------------------------------------------------


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


route.get("/resources/{resource_id}/referenced-by", READ, relation.get_references)
route.get("/resources/{resource_id}/neighbours", READ, relation.get_neighbours)
route.get("/graph/paths", READ, relation.get_paths)
route.get("/graph/stats", READ, relation.get_stats)

# -- read: the view, completed from the log ------------------------------------------------------

route.get("/resources", READ, resource.list_resources)
route.get("/resources/{resource_id}", READ, resource.get_resource)
route.get("/resources/{resource_id}/content", READ, resource.get_content)
route.get("/resources/{resource_id}/annotations", READ, annotation.list_annotations)
route.get("/resources/{resource_id}/annotations/{annotation_id}", READ, annotation.get_annotation)
route.get(
    "/resources/{resource_id}/annotations/{annotation_id}/history", READ, annotation.get_history
)
route.get("/resources/{resource_id}/events", READ, resource.list_events)
route.get("/entity-types", READ, vocabulary.list_entity_types)
route.get("/tag-schemas", READ, vocabulary.list_tag_schemas)

# -- live: every change, to whoever watches ------------------------------------------------------

route.get("/resources/{resource_id}/events/stream", READ, live.watch_resource)
route.get("/events/stream", READ, live.watch_resources)
route.post("/tickets", READ, live.create_ticket)


@app.on_ws_connect(name="socket_connect")
def socket_connect(event: Any) -> Any:
    """Let in who brings a token or a ticket."""
    return behind.connect(system(), event)


@app.on_ws_message(name="socket_message")
def socket_message(event: Any) -> Any:
    """Subscribe, unsubscribe, or answer a ping."""
    return behind.message(system(), event)


@app.on_ws_disconnect(name="socket_disconnect")
def socket_disconnect(event: Any) -> Any:
    """Forget who has left."""
    return behind.disconnect(system(), event)


@app.on_dynamodb_record(
    stream_arn=views_stream_arn(),
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="pusher",
)
def pusher(event: Any) -> Any:
    """Post each move of a watermark to whoever watches it."""
    return behind.push_views(system(), event)


@app.on_dynamodb_record(
    stream_arn=jobs_stream_arn(),
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="job_pusher",
)
def job_pusher(event: Any) -> Any:
    """Post each new state of a job to whoever watches it."""
    return behind.push_jobs(system(), event)


@app.schedule(Rate(1, unit=Rate.MINUTES), name="push_sweep")
def push_sweep(event: Any) -> Any:
    """Go on with those to whom a post failed."""
    return behind.push_again(system())


# -- jobs: work for models, begun by requests, done by workers -----------------------------------

route.post("/jobs", WRITE, job.create_job)
route.post("/resources/{resource_id}/detect-annotations-stream", WRITE, job.detect_annotations)
route.post("/generate-resource-stream", WRITE, job.generate_resource)
route.post(
    "/resources/{resource_id}/annotations/{annotation_id}/generate-resource-stream",
    WRITE,
    job.generate_for_reference,
)
route.get("/jobs", READ, job.list_jobs)
route.get("/jobs/{job_id}", READ, job.get_job)
route.get("/jobs/{job_id}/events/stream", READ, job.watch_job)
route.delete("/jobs/{job_id}", WRITE, job.cancel_job)


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


# -- about: health, and what the API says of itself ----------------------------------------------

route.get("/api/health", NOTHING, about.get_health)
route.get("/api/live", NOTHING, about.get_live)
route.get("/", NOTHING, about.get_home)
route.get("/openapi.json", NOTHING, about.contract_of(route))
route.get("/asyncapi.json", NOTHING, about.get_asyncapi)
route.get("/docs", NOTHING, about.get_docs)
route.get("/context.jsonld", NOTHING, about.get_context)
route.get("/problems/{problem}", NOTHING, about.get_problem)
