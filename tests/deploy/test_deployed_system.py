"""The whole system, deployed to the emulator and used through its own endpoints.

The functions are executed from what was uploaded, under their own roles. `make deploy-local`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.deployed import FRIEND, Deployed
from tests.deploy.walk import (
    SCHEDULES,
    TEXT,
    annotated,
    created,
    events_of,
    fired,
    until,
    uploaded,
    watching,
)
from tests.end_to_end.test_readme import block

pytestmark = [pytest.mark.deploy, pytest.mark.ministack]


def test_what_is_created_and_annotated_is_read_back_and_pushed(deployed: Deployed) -> None:
    with deployed.api() as api:
        resource = created(api)
        assert resource["@id"].startswith(deployed.public_url)
        with watching(deployed, api, {"resource": resource["id"], "from": 0}) as socket:
            socket.hear("live")
            note = annotated(api, resource["id"], "Heiberg")

            pushed = socket.hear("event", type="annotation.added")
            assert pushed["event"]["id"] == f"{resource['id']}:2"
            socket.say("ping")
            socket.hear("pong")
            socket.say("unsubscribe", topics=[{"resource": resource["id"]}])
            socket.hear("unsubscribed")

        read = api.get(f"/resources/{resource['id']}")
        assert (read.json()["annotationCount"], read.headers["etag"]) == (1, '"2"')
        (listed,) = api.get(f"/resources/{resource['id']}/annotations").json()["items"]
        assert listed == note
        types = [each["type"] for each in _events(api, resource["id"])]
        assert types == ["resource.created", "annotation.added"]


def test_event_streams_answer_with_what_happened(deployed: Deployed) -> None:
    with deployed.api() as api:
        resource = created(api)["id"]
        annotated(api, resource, "Archimedes")

        def told() -> list[str]:
            answer = api.get(f"/resources/{resource}/events/stream", params={"from": 0})
            assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
            return [kind for kind, _ in events_of(answer.text)]

        both = ["resource.created", "annotation.added"]
        until(lambda: told() == both, "the second event")


def test_a_job_is_done_by_its_worker_and_watched_to_its_end(deployed: Deployed) -> None:
    with deployed.api() as api:
        resource = created(api, content=TEXT)["id"]
        asked = {"entityTypes": ["Person", "Location", "Date"]}
        job = api.post(
            "/jobs", json={"kind": "detection", "resource": resource, "params": asked}
        ).json()
        with watching(deployed, api, {"job": job["id"]}) as socket:
            ended = socket.hear("job", state="complete")["job"]

        assert ended["result"]["added"] > 0
        found = api.get(f"/resources/{resource}/annotations").json()["items"]
        assert len(found) == ended["result"]["added"]
        stream = api.get(f"/jobs/{job['id']}/events/stream").text
        assert events_of(stream)[-1][0] == "job-complete"
        made = {"prompt": "Archimedes", "title": "Him", "resource": resource}
        written = events_of(api.post("/generate-resource-stream", json=made).text)[0][1]
        until(lambda: _state(api, written["id"]) == "complete", "the document")


def test_bytes_go_in_and_out_past_the_functions(deployed: Deployed) -> None:
    data = bytes(range(256)) * 1000
    with deployed.api() as api:
        upload = uploaded(api, data)
        image = created(api, upload=upload, content=None, format="image/png")

        came = api.get(f"/resources/{image['id']}/content", follow_redirects=True)

        assert came.content == data
        assert came.headers["content-type"] == "image/png"
        form = {"name": "A form", "format": "text/plain; charset=windows-1252"}
        sent = api.post("/resources", data=form, files={"file": b"Fran\xe7ois"})
        assert sent.json()["content"]["text"] == "François"


def test_what_was_written_is_found_and_its_history_kept(deployed: Deployed) -> None:
    with deployed.api() as api:
        resource = created(api, name="Codex Ephraemi", entityTypes=["Manuscript"])
        path = f"/resources/{resource['id']}"
        annotated(api, resource["id"], "Heiberg")
        match = {"If-Match": '"2"', "Content-Type": "application/merge-patch+json"}
        assert api.patch(path, json={"name": "Codex C"}, headers=match).status_code == 200
        assert api.patch(path, json={"name": "Codex D"}, headers=match).status_code == 412
        clone = api.post(f"{path}/clone", json={"name": "Its twin"})
        assert clone.status_code == 201

        def listed() -> bool:
            query = {"entityType": "Manuscript", "q": "codex"}
            names = [each["name"] for each in api.get("/resources", params=query).json()["items"]]
            return names == ["Codex C"]

        until(listed, "the list")
        assert api.get(path, params={"version": 1}).json()["name"] == "Codex Ephraemi"
        other = httpx.get(
            f"{deployed.url}{path}",
            headers={"Authorization": f"Bearer {deployed.token(workspace='elsewhere')}"},
        )
        assert other.status_code == 404


def test_what_nobody_may_or_what_is_not_there_is_told_as_a_problem(deployed: Deployed) -> None:
    with httpx.Client(base_url=deployed.url, headers={"Origin": FRIEND}) as stranger:
        asked = {
            (method, path): stranger.request(method, path)
            for method, path in (("GET", "/resources"), ("GET", "/nowhere"), ("PUT", "/jobs"))
        }
    for (method, path), answer in asked.items():
        assert answer.headers["content-type"] == "application/problem+json", (method, path)
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["type"].startswith(f"{deployed.public_url}/problems/")
        assert answer.headers["access-control-allow-origin"] == FRIEND, (method, path)
    assert [each.status_code for each in asked.values()] == [401, 404, 404]


def test_a_graph_that_points_to_nothing_is_told_and_stops_nobody(deployed: Deployed) -> None:
    answer = httpx.get(f"{deployed.url}/api/health", timeout=40)

    assert (answer.status_code, answer.json()["graph"]["status"]) == (200, "degraded")
    others = {each: answer.json()[each]["status"] for each in ("database", "eventStore", "jobs")}
    assert set(others.values()) <= {"ok", "degraded"}
    with deployed.api() as api:
        assert api.get("/graph/stats").json()["source"] == "views"


def test_the_streams_have_their_readers_and_each_reports_what_it_sets_aside(
    deployed: Deployed,
) -> None:
    readers: dict[str, list[dict[str, Any]]] = {}
    for mapping in deployed.mappings():
        source = mapping["EventSourceArn"].split(":", 5)[5].split("/stream/")[0]
        readers.setdefault(source.removeprefix(f"table/{deployed.prefix}-"), []).append(mapping)

    assert {source: len(found) for source, found in readers.items()} == {
        "log": 2,
        "views": 1,
        "jobs": 1,
        f"{deployed.prefix}-jobs": 1,
        f"{deployed.prefix}-slow-jobs": 1,
    }
    for source in ("log", "views", "jobs"):
        for mapping in readers[source]:
            assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            assert mapping["BisectBatchOnFunctionError"] is True
            assert mapping["StartingPosition"] == "TRIM_HORIZON"
            assert mapping["MaximumRetryAttempts"] >= 0
            failures = mapping["DestinationConfig"]["OnFailure"]["Destination"]
            assert failures.endswith(f":{deployed.prefix}-stream-failures")


def test_every_schedule_runs(deployed: Deployed) -> None:
    fired(deployed, *SCHEDULES)


def test_the_tour_of_the_readme_works_as_printed(deployed: Deployed, tmp_path: Path) -> None:
    # As docs/deploy.md has it: the address, and the token once for all calls.
    token = """curl() { command curl -H "Authorization: Bearer $TOKEN" "$@"; }"""
    assert token in Path("docs/deploy.md").read_text("utf-8")
    tour = block("README.md", "tour").replace("http://127.0.0.1:8000", deployed.url)
    script = f"set -eu\n{token}\n{tour}".replace("/tmp/", f"{tmp_path}/")
    script = script.replace("curl -s", "curl -fs")
    script = script.rstrip() + " || [ $? -eq 28 ]\n"  # the last one watches until its time is over

    ended = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=180,
        env={"PATH": os.environ["PATH"], "TOKEN": deployed.token()},
    )

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    for shown in ("annotation.added", "anchored", "François, 5 €", "event: job-created"):
        assert shown in ended.stdout


def _events(api: httpx.Client, resource: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/resources/{resource}/events").json()["items"]
    return found


def _state(api: httpx.Client, job: str) -> str:
    return str(api.get(f"/jobs/{job}").json()["state"])
