"""Jobs over HTTP: the app, called as API Gateway calls it, and its workers as Lambda calls them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app import app
from infra.local.payloads import schedule_event
from tests.jobs.api import NOTHING_HERE, JobsApi, detection

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


def test_a_key_names_the_same_job_for_a_day_and_then_another(
    api: JobsApi, resource_id: str
) -> None:
    """Given a keyed job and lost records, when it is asked for again, the day decides which."""
    hour_s = 3600

    def begun() -> str:
        api.forget_requests()
        answer = api.post("/jobs", detection(resource_id), headers={"idempotency-key": "daily"})
        return str(answer.json["id"])

    for start_s in range(0, 25 * hour_s, 7 * hour_s):  # wherever in a day it begins
        api.world.pass_time(26 * hour_s + start_s)
        first = begun()
        api.world.pass_time(24 * hour_s)
        assert begun() == first
        api.world.pass_time(2 * hour_s)
        assert begun() != first


def test_a_key_names_no_job_that_does_something_else(api: JobsApi, resource_id: str) -> None:
    keyed = {"headers": {"idempotency-key": "one"}}
    first = api.post("/jobs", detection(resource_id), **keyed).json
    api.forget_requests()

    asked = {**detection(resource_id), "params": {"entityTypes": ["Location"]}}
    other = api.post("/jobs", asked, **keyed).json

    assert other["id"] != first["id"]
    assert other["params"]["entityTypes"] == ["Location"]


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


def test_pages_of_large_jobs_can_be_sent_and_are_the_list(api: JobsApi, resource_id: str) -> None:
    """Given jobs whose prompts are as long as they may be, when listed, then each comes once."""
    wide = "\U00020089"  # twelve bytes in what a Lambda returns before Python 3.12
    asked = {"kind": "generation", "resource": resource_id, "params": {"prompt": wide * 10_000}}
    made = [api.post("/jobs", asked).json["id"] for _ in range(50)]

    found, cursor = list[str](), {}
    for _ in made:
        page = api.get("/jobs", query=cursor)
        assert page.status == 200, page.body[:200]
        found += [job["id"] for job in page.json["items"]]
        if page.json["next"] is None:
            break
        cursor = {"cursor": page.json["next"]}

    assert found == sorted(made, reverse=True)


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
