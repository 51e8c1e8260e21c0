"""A worker: takes a job by its message, lets its kind take steps, and carries their commands out.

Nothing here is done twice, wherever a worker dies and however often a message comes:

1. a job is taken by a conditional put, with a lease that outlives the function;
2. what a step leads to is kept before any of it is done; the first outcome kept counts;
3. each command is done once: a commit carries its key, a link is made where it is missing;
4. `complete` is put after the last commit, with a cursor for each resource that was written.

A worker puts the job before each command. One that is cancelled, or whose job was taken over,
learns it there, and stops: after a cancellation at most one command more is done. It appends
nothing after its deadline, and nobody else works on the job before that.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, assert_never

from chalicelib.domain import job as domain
from chalicelib.domain.annotation import Body, SpecificResource
from chalicelib.domain.commands import AttachAnnotations, CreateResource, UpdateBody
from chalicelib.domain.job import Job, Json, Lease, Place
from chalicelib.errors import AppError, Invalid
from chalicelib.flows import jobs, write
from chalicelib.flows.content import store
from chalicelib.flows.jobs import problem
from chalicelib.flows.reading import WorkspaceReading
from chalicelib.flows.write import Request, Written
from chalicelib.jobs import queue
from chalicelib.jobs.commands import Annotate, Command, Create, Link, from_json, to_json
from chalicelib.jobs.kinds.kind import Kind, Outcome, Task

if TYPE_CHECKING:
    from chalicelib.system import System

GRACE_S: Final = 30.0
"""A lease outlives the function's deadline by this: what was sent in time has arrived by then."""
MARGIN_S: Final = 15.0
"""So long before its deadline a worker begins nothing more. A write waits 10 s at most."""
TURN_S: Final = 60.0
"""So long a job may go on while others wait; then it goes to the end of the queue."""
STEP_S: Final = 5.0
"""So long a step may go on: what is kept, and shown as progress, is at most that old."""
AT_ONCE: Final = 4
"""Questions that a step asks at the same time."""
RETRY_S: Final = (5.0, 15.0, 60.0, 300.0)
"""How long a job waits after a dependency failed it for the first, second … time."""


class _Stopped(Exception):
    """The job is no longer this worker's."""


def work(system: System, message: str, holder: str, remaining_ms: int) -> None:
    """Carry out as much of a message's job as there is time for. A return means: done with it.

    `holder` is new with each delivery: the job is taken in that name. Raises Malformed for a
    message that names no job, and what nobody foresaw (see `stumble`).
    """
    workspace, job_id = queue.read(message)
    deadline_s = system.monotonic_s() + remaining_ms / 1000
    job = system.jobs.get(workspace, job_id)
    if job is None or job.over or job.leased(system.now_s()):
        system.metrics.count("JobsIdle")
        return
    held = _claimed(system, job, holder, remaining_ms / 1000)
    if held is not None:
        _Run(system, system.kinds[held.kind], held, deadline_s).go()


def stumble(system: System, message: str, holder: str, error: Exception) -> bool:
    """Give back the job that `work` took in this name before it raised what nobody foresaw.

    It is tried again, a bounded number of times. False if the job is not held in this name: the
    fault came before the claim, so the message has to come again, and another's lease is his.
    """
    try:
        workspace, job_id = queue.read(message)
    except AppError:
        return False
    job = system.jobs.get(workspace, job_id)
    if job is None or not job.held_by(holder):
        return False
    fault = problem(AppError(f"something went wrong here ({type(error).__name__})"))
    if job.cancel_requested:
        _heed_cancel(system, job, holder)
    else:
        _give_back(system, job, holder, fault)
    return True


def _claimed(system: System, job: Job, holder: str, remaining_s: float) -> Job | None:
    """Take the job; None if it is another's by now, or came to its end here."""
    now_s = system.now_s()
    if job.cancel_requested:
        jobs.cancel(system, job.workspace, job.id)
        return None
    if job.kind not in system.kinds:
        fault = Invalid(f"there is no kind of job {job.kind!r} here")
        jobs.give_up(system, job, problem(fault))
        return None
    if job.attempts >= domain.MAX_ATTEMPTS:
        jobs.give_up(system, job, jobs.exhausted(job))
        return None
    lease = Lease(holder, now_s + remaining_s + GRACE_S)
    claimed = domain.claim(job, lease, system.now(), now_s)
    if not system.jobs.put(claimed):
        return None
    jobs.told(claimed)
    if job.version == 1:
        system.metrics.count("JobsStarted")
    return claimed


class _Run:
    """One worker's work on one job."""

    def __init__(self, system: System, kind: Kind, job: Job, deadline_s: float) -> None:
        self._system = system
        self._kind = kind
        self._job = job
        self._holder = job.lease.holder if job.lease else ""
        self._deadline_s = deadline_s
        self._began_s = system.monotonic_s()
        self._written = dict(job.written)
        # Whoever was first may have kept the outcome of this step before he died.
        self._first = job.version == 2
        request = Request(job.workspace, job.actor, job.correlates)
        self._reading = WorkspaceReading(system, request)
        self._answers: dict[int, Json] = {}

    def go(self) -> None:
        """Work until the job is over, the time is up, or the job is another's."""
        try:
            self._steps()
        except _Stopped:
            _heed_cancel(self._system, self._job, self._holder)
        except AppError as error:
            if error.retryable:
                retry_s = error.extra.get("retry_after")
                _give_back(self._system, self._job, self._holder, problem(error), retry_s)
            else:
                _fail(self._system, self._job, self._holder, problem(error))

    def _steps(self) -> None:
        while True:
            if not self._has_time():
                return self._yield()
            place = self._job.place
            outcome = self._outcome(place.step)
            result = self._carry_out(place, outcome)
            if result is None:
                return self._yield()
            if outcome.result is not None:
                return self._complete(outcome, result)
            self._save(Place(place.step + 1), outcome.progress)
            if self._turn_is_over():
                return self._yield()

    def _outcome(self, step: int) -> Outcome:
        """Return what a step leads to: as kept, else asked for now and kept."""
        kept = None if self._first else self._system.outcomes.kept(self._job, step)
        self._first = False
        if kept is None:
            taken = self._kind.step(self._task(step))
            kept = self._system.outcomes.keep(self._job, step, _kept(taken))
        self._answers[step] = kept["answer"]
        return _outcome(kept)

    def _task(self, step: int) -> Task:
        end_s = min(self._system.monotonic_s() + STEP_S, self._deadline_s - MARGIN_S)
        return Task(
            self._job,
            step,
            self._reading,
            self._system.inference,
            self._before,
            lambda: end_s - self._system.monotonic_s(),
            lambda calls: self._system.side_by_side(calls, AT_ONCE),
        )

    def _before(self, step: int) -> Json:
        if step not in self._answers:
            kept = self._system.outcomes.kept(self._job, step)
            if kept is None:
                raise AppError(f"the answer of step {step} is gone")
            self._answers[step] = kept["answer"]
        return self._answers[step]

    def _carry_out(self, place: Place, outcome: Outcome) -> Json | None:
        """Do a step's commands from a place on; None if the time was up before the last one.

        The job is put before each: that is how a worker hears of a cancellation before it writes.
        """
        total = len(outcome.commands)
        for index in range(place.command, total):
            first, over = index == place.command, not self._has_time() or self._turn_is_over()
            self._save(Place(place.step, index), _partly(outcome.progress, index, total))
            if over and not (first and self._has_time()):
                return None
            self._do(f"{place.step}.{index}", outcome.commands[index])
        return {**(outcome.result or {}), "cursors": jobs.cursors(self._written)}

    def _do(self, number: str, command: Command) -> None:
        system, job = self._system, self._job
        key = hashlib.sha256(f"{job.id}/{number}".encode()).hexdigest()
        request = Request(job.workspace, job.actor, job.correlates, key)
        match command:
            case Annotate():
                attach = AttachAnnotations(command.annotations)
                self._wrote(write.change(system, request, command.resource, attach))
            case Create():
                content = store(system, job.workspace, command.text.encode(), command.format, None)
                create = CreateResource(
                    command.name,
                    content,
                    command.entity_types,
                    command.description,
                    command.language,
                )
                self._wrote(write.create(system, request, command.resource, create))
            case Link():
                update = UpdateBody(command.annotation, _linking(command.to))
                self._wrote(write.change_annotation(system, request, command.resource, update))
            case _:
                assert_never(command)

    def _wrote(self, written: Written) -> None:
        resource_id = written.stream.resource_id or ""
        self._written[resource_id] = max(written.version, self._written.get(resource_id, 0))

    def _has_time(self) -> bool:
        return self._system.monotonic_s() < self._deadline_s - MARGIN_S

    def _turn_is_over(self) -> bool:
        return self._system.monotonic_s() - self._began_s > TURN_S

    # -- the job itself: each of these is one conditional put ------------------------------------

    def _save(self, place: Place, progress: Json) -> None:
        now = self._system.now()
        self._put(domain.advance(self._job, self._holder, now, place, progress, self._written))

    def _yield(self) -> None:
        """Go to the end of the queue, so that others have their turn."""
        now, now_s = self._system.now(), self._system.now_s()
        self._put(domain.yielded(self._job, self._holder, now, now_s))
        jobs.send(self._system, self._job)

    def _complete(self, outcome: Outcome, result: Json) -> None:
        now = self._system.now()
        progress = {**outcome.progress, "percentage": 100}
        self._put(domain.complete(self._job, self._holder, now, result, progress, self._written))
        jobs.measured(self._system, self._job)

    def _put(self, job: Job) -> None:
        if not self._system.jobs.put(job):
            raise _Stopped
        self._job = job


def _give_back(
    system: System, job: Job, holder: str, error: Json, retry_s: float | None = None
) -> None:
    """Let a job be tried again later; or not, if it was tried too often."""
    if job.attempts >= domain.MAX_ATTEMPTS:
        _fail(system, job, holder, jobs.exhausted(replace(job, error=error)))
        return
    delay_s = RETRY_S[min(job.attempts, len(RETRY_S)) - 1] * random.uniform(0.8, 1.2)
    delay_s = max(delay_s, retry_s or 0.0)
    now, now_s = system.now(), system.now_s()
    waiting = domain.yielded(job, holder, now, now_s, delay_s=delay_s, error=error)
    if system.jobs.put(waiting):
        jobs.send(system, waiting, delay_s)
    else:
        _heed_cancel(system, job, holder)


def _fail(system: System, job: Job, holder: str, error: Json) -> None:
    result = jobs.so_far(system, job)
    failed = domain.fail(job, system.now(), system.now_s(), error, result, holder)
    if system.jobs.put(failed):
        jobs.measured(system, failed)
    else:
        _heed_cancel(system, job, holder)


def _heed_cancel(system: System, job: Job, holder: str) -> None:
    """See why a job is not as it was; if it is to be cancelled, that is its holder's to do."""
    for _ in range(jobs.MAX_TRIES):
        found = system.jobs.get(job.workspace, job.id)
        if found is None or not found.held_by(holder) or not found.cancel_requested:
            return
        result = jobs.so_far(system, found)
        cancelled = domain.cancel(found, system.now(), system.now_s(), result, holder)
        if system.jobs.put(cancelled):
            jobs.measured(system, cancelled)
            return


def _partly(progress: Json, written: int, total: int) -> Json:
    """Return the progress of a step whose outcome is known, and carried out in part."""
    begun = progress.get("percentage", 0)
    percentage = begun + (100 - begun) * written // total
    return {**progress, "percentage": percentage, "written": written, "toWrite": total}


def _linking(to: str) -> Callable[[tuple[Body, ...]], tuple[Body, ...]]:
    """Return what adds a reference to a resource, unless it is there."""
    link = SpecificResource(f"resource:{to}", "linking")

    def revise(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
        there = any(isinstance(b, SpecificResource) and b.source == link.source for b in bodies)
        return bodies if there else (*bodies, link)

    return revise


def _kept(outcome: Outcome) -> dict[str, Any]:
    return {
        "v": 1,
        "answer": outcome.answer,
        "commands": [to_json(command) for command in outcome.commands],
        "progress": outcome.progress,
        "result": outcome.result,
    }


def _outcome(kept: Json) -> Outcome:
    commands = tuple(from_json(command) for command in kept["commands"])
    return Outcome(kept["answer"], commands, kept["progress"], kept["result"])
