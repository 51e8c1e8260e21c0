"""The Lambda functions of a Chalice app other than its HTTP API, and what AWS gives to each.

`sources(app)` reads them off the app itself, so a new `@app.on_…` is pumped without a word here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalice.app import (
    Chalice,
    DynamoDBEventConfig,
    ScheduledEventConfig,
    ScheduleExpression,
    SQSEventConfig,
)
from chalice.local import LambdaContext

from infra.local.aws import ACCOUNT, REGION

MEMORY_MB: Final = 512
TIMEOUT_S: Final = 60

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function: calling it with an event is an invocation."""

    name: str
    handler: Callable[[Event, Any], Any]

    def __call__(self, event: Event) -> Any:
        """Invoke it with a fresh context; what it raises comes through."""
        return self.handler(event, context(self.name, TIMEOUT_S))


@dataclass(frozen=True, slots=True)
class StreamSource:
    """A DynamoDB stream that a function reads."""

    function: Function
    stream_arn: str
    batch_size: int

    @property
    def table(self) -> str:
        """Return the table whose stream it is."""
        return self.stream_arn.split(":table/")[1].split("/")[0]


@dataclass(frozen=True, slots=True)
class QueueSource:
    """An SQS queue that a function works off."""

    function: Function
    queue_arn: str
    batch_size: int
    concurrency: int

    @property
    def queue(self) -> str:
        """Return the queue's name."""
        return self.queue_arn.rsplit(":", 1)[1]


@dataclass(frozen=True, slots=True)
class ScheduleSource:
    """A clock that calls a function; `period_s` is None for cron, which only AWS runs."""

    function: Function
    expression: str
    period_s: float | None


Source = StreamSource | QueueSource | ScheduleSource


def context(name: str, timeout_s: int) -> LambdaContext:
    """Return a Lambda context, its clock running."""
    made = LambdaContext(f"palimpsest-local-{name}", MEMORY_MB, timeout_s * 1000)
    made.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{made.function_name}"
    return made


def sources(app: Chalice) -> Iterator[Source]:
    """Yield every event source that the app declares; raise ValueError for one we cannot feed."""
    for source in app.event_sources:
        function = Function(source.name, app.handler_map[source.name])
        match source:
            case DynamoDBEventConfig():
                yield StreamSource(function, source.stream_arn, source.batch_size)
            case SQSEventConfig():
                arn = source.queue_arn or f"arn:aws:sqs:{REGION}:{ACCOUNT}:{source.queue}"
                concurrency = source.maximum_concurrency or 2  # the least that AWS takes
                yield QueueSource(function, arn, source.batch_size, concurrency)
            case ScheduledEventConfig():
                expression = source.schedule_expression
                if isinstance(expression, ScheduleExpression):
                    expression = expression.to_string()
                yield ScheduleSource(function, expression, _period_s(expression))
            case _:
                raise ValueError(f"The local system cannot feed {source.name} ({type(source)}).")


def _period_s(expression: str) -> float | None:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if not found:
        return None
    return int(found[1]) * {"minute": 60.0, "hour": 3600.0, "day": 86400.0}[found[2]]


def failures(answer: Any, identifiers: Sequence[str]) -> set[str]:
    """Return which records a function's answer calls failed, by Lambda's rules.

    No answer, no list or an empty list: none. An identifier that is missing, empty or not of this
    batch: all of them.
    """
    listed = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not listed:
        return set()
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in listed]
    known = set(identifiers)
    return known.intersection(named) if known.issuperset(named) else known
