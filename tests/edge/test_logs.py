"""What is printed: measurements as EMF, one line per request on AWS, and no secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import system as systems
from chalicelib.edge import logs
from chalicelib.edge.metrics import EmbeddedMetrics, attach, flush
from chalicelib.metrics import Metrics
from chalicelib.system import System
from tests.edge.api import Api


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Whoever logs as on AWS here, does so no longer than a test."""
    yield
    logs.detach()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_measurements_are_printed_when_flushed_and_only_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = Metrics()
    attach(metrics, "dev")
    metrics.count("AppendConflicts", 2)
    metrics.count("AppendConflicts")
    metrics.milliseconds("AppendLatency", 3.5)
    assert capsys.readouterr().out == ""

    flush(metrics)
    flush(metrics)

    (told,) = lines(capsys)
    assert (told["AppendConflicts"], told["AppendLatency"]) == ([2.0, 1.0], [3.5])
    assert (told["service"], told["stage"]) == ("palimpsest", "dev")
    units = {each["Name"]: each["Unit"] for each in told["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units == {"AppendConflicts": "Count", "AppendLatency": "Milliseconds"}


def test_measurements_of_another_prefix_are_another_systems(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = Metrics()
    attach(metrics, "dev", "acme")
    metrics.count("AppendConflicts")

    flush(metrics)

    (told,) = lines(capsys)
    assert (told["service"], told["stage"]) == ("acme", "dev")


def test_hundreds_of_values_are_all_told(capsys: pytest.CaptureFixture[str]) -> None:
    outlet = EmbeddedMetrics("dev")
    for number in range(250):
        outlet("AppendLatency", number, "Milliseconds")

    outlet.flush()

    told = [value for line in lines(capsys) for value in line["AppendLatency"]]
    assert sorted(told) == list(range(250))


def test_an_outlet_that_is_there_stays() -> None:
    metrics = Metrics(lambda name, value, unit: None)
    before = metrics.outlet

    attach(metrics, "dev")

    assert metrics.outlet is before


def test_locally_a_request_is_not_logged(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.get("/api/live")

    assert capsys.readouterr().out == ""


def test_on_aws_a_request_is_one_line_without_its_secrets(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed = Api(System(replace(api.system.config, stage="dev")))
    systems.use(deployed.system)

    deployed.post(
        "/resources",
        {"name": "canary-body", "format": "text/plain", "content": "canary-content"},
        headers={"X-Correlation-ID": "c-1", "Cookie": "canary-cookie"},
    )
    deployed.get("/resources", query="q=canary-query", headers={"X-Correlation-ID": "c-2"})
    deployed.get("/", headers={"Authorization": "Bearer canary.token.x"})

    printed = capsys.readouterr().out
    assert "canary" not in printed
    told = [json.loads(line) for line in printed.splitlines() if '"_aws"' not in line]
    assert [line["correlation"] for line in told][:2] == ["c-1", "c-2"]
    first = told[0]
    assert (first["method"], first["route"], first["status"]) == ("POST", "/resources", 201)
    assert (first["workspace"], first["level"], first["stage"]) == (api.workspace, "INFO", "dev")
    assert first["duration_ms"] > 0
    assert "workspace" not in told[2]
