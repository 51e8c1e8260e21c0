"""Law 6: a job run twice, killed anywhere, or cancelled leaves no duplicate, and always ends.

A worker is killed before and after each call to AWS of a job that finds a hundred entities; its
message comes again, also several times at once. What counts is the log: exactly a hundred
annotations in one commit, and one `complete`, after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from random import randrange
from threading import Barrier, Thread
from typing import Any

import pytest

from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.detection import Ask, Detection
from chalicelib.domain.ids import Stream
from chalicelib.domain.job import Job
from chalicelib.domain.passages import Passage
from chalicelib.flows import jobs, work
from chalicelib.inference import Inference
from chalicelib.jobs.outcomes import Outcomes
from chalicelib.log import Intent, Log
from tests.jobs.faults import Moment, watched
from tests.jobs.scene import (
    A_MINUTE_MS,
    ADA,
    Endings,
    TestDetector,
    World,
    names,
    quotes,
    text_of_entities,
)

ENTITIES = 100


class Violation(AssertionError):
    """The law does not hold."""


def calls_of(world: World) -> list[str]:
    """Return the calls of a job that nothing disturbs."""
    job = world.detection(world.resource(text_of_entities(ENTITIES)))
    with watched() as calls:
        world.deliver(job)
    assert len(calls.made) > 10
    return calls.made


def moments(calls: list[str]) -> list[Moment]:
    """Return every point between two calls: what stands before one stands after the one before."""
    return [(1, "before"), *((number, "after") for number in range(1, len(calls) + 1))]


def check(world: World, job: Job, resource_id: str) -> None:
    """Raise Violation unless the job did what it should, once."""
    done = world.until_over(job)
    if done.state != "complete" or done.result is None:
        raise Violation(f"the job ended as {done.state}: {done.error}")
    found = names(world.annotations(resource_id))
    if found != list(quotes(ENTITIES)):
        raise Violation(f"{len(found)} annotations, {len(set(found))} different ones")
    if world.endings(done) > 1:
        raise Violation(f"the job ended {world.endings(done)} times")
    commits = world.commits_of(done, resource_id)
    if done.result["cursors"] != [f"{resource_id}:{commits[-1]}"] or len(commits) != 1:
        raise Violation(f"commits {commits}, told {done.result['cursors']}")


def test_a_worker_killed_at_any_call_leaves_a_hundred_annotations_and_one_completion(
    world: World,
) -> None:
    for moment in moments(calls_of(world)):
        resource_id = world.resource(text_of_entities(ENTITIES))
        job = world.detection(resource_id)
        with watched(moment):
            world.deliver(job)
        for _ in range(1 + moment[0] % 5):
            world.pass_time(200)
            world.deliver(job)
        check(world, job, resource_id)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.long)])
def test_a_worker_killed_again_and_again_comes_to_an_end(world: World, every: int) -> None:
    for number in range(randrange(every) + 1, len(calls_of(world)) + 1, every):
        resource_id = world.resource(text_of_entities(ENTITIES))
        job = world.detection(resource_id)
        for _ in range(3):
            with watched((number, "after")):
                world.deliver(job)
            world.pass_time(200)
        check(world, job, resource_id)


def test_messages_that_come_at_once_do_the_work_once(world: World) -> None:
    for number in range(1, len(calls_of(world)) + 1, 2):
        resource_id = world.resource(text_of_entities(ENTITIES))
        job = world.detection(resource_id)
        with watched((number, "after")):
            world.deliver(job)
        world.pass_time(200)
        at_once(world, job, 3)
        check(world, job, resource_id)


def at_once(world: World, job: Job, workers: int, table: type[Endings] = Endings) -> None:
    """Deliver a job's message to several workers at the same time."""
    shared = table(world.api.tables, world.ended)
    barrier = Barrier(workers)
    faults: list[BaseException] = []

    def run() -> None:
        process = world.process()
        process._made["jobs"] = shared
        barrier.wait()
        try:
            work.work(process, world.message(job), process.mint(), A_MINUTE_MS)
        except BaseException as error:
            faults.append(error)

    threads = [Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_job_without_a_message_is_found_by_the_sweep(world: World) -> None:
    """A crash between the put of the job and the send: at any call of the request."""
    resource_id = world.resource(text_of_entities(ENTITIES))
    with watched() as calls:
        world.detection(resource_id)
    for moment in moments(calls.made):
        resource_id = world.resource(text_of_entities(ENTITIES))
        with watched(moment):
            world.detection(resource_id)
        found = jobs.page(world.api, world.workspace, ADA, resource=resource_id, limit=9)
        for job in found.items:
            check(world, job, resource_id)


# -- a model says something else each time, a long text takes several steps and commits ----------


class Fickle:
    """A detector that leaves another third out each time that it is asked about a passage."""

    def __init__(self) -> None:
        self.detector = TestDetector(passage=700)
        self.answers: dict[int, list[list[str]]] = {}
        self.generator = self.detector.generator
        self.capabilities = self.detector.capabilities
        self.size = self.detector.size

    def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
        whole = self.detector.detect(passage, ask)
        said = self.answers.setdefault(passage.start, [])
        left_out = len(said) % 3
        found = tuple(f for f in whole.found if int(f.quote[1:]) % 3 != left_out)
        said.append([finding.quote for finding in found])
        return replace(whole, found=found)


def fickle(world: World, entities: int = 330) -> tuple[Job, str, Fickle]:
    detector = Fickle()
    world.inference = Inference(detector, world.writer)
    resource_id = world.resource(text_of_entities(entities))
    return world.detection(resource_id), resource_id, detector


def check_one_answer(world: World, job: Job, resource_id: str, detector: Fickle) -> None:
    """Raise Violation unless what is annotated is one answer for each passage."""
    done = world.until_over(job)
    marks = world.annotations(resource_id)
    found = set(names(marks))
    if done.result is None or not len(found) == len(marks) == done.result["added"]:
        raise Violation(f"{len(marks)} annotations of {len(found)}, told {done.result}")
    for said in detector.answers.values():
        if not any(found >= set(answer) for answer in said):
            raise Violation("a passage's annotations are of no one answer")
    commits = world.commits_of(done, resource_id)
    if done.result["cursors"] != [f"{resource_id}:{commits[-1]}"] or commits[-1] != len(found) + 1:
        raise Violation(f"commits {commits}, told {done.result['cursors']}")


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.long)])
def test_the_first_answer_counts_wherever_the_worker_is_killed(world: World, every: int) -> None:
    job, resource_id, detector = fickle(world)
    with watched() as calls:
        world.deliver(job)
    assert len(detector.answers) > 3
    check_one_answer(world, job, resource_id, detector)
    for moment in moments(calls.made)[randrange(every) :: every]:
        job, resource_id, detector = fickle(world)
        with watched(moment):
            world.deliver(job)
        world.pass_time(200)
        world.deliver(job)
        check_one_answer(world, job, resource_id, detector)


# -- broken doubles: each breaks the law, and the checks above see it ----------------------------


class Forgetful(Outcomes):
    """Keeps no outcome."""

    def keep(self, job: Job, step: int, outcome: Mapping[str, Any]) -> Mapping[str, Any]:
        return outcome

    def kept(self, job: Job, step: int) -> None:
        return None


class Keyless(Log):
    """Appends without keys, so that nobody finds what was appended already."""

    def append(self, stream: Stream, head: Head, new: Any, intent: Intent) -> Commit:
        return super().append(stream, head, new, replace(intent, key=None))


class Unconditional(Endings):
    """Puts whatever it is given."""

    def put(self, job: Job) -> bool:
        self._put(job, None)
        return True


class Hasty(Log):
    """Says that it has appended, and does so later: as by a bus between worker and log."""

    def append(self, stream: Stream, head: Head, new: Any, intent: Intent) -> Commit:
        return self._seal(stream, head, new, intent)


def seen_to_break(attempts: Iterable[Callable[[], None]]) -> None:
    """Check that one of the attempts breaks the law."""

    def make_them() -> None:
        for attempt in attempts:
            attempt()

    with pytest.raises(Violation):
        make_them()


def broken(world: World, moment: Moment | None, job: Job, **layers: Any) -> None:
    """Deliver a job to a process with broken layers, which is killed at that moment."""
    process = world.process()
    process._made |= {name: make(process) for name, make in layers.items()}
    with watched(moment):
        world.deliver(job, process)
    world.pass_time(200)


def test_without_kept_outcomes_answers_are_mixed(world: World) -> None:
    def twice(moment: Moment) -> None:
        job, resource_id, detector = fickle(world)
        for kill_at in (moment, None):
            broken(world, kill_at, job, outcomes=lambda process: Forgetful(process.content))
        check_one_answer(world, job, resource_id, detector)

    seen_to_break(partial(twice, (number, "after")) for number in range(20, 60))


def test_without_keys_a_killed_worker_appends_twice(world: World) -> None:
    def twice(moment: Moment) -> None:
        resource_id = world.resource(text_of_entities(ENTITIES))
        job = world.detection(resource_id)
        for kill_at in (moment, None):
            broken(world, kill_at, job, log=lambda process: Keyless(process.tables))
        check(world, job, resource_id)

    seen_to_break(partial(twice, moment) for moment in moments(calls_of(world))[-3:])


def check_all_of_it_can_be_read(world: World, job: Job, resource_id: str) -> None:
    """Raise Violation unless a job that is complete has said the truth."""
    done = world.job(job)
    found = len(world.annotations(resource_id))
    if done.state == "complete" and (done.result is None or done.result["added"] != found):
        raise Violation(f"complete, with {found} annotations to be read: {done.result}")


def test_an_append_that_is_not_waited_for_is_seen_at_completion(world: World) -> None:
    def once() -> None:
        resource_id = world.resource(text_of_entities(ENTITIES))
        job = world.detection(resource_id)
        broken(world, None, job, log=lambda process: Hasty(process.tables))
        check_all_of_it_can_be_read(world, job, resource_id)

    seen_to_break([once])


def test_without_conditions_a_cancellation_is_overwritten(world: World) -> None:
    def once() -> None:
        job = world.detection(world.resource(text_of_entities(ENTITIES)))
        accepted = []

        def cancel(asked: int) -> None:
            accepted.append(jobs.cancel(world.api, world.workspace, job.id))

        world.detector.failing = cancel
        broken(world, None, job, jobs=lambda process: Unconditional(process.tables, []))
        if accepted and world.job(job).state != "cancelled":
            raise Violation(f"cancelled, and yet {world.job(job).state}")

    seen_to_break([once])


def test_without_conditions_several_workers_end_a_job(world: World) -> None:
    def together() -> None:
        resource_id = world.resource(text_of_entities(ENTITIES))
        job = world.detection(resource_id)
        at_once(world, job, 3, Unconditional)
        check(world, job, resource_id)

    seen_to_break(together for _ in range(20))
