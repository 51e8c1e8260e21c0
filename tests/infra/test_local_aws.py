from __future__ import annotations

import base64
import hashlib
import os
import sys
import threading
import time

import pytest
from botocore.exceptions import ClientError

from infra.local import aws as local_aws
from infra.local import door
from infra.local.aws import aws, client, names


def item(version: int, **more: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"pk": {"S": "demo/resource#1"}, "sk": {"N": str(version)}, **more}


def test_the_names_are_known_before_aws_is_there_and_are_right(environ):
    log = client("dynamodb").describe_table(TableName=environ["LOG_TABLE"])["Table"]
    jobs = client("sqs").get_queue_url(QueueName="palimpsest-local-jobs")["QueueUrl"]
    assert environ == names()
    assert log["LatestStreamArn"] == environ["LOG_STREAM_ARN"]
    assert log["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert jobs == environ["JOBS_QUEUE_URL"]
    client("s3").head_bucket(Bucket=environ["CONTENT_BUCKET"])


def test_the_template_s_indexes_times_to_live_and_backups_are_made(environ):
    dynamodb = client("dynamodb")
    views = dynamodb.describe_table(TableName=environ["VIEWS_TABLE"])["Table"]
    ttl = dynamodb.describe_time_to_live(TableName=environ["VIEWS_TABLE"])
    backups = dynamodb.describe_continuous_backups(TableName=environ["LOG_TABLE"])
    assert [index["IndexName"] for index in views["GlobalSecondaryIndexes"]] == ["changed"]
    assert ttl["TimeToLiveDescription"]["AttributeName"] == "expires"
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_each_start_begins_empty():
    for _ in range(2):
        with aws() as environ:
            dynamodb = client("dynamodb")
            assert dynamodb.scan(TableName=environ["LOG_TABLE"])["Count"] == 0
            dynamodb.put_item(TableName=environ["LOG_TABLE"], Item=item(1))


def test_an_endpoint_in_the_developer_s_shell_does_not_lead_calls_astray(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "of-another-project")
    with aws():
        assert "AWS_ENDPOINT_URL" not in os.environ
        assert "AWS_PROFILE" not in os.environ
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"


def test_of_writers_racing_for_one_version_exactly_one_wins(environ):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # without the lock, several win in one round of five
    try:
        assert [winners(environ, version) for version in range(20)] == [1] * 20
    finally:
        sys.setswitchinterval(before)


def winners(environ: dict[str, str], version: int) -> int:
    won: list[int] = []
    together = threading.Barrier(6)

    def write(writer: int) -> None:
        together.wait()
        try:
            client("dynamodb").put_item(
                TableName=environ["LOG_TABLE"],
                Item=item(version, writer={"N": str(writer)}),
                ConditionExpression="attribute_not_exists(pk)",
            )
            won.append(writer)
        except client("dynamodb").exceptions.ConditionalCheckFailedException:
            pass

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(won)


def test_bytes_that_do_not_have_the_checksum_they_came_with_are_refused(environ):
    s3, bucket = client("s3"), environ["CONTENT_BUCKET"]
    checksum = base64.b64encode(hashlib.sha256(b"right").digest()).decode()
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="demo/1", Body=b"wrong", ChecksumSHA256=checksum)
    assert refused.value.response["Error"]["Code"] == "BadDigest"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_checksum_that_was_checked_is_kept(environ):
    s3, bucket = client("s3"), environ["CONTENT_BUCKET"]
    checksum = base64.b64encode(hashlib.sha256(b"right").digest()).decode()
    s3.put_object(Bucket=bucket, Key="demo/1", Body=b"right", ChecksumSHA256=checksum)
    head = s3.head_object(Bucket=bucket, Key="demo/1", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == checksum


def test_a_copy_outlives_its_original(environ):
    s3, bucket = client("s3"), environ["CONTENT_BUCKET"]
    s3.put_object(Bucket=bucket, Key="uploads/1", Body=b"bytes", ContentType="text/plain")
    s3.copy_object(Bucket=bucket, Key="demo/1", CopySource={"Bucket": bucket, "Key": "uploads/1"})
    s3.delete_object(Bucket=bucket, Key="uploads/1")
    copy = s3.get_object(Bucket=bucket, Key="demo/1")
    assert copy["Body"].read() == b"bytes"
    assert copy["ContentType"] == "text/plain"


def test_a_long_poll_hears_a_message_at_once_and_holds_up_nobody(environ):
    sqs, url = client("sqs"), environ["JOBS_QUEUE_URL"]
    received: list[float] = []

    def poll() -> None:
        assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
        received.append(time.monotonic())

    poller = threading.Thread(target=poll)
    poller.start()
    time.sleep(0.2)
    sent = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="now")
    poller.join()
    assert received[0] - sent < 1


def test_polling_a_stream_for_ever_leaves_no_iterators_behind(environ, monkeypatch):
    from moto.dynamodbstreams.models import dynamodbstreams_backends

    monkeypatch.setattr(door, "ITERATORS_KEPT", 10)
    streams, arn = client("dynamodbstreams"), environ["LOG_STREAM_ARN"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    for _ in range(30):
        iterator = streams.get_records(ShardIterator=iterator)["NextShardIterator"]
    backend = dynamodbstreams_backends[local_aws.ACCOUNT][local_aws.REGION]
    assert len(backend.shard_iterators) == 10


def test_a_stream_forgets_what_it_is_told_to_and_goes_on(environ):
    streams, arn = client("dynamodbstreams"), environ["LOG_STREAM_ARN"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]

    def versions() -> list[str]:
        start = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=start)["Records"]
        return [record["dynamodb"]["Keys"]["sk"]["N"] for record in records]

    for version in range(1, 6):
        client("dynamodb").put_item(TableName=environ["LOG_TABLE"], Item=item(version))
    old = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    local_aws.forget_records(environ["LOG_TABLE"], 3)
    assert versions() == ["4", "5"]
    assert local_aws.stream_length(environ["LOG_TABLE"]) == 5
    assert len(streams.get_records(ShardIterator=old)["Records"]) == 2
    client("dynamodb").put_item(TableName=environ["LOG_TABLE"], Item=item(6))
    assert versions() == ["4", "5", "6"]


def test_a_large_object_is_read_in_pieces_also_a_part_of_it(environ):
    s3, bucket = client("s3"), environ["CONTENT_BUCKET"]
    body = bytes(range(256)) * 8192  # 2 MB
    s3.put_object(Bucket=bucket, Key="demo/1", Body=body)
    assert s3.get_object(Bucket=bucket, Key="demo/1")["Body"].read() == body
    pieces = s3.get_object(Bucket=bucket, Key="demo/1")["Body"].iter_chunks(100_000)
    assert b"".join(pieces) == body
    part = s3.get_object(Bucket=bucket, Key="demo/1", Range="bytes=1000-1700000")
    assert part["ContentRange"] == f"bytes 1000-1700000/{len(body)}"
    assert part["Body"].read() == body[1000:1700001]


def test_another_moto_than_the_one_that_is_patched_is_refused(monkeypatch):
    monkeypatch.setattr("moto.__version__", "9.9.9")
    with pytest.raises(door.UnknownMotoError, match=r"needs moto 5\.2\.5, found 9\.9\.9"):
        door.check()


def test_a_name_that_moto_no_longer_has_is_named(monkeypatch):
    monkeypatch.setattr(door, "_RELIED_UPON", (("moto.s3.models", "S3Backend.gone", ""),))
    with pytest.raises(door.UnknownMotoError, match=r"no moto\.s3\.models\.S3Backend\.gone"):
        door.check()
