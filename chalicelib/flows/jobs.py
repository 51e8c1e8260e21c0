"""Jobs from outside: begun, listed, cancelled, and swept up when something has been lost.

A job is put first and its message is sent second. What a crash leaves between the two, or between
a worker and its last word, the sweep finds in the table: every job reaches an end state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain import job as domain
from chalicelib.domain.actor import Actor
from chalicelib.domain.events import AnnotationAdded
from chalicelib.domain.ids import Stream, derived_id
from chalicelib.domain.job import Job, Json
from chalicelib.errors import (
    AppError,
    Contended,
    Invalid,
    LogDamaged,
    LogUnreadable,
    NotFound,
    StaleVersion,
    Unavailable,
)
from chalicelib.flows.keyed import REQUEST_KEPT_S
from chalicelib.flows.reading import WorkspaceReading
from chalicelib.flows.write import Request
from chalicelib.jobs.queue import Lane
from chalicelib.jobs.table import SHARDS, Entry
from chalicelib.log import decoded

if TYPE_CHECKING:
    from chalicelib.system import System

_LOGGER: Final = logging.getLogger(__name__)

MAX_TRIES: Final = 32
"""Of a put that may lose to others': a worker puts its job before each commit, some 20 ms apart."""
MAX_SCANS: Final = 10
"""Queries for one page of a filtered list; then it comes short, with a cursor."""
SWEPT_AT_ONCE: Final = 200
"""Jobs per shard and sweep: what is left is swept a minute later."""
WAITING_TOO_LONG_S: Final = 600.0
"""A job that waits so long for a worker makes the health `degraded`."""


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, newest first, and the entry to go on after; None at the end."""

    items: tuple[Job, ...]
    next: Entry | None


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did."""

    sent: int = 0
    failed: int = 0
    cancelled: int = 0


def create(system: System, request: Request, kind_name: str, params: Json) -> Job:
    """Begin a job; a keyed request that is repeated within a day returns the one that it began.

    Raises what the kind refuses, before there is a job; Unavailable when it could not be put, or
    when this deployment has no workers. A job that was put is carried out, sent or not.
    """
    kind = system.kinds.get(kind_name)
    if kind is None:
        known = " or ".join(system.kinds)
        raise Invalid(
            f"there is no kind of job {kind_name!r}",
            errors=({"pointer": "/kind", "detail": f"must be {known}"},),
        )
    if not system.jobs_queue.configured:
        raise Unavailable("this deployment has no job workers", dependency="jobs")
    now_s = system.now_s()
    job_id, *before = [system.mint()] if request.key is None else _ids_of(request.key, now_s)
    if request.key is not None:
        for each in (job_id, *before):
            begun = system.jobs.get(request.workspace, each)
            if begun is not None and now_s - _seconds(begun.created) < REQUEST_KEPT_S:
                return begun
    admitted = kind.admit(WorkspaceReading(system, request), system.inference, params)
    job = Job(
        id=job_id,
        workspace=request.workspace,
        kind=kind.name,
        params=admitted.params,
        actor=request.actor,
        correlation=request.correlation,
        resource=admitted.resource,
        created=system.now(),
        updated=system.now(),
        due_s=now_s + domain.LOST_AFTER_S,
        waits_since_s=now_s,
        key=request.key,
    )
    stored = system.jobs.create(job)
    if stored == job:
        send(system, job)
    return stored


def _ids_of(key: str, now_s: float) -> tuple[str, str]:
    """Return the id of the job that a keyed request begins now, and of what it may have begun.

    A key may be used again when a day is over: so the id changes, after two days at the latest, and
    what the new job makes has ids of its own.
    """
    day = int(now_s // REQUEST_KEPT_S)
    return derived_id(f"{key}/{day}", 0), derived_id(f"{key}/{day - 1}", 0)


def asks_for(system: System, job: Job, kind_name: str, params: Json) -> bool:
    """Tell whether these parameters ask for what a job does."""
    kind = system.kinds.get(kind_name)
    return (
        kind is not None
        and (job.kind, job.resource) == (kind.name, params.get("resource"))
        and dict(kind.in_full(params)) == dict(job.params)
    )


def get(system: System, workspace: str, job_id: str) -> Job:
    """Return a job as it is. Raises NotFound."""
    job = system.jobs.get(workspace, job_id)
    if job is None:
        raise NotFound("there is no such job in this workspace")
    return job


def page(
    system: System,
    workspace: str,
    actor: Actor,
    *,
    resource: str | None = None,
    state: domain.State | None = None,
    limit: int,
    before: Entry | None = None,
) -> Page:
    """Return the jobs on a resource, else those of this actor, newest first."""
    of, value = ("actor", actor.id) if resource is None else ("resource", resource)
    found: list[tuple[Entry, Job]] = []
    for _ in range(MAX_SCANS):
        entries = system.jobs.page(workspace, of, value, before=before, limit=limit)
        held = system.jobs.many([(workspace, entry.job_id) for entry in entries])
        for entry in entries:
            job = held.get(entry.job_id)
            if job is not None and state in (None, job.state):
                found.append((entry, job))
        more = len(entries) == limit
        before = entries[-1] if entries else before
        if len(found) >= limit or not more:
            break
    jobs = tuple(job for _, job in found[:limit])
    if len(found) > limit:
        return Page(jobs, found[limit - 1][0])
    return Page(jobs, before if more else None)


def cancel(system: System, workspace: str, job_id: str, expected: int | None = None) -> Job:
    """Cancel a job: at once where no worker holds it, else as soon as its worker looks up.

    One that was cancelled stays so. `expected` is the version that the client saw. Raises NotFound,
    StaleVersion, Conflict when it ended otherwise.
    """
    looked: tuple[Job, dict[str, Any]] | None = None
    for _ in range(MAX_TRIES):
        job = get(system, workspace, job_id)
        if job.state == "cancelled":
            return job
        if expected is not None and job.version != expected:
            raise StaleVersion(
                f"If-Match names version {expected}, the job's is {job.version}",
                expected=expected,
                actual=job.version,
            )
        now_s = system.now_s()
        if job.over or job.leased(now_s):
            asked = domain.request_cancel(job, system.now())
            if asked == job or system.jobs.put(asked):
                return asked
        else:
            if looked is None or not domain.only_nudged(job, looked[0]):
                looked = job, so_far(system, job)
            if ended := _cancelled(system, job, looked[1]):
                return ended
    raise Contended("the job kept changing; it was not cancelled")


def sweep(system: System) -> Swept:
    """Look after every job that is due: send it again, or end it. To be done each minute."""
    return _swept(system, system.now_s(), SWEPT_AT_ONCE, lambda job: job)


def resume(system: System) -> Swept:
    """Take up every job that is not over, where it is known that no worker lives.

    As after a restart of a system that has all of its workers, and its queue, in one process.
    """

    def taken(job: Job) -> Job:
        return domain.abandoned(job, system.now(), system.now_s())

    return _swept(system, None, None, taken)


def trouble(system: System) -> str | None:
    """Return what is wrong with the jobs, None if nothing is. Raises Unavailable."""
    system.jobs.ping()
    dead = system.jobs_queue.dead() if system.jobs_queue.configured else 0
    faults = [f"{dead} message(s) were given up"] if dead else []
    now_s = system.now_s()
    named = [
        one for shard in range(SHARDS) for one in system.jobs.open(shard, until_s=None, limit=10)
    ]
    waiting = [
        now_s - job.waits_since_s
        for job in system.jobs.many(named).values()
        if job.waits_since_s is not None
    ]
    if waiting and max(waiting) > WAITING_TOO_LONG_S:
        faults.append(f"a job has waited for {max(waiting):.0f} s")
    return "; ".join(faults) or None


def so_far(system: System, job: Job) -> dict[str, Any]:
    """Return what a job has written, from the log: ``{"cursors": ["<resource>:9"], "added": 3}``.

    For a job that ends before it is complete: its last word may be older than its last commit.
    Of a stream that cannot be read, what the job had saved. A worker saves before its first commit,
    so what has saved nothing has written nothing.
    """
    if not job.progress:
        return {"cursors": [], "added": 0}
    kind = system.kinds.get(job.kind)
    written, added = dict(job.written), 0
    for resource_id in dict.fromkeys((*written, *(() if kind is None else kind.writes(job)))):
        stream = Stream.of_resource(job.workspace, resource_id)
        try:
            for commit in system.log.read(stream):
                if commit.correlation == job.correlates:
                    written[resource_id] = commit.last
                    events = decoded(stream, commit)
                    added += sum(isinstance(stored.event, AnnotationAdded) for stored in events)
        except (LogUnreadable, LogDamaged):
            continue
    return {"cursors": cursors(written), "added": added}


def cursors(written: Mapping[str, int]) -> list[str]:
    """Return ``<resource id>:<version>`` for each resource: who reads there, reads all of it."""
    return [f"{resource_id}:{version}" for resource_id, version in written.items()]


def send(system: System, job: Job, delay_s: float = 0.0) -> None:
    """Send a job's message. If that fails, the sweep does it: what counts is the put."""
    kind = system.kinds.get(job.kind)
    try:
        lane: Lane = "quick" if kind is None else kind.lane(job.params)
        system.jobs_queue.send(job, lane, delay_s)
    except Unavailable:
        system.metrics.count("JobsUnsent")


def problem(error: AppError) -> dict[str, Any]:
    """Return what went wrong as a job keeps it; the edge makes a problem document of it."""
    return {
        "kind": type(error).__name__,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }


def give_up(system: System, job: Job, error: Json) -> Job | None:
    """End a job that nobody holds as failed. None if it changed meanwhile."""
    now_s = system.now_s()
    failed = domain.fail(job, system.now(), now_s, error, so_far(system, job), None)
    return failed if _ended(system, failed) else None


def told(job: Job) -> None:
    """Log how a job stands, under the id of the request that began it."""
    about = {"job": job.id, "kind": job.kind, "state": job.state, "attempts": job.attempts}
    _LOGGER.info("job", extra={**about, "correlation": job.correlation})


def measured(system: System, job: Job) -> None:
    """Count a job that has ended."""
    match job.state:
        case "complete":
            system.metrics.count("JobsCompleted")
        case "failed":
            system.metrics.count("JobsFailed")
        case "cancelled":
            system.metrics.count("JobsCancelled")
        case _:
            return
    told(job)
    lasted_s = _seconds(job.updated) - _seconds(job.created)
    system.metrics.milliseconds("JobDuration", lasted_s * 1000)


def exhausted(job: Job) -> dict[str, Any]:
    """Return why a job that was tried too often has failed."""
    last = "its worker ended without a word" if job.error is None else str(job.error["detail"])
    error = Unavailable(f"given up after {job.attempts} attempts; the last time, {last}")
    return problem(error)


def _swept(
    system: System, until_s: float | None, limit: int | None, taken: Callable[[Job], Job]
) -> Swept:
    swept = Swept()
    for shard in range(SHARDS):
        named = system.jobs.open(shard, until_s=until_s, limit=limit)
        for found in system.jobs.many(named).values():
            if found.over or (until_s is not None and found.due_s > until_s):
                continue  # the index was behind
            job = taken(found)
            if job != found and not system.jobs.put(job):
                continue
            if not job.leased(system.now_s()):
                swept = _looked_after(system, job, swept)
    return swept


def _looked_after(system: System, job: Job, swept: Swept) -> Swept:
    if job.cancel_requested:
        gone = _cancelled(system, job, so_far(system, job))
        return replace(swept, cancelled=swept.cancelled + (gone is not None))
    if job.attempts >= domain.MAX_ATTEMPTS:
        gone = give_up(system, job, exhausted(job))
        return replace(swept, failed=swept.failed + (gone is not None))
    return replace(swept, sent=swept.sent + _nudged(system, job))


def _nudged(system: System, job: Job) -> bool:
    """Send a job's message again. Its kind may be gone: then a worker will say so."""
    nudged = domain.nudge(job, system.now(), system.now_s())
    if not system.jobs.put(nudged):
        return False
    system.metrics.count("JobsSentAgain")
    send(system, nudged)
    return True


def _cancelled(system: System, job: Job, result: Json) -> Job | None:
    """Cancel a job that nobody holds; None if it changed meanwhile."""
    done = domain.cancel(job, system.now(), system.now_s(), result, None)
    return done if _ended(system, done) else None


def _ended(system: System, job: Job) -> bool:
    if not system.jobs.put(job):
        return False
    measured(system, job)
    return True


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
