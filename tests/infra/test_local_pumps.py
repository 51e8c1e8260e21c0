from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from chalice import Chalice

from infra.local.aws import client, names
from infra.local.clockpump import ClockPump
from infra.local.functions import failures, sources
from infra.local.pumps import Pumps
from infra.local.streampump import Retry

QUICK = Retry(times=2, first_s=0.0)


class Recorder:
    """A stream's reader that notes what it got; `fault` may raise, or return failed versions."""

    def __init__(self, fault: Callable[[list[int]], list[int] | None] = lambda _: None) -> None:
        self.batches: list[list[int]] = []
        self.done: list[int] = []
        self.events: list[Any] = []
        self.fault = fault

    def read(self, event: Any) -> Any:
        records = event.to_dict()["Records"]
        versions = [int(record["dynamodb"]["Keys"]["sk"]["N"]) for record in records]
        self.events.append(event.to_dict())
        self.batches.append(versions)
        failed = self.fault(versions) or []
        first = versions.index(failed[0]) if failed else len(versions)
        self.done += versions[:first]
        by_version = dict(zip(versions, records, strict=True))
        return {
            "batchItemFailures": [
                {"itemIdentifier": by_version[version]["dynamodb"]["SequenceNumber"]}
                for version in failed
            ]
        }


def app_with(reader: Callable[[Any], Any], batch_size: int = 100) -> Chalice:
    app = Chalice("tiny", configure_logs=False)
    arn = names()["LOG_STREAM_ARN"]
    app.on_dynamodb_record(stream_arn=arn, name="reader", batch_size=batch_size)(reader)
    return app


def write(environ: dict[str, str], *versions: int) -> None:
    for version in versions:
        client("dynamodb").put_item(
            TableName=environ["LOG_TABLE"],
            Item={"pk": {"S": "demo/resource#1"}, "sk": {"N": str(version)}, "body": {"B": b"x"}},
        )


def messages(url: str) -> list[str]:
    answer = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in answer.get("Messages", [])]


def test_records_come_in_order_and_in_batches(environ):
    reader = Recorder()
    pumps = Pumps(app_with(reader.read, batch_size=4), environ)
    write(environ, *range(1, 11))
    pumps.run_until_idle()
    assert reader.batches == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert pumps["reader"].status()["behind"] == 0


def test_a_record_has_the_form_that_lambda_gives_it(environ):
    reader = Recorder()
    app = Chalice("tiny", configure_logs=False)
    app.on_dynamodb_record(stream_arn=environ["VIEWS_STREAM_ARN"], name="reader")(
        lambda event: reader.events.append(event.to_dict())
    )
    view = {"pk": {"S": "a"}, "sk": {"S": "b"}, "hash": {"B": b"\x00\xff"}, "n": {"N": "1"}}
    client("dynamodb").put_item(TableName=environ["VIEWS_TABLE"], Item=view)
    Pumps(app, environ).run_until_idle()
    (record,) = reader.events[0]["Records"]
    assert record["eventSourceARN"] == environ["VIEWS_STREAM_ARN"]
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == {
        **view,
        "hash": {"B": base64.b64encode(b"\x00\xff").decode()},
    }
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], float)
    assert "OldImage" not in record["dynamodb"]


def test_a_reported_failure_moves_the_checkpoint_up_to_it(environ):
    failing = {3}
    reader = Recorder(lambda versions: [v for v in versions if v in failing and not heal()])
    attempts: list[int] = []

    def heal() -> bool:
        attempts.append(1)
        return len(attempts) > 3

    write(environ, 1, 2, 3, 4, 5)
    Pumps(app_with(reader.read), environ, QUICK).run_until_idle()
    assert reader.batches[0] == [1, 2, 3, 4, 5]
    assert all(1 not in batch and 2 not in batch for batch in reader.batches[1:])
    assert reader.done == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("how", ["raises", "reports"])
def test_a_poisoned_record_is_set_aside_and_its_neighbours_survive(environ, how):
    def fault(versions: list[int]) -> list[int] | None:
        if 5 in versions and how == "raises":
            raise ValueError("cannot read 5")
        return [5] if 5 in versions else None

    reader = Recorder(fault)
    pumps = Pumps(app_with(reader.read), environ, QUICK)
    write(environ, *range(1, 11))
    pumps.run_until_idle()
    assert sorted(set(reader.done)) == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert reader.batches.count([5]) == 3  # once, and two retries
    (report,) = messages(environ["STREAM_FAILURE_QUEUE_URL"])
    assert json.loads(report)["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert json.loads(report)["DDBStreamBatchInfo"]["batchSize"] == 1
    assert pumps["reader"].status()["setAside"] == 1


def test_halving_costs_no_retry(environ):
    """Two poisoned records side by side: each has all its retries."""

    def fault(versions: list[int]) -> None:
        if {4, 5} & set(versions):
            raise ValueError("poison")

    reader = Recorder(fault)
    write(environ, *range(1, 9))
    Pumps(app_with(reader.read), environ, QUICK).run_until_idle()
    assert reader.batches.count([4]) == reader.batches.count([5]) == 3
    assert reader.done == [1, 2, 3, 6, 7, 8]


def test_a_paused_pump_lags_and_catches_up(environ):
    reader = Recorder()
    pumps = Pumps(app_with(reader.read), environ)
    pumps["reader"].pause(True)
    write(environ, 1, 2)
    pumps.run_until_idle()
    assert (reader.done, pumps["reader"].status()["behind"]) == ([], 2)
    pumps["reader"].pause(False)
    pumps.run_until_idle()
    assert (reader.done, pumps["reader"].status()["behind"]) == ([1, 2], 0)


def test_pausing_waits_for_the_invocation_in_flight(environ):
    running, finish = threading.Event(), threading.Event()
    finished: list[bool] = []

    def slow(event: Any) -> None:
        running.set()
        finish.wait(5)
        finished.append(True)

    pumps = Pumps(app_with(slow), environ)
    pumps.start()
    write(environ, 1)
    assert running.wait(5)
    threading.Timer(0.1, finish.set).start()
    pumps["reader"].pause(True)
    assert finished == [True]
    pumps.stop()


def test_a_running_pump_wakes_when_something_is_written(environ):
    heard = threading.Event()
    pumps = Pumps(app_with(lambda event: heard.set()), environ)
    pumps.start()
    time.sleep(0.1)  # it has looked once and sleeps
    began = time.monotonic()
    write(environ, 1)
    assert heard.wait(5)
    assert time.monotonic() - began < 0.5
    pumps.stop()


def test_two_readers_of_one_stream_do_not_wait_for_each_other(environ):
    one, two = Recorder(), Recorder(lambda versions: versions)
    app = app_with(one.read)
    app.on_dynamodb_record(stream_arn=environ["LOG_STREAM_ARN"], name="other")(two.read)
    write(environ, 1, 2)
    Pumps(app, environ, QUICK).run_until_idle()
    assert (one.done, two.done) == ([1, 2], [])


def queue_app(worker: Callable[[Any], Any]) -> Chalice:
    app = Chalice("tiny", configure_logs=False)
    app.on_sqs_message(queue="palimpsest-local-jobs", name="worker", batch_size=10)(worker)
    return app


def send(environ: dict[str, str], *bodies: str) -> None:
    for body in bodies:
        client("sqs").send_message(QueueUrl=environ["JOBS_QUEUE_URL"], MessageBody=body)


def show_hidden(environ: dict[str, str]) -> None:
    """Let the visibility time-out of every message in flight pass."""
    from moto.sqs.models import sqs_backends

    from infra.local.aws import ACCOUNT, REGION

    for message in sqs_backends[ACCOUNT][REGION].queues["palimpsest-local-jobs"]._messages:
        message.change_visibility(0)


def test_messages_that_succeed_are_gone_and_one_that_fails_comes_again(environ):
    seen: list[str] = []

    def worker(event: Any) -> Any:
        records = event.to_dict()["Records"]
        seen.extend(record["body"] for record in records)
        bad = [record["messageId"] for record in records if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in bad]}

    pumps = Pumps(queue_app(worker), environ)
    send(environ, "good", "bad", "fine")
    pumps.run_until_idle()
    assert seen == ["good", "bad", "fine"]
    show_hidden(environ)
    pumps.run_until_idle()
    assert seen == ["good", "bad", "fine", "bad"]


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue(environ):
    tries: list[int] = []

    def worker(event: Any) -> None:
        tries.append(1)
        raise ValueError("no")

    pumps = Pumps(queue_app(worker), environ)
    send(environ, "poison")
    for _ in range(8):
        pumps.run_until_idle()
        show_hidden(environ)
    assert len(tries) == 5  # maxReceiveCount
    assert messages(environ["JOBS_DEAD_LETTER_QUEUE_URL"]) == ["poison"]


def test_a_message_has_the_form_that_lambda_gives_it(environ):
    events: list[Any] = []
    client("sqs").send_message(
        QueueUrl=environ["JOBS_QUEUE_URL"],
        MessageBody="hello",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "detect"}},
    )
    Pumps(queue_app(lambda event: events.append(event.to_dict())), environ).run_until_idle()
    (record,) = events[0]["Records"]
    assert record["body"] == "hello"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == environ["JOBS_QUEUE_ARN"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["kind"]["stringValue"] == "detect"


def test_a_schedule_fires_soon_after_the_start_and_then_at_its_rate():
    now, fired = [0.0], []
    app = Chalice("tiny", configure_logs=False)
    app.schedule("rate(1 minute)", name="sweep")(lambda event: fired.append(now[0]))
    (source,) = sources(app)
    pump = ClockPump(source, clock=lambda: now[0])
    for second in range(130):
        now[0] = float(second)
        pump.step()
    assert fired == [3.0, 63.0, 123.0]


def test_a_resumed_pump_lets_the_schedules_mend_what_it_cannot_deliver(environ):
    reader, swept = Recorder(), threading.Event()
    app = app_with(reader.read)
    app.schedule("rate(1 hour)", name="sweep")(lambda event: swept.set())
    pumps = Pumps(app, environ)
    pumps["reader"].pause(True)
    pumps.start()

    pumps.resume("reader")

    assert swept.wait(2.5)  # by itself it fires after 3 s
    assert not pumps["reader"].paused
    pumps.stop()


def test_a_schedule_can_be_fired_by_hand(environ):
    events: list[Any] = []
    app = Chalice("tiny", configure_logs=False)
    app.schedule("rate(1 minute)", name="sweep")(lambda event: events.append(event.to_dict()))
    pumps = Pumps(app, environ)
    pumps.run_until_idle()
    assert events == []
    pumps.fire("sweep")
    assert events[0]["detail-type"] == "Scheduled Event"


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, ""),
        ({}, ""),
        ({"batchItemFailures": None}, ""),
        ({"batchItemFailures": []}, ""),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, "b"),
        ({"batchItemFailures": [{"itemIdentifier": "z"}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "abc"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "abc"),
        ({"batchItemFailures": [{"wrong": "b"}]}, "abc"),
    ],
)
def test_an_answer_s_failures_are_read_by_lambda_s_rules(answer, failed):
    assert failures(answer, ["a", "b", "c"]) == set(failed)
