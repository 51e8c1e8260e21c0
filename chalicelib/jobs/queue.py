"""The messages that make workers look at jobs: SQS, in two lanes.

message: {"workspace": "demo", "job": "0192f…"}

A message is a doorbell: what is to be done, and whether it still is, stands in the jobs table. So
it may come twice, late or not at all (the sweep sends it again). Jobs that wait for a model have a
lane, and workers, of their own. Within a lane, messages carry the caller as their group: on a
standard queue that makes SQS fair, a caller with many messages in flight waits for the others
(AWS, "Amazon SQS fair queues", read 2026-11).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from chalicelib import aws
from chalicelib.domain.ids import UUID, WORKSPACE
from chalicelib.domain.job import Job
from chalicelib.errors import Malformed, Unavailable

if TYPE_CHECKING:
    from chalicelib.config import Config

DEPENDENCY: Final = "jobs"
MAX_DELAY_S: Final = 900
"""AWS, "Amazon SQS message quotas", read 2026-11."""

Lane = Literal["quick", "slow"]


class Queue:
    """Sends messages. The SQS client is made when first used."""

    def __init__(self, config: Config) -> None:
        self._urls: Mapping[Lane, str] = {
            "quick": config.jobs_queue_url,
            "slow": config.slow_jobs_queue_url,
        }
        self._dead_url = config.jobs_dead_letter_queue_url
        self._client: Any = None
        self._lock = threading.Lock()

    @property
    def configured(self) -> bool:
        """Tell whether there are queues at all."""
        return all(self._urls.values())

    def send(self, job: Job, lane: Lane, delay_s: float = 0.0) -> None:
        """Send a job's message, to be seen after `delay_s`. Raises Unavailable."""
        if not self.configured:
            raise Unavailable("this deployment has no job workers", dependency=DEPENDENCY)
        with aws.translated("the job queue", DEPENDENCY):
            self._sqs.send_message(
                QueueUrl=self._urls[lane],
                MessageBody=json.dumps({"workspace": job.workspace, "job": job.id}),
                MessageGroupId=_group(job),
                DelaySeconds=min(MAX_DELAY_S, max(0, round(delay_s))),
            )

    def dead(self) -> int:
        """Return about how many messages were given up. Raises Unavailable."""
        with aws.translated("the job queue", DEPENDENCY):
            answer = self._sqs.get_queue_attributes(
                QueueUrl=self._dead_url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    @property
    def _sqs(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _sqs_client()
            return self._client


def read(message: str) -> tuple[str, str]:
    """Return the workspace and the job that a message names. Raises Malformed."""
    try:
        document = json.loads(message)
        workspace, job_id = document["workspace"], document["job"]
        if WORKSPACE.match(workspace) and UUID.match(job_id):
            return workspace, job_id
    except (ValueError, KeyError, TypeError):
        pass
    raise Malformed("this is no message of ours")


def _group(job: Job) -> str:
    # A group's name takes few characters, an actor's id may have any.
    actor = hashlib.sha256(job.actor.id.encode()).hexdigest()[:32]
    return f"{job.workspace}.{actor}"


def _sqs_client() -> Any:
    from botocore.config import Config as Settings

    return aws.client(
        "sqs",
        config=Settings(
            connect_timeout=1,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 4},
        ),
    )
