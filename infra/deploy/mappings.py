"""Event source mappings: what Chalice cannot say of them.

A record is a doorbell: who hears it reads the log from where it stands, and what no record
announced any more is found by `reconcile` within minutes. So a record that keeps failing is not
worth holding up its neighbours for long: after a few tries word of it goes to the failure queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from infra.deploy import aws, state
from infra.deploy.errors import DeployError
from infra.deploy.stage import Stage

# function -> the variable with the stream that it reads
STREAMS: Final[Mapping[str, str]] = {
    "view_materializer": "LOG_STREAM_ARN",
    "graph_projector": "LOG_STREAM_ARN",
    "pusher": "VIEWS_STREAM_ARN",
    "job_pusher": "JOBS_STREAM_ARN",
}
QUEUES: Final[Mapping[str, str]] = {
    "job_worker": "JOBS_QUEUE_ARN",
    "slow_job_worker": "SLOW_JOBS_QUEUE_ARN",
}
ROLES_S: Final = 60.0
"""A role that was just made or changed is known everywhere after seconds."""
TRIES: Final = 10
OLDEST_S: Final = 3600
# A saving, never what correctness rests on: most records of the views are single annotations.
FILTERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "pusher": {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"sk": {"S": ["resource"]}}},
    },
    "job_pusher": {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"Keys": {"sk": {"S": ["job"]}}},
    },
}


def streams(names: Mapping[str, str]) -> dict[str, str]:
    """Return the ARN of the stream that each function is to read."""
    return {function: names[variable] for function, variable in STREAMS.items()}


def sources(stage: Stage, names: Mapping[str, str]) -> dict[str, str]:
    """Return the ARN that each function is to read, stream or queue."""
    found = {**streams(names), **{function: names[key] for function, key in QUEUES.items()}}
    if not stage.has_graph:
        del found["graph_projector"]
    return found


def wanted(stage: Stage, function: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what a function's mapping is to say, beyond what Chalice says."""
    if function in QUEUES:
        return {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
    failures = names["STREAM_FAILURE_QUEUE_ARN"]
    told: dict[str, Any] = {
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": TRIES,
        "MaximumRecordAgeInSeconds": OLDEST_S,
        "ParallelizationFactor": stage.parallelization,
        "DestinationConfig": {"OnFailure": {"Destination": failures}},
    }
    if function in FILTERS:
        pattern = json.dumps(FILTERS[function], sort_keys=True)
        told["FilterCriteria"] = {"Filters": [{"Pattern": pattern}]}
    return told


def differences(mapping: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the wanted a mapping does not say yet."""
    return {key: value for key, value in wanted.items() if not _same(mapping.get(key), value)}


def retire(stage: Stage, names: Mapping[str, str]) -> list[str]:
    """Delete the mappings that read a stream that is no more, or for a graph that is no more.

    Chalice never looks at these again. It makes the right ones, from the stream's beginning.
    """
    done, right = [], sources(stage, names)
    for name, function in state.lambdas(stage):
        for mapping in state.mappings_of(function["FunctionName"]):
            if mapping["EventSourceArn"] != right.get(name):
                aws.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])
                done.append(f"{name}: no longer reads {mapping['EventSourceArn']}")
    return done


def mend(stage: Stage, names: Mapping[str, str]) -> list[str]:
    """Bring every mapping up to what is wanted. Returns what was changed."""
    done = []
    for name, function in state.lambdas(stage):
        if name not in STREAMS and name not in QUEUES:
            continue
        for mapping in state.mappings_of(function["FunctionName"]):
            changes = differences(mapping, wanted(stage, name, names))
            if changes:
                _update(mapping["UUID"], changes)
                done.append(f"{name}: {', '.join(sorted(changes))}")
    return done


def _update(uuid: str, changes: Mapping[str, Any]) -> None:
    """Change a mapping, once it is at rest and its role known everywhere; AWS refuses before."""
    client, refusal = aws.client("lambda"), list[str]()

    def at_rest() -> bool:
        found = client.get_event_source_mapping(UUID=uuid)
        return found.get("State", "Enabled") in ("Enabled", "Disabled")

    def updated() -> bool:
        try:
            client.update_event_source_mapping(UUID=uuid, **changes)
        except client.exceptions.InvalidParameterValueException as error:
            if "role" not in str(error):
                raise
            refusal[:] = [aws.message(error)]
            return False
        return True

    aws.wait(at_rest, f"The event source mapping {uuid}", 300)
    try:
        aws.wait(updated, f"The event source mapping {uuid}", ROLES_S)
    except DeployError:
        raise DeployError(f"The event source mapping {uuid}: {refusal[-1]}") from None


def _same(there: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        if not isinstance(there, dict):
            return False
        return all(_same(there.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(there, list) and len(there) == len(wanted) and all(map(_same, there, wanted))
        )
    if isinstance(wanted, str) and wanted.startswith("{") and isinstance(there, str):
        return bool(json.loads(there) == json.loads(wanted))
    return bool(there == wanted)
