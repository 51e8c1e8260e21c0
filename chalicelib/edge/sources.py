"""What comes from streams and queues: Lambda's payloads, and its answer about what failed.

A record is a doorbell: it says which stream of the log has news, nothing more. A batch answers
``{"batchItemFailures": [{"itemIdentifier": "<sequence number>"}]}`` with the first record of a
stream that failed; Lambda goes on from there, so what succeeded after it is done again, which
changes nothing.

A message of the job queue names a job (`jobs.queue`); a batch answers with those that failed, which
come again, and in the end go to the dead-letter queue.

record: {"eventID": "…", "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb":
         {"Keys": {"pk": {"S": "demo/resource#0192f…"}, "sk": {"N": "7"}}, "SequenceNumber": "11"}}
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from chalicelib.domain.ids import Stream
from chalicelib.edge import metrics
from chalicelib.errors import AppError
from chalicelib.system import System

T = TypeVar("T")

_LOGGER: Final = logging.getLogger(__name__)

Batch = Callable[[System, Iterable[Stream]], Mapping[Stream, AppError]]
"""Handles the news of some streams; returns those to try again. What it raises concerns all."""


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One record of the log's stream."""

    sequence: str
    stream: Stream


def doorbells(event: Any) -> list[Doorbell]:
    """Return the records of a DynamoDB stream event (Chalice's, or the payload), in their order.

    An item whose key is no stream of ours was not written by us: it is told and left out.
    """
    payload = event if isinstance(event, Mapping) else event.to_dict()
    found: list[Doorbell] = []
    for record in payload["Records"]:
        body = record["dynamodb"]
        key = body["Keys"]["pk"]["S"]
        try:
            found.append(Doorbell(body["SequenceNumber"], Stream.parse(key)))
        except ValueError:
            _LOGGER.error("The log's table has an item that is no commit: %r", key)
    return found


def in_streams(system: System, event: Any, batch: Batch) -> dict[str, list[dict[str, str]]]:
    """Run a batch over the streams that have news, and answer as Lambda expects.

    When a batch raises, each stream is tried alone, so that one cannot hold up its neighbours.
    """
    with metrics.running(system):
        rung = doorbells(event)
        streams = list(dict.fromkeys(bell.stream for bell in rung))
        try:
            failed = set(batch(system, streams)) if streams else set()
        except Exception:
            _LOGGER.exception("A batch of %d streams failed; each is tried alone", len(streams))
            failed = {stream for stream in streams if not _alone(system, stream, batch)}
    first = next((bell.sequence for bell in rung if bell.stream in failed), None)
    return {"batchItemFailures": [] if first is None else [{"itemIdentifier": first}]}


def in_queue(
    system: System,
    event: Any,
    work: Callable[[System, str, str, int], None],
    stumble: Callable[[System, str, str, Exception], bool],
) -> dict[str, list[dict[str, str]]]:
    """Run `work` on each message with the milliseconds that are left, and answer as Lambda expects.

    Both are told an id that is new with each delivery. What `work` raises is given to `stumble`; a
    message fails if that returns False, or raises too.
    """
    failed = []
    with metrics.running(system):
        for record in event.to_dict()["Records"]:
            body, delivery = record["body"], system.mint()
            try:
                work(system, body, delivery, event.context.get_remaining_time_in_millis())
            except Exception as error:
                _LOGGER.exception("The message %s could not be worked on", record["messageId"])
                if not _stumbled(partial(stumble, system, body, delivery, error)):
                    system.metrics.count("JobsMessagesFailed")
                    failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def on_time(system: System, do: Callable[[System], T]) -> T:
    """Do what a schedule asks for, and return what it says it did."""
    with metrics.running(system):
        return do(system)


def _stumbled(stumble: Callable[[], bool]) -> bool:
    try:
        return stumble()
    except Exception:
        _LOGGER.exception("… and its job could not be given back")
        return False


def _alone(system: System, stream: Stream, batch: Batch) -> bool:
    try:
        return not batch(system, [stream])
    except Exception:
        _LOGGER.exception("The stream %s failed", stream.name)
        return False
