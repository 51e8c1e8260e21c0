"""How a stage is: what is deployed, how it does, and what it logs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from infra.deploy import aws, drift, lock, releases, stacks, state
from infra.deploy.apis import Apis
from infra.deploy.errors import DeployError
from infra.deploy.functions import FUNCTIONS, deployed
from infra.deploy.stage import Stage

_SPAN: Final = re.compile(r"(\d+)([smhd])\Z")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_QUEUES: Final = (
    "JOBS_QUEUE_URL",
    "SLOW_JOBS_QUEUE_URL",
    "JOBS_DEAD_LETTER_QUEUE_URL",
    "STREAM_FAILURE_QUEUE_URL",
)
_EMPTY: Final = _QUEUES[2:]


def status(stage: Stage, names: Mapping[str, str], apis: Apis) -> tuple[list[str], list[str]]:
    """Return lines that tell how a stage is, and what of it is wrong."""
    lines, wrong = list[str](), list[str]()
    for name in stacks.of(stage):
        found = stacks.stack_status(stage, name)
        lines.append(f"stack      {stacks.stack_name(stage, name):32} {found}")
        if found is None or "FAILED" in found or "ROLLBACK" in found:
            wrong.append(f"the stack {stacks.stack_name(stage, name)} is {found}")
    for name, each in sorted(state.lambdas(stage)):
        condition = each.get("State") or "Active"
        lines.append(
            f"function   {name:32} {condition}, {each['Runtime']}, {each['MemorySize']} MB, "
            f"{each['CodeSize'] / 1e6:.1f} MB of code, {each['LastModified'][:19]}"
        )
        if condition not in ("Active", "Inactive"):
            wrong.append(f"the function {name} is {condition}")
        for mapping in state.mappings_of(each["FunctionName"]):
            source = mapping["EventSourceArn"].split(":", 5)[5].removeprefix("table/")
            result = mapping.get("LastProcessingResult") or "no records yet"
            lines.append(f"  reads    {source.split('/stream')[0]:32} {mapping['State']}, {result}")
            if mapping["State"] not in ("Enabled", "Creating", "Enabling", "Updating"):
                wrong.append(f"the mapping of {name} is {mapping['State']}")
    for variable in _QUEUES:
        waiting = _waiting(names[variable])
        lines.append(f"queue      {names[variable].rsplit('/', 1)[1]:32} {waiting} messages")
        if waiting and variable in _EMPTY:
            wrong.append(f"{names[variable].rsplit('/', 1)[1]} holds {waiting} messages")
    bucket = names["DEPLOY_BUCKET"]
    if kept := releases.names(bucket):
        last = releases.read(bucket, kept[-1])
        lines.append(f"release    {kept[-1]:32} source {last['source']}")
        if different := releases.differences(stage, last):
            wrong.append(
                f"{len(different)} functions are not of the last release ({different[0]}): a "
                "deploy broke off, or `chalice deploy` was typed; `make deploy` brings all up, "
                "`make rollback` goes back to it"
            )
    if at_it := lock.holder(bucket):
        lines.append(f"lock       {at_it}")
    lines += [f"REST       {apis.public_url}", f"websocket  {apis.sockets_url}"]
    return lines, [*wrong, *drift.drift(stage, names, apis)]


def logs(
    stage: Stage, functions: list[str], since: str, pattern: str = "", follow: bool = False
) -> Iterator[str]:
    """Yield what functions logged, by time; all of them if none is named."""
    span = _SPAN.match(since)
    if span is None:
        raise DeployError(f"SINCE={since!r} is not like 10m, 2h or 1d.")
    known = deployed(stage.has_graph)
    if unknown := sorted(set(functions) - set(FUNCTIONS)):
        raise DeployError(f"There is no function {unknown[0]}; there are {', '.join(known)}.")
    start_ms = int((time.time() - int(span[1]) * _UNITS[span[2]]) * 1000)
    seen = set[str]()
    while True:
        events = _events(stage, functions or list(FUNCTIONS), start_ms, pattern)
        found = sorted(events, key=lambda each: each[:2])  # of one moment as they were written
        for at_ms, name, event, text in found:
            if event not in seen:
                seen.add(event)
                clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms / 1000))
                yield f"{clock}.{at_ms % 1000:03d}Z {name}: {text.rstrip()}"
        if not follow:
            return
        if found:
            start_ms = found[-1][0] - 10_000  # some come late
        time.sleep(aws.POLL_S)


def log_groups(stage: Stage) -> list[str]:
    """Return the log groups of the stage's functions, of whatever version."""
    prefix = f"/aws/lambda/{stage.full_name}"
    found = aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    groups = [str(each["logGroupName"]) for each in found]
    return [each for each in groups if each == prefix or each.startswith(f"{prefix}-")]


def _events(
    stage: Stage, functions: list[str], start_ms: int, pattern: str
) -> Iterator[tuple[int, str, str, str]]:
    client = aws.client("logs")
    for name in functions:
        asked: dict[str, Any] = {"startTime": start_ms}
        if pattern:
            asked["filterPattern"] = pattern
        group = f"/aws/lambda/{stage.function(name)}"
        try:
            for each in aws.pages(
                "logs", "filter_log_events", "events", logGroupName=group, **asked
            ):
                at_ms, text = int(each["timestamp"]), str(each["message"])
                # An emulator names no events.
                yield at_ms, name, str(each.get("eventId") or (at_ms, name, text)), text
        except client.exceptions.ResourceNotFoundException:
            continue  # it has never run


def _waiting(url: str) -> int:
    asked = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
    return sum(int(told.get(name, 0)) for name in asked)
