"""Jobs over HTTP: begun, shown, watched and cancelled.

A stream of a job tells its state whenever that has changed: ``job-created`` first, then
``job-progress``, and in the end ``job-complete``, ``job-error`` or ``job-cancelled``. States in
between may be left out; the last one never is.

::

    id: <job id>:4
    event: job-complete
    data: {"id":"0192f…","state":"complete","result":{"cursors":["0192e…:101"],…},…}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, assert_never

from chalicelib.domain import cursor as cursors
from chalicelib.domain import iri
from chalicelib.domain.ids import UUID
from chalicelib.domain.job import Job
from chalicelib.edge import answers, problems, requests, sse
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.errors import Fault, Invalid, Malformed, NotFound
from chalicelib.flows import jobs
from chalicelib.jobs.table import Entry
from chalicelib.system import System

Json = dict[str, Any]

_CURSOR: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(0|[1-9][0-9]{0,14})\Z")
_ANNOTATION: Final = re.compile(r"resource:([0-9a-f-]{36})/annotations/([0-9a-f-]{36})\Z")


def create(system: System, call: Call) -> Answer:
    """Begin a job of any kind: 201, with its address."""
    asked = call.json
    params = asked.get("params", {})
    if "resource" in asked:
        params = {**params, "resource": asked["resource"]}
    with _faults_of_the_body("/params"):
        job = _begun(system, call, asked["kind"], params)
    return _created(system, job)


def created_again(system: System, call: Call, told: Mapping[str, Any]) -> Answer:
    """Return the answer to the POST that began the job once more: the job as it is now."""
    return _created(system, jobs.get(system, requests.workspace(call), told["job"]))


def detect(system: System, call: Call) -> Answer:
    """Begin a detection on the resource of the path, and stream it."""
    params = {**call.json, "resource": requests.resource_id(call)}
    return _streamed(system, call, "detection", params)


def generate(system: System, call: Call) -> Answer:
    """Begin a generation, and stream it. An annotation may be named by an IRI."""
    return _streamed(system, call, "generation", call.json, _faults_of_the_body(""))


def generate_for(system: System, call: Call) -> Answer:
    """Begin a generation for the reference of the path, and stream it."""
    named = {"resource": requests.resource_id(call), "annotation": requests.annotation_id(call)}
    return _streamed(system, call, "generation", {**(call.json if call.body else {}), **named})


def streamed_again(system: System, call: Call, told: Mapping[str, Any]) -> Answer:
    """Stream the job that the first POST began, from what was seen of it on."""
    job = jobs.get(system, requests.workspace(call), told["job"])
    last = call.headers.one("Last-Event-ID")
    return _stream(system, job, _seen(last, job) if last else None)


def show(system: System, call: Call) -> Answer:
    """Return a job as it is."""
    job = jobs.get(system, requests.workspace(call), _job_id(call))
    return Answer(200, job_json(job, system.config.public_url), etag=str(job.version))


def listed(system: System, call: Call) -> Answer:
    """Return a page of jobs: the caller's own, or those on a resource."""
    args = call.args
    page = jobs.page(
        system,
        requests.workspace(call),
        call.caller.actor,
        resource=args["resource"],
        state=args["state"],
        limit=args["limit"],
        before=None if args["cursor"] is None else _entry(args["cursor"]),
    )
    items = (job_json(job, system.config.public_url) for job in page.items)
    cursors = [_page_cursor(Entry(job.created, job.id)) for job in page.items]
    following = None if page.next is None else _page_cursor(page.next)
    return answers.page(items, cursors, following, {"source": "jobs", "lag": 0})


def watch(system: System, call: Call) -> Answer:
    """Stream a job, from what was seen of it on. 204, which ends it, where nothing can follow."""
    job = jobs.get(system, requests.workspace(call), _job_id(call))
    text = call.headers.one("Last-Event-ID") or call.args["from"]
    return _stream(system, job, 0 if text is None else _seen(text, job))


def cancel(system: System, call: Call) -> Answer:
    """Cancel a job: 202, for a worker may have to hear of it first."""
    where = requests.workspace(call), _job_id(call)
    seen = requests.expected_version(call, lambda: jobs.get(system, *where).version)
    job = jobs.cancel(system, *where, seen)
    return Answer(202, job_json(job, system.config.public_url))


def job_json(job: Job, base_url: str) -> Json:
    """Return a job as clients see it. Ids are raw, as in events."""
    body: Json = {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "version": job.version,
        "cursor": job.cursor,
        "resource": job.resource,
        "params": {name: value for name, value in job.params.items() if name != "resource"},
        "creator": job.actor.to_json(),
        "created": job.created,
        "modified": job.updated,
        "attempts": job.attempts,
        "cancelRequested": job.cancel_requested,
        "progress": dict(job.progress),
        "result": None if job.result is None else dict(job.result),
        "error": None if job.error is None else _problem(job, base_url),
    }
    return {name: value for name, value in body.items() if value is not None}


def event_type(job: Job) -> str:
    """Return the name of the event that tells this state of a job."""
    match job.state:
        case "pending" | "running":
            return "job-created" if job.version == 1 else "job-progress"
        case "complete":
            return "job-complete"
        case "failed":
            return "job-error"
        case "cancelled":
            return "job-cancelled"
        case _:
            assert_never(job.state)


class JobChanges:
    """The source of a job's stream: its state, each time that it has changed."""

    def __init__(self, system: System, job: Job, seen: int | None) -> None:
        self._system = system
        self._job = job
        self._created = seen is None  # it is to be told first that the job was created
        self._seen = seen or 0
        self._fresh = True

    @property
    def wakes_on(self) -> frozenset[str]:
        """Return the key of the job's item."""
        return frozenset({f"{self._job.workspace}/job#{self._job.id}"})

    @property
    def ended(self) -> bool:
        """Tell whether the job's end was told."""
        return self._job.over and self._seen >= self._job.version

    def look(self) -> Sequence[sse.Event]:
        """Return the job's state, if it is another one than was told."""
        if not self._fresh:
            job = self._system.jobs.get(self._job.workspace, self._job.id)
            self._job = job or self._job
        self._fresh = False
        job, base_url, events = self._job, self._system.config.public_url, list[sse.Event]()
        if self._created:
            self._created, self._seen = False, 1
            events.append(sse.Event("job-created", job_json(job, base_url), f"{job.id}:1"))
        if job.version > self._seen:
            self._seen = job.version
            events.append(sse.Event(event_type(job), job_json(job, base_url), job.cursor))
        return events


# -- pieces -------------------------------------------------------------------------------------


@contextmanager
def _faults_of_the_body(params: str) -> Iterator[None]:
    """Let faults point into the body, whose member `params` holds the parameters.

    What is named there and is not to be found is a fault of the body, too.
    """
    try:
        yield
    except NotFound as error:
        named = f"{params}/annotation" if "annotation" in error.detail else "/resource"
        fault: Fault = {"pointer": named, "detail": error.detail}
        raise Invalid(error.detail, errors=(fault,)) from error
    except Invalid as error:
        faults: list[Fault] = error.extra.get("errors", [])
        for fault in faults:
            if fault["pointer"] not in ("", "/kind", "/resource"):
                fault["pointer"] = params + fault["pointer"]
        raise


def _stored(params: Json) -> Json:
    """Return parameters as jobs keep them: an annotation's IRI names its resource, too."""
    named = iri.to_stored(params.get("annotation", ""))
    if found := _ANNOTATION.match(named):
        return {"resource": found[1], **params, "annotation": found[2]}
    return params


def _begun(system: System, call: Call, kind: str, params: Json) -> Job:
    return jobs.create(system, requests.request(call), kind, _stored(params))


def _streamed(
    system: System,
    call: Call,
    kind: str,
    params: Json,
    faults: AbstractContextManager[None] | None = None,
) -> Answer:
    """Begin a job and stream it; who comes again with `Last-Event-ID` goes on with his own.

    That must be a job of which this request might have been the beginning, and of its key, if any.
    """
    last = call.headers.one("Last-Event-ID")
    if not last:
        with faults or nullcontext():
            job = _begun(system, call, kind, params)
        return _stream(system, job, None)
    job_id, _ = _cursor(last)
    job = jobs.get(system, requests.workspace(call), job_id)
    if call.append_key not in (None, job.key):
        raise Malformed("Last-Event-ID names another job than the Idempotency-Key does")
    if not jobs.asks_for(system, job, kind, _stored(params)):
        raise NotFound("Last-Event-ID names a job that does something else")
    return _stream(system, job, _seen(last, job))


def _stream(system: System, job: Job, seen: int | None) -> Answer:
    """Stream a job after what was seen of it. 204, which ends it, where nothing can follow."""
    if seen is not None and job.over and seen >= job.version:
        return Answer(204, again={"job": job.id})
    location = f"{system.config.public_url}/jobs/{job.id}/events/stream"
    stream = sse.EventStream(system, JobChanges(system, job, seen))
    headers = {"Location": location}
    return Answer(200, stream, headers, media_type=sse.MEDIA_TYPE, again={"job": job.id})


def _created(system: System, job: Job) -> Answer:
    base_url = system.config.public_url
    headers = {"Location": f"{base_url}/jobs/{job.id}"}
    body = job_json(job, base_url)
    return Answer(201, body, headers, str(job.version), again={"job": job.id})


def _problem(job: Job, base_url: str) -> Json:
    error = job.error or {}
    names = {kind.__name__: name for name, kind in problems.kinds().items()}
    return {
        "type": f"{base_url}/problems/{names.get(error['kind'], 'internal-error')}",
        "title": error["title"],
        "status": error["status"],
        "detail": error["detail"],
        "instance": f"urn:correlation:{job.correlates}",
    }


def _job_id(call: Call) -> str:
    if not UUID.match(call.params["job_id"]):
        raise NotFound("there is no such job in this workspace")
    return call.params["job_id"]


def _seen(text: str, job: Job) -> int:
    """Return the version that was seen of a job. Raises Malformed for one that is not there yet."""
    job_id, version = _cursor(text)
    if job_id != job.id:
        raise Malformed("What was seen is of another job than this stream is about")
    if version > job.version:
        raise Malformed(f"Version {version} of the job cannot have been seen: it is {job.version}")
    return version


def _cursor(text: str) -> tuple[str, int]:
    found = _CURSOR.match(text)
    if found is None:
        raise Malformed("What was seen of a job is <job id>:<version>, the `id` of an event")
    return found[1], int(found[2])


def _page_cursor(entry: Entry) -> str:
    return cursors.encode([entry.created, entry.job_id])


def _entry(cursor: str) -> Entry:
    match cursors.decode(cursor):
        case [str() as created, str() as job_id] if UUID.match(job_id):
            return Entry(created, job_id)
        case _:
            raise cursors.foreign()
