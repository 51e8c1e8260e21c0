"""Jobs over HTTP: the app, called as API Gateway calls it, and its workers as Lambda calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app import app
from chalicelib import system as systems
from chalicelib.errors import InferenceFailed
from infra.local.functions import Function, QueueSource
from infra.local.payloads import schedule_event
from infra.local.queuepump import QueuePump
from tests.edge.api import Answer, Api
from tests.jobs.scene import World, text_of_entities

NOTHING_HERE = "0192f000-0000-7000-8000-000000000001"


class JobsApi(Api):
    """The app over a world, as its user Ada; and its workers, on demand."""

    def __init__(self, world: World, environment: dict[str, str]) -> None:
        super().__init__(world.api)
        self.world = world
        self.pumps = [
            QueuePump(QueueSource(Function(name, app.handler_map[name]), environment[arn], 1, 1))
            for name, arn in (
                ("job_worker", "JOBS_QUEUE_ARN"),
                ("slow_job_worker", "SLOW_JOBS_QUEUE_ARN"),
            )
        ]

    def work(self) -> None:
        """Let the workers do all that there is to do."""
        while any(pump.step() for pump in self.pumps):
            pass

    def delete(self, path: str, **more: Any) -> Answer:
        return self("DELETE", path, **more)

    def stream(self, path: str, json: Any = None, **more: Any) -> list[dict[str, Any]]:
        """Return the events of an event stream; a GET without a body."""
        method = "GET" if json is None else "POST"
        return events(self(method, path, json, **more))


def events(answer: Answer) -> list[dict[str, Any]]:
    """Return what an answer of server-sent events holds."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/event-stream"
    preamble, *frames = answer.body.decode().strip().split("\n\n")
    assert preamble == "retry: 1000"
    fields = [dict(line.split(": ", 1) for line in frame.splitlines()) for frame in frames]
    return [{**each, "data": json.loads(each["data"])} for each in fields]


@pytest.fixture
def api(environment: dict[str, str], world: World) -> Iterator[JobsApi]:
    systems.use(world.api)
    for name in ("JOBS_QUEUE_URL", "SLOW_JOBS_QUEUE_URL"):
        world.messages(environment[name])  # what earlier tests have left
    try:
        yield JobsApi(world, environment)
    finally:
        systems.use(None)


@pytest.fixture
def resource_id(world: World) -> str:
    return world.resource(text_of_entities(7))


def detection(resource_id: str) -> dict[str, Any]:
    return {
        "kind": "detection",
        "resource": resource_id,
        "params": {"entityTypes": ["Person"]},
    }


# -- beginning, reading, listing, cancelling -----------------------------------------------------


def test_a_job_is_begun_worked_on_and_read(api: JobsApi, resource_id: str) -> None:
    answer = api.post("/jobs", detection(resource_id))
    assert answer.status == 201
    begun = answer.json
    assert answer.headers["location"].endswith(f"/jobs/{begun['id']}")
    assert (begun["state"], begun["version"], begun["resource"]) == ("pending", 1, resource_id)
    assert begun["params"] == {"motivation": "linking", "entityTypes": ["Person"]}
    assert begun["creator"]["id"] == "ada"

    api.work()

    done = api.get(f"/jobs/{begun['id']}")
    assert done.etag == f'"{done.json["version"]}"'
    assert done.json["state"] == "complete"
    assert done.json["result"]["added"] == 7
    assert done.json["progress"]["percentage"] == 100
    assert len(api.get(f"/resources/{resource_id}/annotations").json["items"]) == 7
    (cursor,) = done.json["result"]["cursors"]
    assert api.get("/resources", query={"after": cursor}).json["items"][0]["annotationCount"] == 7


def test_events_of_a_job_name_it_as_their_correlation(api: JobsApi, resource_id: str) -> None:
    job = api.post("/jobs", detection(resource_id)).json
    api.work()
    *_, last = api.get(f"/resources/{resource_id}/events").json["items"]
    assert last["correlation"] == f"job:{job['id']}"


def test_a_repeated_keyed_request_answers_with_the_same_job_as_it_is_now(
    api: JobsApi, resource_id: str
) -> None:
    key = {"idempotency-key": f"k-{resource_id}"}
    first = api.post("/jobs", detection(resource_id), headers=key)
    api.work()
    again = api.post("/jobs", detection(resource_id), headers=key)
    assert again.status == first.status
    assert again.json["id"] == first.json["id"]
    assert again.json["state"] == "complete"
    assert again.headers["idempotency-replayed"] == "true"


def test_jobs_are_listed_newest_first_by_state_by_resource_and_in_pages(
    api: JobsApi, resource_id: str
) -> None:
    made = []
    for _ in range(3):
        made.append(api.post("/jobs", detection(resource_id)).json["id"])
        api.world.pass_time(1)
    api.delete(f"/jobs/{made[0]}")
    first = api.get("/jobs", query={"limit": 2}).json
    rest = api.get("/jobs", query={"limit": 2, "cursor": first["next"]}).json
    assert [job["id"] for job in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    by_state = api.get("/jobs", query={"state": "cancelled"}).json["items"]
    assert [job["id"] for job in by_state] == made[:1]
    assert len(api.get("/jobs", query={"resource": resource_id}).json["items"]) == 3
    assert api.get("/jobs", query={"resource": NOTHING_HERE}).json["items"] == []


def test_a_cursor_of_another_list_is_refused(api: JobsApi) -> None:
    assert api.get("/jobs", query={"cursor": "xyz"}).problem == "malformed"


def test_a_job_is_cancelled(api: JobsApi, resource_id: str) -> None:
    job = api.post("/jobs", detection(resource_id)).json
    answer = api.delete(f"/jobs/{job['id']}")
    assert (answer.status, answer.json["state"]) == (202, "cancelled")
    assert api.delete(f"/jobs/{job['id']}").status == 202
    api.work()
    assert api.get(f"/resources/{resource_id}/annotations").json["items"] == []


def test_a_job_that_is_complete_cannot_be_cancelled(api: JobsApi, resource_id: str) -> None:
    job = api.post("/jobs", detection(resource_id)).json
    api.work()
    assert api.delete(f"/jobs/{job['id']}").problem == "conflict"


def test_a_job_that_has_gone_on_is_not_cancelled_for_who_saw_it_before(
    api: JobsApi, resource_id: str
) -> None:
    job = api.post("/jobs", detection(resource_id)).json
    path = f"/jobs/{job['id']}"
    seen = api.get(path).headers["etag"]
    api.work()

    stale = api.delete(path, headers={"if-match": seen})

    assert (stale.problem, stale.status) == ("stale-version", 412)
    assert stale.json["actual"] == api.get(path).json["version"]


def test_a_job_is_cancelled_for_who_saw_it_as_it_is(api: JobsApi, resource_id: str) -> None:
    path = f"/jobs/{api.post('/jobs', detection(resource_id)).json['id']}"
    seen = api.get(path).headers["etag"]

    assert api.delete(path, headers={"if-match": 'W/"1", "99"'}).problem == "stale-version"
    assert api.delete(path, headers={"if-match": f'"99", {seen}'}).json["state"] == "cancelled"
    assert api.delete(path, headers={"if-match": "*"}).status == 202


@pytest.mark.parametrize("job_id", [NOTHING_HERE, "x", "%2e%2e"])
def test_a_job_that_there_is_not_is_not_found(api: JobsApi, job_id: str) -> None:
    assert api.get(f"/jobs/{job_id}").problem == "not-found"
    assert api.delete(f"/jobs/{job_id}").problem == "not-found"
    assert api.get(f"/jobs/{job_id}/events/stream").problem == "not-found"


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"kind": "divination"}, "/kind"),
        ({"params": {"entityTypes": []}}, "/params/entityTypes"),
        ({"params": {}}, "/params/entityTypes"),
        ({"params": {"entityTypes": ["Person"], "tone": "critical"}}, "/params/tone"),
        ({"params": {"motivation": "assessing", "tone": "angry"}}, "/params/tone"),
        ({"params": {"motivation": "tagging"}}, "/params/tagSchema"),
        ({"resource": "x"}, "/resource"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    api: JobsApi, resource_id: str, members: dict[str, Any], pointer: str
) -> None:
    answer = api.post("/jobs", detection(resource_id) | members)
    assert answer.problem == "invalid"
    assert pointer in [fault["pointer"] for fault in answer.json["errors"]]


def test_a_detection_needs_a_resource(api: JobsApi) -> None:
    answer = api.post("/jobs", {"kind": "detection", "params": {"entityTypes": ["Person"]}})
    assert answer.problem == "invalid"


def test_what_a_body_names_and_is_not_there_is_a_fault_of_the_body(
    api: JobsApi, resource_id: str
) -> None:
    def pointers(path: str, body: dict[str, Any]) -> list[str]:
        answer = api.post(path, body)
        assert answer.problem == "invalid"
        return [fault["pointer"] for fault in answer.json["errors"]]

    assert pointers("/jobs", detection(NOTHING_HERE)) == ["/resource"]
    unknown = {**detection(resource_id), "params": {"entityTypes": ["Person", "Unicorn"]}}
    assert pointers("/jobs", unknown) == ["/params/entityTypes/1"]
    reference = {"resource": resource_id, "annotation": NOTHING_HERE}
    assert pointers("/generate-resource-stream", reference) == ["/annotation"]


def test_bad_parameters_leave_no_job(api: JobsApi, resource_id: str) -> None:
    path = f"/resources/{resource_id}/detect-annotations-stream"
    assert api.post(path, {"entityTypes": []}).problem == "invalid"
    assert api.post(path, {"entityTypes": ["Unicorn"]}).problem == "invalid"
    assert api.post(path, {"motivation": "highlighting"}).problem == "invalid"
    assert api.get("/jobs").json["items"] == []


# -- streams -------------------------------------------------------------------------------------


def test_a_detection_is_streamed_from_its_creation_to_its_end(
    api: JobsApi, resource_id: str
) -> None:
    path = f"/resources/{resource_id}/detect-annotations-stream"
    answer = api.post(path, {"entityTypes": ["Person"]})
    (created,) = events(answer)
    job_id = created["data"]["id"]
    assert (created["event"], created["id"]) == ("job-created", f"{job_id}:1")
    location = answer.headers["location"]
    assert location.endswith(f"/jobs/{job_id}/events/stream")

    api.work()

    (done,) = api.stream(location, headers={"last-event-id": created["id"]})
    assert done["event"] == "job-complete"
    assert done["data"]["result"]["added"] == 7
    assert api.get(location, headers={"last-event-id": done["id"]}).status == 204


def test_a_stream_without_a_position_tells_the_state_at_once(
    api: JobsApi, resource_id: str
) -> None:
    job = api.post("/jobs", detection(resource_id)).json
    (created,) = api.stream(f"/jobs/{job['id']}/events/stream")
    assert created["event"] == "job-created"
    api.work()
    (done,) = api.stream(f"/jobs/{job['id']}/events/stream")
    assert done["event"] == "job-complete"


def test_a_stream_without_news_waits_a_while_and_ends(api: JobsApi, resource_id: str) -> None:
    job = api.post("/jobs", detection(resource_id)).json
    before = api.world.now_s
    assert api.stream(f"/jobs/{job['id']}/events/stream", query={"from": f"{job['id']}:1"}) == []
    assert api.world.now_s - before == pytest.approx(20, abs=2)


@pytest.mark.parametrize(
    ("detail", "event"), [(None, "job-cancelled"), ("the model is gone", "job-error")]
)
def test_every_stream_ends(api: JobsApi, resource_id: str, detail: str | None, event: str) -> None:
    def failing(asked: int) -> None:
        raise InferenceFailed(detail or "")

    api.world.detector.failing = failing
    job = api.post("/jobs", detection(resource_id)).json
    if detail is None:
        api.delete(f"/jobs/{job['id']}")
    api.work()
    (last,) = api.stream(f"/jobs/{job['id']}/events/stream")
    assert last["event"] == event
    if detail is not None:
        assert last["data"]["error"]["detail"] == detail
        assert last["data"]["error"]["type"].endswith("/problems/inference-failed")


def test_a_repeated_request_attaches_to_the_same_job(api: JobsApi, resource_id: str) -> None:
    path = f"/resources/{resource_id}/detect-annotations-stream"
    asked, key = {"entityTypes": ["Person"]}, {"idempotency-key": f"s-{resource_id}"}
    (created,) = api.stream(path, asked, headers=key)
    api.work()
    first, last = api.stream(path, asked, headers=key)
    assert first["id"] == created["id"]
    assert last["event"] == "job-complete"
    assert len(api.get("/jobs").json["items"]) == 1


def test_a_client_that_comes_again_with_its_last_event_goes_on_with_its_job(
    api: JobsApi, resource_id: str
) -> None:
    path = f"/resources/{resource_id}/detect-annotations-stream"
    asked = {"entityTypes": ["Person"]}
    (created,) = api.stream(path, asked)
    api.work()
    (last,) = api.stream(path, asked, headers={"last-event-id": created["id"]})
    assert last["event"] == "job-complete"
    assert len(api.get("/jobs").json["items"]) == 1
    other = api.world.resource("P0001.")
    answer = api.post(
        f"/resources/{other}/detect-annotations-stream",
        asked,
        headers={"last-event-id": created["id"]},
    )
    assert answer.problem == "not-found"


@pytest.fixture
def over(api: JobsApi, resource_id: str) -> dict[str, Any]:
    """Return a detection that is complete, as its stream's last event."""
    job = api.post("/jobs", detection(resource_id)).json
    api.work()
    (done,) = api.stream(f"/jobs/{job['id']}/events/stream")
    return done


def again(api: JobsApi, resource_id: str, last: str, **more: Any) -> Answer:
    """Begin a detection of persons on the resource, as who has seen `last` of it."""
    path = f"/resources/{resource_id}/detect-annotations-stream"
    asked = {"entityTypes": ["Person"], **more.pop("asked", {})}
    return api.post(path, asked, headers={"last-event-id": last, **more})


def test_who_has_seen_the_end_and_begins_again_is_told_that_nothing_follows(
    api: JobsApi, resource_id: str, over: dict[str, Any]
) -> None:
    answer = again(api, resource_id, over["id"])
    assert (answer.status, answer.body) == (204, b"")
    assert len(api.get("/jobs").json["items"]) == 1


def test_a_document_whose_end_was_seen_is_over_as_well(api: JobsApi, resource_id: str) -> None:
    asked = {"resource": resource_id, "title": "On a letter"}
    (created,) = api.stream("/generate-resource-stream", asked)
    api.work()
    seen = {"last-event-id": created["id"]}
    (done,) = api.stream("/generate-resource-stream", asked, headers=seen)
    seen = {"last-event-id": done["id"]}
    assert api.post("/generate-resource-stream", asked, headers=seen).status == 204


@pytest.mark.parametrize("state", ["pending", "complete"])
def test_a_state_that_a_job_has_not_reached_cannot_have_been_seen(
    api: JobsApi, resource_id: str, state: str
) -> None:
    """A stream that waited for it would never tell the job's end."""
    job = api.post("/jobs", detection(resource_id)).json
    if state == "complete":
        api.work()
    ahead = f"{job['id']}:99"
    assert again(api, resource_id, ahead).problem == "malformed"
    stream = f"/jobs/{job['id']}/events/stream"
    assert api.get(stream, headers={"last-event-id": ahead}).problem == "malformed"
    assert api.get(stream, query={"from": ahead}).problem == "malformed"


@pytest.mark.parametrize("last", ["x", "1", f"{'-' * 36}:1", f"{NOTHING_HERE}:x"])
def test_what_is_no_position_is_malformed(api: JobsApi, resource_id: str, last: str) -> None:
    assert again(api, resource_id, last).problem == "malformed"
    assert api.get("/jobs").json["items"] == []


def test_a_position_in_a_job_that_there_is_not_is_not_found(api: JobsApi, resource_id: str) -> None:
    assert again(api, resource_id, f"{NOTHING_HERE}:1").problem == "not-found"


def test_who_asks_for_something_else_does_not_go_on_with_the_job(
    api: JobsApi, resource_id: str, over: dict[str, Any]
) -> None:
    for asked in ({"entityTypes": ["Location"]}, {"motivation": "tagging", "tagSchema": "x"}):
        answer = again(api, resource_id, over["id"], asked=asked)
        assert answer.problem in ("not-found", "invalid")
    assert again(api, resource_id, over["id"], asked={"motivation": "linking"}).status == 204
    assert len(api.get("/jobs").json["items"]) == 1


def test_of_a_key_and_a_position_the_key_names_the_job(
    api: JobsApi, resource_id: str, over: dict[str, Any]
) -> None:
    key = {"idempotency-key": f"both-{resource_id}"}
    assert again(api, resource_id, over["id"], **key).problem == "malformed"
    path = f"/resources/{resource_id}/detect-annotations-stream"
    (created,) = api.stream(path, {"entityTypes": ["Person"]}, headers=key)
    api.work()
    assert again(api, resource_id, over["id"], **key).problem == "malformed"
    (done,) = events(again(api, resource_id, created["id"], **key))
    assert done["event"] == "job-complete"
    ended = again(api, resource_id, done["id"], **key)
    assert (ended.status, ended.headers["idempotency-replayed"]) == (204, "true")
    first, last = api.stream(path, {"entityTypes": ["Person"]}, headers=key)
    assert (first["id"], last["id"]) == (created["id"], done["id"])


def test_a_document_is_written_for_a_reference(api: JobsApi) -> None:
    resource = api.created(content="Ada met Charles Babbage in London.")
    asked = {"motivation": "linking", "target": {"selector": {"type": "TextQuoteSelector"}}}
    asked["target"]["selector"]["exact"] = "Charles Babbage"
    annotation = api.post(f"/resources/{resource['id']}/annotations", asked).json
    path = annotation["id"].removeprefix("http://127.0.0.1:8000")
    (created,) = api.stream(f"{path}/generate-resource-stream", {})
    api.work()
    job = api.get(f"/jobs/{created['data']['id']}").json
    assert job["state"] == "complete"
    linked = api.get(path).json["body"]
    made = linked if isinstance(linked, dict) else linked[0]
    assert made["source"].endswith(f"/resources/{job['result']['resource']}")


def test_a_document_is_written_for_a_reference_named_by_its_iri(api: JobsApi) -> None:
    resource = api.created(content="Ada met Charles Babbage in London.")
    asked = {
        "motivation": "linking",
        "target": {"selector": {"type": "TextPositionSelector", "start": 8, "end": 23}},
    }
    annotation = api.post(f"/resources/{resource['id']}/annotations", asked).json
    (created,) = api.stream("/generate-resource-stream", {"annotation": annotation["id"]})
    assert created["data"]["resource"] == resource["id"]


def test_a_document_without_anything_to_write_on_is_refused(api: JobsApi) -> None:
    assert api.post("/generate-resource-stream", {"title": "On nothing"}).problem == "invalid"


# -- workers, as Lambda calls them ---------------------------------------------------------------


def test_a_malformed_message_comes_again_and_in_the_end_lies_with_the_dead(
    api: JobsApi, environment: dict[str, str]
) -> None:
    sqs = api.world.api.jobs_queue._sqs
    dead = environment["JOBS_DEAD_LETTER_QUEUE_URL"]
    before = api.world.api.jobs_queue.dead()
    queue = environment["JOBS_QUEUE_URL"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "0"})
    try:
        sqs.send_message(QueueUrl=queue, MessageBody="{")
        api.work()
        sqs.receive_message(QueueUrl=queue)  # moto moves it when it is received once too often
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "960"})
    assert api.world.api.jobs_queue.dead() == before + 1
    sqs.purge_queue(QueueUrl=dead)


def test_what_nobody_foresaw_gives_the_job_back_and_ends_its_message(
    api: JobsApi, resource_id: str
) -> None:
    def failing(asked: int) -> None:
        raise ZeroDivisionError

    api.world.detector.failing = failing
    job = api.post("/jobs", detection(resource_id)).json
    api.work()
    found = api.get(f"/jobs/{job['id']}").json
    assert (found["state"], found["attempts"]) == ("pending", 1)
    assert "ZeroDivisionError" in found["error"]["detail"]


def test_a_flood_of_slow_jobs_does_not_hold_up_a_quick_one(api: JobsApi, resource_id: str) -> None:
    slow = [api.post("/jobs", {"kind": "generation", "resource": resource_id}) for _ in range(20)]
    assert {answer.status for answer in slow} == {201}
    quick = api.post("/jobs", detection(resource_id)).json
    quick_worker, _ = api.pumps
    assert quick_worker.step()
    assert api.get(f"/jobs/{quick['id']}").json["state"] == "complete"
    assert len(api.get("/jobs", query={"state": "pending"}).json["items"]) == 20


def test_the_sweep_runs_on_its_schedule(api: JobsApi, resource_id: str) -> None:
    job = api.world.detection(resource_id)
    assert api.world.message_waits(job)
    api.world.pass_time(61)
    app.handler_map["sweep_jobs"](schedule_event("sweep_jobs", datetime.now(UTC)), None)
    assert api.world.job(job).nudges == 1


def test_health_has_a_part_for_jobs(api: JobsApi) -> None:
    part = api.get("/api/health").json["jobs"]
    assert part["status"] in ("ok", "degraded")
