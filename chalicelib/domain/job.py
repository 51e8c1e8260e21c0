"""A job: what is asked for, how far it has come, and the only ways in which that may change.

::

    pending ── claim ──► running ── complete ──► complete
       ◄───── yielded ──────┤
       └───── fail ─────────┴──────────────────► failed
       └───── cancel ───────┴──────────────────► cancelled

Every transition returns a new `Job` of the next `version`, which is the cursor of the job's stream
of changes; the store puts it only over the version before. An end state never changes. A worker
holds a job by a lease that outlives its function's deadline: who finds it expired may take over.
Raises Conflict where the state does not allow a transition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, assert_never, get_args

from chalicelib.domain.actor import Actor
from chalicelib.errors import Conflict

State = Literal["pending", "running", "complete", "failed", "cancelled"]
STATES: Final[tuple[State, ...]] = get_args(State)

MAX_ATTEMPTS: Final = 5
"""Claims without any progress saved in between; then the job has failed."""
LOST_AFTER_S: Final = 60.0
"""A pending job that nobody claims for so long is sent again, then after twice as long, …"""
MAX_NUDGE_S: Final = 3600.0

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on a job, and until when (Unix seconds) nobody else may."""

    holder: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Place:
    """How far a job has come: commands `0 … command - 1` of `step` are carried out."""

    step: int = 0
    command: int = 0


START: Final = Place()


@dataclass(frozen=True, slots=True)
class Job:
    """A job after its change number `version`.

    `key` names the request that made it. `written` holds the last version that it wrote, per
    resource, as far as saved. `due_s` is when the sweep has to look at it; `nudges` counts how
    often it sent the message again since it was last claimed. `waits_since_s` is since when it
    waits for a worker, however often it was sent; None when it was claimed. `error` is
    ``{"kind": "Conflict", "title": "…", "status": 409, "detail": "…"}``.
    """

    id: str
    workspace: str
    kind: str
    params: Json
    actor: Actor
    correlation: str
    resource: str | None
    created: str
    updated: str
    due_s: float
    waits_since_s: float | None = None
    key: str | None = None
    state: State = "pending"
    version: int = 1
    attempts: int = 0
    nudges: int = 0
    lease: Lease | None = None
    cancel_requested: bool = False
    progress: Json = field(default_factory=dict)
    place: Place = START
    written: Mapping[str, int] = field(default_factory=dict)
    result: Json | None = None
    error: Json | None = None

    @property
    def over(self) -> bool:
        """Tell whether it has reached an end state."""
        match self.state:
            case "pending" | "running":
                return False
            case "complete" | "failed" | "cancelled":
                return True
            case _:
                assert_never(self.state)

    @property
    def cursor(self) -> str:
        """Return ``<job id>:<version>``, which names this state."""
        return f"{self.id}:{self.version}"

    @property
    def correlates(self) -> str:
        """Return what stands as `correlation` on every commit that it makes."""
        return f"job:{self.id}"

    def leased(self, now_s: float) -> bool:
        """Tell whether a worker holds it."""
        return self.lease is not None and self.lease.until_s > now_s

    def held_by(self, holder: str) -> bool:
        """Tell whether it is this worker who holds it."""
        return self.state == "running" and self.lease is not None and self.lease.holder == holder


def claim(job: Job, lease: Lease, now: str, now_s: float) -> Job:
    """Take a job that waits, or whose worker is gone."""
    match job.state:
        case "pending":
            pass
        case "running":
            if job.leased(now_s):
                raise Conflict("a worker is at it")
        case "complete" | "failed" | "cancelled":
            raise _over(job)
        case _:
            assert_never(job.state)
    if job.cancel_requested:
        raise Conflict("it is to be cancelled")
    if job.attempts >= MAX_ATTEMPTS:
        raise Conflict("it was tried too often")
    return _next(
        job,
        now,
        state="running",
        lease=lease,
        attempts=job.attempts + 1,
        nudges=0,
        due_s=lease.until_s,
        waits_since_s=None,
    )


def advance(
    job: Job, holder: str, now: str, place: Place, progress: Json, written: Mapping[str, int]
) -> Job:
    """Save how far the holder has come. What was saved once need not be tried again."""
    _require_holder(job, holder)
    return _next(
        job,
        now,
        place=place,
        progress=progress,
        written=written,
        attempts=1 if place != job.place else job.attempts,
    )


def yielded(
    job: Job,
    holder: str,
    now: str,
    now_s: float,
    *,
    delay_s: float = 0.0,
    error: Json | None = None,
) -> Job:
    """Give a job back: the holder's time is up, or (with `error`) something refused to work."""
    _require_holder(job, holder)
    return _next(
        job,
        now,
        state="pending",
        lease=None,
        error=error,
        due_s=now_s + delay_s + LOST_AFTER_S,
        waits_since_s=now_s + delay_s,
    )


def complete(
    job: Job, holder: str, now: str, result: Json, progress: Json, written: Mapping[str, int]
) -> Job:
    """End well: all of it is written."""
    _require_holder(job, holder)
    done = _end(job, now, "complete")
    return replace(done, result=result, progress=progress, written=written, error=None)


def fail(job: Job, now: str, now_s: float, error: Json, result: Json, holder: str | None) -> Job:
    """End badly; `result` says what was written until then.

    By its holder, or (`holder` is None) by whoever finds it without one.
    """
    _require_holder_or_none(job, holder, now_s)
    return replace(_end(job, now, "failed"), error=error, result=result)


def cancel(job: Job, now: str, now_s: float, result: Json, holder: str | None) -> Job:
    """End because that was asked for; `result` says what was written until then."""
    _require_holder_or_none(job, holder, now_s)
    return replace(_end(job, now, "cancelled"), result=result, error=None)


def request_cancel(job: Job, now: str) -> Job:
    """Ask the holder to end. Asking again changes nothing. Without a holder it is `cancel`led."""
    if job.over:
        raise _over(job)
    if job.state != "running":
        raise Conflict("nobody is at it: it can be cancelled at once")
    return job if job.cancel_requested else _next(job, now, cancel_requested=True)


def nudge(job: Job, now: str, now_s: float) -> Job:
    """Note that its message was sent again: the next time is twice as far away."""
    if job.over:
        raise _over(job)
    wait_s = min(LOST_AFTER_S * 2 ** (job.nudges + 1), MAX_NUDGE_S)
    return _next(job, now, nudges=job.nudges + 1, due_s=now_s + wait_s)


def only_nudged(job: Job, before: Job) -> bool:
    """Tell whether a job was at most sent again since `before`: then nobody has worked on it."""
    return job.version - before.version == job.nudges - before.nudges


def abandoned(job: Job, now: str, now_s: float) -> Job:
    """Return it without its worker, who is known to be gone: as after a restart of everything.

    That is not the job's fault: the attempt does not count.
    """
    if job.state != "running":
        return job
    return _next(job, now, lease=None, due_s=now_s, attempts=max(0, job.attempts - 1))


def _next(job: Job, now: str, **changes: Any) -> Job:
    return replace(job, version=job.version + 1, updated=max(now, job.updated), **changes)


def _end(job: Job, now: str, state: State) -> Job:
    return _next(job, now, state=state, lease=None, cancel_requested=False, waits_since_s=None)


def _over(job: Job) -> Conflict:
    return Conflict(f"the job is over: {job.state}", state=job.state)


def _require_holder(job: Job, holder: str) -> None:
    if job.over:
        raise _over(job)
    if not job.held_by(holder):
        raise Conflict("another worker has taken the job over")
    if job.cancel_requested:
        raise Conflict("it is to be cancelled")


def _require_holder_or_none(job: Job, holder: str | None, now_s: float) -> None:
    if job.over:
        raise _over(job)
    if holder is None and job.leased(now_s):
        raise Conflict("a worker is at it")
    if holder is not None and not job.held_by(holder):
        raise Conflict("another worker has taken the job over")
