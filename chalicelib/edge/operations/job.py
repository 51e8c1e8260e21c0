"""Jobs: begun, watched, listed, cancelled."""

from __future__ import annotations

from chalicelib.edge import jobs
from chalicelib.edge import parameters as query
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.edge.route import Body, operation
from chalicelib.edge.sse import MEDIA_TYPE as EVENT_STREAM
from chalicelib.system import System


@operation(body=Body("NewJob"), answers={201: "Job"}, again=jobs.created_again)
def create_job(system: System, call: Call) -> Answer:
    """Begin a job of any kind."""
    return jobs.create(system, call)


@operation(
    body=Body("DetectionParams"),
    answers={200: None, 204: None},
    offers=(EVENT_STREAM,),
    again=jobs.streamed_again,
)
def detect_annotations(system: System, call: Call) -> Answer:
    """Find entities, or what else is asked for, in a resource's text; streams the job."""
    return jobs.detect(system, call)


@operation(
    body=Body("NewGeneration"),
    answers={200: None, 204: None},
    offers=(EVENT_STREAM,),
    again=jobs.streamed_again,
)
def generate_resource(system: System, call: Call) -> Answer:
    """Write a document from a resource, on a prompt, or for a reference; streams the job."""
    return jobs.generate(system, call)


@operation(
    body=Body("ReferenceParams", optional=True),
    answers={200: None, 204: None},
    offers=(EVENT_STREAM,),
    again=jobs.streamed_again,
)
def generate_for_reference(system: System, call: Call) -> Answer:
    """Write the document that a reference is in need of; streams the job."""
    return jobs.generate_for(system, call)


@operation(query=(query.JOB_STATE, query.JOBS_ON, query.LIMIT, query.CURSOR), answers={200: "Jobs"})
def list_jobs(system: System, call: Call) -> Answer:
    """List one's own jobs, or those on a resource, newest first."""
    return jobs.listed(system, call)


@operation(answers={200: "Job"}, etag=True)
def get_job(system: System, call: Call) -> Answer:
    """Read a job."""
    return jobs.show(system, call)


@operation(
    query=(query.JOB_SEEN, query.TICKET), answers={200: None, 204: None}, offers=(EVENT_STREAM,)
)
def watch_job(system: System, call: Call) -> Answer:
    """Watch a job until it is over: its state, each time that it has changed."""
    return jobs.watch(system, call)


@operation(answers={202: "Job"}, condition="optional")
def cancel_job(system: System, call: Call) -> Answer:
    """Cancel a job. What it has written stays, and stands in its result."""
    return jobs.cancel(system, call)
