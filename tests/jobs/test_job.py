"""The states of a job, and the only ways from one to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import job as domain
from chalicelib.domain.actor import Actor
from chalicelib.domain.job import MAX_ATTEMPTS, STATES, Job, Lease, Place
from chalicelib.errors import Conflict

ADA = Actor("ada", "Person", "Ada")
NOW, NOW_S = "2026-11-23T09:35:00.000Z", 1_000.0
HERS = Lease("her", NOW_S + 60)
PROBLEM = {"title": "A dependency is unavailable", "detail": "no answer"}

PENDING = Job(
    id="0192f000-0000-7000-8000-000000000001",
    workspace="demo",
    kind="detection",
    params={"entityTypes": ["Person"]},
    actor=ADA,
    correlation="c1",
    resource="0192f000-0000-7000-8000-000000000002",
    created=NOW,
    updated=NOW,
    due_s=NOW_S + 60,
    waits_since_s=NOW_S,
)
RUNNING = domain.claim(PENDING, HERS, NOW, NOW_S)

Transition = Callable[[Job], Job]

TRANSITIONS: dict[str, Transition] = {
    "claim": lambda job: domain.claim(job, Lease("his", NOW_S + 90), NOW, NOW_S),
    "advance": lambda job: domain.advance(job, "her", NOW, Place(1), {"percentage": 9}, {}),
    "yielded": lambda job: domain.yielded(job, "her", NOW, NOW_S),
    "failing": lambda job: domain.yielded(job, "her", NOW, NOW_S, error=PROBLEM),
    "complete": lambda job: domain.complete(job, "her", NOW, {"cursors": []}, {}, {}),
    "fail": lambda job: domain.fail(job, NOW, NOW_S, PROBLEM, {}, "her"),
    "fail unheld": lambda job: domain.fail(job, NOW, NOW_S, PROBLEM, {}, None),
    "cancel": lambda job: domain.cancel(job, NOW, NOW_S, {}, "her"),
    "cancel unheld": lambda job: domain.cancel(job, NOW, NOW_S, {}, None),
    "request_cancel": lambda job: domain.request_cancel(job, NOW),
    "nudge": lambda job: domain.nudge(job, NOW, NOW_S),
}


def test_a_pending_job_is_taken_with_a_lease() -> None:
    assert (RUNNING.state, RUNNING.lease, RUNNING.attempts) == ("running", HERS, 1)
    assert RUNNING.version == PENDING.version + 1
    assert RUNNING.due_s == HERS.until_s


def test_a_leased_job_is_left_to_its_worker() -> None:
    with pytest.raises(Conflict, match="a worker is at it"):
        TRANSITIONS["claim"](RUNNING)


def test_a_job_whose_lease_has_expired_is_taken_over() -> None:
    taken = domain.claim(RUNNING, Lease("his", 2_000), NOW, HERS.until_s)
    assert taken.held_by("his")
    assert taken.attempts == 2


@pytest.mark.parametrize("transition", ["advance", "yielded", "complete", "fail", "cancel"])
def test_only_its_holder_moves_a_running_job(transition: str) -> None:
    taken = domain.claim(RUNNING, Lease("his", 2_000), NOW, HERS.until_s)
    with pytest.raises(Conflict, match="another worker"):
        TRANSITIONS[transition](taken)


def test_only_nudges_leave_a_job_as_far_as_it_was() -> None:
    nudged = domain.nudge(domain.nudge(PENDING, NOW, NOW_S), NOW, NOW_S)
    worked = domain.yielded(domain.claim(nudged, HERS, NOW, NOW_S), "her", NOW, NOW_S)
    again = domain.nudge(worked, NOW, NOW_S)
    assert domain.only_nudged(PENDING, PENDING)
    assert domain.only_nudged(nudged, PENDING)
    assert not any(domain.only_nudged(job, PENDING) for job in (RUNNING, worked, again))


def test_a_job_is_tried_a_bounded_number_of_times() -> None:
    job = PENDING
    for _ in range(MAX_ATTEMPTS):
        job = domain.yielded(domain.claim(job, HERS, NOW, NOW_S), "her", NOW, NOW_S, error=PROBLEM)
    with pytest.raises(Conflict, match="too often"):
        domain.claim(job, HERS, NOW, NOW_S)


def test_progress_that_was_saved_counts_as_a_new_beginning() -> None:
    tired = replace(RUNNING, attempts=MAX_ATTEMPTS)
    assert domain.advance(tired, "her", NOW, Place(1), {}, {}).attempts == 1
    assert domain.advance(tired, "her", NOW, tired.place, {}, {}).attempts == MAX_ATTEMPTS


@pytest.mark.parametrize("transition", ["advance", "yielded", "complete"])
def test_a_job_to_be_cancelled_does_nothing_but_end(transition: str) -> None:
    asked = domain.request_cancel(RUNNING, NOW)
    with pytest.raises(Conflict, match="to be cancelled"):
        TRANSITIONS[transition](asked)
    assert domain.cancel(asked, NOW, NOW_S, {}, "her").state == "cancelled"


def test_asking_twice_for_a_cancellation_changes_nothing() -> None:
    asked = domain.request_cancel(RUNNING, NOW)
    assert domain.request_cancel(asked, NOW) == asked


def test_a_lost_message_is_sent_again_after_longer_and_longer_times() -> None:
    job, waits = PENDING, []
    for _ in range(10):
        job = domain.nudge(job, NOW, NOW_S)
        waits.append(job.due_s - NOW_S)
    assert waits[:3] == [120, 240, 480]
    assert waits == sorted(waits)
    assert waits[-1] == domain.MAX_NUDGE_S


def test_after_a_restart_no_lease_counts() -> None:
    left = domain.abandoned(RUNNING, NOW, NOW_S)
    assert not left.leased(NOW_S)
    assert left.attempts == 0, "it was not the job's fault"
    assert domain.abandoned(PENDING, NOW, NOW_S) == PENDING


@given(st.lists(st.sampled_from(sorted(TRANSITIONS)), max_size=12))
def test_every_path_keeps_the_laws_of_a_job(path: list[str]) -> None:
    job = PENDING
    for step in path:
        before = job
        try:
            job = TRANSITIONS[step](before)
        except Conflict:
            continue
        assert not before.over, f"{step} changed an end state"
        assert job.state in STATES
        assert job == before or job.version == before.version + 1
        assert (job.lease is not None) <= (job.state == "running")
        assert job.attempts <= MAX_ATTEMPTS
        assert (job.result is not None) == job.over
        assert (job.id, job.params, job.created) == (before.id, before.params, before.created)
