"""Carries the records of one DynamoDB stream to one function, as Lambda does.

In order, in batches. When the function fails, the batch is halved, which costs no retry, until the
record at fault stands alone; that one is tried again, a bounded number of times, then set aside:
word of it goes to the failure queue, and the stream goes on. So a poisoned record takes none of its
neighbours with it. A function that names what failed (`batchItemFailures`) moves the checkpoint up
to the first of those.
"""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from infra.local import aws, payloads
from infra.local.functions import StreamSource, failures

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a single failing record is tried again, and how long to wait before each."""

    times: int = 4
    first_s: float = 0.1
    most_s: float = 2.0

    def delay_s(self, attempt: int) -> float:
        """Return the wait before retry number `attempt`, which counts from 1."""
        return float(min(self.most_s, self.first_s * 2 ** (attempt - 1)))


class StreamPump:
    """One reader of one stream. `step` is one invocation; call it from one thread at a time."""

    workers: Final = 1  # one shard, one batch in flight

    def __init__(self, source: StreamSource, retry: Retry, failure_queue_url: str) -> None:
        self.source = source
        self.name = source.function.name
        self.wakes_on = source.table
        self.delay_s = 0.0
        self.failed = 0  # invocations
        self.set_aside = 0  # records
        self._retry = retry
        self._failure_queue_url = failure_queue_url
        self._iterator: str | None = None
        self._shard = ""
        self._pending: list[Any] = []  # fetched, not yet past the checkpoint
        self._size = 0  # of the next batch
        self._attempts = 0
        self._passed = 0

    def step(self) -> bool:
        """Invoke the function once; False if there was nothing to give it."""
        self.delay_s = 0.0
        if not self._pending:
            self._pending = self._fetch()
            self._whole()
        if not self._pending:
            return False
        batch = self._pending[: self._size]
        done, error = self._invoke(batch)
        if error is None:
            self._pass(len(batch))
            return True
        self.failed += 1
        if done:
            self._pass(done, whole=False)
            batch = batch[done:]
        self._after_failure(batch, error)
        return True

    def behind(self) -> int:
        """Return how many records the stream holds beyond the checkpoint."""
        return aws.stream_length(self.source.table) - self._passed

    def position(self) -> int:
        """Return how many records are past the checkpoint, since the stream began."""
        return self._passed

    def _after_failure(self, batch: list[Any], error: str) -> None:
        if len(batch) > 1:
            self._size = (len(batch) + 1) // 2
            return
        self._attempts += 1
        if self._attempts <= self._retry.times:
            self._size = 1
            self.delay_s = self._retry.delay_s(self._attempts)
            return
        self._report(batch, error)
        self.set_aside += len(batch)
        self._pass(len(batch))

    def _pass(self, count: int, *, whole: bool = True) -> None:
        """Move the checkpoint; afterwards a batch is a whole one again, unless halving goes on."""
        del self._pending[:count]
        self._passed += count
        self._attempts = 0
        if whole:
            self._whole()

    def _whole(self) -> None:
        self._size, self._attempts = len(self._pending), 0

    def _invoke(self, batch: list[Any]) -> tuple[int, str | None]:
        """Return how many of the first records are done, and what went wrong with the next."""
        identifiers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        try:
            answer = self.source.function(payloads.stream_event(batch, self.source.stream_arn))
        except Exception as error:
            log.warning("%s failed on %d records", self.name, len(batch), exc_info=error)
            return 0, f"{type(error).__name__}: {error}"
        failed = failures(answer, identifiers)
        if not failed:
            return len(batch), None
        first = next(n for n, identifier in enumerate(identifiers) if identifier in failed)
        log.warning("%s reports %d of %d records failed", self.name, len(failed), len(batch))
        return first, "batchItemFailures"

    def _fetch(self) -> list[Any]:
        streams = aws.client("dynamodbstreams")
        if self._iterator is None:
            arn = self.source.stream_arn
            (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
            self._shard = shard["ShardId"]
            self._iterator = streams.get_shard_iterator(
                StreamArn=arn, ShardId=self._shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        answer = streams.get_records(ShardIterator=self._iterator, Limit=self.source.batch_size)
        self._iterator = answer["NextShardIterator"]
        return list(answer["Records"])

    def _report(self, batch: list[Any], error: str) -> None:
        """Send what Lambda sends to the failure queue: where the records stand, not their text."""
        first, last = batch[0]["dynamodb"], batch[-1]["dynamodb"]
        now = datetime.now(UTC)
        report = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:{self.name}",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": self._attempts,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": error,
            },
            "version": "1.0",
            "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "DDBStreamBatchInfo": {
                "shardId": self._shard,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": str(first["ApproximateCreationDateTime"]),
                "approximateArrivalOfLastRecord": str(last["ApproximateCreationDateTime"]),
                "batchSize": len(batch),
                "streamArn": self.source.stream_arn,
            },
        }
        log.error("%s set a record aside: %s (%s)", self.name, first["Keys"], error)
        aws.client("sqs").send_message(
            QueueUrl=self._failure_queue_url, MessageBody=json.dumps(report)
        )
