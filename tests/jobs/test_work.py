"""What a worker does with a message, and what becomes of the job."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from random import randrange

import pytest

from chalicelib.domain.commands import ChangeContent, UpdateResource
from chalicelib.domain.detection import Ask, Detection
from chalicelib.domain.ids import Stream
from chalicelib.domain.job import MAX_ATTEMPTS, Job
from chalicelib.domain.passages import Passage
from chalicelib.dynamo import Tables
from chalicelib.errors import Conflict, InferenceFailed, Malformed, Unavailable
from chalicelib.flows import jobs, work, write
from chalicelib.flows.content import store
from chalicelib.flows.write import Request
from chalicelib.inference import Inference
from chalicelib.jobs.table import Jobs
from tests.jobs.faults import watched
from tests.jobs.scene import ADA, Process, TestDetector, World, names, quotes, text_of_entities


def test_a_detection_annotates_everything_that_was_found(world: World) -> None:
    resource_id = world.resource(text_of_entities(100))
    done = world.deliver(world.detection(resource_id))
    assert done.state == "complete"
    assert names(world.annotations(resource_id)) == list(quotes(100))
    assert done.result is not None
    assert done.result["cursors"] == [f"{resource_id}:101"]
    told = {name: done.result[name] for name in ("found", "anchored", "added", "duplicates")}
    assert told == {"found": 100, "anchored": 100, "added": 100, "duplicates": 0}


def test_a_hundred_entities_cost_one_commit_and_three_updates_of_the_job(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(100)))
    with watched() as calls:
        work.work(world.process(), world.message(job), "worker", 60_000)
    assert world.job(job).state == "complete"
    assert calls.count("s3.GetObject") == 1
    assert calls.count("s3.PutObject") == 1
    assert calls.count("dynamodb.PutItem", '"palimpsest-test-log"') == 1
    assert calls.count("dynamodb.PutItem", '"palimpsest-test-jobs"') == 3
    assert len(calls.made) <= 14


def test_what_a_job_writes_is_attributed_to_who_asked_and_to_what_found_it(world: World) -> None:
    resource_id = world.resource(text_of_entities(1))
    world.deliver(world.detection(resource_id))
    (mark,) = world.annotations(resource_id)
    assert mark.creator == ADA
    assert mark.annotation.generator == world.detector.generator


def test_at_completion_everything_can_be_read_though_the_views_stand_still(world: World) -> None:
    """No materializer runs in this world: the views show nothing at all."""
    resource_id = world.resource(text_of_entities(100))
    done = world.deliver(world.detection(resource_id))
    assert done.state == "complete"
    assert world.api.views.get(Stream.of_resource(world.workspace, resource_id)) is None
    assert len(world.annotations(resource_id)) == 100


def test_a_long_text_is_read_in_steps_and_written_in_commits(world: World) -> None:
    world.detector.passage = 700
    resource_id = world.resource(text_of_entities(450))
    job = world.detection(resource_id)
    done = world.deliver(job)
    assert names(world.annotations(resource_id)) == list(quotes(450))
    assert len(world.commits_of(job, resource_id)) == 5
    assert done.result is not None
    assert done.result["dropped"].keys() <= {"duplicate"}


def test_a_mention_in_the_overlap_of_two_passages_is_annotated_once(world: World) -> None:
    world.detector.passage = 500
    resource_id = world.resource(text_of_entities(60))
    done = world.deliver(world.detection(resource_id))
    assert names(world.annotations(resource_id)) == list(quotes(60))
    assert done.result is not None
    assert done.result["found"] == 60 + done.result["dropped"]["duplicate"]


def test_a_passage_with_more_than_an_answer_has_room_for_is_asked_about_in_parts(
    world: World,
) -> None:
    class Terse(TestDetector):
        def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
            answer = super().detect(passage, ask, language=language)
            if len(answer.found) > 100:
                usage = answer.usage.to_json()
                raise InferenceFailed("cut off", reason="truncated", usage=usage)
            return answer

    detector = Terse()
    world.inference = Inference(detector, world.writer)
    resource_id = world.resource(text_of_entities(300))
    done = world.deliver(world.detection(resource_id))
    assert names(world.annotations(resource_id)) == list(quotes(300))
    assert done.result is not None
    assert done.result["usage"] == {"calls": detector.asked}
    assert detector.asked > 4


def test_what_is_annotated_already_is_not_annotated_again(world: World) -> None:
    resource_id = world.resource(text_of_entities(20))
    world.deliver(world.detection(resource_id))
    done = world.deliver(world.detection(resource_id))
    assert done.result is not None
    assert (done.result["added"], done.result["duplicates"]) == (0, 20)
    assert len(world.annotations(resource_id)) == 20


def test_a_job_that_finds_nothing_is_complete(world: World) -> None:
    done = world.deliver(world.detection(world.resource("Nobody is here.")))
    assert (done.state, done.result and done.result["added"]) == ("complete", 0)


# -- time ----------------------------------------------------------------------------------------


def test_near_its_deadline_a_worker_saves_its_place_and_goes_to_the_end_of_the_queue(
    world: World,
) -> None:
    world.detector.passage = 700
    world.detector.failing = lambda asked: world.pass_time(6)  # each passage takes so long
    resource_id = world.resource(text_of_entities(400))
    job = world.detection(resource_id)
    assert world.message_waits(job)
    waiting = world.deliver(job)
    assert (waiting.state, waiting.lease, waiting.attempts) == ("pending", None, 1)
    assert waiting.place.step > 0
    asked = world.detector.asked
    assert world.message_waits(job)
    done = world.until_over(job)
    assert done.state == "complete"
    assert names(world.annotations(resource_id)) == list(quotes(400))
    assert world.detector.asked < 2 * asked + 10, "no passage was asked about twice"


def test_a_job_has_its_turn_and_then_others_have_theirs(world: World) -> None:
    world.detector.passage = 700
    world.detector.failing = lambda asked: world.pass_time(10)
    job = world.detection(world.resource(text_of_entities(400)))
    assert world.deliver(job, ms=900_000).state == "pending"


def test_a_message_that_comes_while_a_worker_is_at_it_changes_nothing(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    with watched((3, "after")):
        world.deliver(job)
    running = world.job(job)
    assert running.state == "running"
    assert world.deliver(job) == running


def test_a_message_of_a_job_that_is_over_changes_nothing(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    done = world.deliver(job)
    assert world.deliver(job) == done


# -- what goes wrong -----------------------------------------------------------------------------


def test_a_dependency_that_fails_is_asked_again_later(world: World) -> None:
    def failing(asked: int) -> None:
        if asked < 3:
            raise Unavailable("the model is throttled", dependency="inference", retry_after=30)

    world.detector.failing = failing
    resource_id = world.resource(text_of_entities(3))
    job = world.detection(resource_id)
    assert world.message_waits(job)
    waiting = world.deliver(job)
    assert waiting.state == "pending"
    assert waiting.error is not None
    assert waiting.error["detail"] == "the model is throttled"
    assert not world.message_waits(job), "it waits for 30 s"
    assert world.deliver(job).attempts == 2
    done = world.deliver(job)
    assert (done.state, done.error) == ("complete", None)


def test_a_dependency_that_always_fails_fails_the_job_in_the_end(world: World) -> None:
    def failing(asked: int) -> None:
        raise Unavailable("the model is throttled", dependency="inference")

    world.detector.failing = failing
    job = world.detection(world.resource(text_of_entities(3)))
    for _ in range(MAX_ATTEMPTS):
        found = world.deliver(job)
    assert found.state == "failed"
    assert found.error is not None
    assert "the model is throttled" in found.error["detail"]
    assert found.result == {"cursors": [], "added": 0}


def test_an_answer_that_cannot_be_used_fails_the_job_at_once(world: World) -> None:
    def failing(asked: int) -> None:
        raise InferenceFailed("the answer is cut", reason="cut")

    world.detector.failing = failing
    found = world.deliver(world.detection(world.resource(text_of_entities(3))))
    assert (found.state, found.error and found.error["detail"]) == ("failed", "the answer is cut")


def test_a_fault_that_nobody_foresaw_is_tried_a_bounded_number_of_times(world: World) -> None:
    def failing(asked: int) -> None:
        raise ZeroDivisionError

    world.detector.failing = failing
    job = world.detection(world.resource(text_of_entities(3)))
    for _ in range(MAX_ATTEMPTS):
        assert not world.given_back(job, world.process())
    found = world.job(job)
    assert found.state == "failed"
    assert found.error is not None
    assert "ZeroDivisionError" in found.error["detail"]


class Throttled(Jobs):
    """The jobs table; what it is asked first it does not answer, though it may have done it."""

    def __init__(self, tables: Tables, call: str) -> None:
        super().__init__(tables)
        self._left = [call]

    def get(self, workspace: str, job_id: str) -> Job | None:
        found = super().get(workspace, job_id)
        self._throttle("get")
        return found

    def put(self, job: Job) -> bool:
        done = super().put(job)
        self._throttle("put")
        return done

    def _throttle(self, call: str) -> None:
        if call in self._left:
            self._left.remove(call)
            raise Unavailable("the jobs do not answer", dependency="jobs")


def throttled(world: World, call: str) -> Process:
    process = world.process()
    process._made["jobs"] = Throttled(process.tables, call)
    return process


def test_a_duplicate_that_fails_before_its_claim_takes_nothing_from_the_worker_at_it(
    world: World,
) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    given_back: list[bool] = []

    def meanwhile(asked: int) -> None:
        given_back.append(world.given_back(job, throttled(world, "get")))

    world.detector.failing = meanwhile
    done = world.deliver(job)
    assert given_back == [True], "the duplicate comes again, to find the job done"
    assert (done.state, done.attempts, world.detector.asked) == ("complete", 1, 1)
    assert not world.given_back(job, world.process())


def test_a_fault_before_the_claim_costs_the_job_no_attempt(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    assert world.given_back(job, throttled(world, "get"))
    assert world.job(job) == job
    assert not world.given_back(job, world.process())
    assert world.job(job).state == "complete"


def test_a_job_whose_claim_was_not_answered_is_given_back_by_who_made_it(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    assert not world.given_back(job, throttled(world, "put"))
    found = world.job(job)
    assert (found.state, found.lease, found.attempts) == ("pending", None, 1)


def test_a_job_whose_worker_dies_each_time_fails_in_the_end(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    for _ in range(MAX_ATTEMPTS):
        with watched((3, "before")):
            world.deliver(job)
        world.pass_time(200)
    jobs.sweep(world.api)
    found = world.job(job)
    assert found.state == "failed"
    assert found.error is not None
    assert "without a word" in found.error["detail"]


@pytest.mark.parametrize(
    "message", ["", "{", "[]", "7", '{"workspace": "demo"}', '{"workspace": "demo", "job": 7}']
)
def test_a_malformed_message_is_refused(world: World, message: str) -> None:
    with pytest.raises(Malformed):
        work.work(world.api, message, "worker", 60_000)
    assert not work.stumble(world.api, message, "worker", ValueError())


def test_a_message_of_a_job_that_there_is_not_is_done_with(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    ghost = replace(job, id="0192f000-0000-7000-8000-000000000001")
    work.work(world.api, world.message(ghost), "worker", 60_000)


def test_a_kind_that_this_code_does_not_know_fails_the_job(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    found = world.deliver(job, world.process(kinds={}))
    assert found.state == "failed"


def test_a_resource_archived_meanwhile_fails_the_job_with_the_reason(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    job = world.detection(resource_id)
    request = Request(world.workspace, ADA, "test")
    write.change(world.api, request, resource_id, UpdateResource(archived=True))
    found = world.deliver(job)
    assert found.state == "failed"
    assert found.error is not None
    assert "archived" in found.error["detail"]


def test_content_changed_meanwhile_leaves_annotations_on_the_content_that_was_read(
    world: World,
) -> None:
    resource_id = world.resource(text_of_entities(3))

    def change(asked: int) -> None:
        content = store(world.api, world.workspace, b"Other text.", "text/plain", None)
        request = Request(world.workspace, ADA, "test")
        write.change(world.api, request, resource_id, ChangeContent(content))

    world.detector.failing = change
    done = world.deliver(world.detection(resource_id))
    assert done.state == "complete"
    assert len(world.annotations(resource_id)) == 3


# -- cancelling ----------------------------------------------------------------------------------


def test_a_pending_job_is_cancelled_at_once(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    job = world.detection(resource_id)
    assert jobs.cancel(world.api, world.workspace, job.id).state == "cancelled"
    assert world.deliver(job).state == "cancelled"
    assert world.annotations(resource_id) == []


def test_a_cancellation_wins_over_a_running_worker_before_it_writes(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    job = world.detection(resource_id)

    def cancel(asked: int) -> None:
        assert jobs.cancel(world.api, world.workspace, job.id).cancel_requested

    world.detector.failing = cancel
    found = world.deliver(job)
    assert (found.state, found.result) == ("cancelled", {"cursors": [], "added": 0})
    assert world.annotations(resource_id) == []


@pytest.mark.parametrize("commits", [1, 3])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_after_a_cancellation_was_accepted_at_most_one_commit_more_is_made(
    world: World, commits: int, moment: str
) -> None:
    """It comes while a commit is sent, or when it is there: this one counts, no other follows."""
    resource_id = world.resource(text_of_entities(1000))
    appends = appends_of(world)
    job = world.detection(resource_id)
    at = (appends[commits - 1], moment)
    with watched(do_at=(at, partial(jobs.cancel, world.api, world.workspace, job.id))):
        found = world.deliver(job)
    assert found.state == "cancelled"
    added = commits * 100
    assert found.result == {"cursors": [f"{resource_id}:{added + 1}"], "added": added}
    assert len(world.commits_of(job, resource_id)) == commits


def test_each_commit_is_told_of_before_the_next_one(world: World) -> None:
    """A watcher sees how far a job is that writes for long, and each hundred cost one put more."""
    job = world.detection(world.resource(text_of_entities(1000)))
    with watched() as calls:
        assert world.deliver(job).state == "complete"
    commits = calls.count("dynamodb.PutItem", '"palimpsest-test-log"')
    told = calls.count("dynamodb.PutItem", '"palimpsest-test-jobs"')
    assert (commits, told) == (10, commits + 2)


def appends_of(world: World) -> list[int]:
    """Return which calls of a job that finds a thousand entities are its appends."""
    job = world.detection(world.resource(text_of_entities(1000)))
    with watched() as calls:
        world.deliver(job)
    return calls.numbers("dynamodb.PutItem", '"palimpsest-test-log"')


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.long)])
def test_a_cancellation_may_come_at_any_call_and_the_job_says_what_it_wrote(
    world: World, every: int
) -> None:
    with watched() as calls:
        world.deliver(world.detection(world.resource(text_of_entities(5))))
    ends = set()
    for number in range(randrange(every) + 1, len(calls.made) + 1, every):
        resource_id = world.resource(text_of_entities(5))
        job = world.detection(resource_id)
        with watched(do_at=((number, "before"), partial(cancel_if_not_over, world, job))):
            world.deliver(job)
        found = world.job(job)
        ends.add(found.state)
        written = len(world.annotations(resource_id))
        assert found.over
        assert found.result is not None
        assert found.result["added"] == written
        assert written in (0, 5)
    assert ends == {"cancelled", "complete"} or ends == {"cancelled"}


def cancel_if_not_over(world: World, job: Job) -> None:
    with suppress(Conflict):
        jobs.cancel(world.api, world.workspace, job.id)
