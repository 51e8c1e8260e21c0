from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalice import Chalice

from infra.local.aws import aws, client
from infra.local.door import DOOR
from infra.local.housekeeping import Housekeeping
from infra.local.journal import DataError, SqliteJournal
from infra.local.pumps import Pumps

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def running_on(folder: Path) -> Iterator[dict[str, str]]:
    """AWS in process, kept in a folder: a start, and at the end a stop."""
    with aws() as environ:
        journal = SqliteJournal(folder)
        journal.restore()
        DOOR.journal = journal
        try:
            yield environ
        finally:
            journal.close()


def items(table: str) -> list[Any]:
    return client("dynamodb").scan(TableName=table)["Items"]


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "objects").rglob("*") if path.is_file()]


def test_items_of_every_table_come_back_with_every_type(tmp_path):
    view = {
        "pk": {"S": "demo/resource#é"},
        "sk": {"S": "resource"},
        "workspace": {"S": "demo"},
        "applied": {"S": "2026"},
        "hash": {"B": b"\x00\xff"},
        "n": {"N": "1.5"},
        "deep": {"M": {"list": {"L": [{"BOOL": True}, {"NULL": True}, {"B": b"\x01"}]}}},
        "set": {"SS": ["a", "b"]},
    }
    with running_on(tmp_path) as environ:
        client("dynamodb").put_item(TableName=environ["VIEWS_TABLE"], Item=view)
        client("dynamodb").put_item(
            TableName=environ["IDEMPOTENCY_TABLE"], Item={"id": {"S": "no range key"}}
        )
    with running_on(tmp_path) as environ:
        assert items(environ["VIEWS_TABLE"]) == [view]
        assert items(environ["IDEMPOTENCY_TABLE"]) == [{"id": {"S": "no range key"}}]
        changed = client("dynamodb").query(
            TableName=environ["VIEWS_TABLE"],
            IndexName="changed",
            KeyConditionExpression="workspace = :w",
            ExpressionAttributeValues={":w": {"S": "demo"}},
        )
        assert changed["Count"] == 1


def test_every_way_to_write_is_kept(tmp_path):
    def key(version: int) -> dict[str, Any]:
        return {"pk": {"S": "a"}, "sk": {"N": str(version)}}

    with running_on(tmp_path) as environ:
        dynamodb, table = client("dynamodb"), environ["LOG_TABLE"]
        puts = [{"PutRequest": {"Item": key(version)}} for version in (1, 2, 3)]
        dynamodb.batch_write_item(RequestItems={table: puts})
        dynamodb.update_item(
            TableName=table,
            Key=key(2),
            UpdateExpression="SET x = :x",
            ExpressionAttributeValues={":x": {"S": "updated"}},
        )
        dynamodb.delete_item(TableName=table, Key=key(1))
        dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": key(4)}}])
    with running_on(tmp_path) as environ:
        kept = sorted(items(environ["LOG_TABLE"]), key=lambda item: item["sk"]["N"])
        assert kept == [{**key(2), "x": {"S": "updated"}}, key(3), key(4)]


def test_what_was_refused_is_not_kept(tmp_path):
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}, "first": {"BOOL": True}}
    with running_on(tmp_path) as environ:
        dynamodb, table = client("dynamodb"), environ["LOG_TABLE"]
        dynamodb.put_item(TableName=table, Item=item)
        with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.put_item(
                TableName=table,
                Item={**item, "first": {"BOOL": False}},
                ConditionExpression="attribute_not_exists(pk)",
            )
    with running_on(tmp_path) as environ:
        assert items(environ["LOG_TABLE"]) == [item]


def test_objects_come_back_as_they_were(tmp_path):
    with running_on(tmp_path) as environ:
        before = client("s3").put_object(
            Bucket=environ["CONTENT_BUCKET"],
            Key="demo/1",
            Body=b"bytes",
            ContentType="image/png",
            ChecksumAlgorithm="SHA256",
        )
    with running_on(tmp_path) as environ:
        after = client("s3").get_object(
            Bucket=environ["CONTENT_BUCKET"], Key="demo/1", ChecksumMode="ENABLED"
        )
        assert after["Body"].read() == b"bytes"
        assert (after["ContentType"], after["ETag"]) == ("image/png", before["ETag"])
        assert after["ChecksumSHA256"] == before["ChecksumSHA256"]


def test_of_an_object_written_twice_only_the_last_bytes_stay_on_disk(tmp_path):
    with running_on(tmp_path) as environ:
        for body in (b"first", b"second"):
            client("s3").put_object(Bucket=environ["CONTENT_BUCKET"], Key="demo/1", Body=body)
        client("s3").put_object(Bucket=environ["CONTENT_BUCKET"], Key="demo/2", Body=b"gone")
        client("s3").delete_object(Bucket=environ["CONTENT_BUCKET"], Key="demo/2")
        assert [path.read_bytes() for path in files(tmp_path)] == [b"second"]


def test_a_file_of_a_call_that_never_was_is_removed(tmp_path):
    with running_on(tmp_path):
        pass
    (tmp_path / "objects" / "4f").mkdir()
    (tmp_path / "objects" / "4f" / "orphan.unfinished").write_bytes(b"half")
    with running_on(tmp_path):
        assert files(tmp_path) == []


def append(environ: dict[str, str], *versions: int) -> None:
    for version in versions:
        item = {"pk": {"S": "a"}, "sk": {"N": str(version)}}
        client("dynamodb").put_item(TableName=environ["LOG_TABLE"], Item=item)


def heard(environ: dict[str, str], pumped: bool = True, name: str = "reader") -> list[int]:
    """Run a reader on the log's stream, note how far it came, and return what it heard."""
    versions: list[int] = []

    def reader(event: Any) -> None:
        versions.extend(int(record.keys["sk"]["N"]) for record in event)

    app = Chalice("tiny", configure_logs=False)
    app.on_dynamodb_record(stream_arn=environ["LOG_STREAM_ARN"], name=name)(reader)
    pumps = Pumps(app, environ)
    if pumped:
        pumps.run_until_idle()
    assert isinstance(DOOR.journal, SqliteJournal)
    Housekeeping(pumps, environ, DOOR.journal).once()
    return versions


def test_a_restart_rings_again_for_what_was_not_heard_and_for_that_alone(tmp_path):
    with running_on(tmp_path) as environ:
        append(environ, 1, 2)
        assert heard(environ) == [1, 2]
        append(environ, 3, 4)
    with running_on(tmp_path) as environ:
        append(environ, 5)
        assert heard(environ) == [3, 4, 5]
    with running_on(tmp_path) as environ:
        assert heard(environ) == []
        append(environ, 6)
    with running_on(tmp_path) as environ:
        assert heard(environ) == [6]


def test_what_rings_again_is_not_forgotten_by_a_second_crash(tmp_path):
    with running_on(tmp_path) as environ:
        append(environ, 1, 2)
        heard(environ, pumped=False)
    for _ in range(2):
        with running_on(tmp_path) as environ:
            heard(environ, pumped=False)
    with running_on(tmp_path) as environ:
        assert heard(environ) == [1, 2]


def test_a_pump_that_is_no_more_does_not_make_everything_ring(tmp_path):
    with running_on(tmp_path) as environ:
        append(environ, 1)
        heard(environ, name="of the old code")
        append(environ, 2)
        assert heard(environ, name="reader") == [1, 2]
    with running_on(tmp_path) as environ:
        assert heard(environ, name="reader") == [2]  # the old one had not heard it
    with running_on(tmp_path) as environ:
        assert heard(environ, name="reader") == []


def test_without_a_word_from_any_pump_everything_rings(tmp_path):
    with running_on(tmp_path) as environ:
        append(environ, 1)
    with running_on(tmp_path) as environ:
        assert heard(environ) == [1]


def test_an_item_whose_time_to_live_is_over_is_gone_after_a_restart(tmp_path):
    def answer(name: str, expires: float) -> dict[str, Any]:
        return {"id": {"S": name}, "expiration": {"N": str(int(expires))}}

    with running_on(tmp_path) as environ:
        for name, expires in (("old", time.time() - 60), ("new", time.time() + 60)):
            client("dynamodb").put_item(
                TableName=environ["IDEMPOTENCY_TABLE"], Item=answer(name, expires)
            )
    with running_on(tmp_path) as environ:
        assert [item["id"]["S"] for item in items(environ["IDEMPOTENCY_TABLE"])] == ["new"]


def test_two_systems_cannot_run_on_one_folder(tmp_path):
    with running_on(tmp_path), pytest.raises(DataError, match="Another local system is running"):
        SqliteJournal(tmp_path)


def test_a_folder_that_cannot_be_one_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"DATA=.*file.* cannot be used"):
        SqliteJournal(tmp_path / "file")


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged: set[str] = set()
    for round_ in range(4):
        acknowledged |= killed_writer(tmp_path, round_)
    with running_on(tmp_path) as environ:
        kept = {f"item {item['pk']['S']}" for item in scan(environ["LOG_TABLE"])}
        pages = client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=environ["CONTENT_BUCKET"]):
            for found in page.get("Contents", []):
                name = found["Key"].removeprefix("demo/")
                body = client("s3").get_object(Bucket=environ["CONTENT_BUCKET"], Key=found["Key"])
                assert body["Body"].read() == name.encode() * 1000
                kept.add(f"object {name}")
    assert len(acknowledged) > 150
    assert acknowledged <= kept


def scan(table: str) -> Iterator[Any]:
    for page in client("dynamodb").get_paginator("scan").paginate(TableName=table):
        yield from page["Items"]


def killed_writer(folder: Path, round_: int) -> set[str]:
    """Let a process write, kill it meanwhile, and return what it had been promised."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("writer.py")), str(folder), str(round_)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert process.stdout
    first = "".join(process.stdout.readline() for _ in range(40 + 7 * round_))
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    lines = (first + rest).split("\n")
    return set(lines[:-1])  # the last may be cut short


def test_ten_thousand_items_are_back_in_time(tmp_path):
    """Ready in under 5 s is promised; this is all of it that grows with the data."""
    import sqlite3

    with running_on(tmp_path) as environ:
        table = environ["VIEWS_TABLE"]
    with sqlite3.connect(tmp_path / "palimpsest.db") as db:
        for number in range(10_000):
            pk, sk = {"S": f"demo/resource#{number % 100}"}, {"S": f"annotation#1#{number:05}"}
            item = {"pk": pk, "sk": sk, "body": {"S": "x" * 300}, "version": {"N": str(number)}}
            row = (table, json.dumps(pk), json.dumps(sk), json.dumps(item))
            db.execute("INSERT INTO items VALUES (?, ?, ?, ?, 0)", row)
    db.close()
    began = time.monotonic()
    with running_on(tmp_path) as environ:
        took_s = time.monotonic() - began
        views = client("dynamodb").describe_table(TableName=environ["VIEWS_TABLE"])["Table"]
        assert views["ItemCount"] == 10_000
    assert took_s < 30  # seconds on a busy machine; about one on an idle one
