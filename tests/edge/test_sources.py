"""Streams: which records are reported as failed, and that one failure holds up nobody else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from chalicelib.domain.ids import Stream
from chalicelib.edge import sources
from chalicelib.errors import AppError, Unavailable
from chalicelib.flows import project
from tests.edge.api import Api
from tests.edge.test_http import Stub


def record(key: str, sequence: int) -> dict[str, Any]:
    return {
        "eventID": str(sequence),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"pk": {"S": key}, "sk": {"N": str(sequence)}},
            "SequenceNumber": str(sequence),
            "StreamViewType": "KEYS_ONLY",
        },
    }


def event(*keys: str) -> dict[str, Any]:
    return {"Records": [record(key, 100 + index) for index, key in enumerate(keys)]}


A, B, C = (Stream.of_resource("demo", name) for name in "abc")


class Batch:
    """Materializes nothing; some streams fail, some blow up whatever they are in."""

    def __init__(self, failing: Iterable[Stream] = (), exploding: Iterable[Stream] = ()) -> None:
        self.failing, self.exploding = set(failing), set(exploding)
        self.done: list[Stream] = []

    def __call__(self, system: Any, streams: Iterable[Stream]) -> Mapping[Stream, AppError]:
        wanted = list(streams)
        if self.exploding & set(wanted):
            raise ZeroDivisionError("boom")
        self.done += [stream for stream in wanted if stream not in self.failing]
        return {s: Unavailable("no") for s in wanted if s in self.failing}


def run(batch: Batch, *keys: str) -> list[str]:
    answer = sources.in_streams(Stub(), event(*keys), batch)  # type: ignore[arg-type]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_each_stream_is_handled_once_and_nothing_is_reported() -> None:
    batch = Batch()

    assert run(batch, A.key, B.key, A.key) == []
    assert batch.done == [A, B]


def test_an_empty_batch_is_no_work() -> None:
    assert run(Batch()) == []


def test_the_first_record_of_a_stream_that_failed_is_reported() -> None:
    assert run(Batch(failing=[B]), A.key, B.key, C.key, B.key) == ["101"]
    assert run(Batch(failing=[C, B]), A.key, B.key, C.key) == ["101"]


def test_a_stream_that_blows_up_does_not_hold_up_its_neighbours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    batch = Batch(exploding=[B])

    with caplog.at_level(logging.ERROR):
        assert run(batch, A.key, B.key, C.key) == ["101"]

    assert batch.done == [A, C]
    assert "boom" in caplog.text


def test_an_item_that_is_no_commit_is_told_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    batch = Batch()

    with caplog.at_level(logging.ERROR):
        assert run(batch, "nonsense", "demo/list#all", "demo/system", A.key) == []

    assert batch.done == [Stream.of_system("demo"), A]
    assert "nonsense" in caplog.text


def test_the_materializer_is_called_with_lambdas_payload(api: Api) -> None:
    from app import view_materializer

    made = api.created()
    assert api.get("/resources").json["items"] == []

    answer = view_materializer(event(f"{api.workspace}/resource#{made['id']}"), None)

    assert answer == {"batchItemFailures": []}
    assert [item["id"] for item in api.get("/resources").json["items"]] == [made["id"]]


def test_views_are_reconciled_and_heads_witnessed_by_the_clock(api: Api) -> None:
    from app import reconcile, witness_heads

    tick = {
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "1", "time": "2026-11-23T09:35:00Z", "region": "r", "resources": [], "detail": {},
    }  # fmt: skip

    assert reconcile(tick, None)["unparked"] == 0
    assert witness_heads(tick, None) is None  # no key is configured


def test_the_measurements_of_a_batch_are_printed_as_one_line(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    made = api.created()
    capsys.readouterr()

    sources.in_streams(
        api.system, event(f"{api.workspace}/resource#{made['id']}"), project.materialize_batch
    )

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    (group,) = told["_aws"]["CloudWatchMetrics"]
    assert group["Namespace"] == "Palimpsest"
    assert set(group["Dimensions"][0]) == {"service", "stage"}
    assert {"ViewMaterialization", "ViewLag"} <= {each["Name"] for each in group["Metrics"]}
