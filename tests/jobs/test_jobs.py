"""Jobs from outside: begun, listed, cancelled, swept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.config import Config
from chalicelib.domain.actor import Actor
from chalicelib.domain.commands import UpdateResource
from chalicelib.domain.job import Job, nudge
from chalicelib.dynamo import Tables
from chalicelib.errors import Conflict, Invalid, NotFound, Unavailable
from chalicelib.flows import jobs, write
from chalicelib.flows.write import Request
from chalicelib.inference import Capabilities
from chalicelib.jobs.table import Jobs, shard_of
from tests.jobs.faults import Killed, watched
from tests.jobs.scene import ADA, Process, World, text_of_entities

BOB = Actor("bob/../ada", "Person", "Bob")


def began_by(world: World, actor: Actor, resource_id: str) -> Job:
    params = {"resource": resource_id, "entityTypes": ["Person"]}
    return jobs.create(world.api, Request(world.workspace, actor, "t"), "detection", params)


# -- beginning -----------------------------------------------------------------------------------


def test_a_job_is_put_and_then_its_message_is_sent(world: World) -> None:
    with watched() as calls:
        job = world.detection(world.resource(text_of_entities(3)))
    puts = [number for number, call in enumerate(calls.made) if call == "dynamodb.PutItem"]
    assert calls.made.index("sqs.SendMessage") > puts[-1]
    assert world.job(job) == job
    assert world.message_waits(job)


def test_the_same_keyed_request_begins_one_job(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    first = world.detection(resource_id, key="k1")
    assert world.detection(resource_id, key="k1") == first
    assert world.detection(resource_id, key="k2").id != first.id
    done = world.deliver(first)
    assert world.detection(resource_id, key="k1") == done


def test_a_keyed_request_that_died_anywhere_begins_one_job_when_it_is_repeated(
    world: World,
) -> None:
    for number in range(1, 20):
        resource_id = world.resource(text_of_entities(3))
        for moment in ((number, "before"), (number, "after"), None):
            with watched(moment):
                world.detection(resource_id, key=f"{world.workspace}/{number}")
        assert len(listed(world, resource=resource_id)) == 1


def test_without_queues_no_job_begins(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    process = Process(replace(world.config, jobs_queue_url=""), clock=lambda: world.now_s)
    with pytest.raises(Unavailable, match="no job workers"):
        jobs.create(process, Request("demo", ADA, "t"), "detection", {"resource": resource_id})


def test_a_message_that_cannot_be_sent_is_sent_by_the_sweep(world: World) -> None:
    elsewhere = replace(world.config, jobs_queue_url=world.config.jobs_queue_url + "-gone")
    process = world.process()
    process._made["jobs_queue"] = type(world.api.jobs_queue)(elsewhere)
    resource_id = world.resource(text_of_entities(3))
    params = {"resource": resource_id, "entityTypes": ["Person"]}
    job = jobs.create(process, Request(world.workspace, ADA, "t"), "detection", params)
    assert not world.message_waits(job)
    world.pass_time(61)
    jobs.sweep(world.api)
    assert world.message_waits(job)


# -- what is refused before there is a job -------------------------------------------------------


def refused(world: World, kind: str = "detection", **params: object) -> Invalid:
    with pytest.raises(Invalid) as raised:
        jobs.create(world.api, Request(world.workspace, ADA, "t"), kind, params)
    assert listed(world) == []
    return raised.value


def test_an_unknown_kind_is_refused(world: World) -> None:
    assert refused(world, "divination").extra["errors"][0]["pointer"] == "/kind"


def test_an_entity_type_that_is_not_offered_is_refused_by_its_place(world: World) -> None:
    resource_id = world.resource("Ada.")
    error = refused(world, resource=resource_id, entityTypes=["Person", "Unicorn"])
    assert [fault["pointer"] for fault in error.extra["errors"]] == ["/entityTypes/1"]


def test_entity_types_that_nobody_here_can_find_are_refused(world: World) -> None:
    resource_id = world.resource("Ada.")
    assert "finds none of" in refused(world, resource=resource_id, entityTypes=["Concept"]).detail


@pytest.mark.parametrize("motivation", ["highlighting", "assessing", "commenting"])
def test_what_takes_a_model_is_refused_without_one(world: World, motivation: str) -> None:
    error = refused(world, resource=world.resource("Ada."), motivation=motivation)
    assert "takes a model" in error.detail


def test_tags_of_an_unknown_schema_and_unknown_tags_are_refused(world: World) -> None:
    world.detector.capabilities = Capabilities(marks=True)
    asked = {"resource": world.resource("Ada."), "motivation": "tagging"}
    assert "no tag schema" in refused(world, **asked, tagSchema="none").detail
    error = refused(world, **asked, tagSchema="legal-irac", tags=["Issue", "Guess"])
    assert [fault["pointer"] for fault in error.extra["errors"]] == ["/tags/1"]


def test_an_image_has_no_text_to_look_in(world: World) -> None:
    resource_id = world.resource("…", "image/png")
    assert "no text" in refused(world, resource=resource_id, entityTypes=["Person"]).detail


def test_an_archived_or_unknown_resource_is_refused(world: World) -> None:
    resource_id = world.resource("Ada.")
    request = Request(world.workspace, ADA, "t")
    write.change(world.api, request, resource_id, UpdateResource(archived=True))
    with pytest.raises(Conflict):
        world.detection(resource_id)
    with pytest.raises(NotFound):
        world.detection(world.api.mint())


# -- lists ---------------------------------------------------------------------------------------


def listed(world: World, actor: Actor = ADA, **more: object) -> list[Job]:
    found: list[Job] = []
    before = None
    while True:
        page = jobs.page(world.api, world.workspace, actor, limit=2, before=before, **more)  # type: ignore[arg-type]
        found += page.items
        before = page.next
        if before is None:
            return found


def test_everybody_lists_his_own_jobs_newest_first(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    mine = []
    for _ in range(5):
        mine.append(began_by(world, ADA, resource_id))
        world.pass_time(1)
        began_by(world, BOB, resource_id)
    assert listed(world) == mine[::-1]
    assert len(listed(world, BOB)) == 5
    assert len(listed(world, resource=resource_id)) == 10


def test_a_list_by_state_shows_each_job_as_it_is(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    made = [began_by(world, ADA, resource_id) for _ in range(5)]
    done = {world.deliver(job).id for job in made[::2]}
    assert {job.id for job in listed(world, state="complete")} == done
    assert len(listed(world, state="pending")) == 2
    assert listed(world, state="failed") == []


def test_another_workspace_knows_nothing_of_a_job(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    with pytest.raises(NotFound):
        jobs.get(world.api, "elsewhere", job.id)
    with pytest.raises(NotFound):
        jobs.cancel(world.api, "elsewhere", job.id)
    assert jobs.page(world.api, "elsewhere", ADA, limit=9).items == ()


# -- the sweep -----------------------------------------------------------------------------------


def test_a_pending_job_is_sent_again_after_a_minute_and_then_more_seldom(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    assert world.message_waits(job)  # … and is lost
    sent = []
    for minute in range(1, 16):
        world.pass_time(60.1)
        jobs.sweep(world.api)
        if world.message_waits(job):
            sent.append(minute)
    assert sent == [1, 3, 7, 15]


def test_a_job_whose_worker_is_gone_is_sent_again(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    with watched((3, "after")):
        world.deliver(job)
    assert world.message_waits(job)
    jobs.sweep(world.api)
    assert not world.message_waits(job), "its lease has not expired"
    world.pass_time(91)
    jobs.sweep(world.api)
    assert world.message_waits(job)
    assert world.deliver(job).state == "complete"


def test_a_job_to_be_cancelled_whose_worker_is_gone_is_cancelled(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    with watched() as calls:
        world.deliver(job)
    resource_id = world.resource(text_of_entities(3))
    job = world.detection(resource_id)
    with watched((calls.number("dynamodb.PutItem", "palimpsest-test-log"), "after")):
        world.deliver(job)
    assert jobs.cancel(world.api, world.workspace, job.id).cancel_requested
    world.pass_time(91)
    jobs.sweep(world.api)
    found = world.job(job)
    assert found.state == "cancelled"
    assert found.result == {"cursors": [f"{resource_id}:4"], "added": 3}, "as the log has it"


def test_after_a_restart_every_job_is_taken_up_at_once(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    running, pending = world.detection(resource_id), world.detection(resource_id)
    with watched((4, "after")):
        world.deliver(running)
    assert world.message_waits(pending)
    jobs.resume(world.api)
    assert world.message_waits(running)
    assert world.deliver(running).state == "complete"
    assert world.deliver(pending).state == "complete"


def test_after_a_restart_more_jobs_than_a_sweep_takes_are_taken_up_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEPT_AT_ONCE", 1)
    resource_id = world.resource(text_of_entities(3))
    running = [world.detection(resource_id) for _ in range(9)]
    for job in running:
        with watched((4, "after")):
            world.deliver(job)
    jobs.resume(world.api)
    assert all(world.job(job).lease is None for job in running)
    assert all(world.deliver(job).state == "complete" for job in running)


def test_one_job_that_cannot_be_looked_after_does_not_stop_the_sweep(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    made = [world.detection(resource_id) for _ in range(9)]
    assert len({shard_of(job.id) for job in made}) > 1
    world.pass_time(61)
    jobs.sweep(world.api)
    assert all(world.job(job).nudges == 1 for job in made)


# -- cancelling, health --------------------------------------------------------------------------


def test_cancelling_twice_is_no_fault_and_what_is_over_cannot_be_cancelled(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    job = world.detection(resource_id)
    cancelled = jobs.cancel(world.api, world.workspace, job.id)
    assert jobs.cancel(world.api, world.workspace, job.id) == cancelled
    done = world.deliver(world.detection(resource_id))
    with pytest.raises(Conflict):
        jobs.cancel(world.api, world.workspace, done.id)


class Restless(Jobs):
    """The jobs table, where something happens before each of the first puts of a state."""

    def __init__(self, tables: Tables, state: str, *before: Callable[[], object]) -> None:
        super().__init__(tables)
        self._state = state
        self._before = list(before)

    def put(self, job: Job) -> bool:
        if job.state == self._state and self._before:
            self._before.pop(0)()
        return super().put(job)


def test_what_a_cancelled_job_wrote_is_looked_up_once_however_often_it_is_sent_meanwhile(
    world: World,
) -> None:
    resource_id = world.resource(text_of_entities(3))
    job = given_up_after_its_commit(world, resource_id)

    def sent() -> None:
        world.api.jobs.put(nudge(world.job(job), world.api.now(), world.now_s))

    process = world.process()
    process._made["jobs"] = Restless(process.tables, "cancelled", sent, sent, sent)
    with watched() as calls:
        found = jobs.cancel(process, world.workspace, job.id)
    assert found.state == "cancelled"
    assert found.result == {"cursors": [f"{resource_id}:4"], "added": 3}
    queries = [call for call in calls.bodies if b'"palimpsest-test-log"' in call]
    assert len(queries) == 1


def test_what_a_worker_wrote_while_a_job_was_cancelled_is_told(world: World) -> None:
    resource_id = world.resource(text_of_entities(3))
    job = world.detection(resource_id)

    def dies() -> None:
        raise Killed

    def works_and_dies() -> None:
        worker = world.process()
        worker._made["jobs"] = Restless(worker.tables, "complete", dies)
        with watched():
            world.deliver(job, worker)
        world.pass_time(91)

    process = world.process()
    process._made["jobs"] = Restless(process.tables, "cancelled", works_and_dies)
    found = jobs.cancel(process, world.workspace, job.id)
    assert found.result == {"cursors": [f"{resource_id}:4"], "added": 3}


def given_up_after_its_commit(world: World, resource_id: str) -> Job:
    """Return a job whose worker died between its commit and its last word, a while ago."""
    job = world.detection(resource_id)
    with watched((append_of_a_job(world), "after")):
        world.deliver(job)
    world.pass_time(91)
    return world.job(job)


def append_of_a_job(world: World) -> int:
    """Return the number of the call that appends a job's commit, of those that its worker makes."""
    job = world.detection(world.resource(text_of_entities(3)))
    with watched() as calls:
        world.deliver(job)
    return calls.number("dynamodb.PutItem", "palimpsest-test-log")


def test_health_tells_of_given_up_messages_and_of_jobs_that_wait_too_long(
    environment: dict[str, str], world: World
) -> None:
    config = Config.from_env(environment)
    job = world.detection(world.resource(text_of_entities(3)))
    world.pass_time(601)
    told = jobs.trouble(world.api)
    assert told is not None
    assert "has waited" in told
    world.api.jobs_queue._sqs.send_message(
        QueueUrl=config.jobs_dead_letter_queue_url, MessageBody="?"
    )
    told = jobs.trouble(world.api)
    assert told is not None
    assert "1 message(s) were given up" in told
    world.deliver(job)


def test_health_tells_after_ten_minutes_though_the_sweep_sends_the_job_again(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    told = []
    for minute in range(1, 12):
        world.pass_time(60)
        jobs.sweep(world.api)
        if "has waited" in (jobs.trouble(world.api) or ""):
            told.append(minute)
    assert told == [11]
    assert world.job(job).nudges > 1
    world.deliver(job)


def test_a_job_that_waits_for_its_next_attempt_does_not_wait_for_a_worker_yet(
    world: World,
) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    world.pass_time(500)
    world.detector.failing = throttling
    given_back = world.deliver(job)
    assert given_back.state == "pending"
    assert given_back.waits_since_s is not None
    assert given_back.waits_since_s >= world.now_s + 300


def throttling(asked: int) -> None:
    raise Unavailable("the model is throttled", dependency="inference", retry_after=300)


def test_a_job_that_was_stored_without_when_it_began_to_wait_is_read(world: World) -> None:
    job = world.detection(world.resource(text_of_entities(3)))
    item = world.api.tables.jobs.get(f"{world.workspace}/job#{job.id}", "job")
    body = json.loads(item.body)
    del body["waitsSince"]
    item.body = json.dumps(body)
    item.save()
    assert world.job(job) == job


def test_jobs_that_wait_for_a_model_have_a_queue_of_their_own(world: World) -> None:
    quick = world.detection(world.resource(text_of_entities(3)))
    slow = world.generation(resource=world.resource("Ada."))
    waiting = world.messages(world.config.slow_jobs_queue_url)
    assert [each["Body"] for each in waiting] == [world.message(slow)]
    (message,) = world.messages(world.config.jobs_queue_url)
    assert message["Body"] == world.message(quick)
    assert message["Attributes"]["MessageGroupId"].startswith(f"{world.workspace}.")
