"""One id leads from a request to its events, their view, the push of them, and a job it began."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.edge import logs
from chalicelib.flows import push
from infra.local.aws import aws
from tests.deploy.apart import WORKSPACE, Functions, functions
from tests.deploy.recording import Recorder


@pytest.fixture
def deployed() -> Iterator[Functions]:
    """The functions as they are on AWS, where they log."""
    with aws() as environment:
        known = {
            **environment,
            "STAGE": "dev",
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }
        try:
            with functions(known, Recorder()) as all:
                yield all
        finally:
            logs.detach()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged, as one reads it who looks for an id; measurements are left out."""
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in found if "_aws" not in line]


def about(told: list[dict[str, Any]], id: str) -> list[str]:
    """Return which lines one finds by an id, in their order."""
    return [
        line["message"]
        for line in told
        if id == line.get("correlation") or id in line.get("correlations", ())
    ]


def test_a_request_is_found_again_in_its_events_their_view_and_their_push(
    deployed: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    new = {"name": "A letter", "format": "text/plain", "content": "Ada was in Vienna."}
    resource = deployed.call("POST", "/resources", new, status=201)["id"]
    deployed.run()
    deployed.connect("ada")
    deployed.say("ada", "subscribe", {"resource": resource})
    headers = {"X-Correlation-ID": "c-1"}

    deployed.call("PATCH", f"/resources/{resource}", {"name": "B"}, headers=headers)
    deployed.run()

    told = lines(capsys)
    assert about(told, "c-1") == ["request", "view", "push"]
    moved = next(each for each in told if "c-1" in each.get("correlations", ()))
    assert moved["stream"] == f"{WORKSPACE}/resource#{resource}"
    assert (moved["version"], moved["stage"], moved["level"]) == (2, "dev", "INFO")
    events = deployed.call("GET", f"/resources/{resource}/events")["items"]
    assert events[1]["correlation"] == "c-1"


def test_a_job_is_found_by_the_request_that_began_it_and_what_it_wrote_by_the_job(
    deployed: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    new = {"name": "A letter", "format": "text/plain", "content": "Ada Lovelace was in Vienna."}
    resource = deployed.call("POST", "/resources", new, status=201)["id"]
    deployed.run()
    asked = {"kind": "detection", "resource": resource, "params": {"entityTypes": ["Person"]}}
    headers = {"X-Correlation-ID": "c-2"}

    job = deployed.call("POST", "/jobs", asked, status=201, headers=headers)["id"]
    deployed.run()

    told = lines(capsys)
    # It also seeded the workspace's vocabulary.
    assert sorted(about(told, "c-2")) == ["job", "job", "request", "view"]
    assert [each["state"] for each in told if each.get("job") == job] == ["running", "complete"]
    assert about(told, f"job:{job}") == ["view"]


def test_schedules_and_sockets_print_what_they_measured(
    deployed: Functions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "MAX_EVENTS", 3)
    for name in ("reconcile", "witness_heads"):
        deployed.fire(name)
    deployed.connect("ada")
    new = {"name": "A letter", "format": "text/plain", "content": "Ada was in Vienna."}
    resource = deployed.call("POST", "/resources", new, status=201)["id"]
    for name in ("B", "C", "D", "E"):
        deployed.call("PATCH", f"/resources/{resource}", {"name": name})
    deployed.run()

    deployed.say("ada", "subscribe", {"resource": resource, "from": 1})

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    measured = {name: line[name] for line in printed if "_aws" in line for name in line}
    assert {"ViewsBehind", "HeadsWitnessed", "AppendLatency", "ViewLag"} <= measured.keys()
    assert measured["ReplayGaps"] == [1]


def test_what_goes_wrong_behind_a_request_is_logged_alike(
    deployed: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    with deployed.function("view_materializer") as system:
        logs.attach(system.config.stage)
        from chalicelib.edge.sources import in_streams

        def batch(system: Any, streams: Any) -> Any:
            raise RuntimeError("nobody foresaw this")

        keys = {"pk": {"S": f"{WORKSPACE}/system"}}
        record = {"dynamodb": {"SequenceNumber": "7", "Keys": keys}}
        answer = in_streams(system, {"Records": [record]}, batch)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}
    errors = [line for line in lines(capsys) if line["level"] == "ERROR"]
    assert {line["exception_name"] for line in errors} == {"RuntimeError"}
