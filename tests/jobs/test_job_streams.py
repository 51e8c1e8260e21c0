"""Jobs watched over HTTP: streams that begin with the job, are taken up again, and always end."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.errors import InferenceFailed
from tests.edge.api import Answer
from tests.jobs.api import NOTHING_HERE, JobsApi, detection, events


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
