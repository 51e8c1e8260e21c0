"""Carries the messages of one SQS queue to one function, as Lambda does.

What succeeds is deleted, one by one; what fails stays in the queue, hidden until its visibility
time-out, and goes to the dead-letter queue when it was received too often: SQS does both.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from infra.local import aws, payloads
from infra.local.functions import QueueSource, failures

log = logging.getLogger(__name__)

MOST_WORKERS: Final = 4  # AWS runs as many as a function may have; here they share a machine
_RECEIVED_AT_ONCE: Final = 10  # the most that SQS gives


class QueuePump:
    """Readers of one queue. `step` is one invocation; several threads may call it."""

    def __init__(self, source: QueueSource) -> None:
        self.source = source
        self.name = source.function.name
        self.workers = min(source.concurrency, MOST_WORKERS)
        self.wakes_on = source.queue
        self.delay_s = 0.0
        self.failed = 0
        self.set_aside = 0  # SQS does it, unseen by us: always 0
        self._url = ""

    def step(self) -> bool:
        """Receive a batch and invoke the function; False if no message is visible."""
        sqs = aws.client("sqs")
        messages = sqs.receive_message(
            QueueUrl=self._queue_url(),
            MaxNumberOfMessages=min(self.source.batch_size, _RECEIVED_AT_ONCE),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        if not messages:
            return False
        failed = self._invoke(messages)
        self.failed += bool(failed)
        done = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
            if message["MessageId"] not in failed
        ]
        if done:
            sqs.delete_message_batch(QueueUrl=self._queue_url(), Entries=done)
        return True

    def behind(self) -> int:
        """Return how many messages wait."""
        attributes = aws.client("sqs").get_queue_attributes(
            QueueUrl=self._queue_url(), AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def _invoke(self, messages: list[Any]) -> set[str]:
        identifiers = [message["MessageId"] for message in messages]
        try:
            answer = self.source.function(payloads.queue_event(messages, self.source.queue_arn))
        except Exception as error:
            log.warning("%s failed on %d messages", self.name, len(messages), exc_info=error)
            return set(identifiers)
        return failures(answer, identifiers)

    def _queue_url(self) -> str:
        if not self._url:
            self._url = aws.client("sqs").get_queue_url(QueueName=self.source.queue)["QueueUrl"]
        return self._url
