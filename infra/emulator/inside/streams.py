"""Event source mappings as AWS runs them: retries, halves, partial batches, failure destinations.

ministack 1.5.33 drops what follows a reported item of a stream's batch, knows neither
MaximumRetryAttempts nor BisectBatchOnFunctionError, runs every stream's function in one thread, and
asks no role whether it may read. ParallelizationFactor and batching windows are not simulated.
Derived from ministack, see NOTICE.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ministack.core.responses import _request_account_id, _request_region, error_response_json
from ministack.services import dynamodb, lambda_svc

from infra.emulator.inside import calls

# What a role needs to be read for (AWS Lambda, "Using Lambda with DynamoDB", "… Amazon SQS", 2026).
STREAM_ACTIONS: Final = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
QUEUE_ACTIONS: Final = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
FIRST_RETRY_S: Final = 0.2
LAST_RETRY_S: Final = 5.0

_stock_create = lambda_svc._create_esm
_stock_update = lambda_svc._update_esm
_stock_sqs = lambda_svc._poll_sqs

Json = dict[str, Any]


@dataclass(slots=True)
class _Shard:
    """Where a mapping stands. `limit` is how much of a failed batch is tried next."""

    position: int
    attempts: int = 0
    limit: int | None = None

    def move(self, position: int) -> None:
        """Go on from there, with a clean slate."""
        self.position, self.attempts, self.limit = position, 0, None


_shards: dict[str, _Shard] = {}


def apply() -> None:
    """Replace the pollers, and check roles when mappings are made."""
    lambda_svc._poll_dynamodb_streams = _poll_streams
    lambda_svc._poll_sqs = _poll_sqs
    lambda_svc._create_esm = _create
    lambda_svc._update_esm = _update


# -- roles --------------------------------------------------------------------------------------


def _may_read(config: Json, arn: str) -> list[str]:
    """Return the actions that the role lacks to read a stream or queue."""
    service = arn.split(":")[2]
    actions = {"dynamodb": STREAM_ACTIONS, "sqs": QUEUE_ACTIONS}.get(service, ())
    wanted = [f"{service}:{action}" for action in actions]
    return [each for each in wanted if not calls.permitted(config, service, each, arn)]


def _may_report(config: Json, settings: Json) -> bool:
    """Tell whether the role may send to the failure destination of these settings, if any."""
    arn = _destination(settings)
    return not arn.startswith("arn:aws:sqs:") or calls.permitted(
        config, "sqs", "sqs:SendMessage", arn
    )


def _destination(settings: Json) -> str:
    failure = (settings.get("DestinationConfig") or {}).get("OnFailure") or {}
    return str(failure.get("Destination") or "")


def _create(data: Json) -> Any:
    record, _ = lambda_svc._get_func_record_for_qualifier(
        data.get("FunctionName", "").rsplit(":", 1)[-1], None
    )
    arn = data.get("EventSourceArn", "")
    if record is not None:
        config = record["config"]
        same = (each for _, _, each in lambda_svc._iter_all_esms())
        name = config["FunctionName"]
        if any(each["EventSourceArn"] == arn and each["FunctionName"] == name for each in same):
            return error_response_json(
                "ResourceConflictException",
                f"An event source mapping with event source {arn} and function {name} exists",
                409,
            )
        lacking = _may_read(config, arn)
        if lacking:
            return _refused(f"Cannot access {arn}: the role lacks {', '.join(lacking)}")
        if not _may_report(config, data):
            return _refused("The provided execution role does not have SendMessage on OnFailure")
    return _stock_create(data)


def _update(esm_id: str, data: Json) -> Any:
    esm = lambda_svc._esms.get(esm_id)
    if esm is not None:
        record, _ = lambda_svc._get_func_record_for_qualifier(esm["FunctionName"], None)
        if record is not None and not _may_report(record["config"], data):
            return _refused("The provided execution role does not have SendMessage on OnFailure")
    return _stock_update(esm_id, data)


def _refused(why: str) -> Any:
    return error_response_json("InvalidParameterValueException", why, 400)


# -- queues -------------------------------------------------------------------------------------


def _poll_sqs() -> bool:
    """Poll the queues whose mapping's role may read them, as before."""
    stock = lambda_svc._iter_all_esms
    lambda_svc._iter_all_esms = lambda: (each for each in stock() if _readable_queue(each[2]))
    try:
        return bool(_stock_sqs())
    finally:
        lambda_svc._iter_all_esms = stock


def _readable_queue(esm: Json) -> bool:
    arn = esm.get("EventSourceArn", "")
    if not arn.startswith("arn:aws:sqs:"):
        return False
    record, _ = lambda_svc._get_func_record_for_qualifier(esm["FunctionName"], None)
    return record is None or not _may_read(record["config"], arn)


# -- streams ------------------------------------------------------------------------------------


def _poll_streams() -> bool:
    """Hand each mapping its next batch; one is under way per mapping, as one per shard on AWS."""
    found = False
    for account, region, esm in lambda_svc._iter_all_esms():
        if not esm.get("Enabled", True) or ":dynamodb:" not in esm.get("EventSourceArn", ""):
            continue
        tokens = _request_account_id.set(account), _request_region.set(region)
        try:
            found = _next_batch(esm) or found
        finally:
            _request_account_id.reset(tokens[0])
            _request_region.reset(tokens[1])
    return found


def _next_batch(esm: Json) -> bool:
    esm_id, arn = esm["UUID"], esm["EventSourceArn"]
    name = arn.split("/stream/")[0].split("/")[-1]
    function, _ = lambda_svc._get_func_record_for_qualifier(
        esm["FunctionName"], esm.get("Qualifier")
    )
    table = dynamodb._tables.get(name)
    # A stream that was closed and opened anew has another ARN: this mapping hears nothing.
    if function is None or not table or table.get("LatestStreamArn") != arn:
        return False
    if lambda_svc._esm_inflight.get(esm_id, 0):
        return False
    if lambda_svc._esm_backoff_until.get(esm_id, 0) > time.time():
        return False
    horizon, end = dynamodb.stream_start_position(name), dynamodb.stream_end_position(name)
    with lambda_svc._dynamodb_stream_positions_lock:
        positions = lambda_svc._dynamodb_stream_positions
        start = horizon if esm.get("StartingPosition") == "TRIM_HORIZON" else end
        position = positions[esm_id] = max(min(positions.get(esm_id, start), end), horizon)
    shard = _shards.setdefault(esm_id, _Shard(position))
    if shard.position != position:
        shard.move(position)
    size = min(int(esm.get("BatchSize", 100)), shard.limit or 10_000)
    batch = list(dynamodb.stream_records_since(name, position, size))
    if not batch:
        return False
    lacking = _may_read(function["config"], arn)
    if lacking:
        esm["LastProcessingResult"] = f"PROBLEM: the role lacks {', '.join(lacking)}"
        lambda_svc._esm_backoff_until[esm_id] = time.time() + LAST_RETRY_S
        return False
    lambda_svc._dispatch_esm_batch(esm_id, _run, esm, function, shard, batch)
    return True


def _run(esm: Json, function: Json, shard: _Shard, batch: list[Json]) -> None:
    """Invoke the function with a batch and move on as far as it got."""
    esm_id = esm["UUID"]
    kept = lambda_svc._apply_filter_criteria(batch, esm)
    result = lambda_svc._execute_function(function, {"Records": kept}) if kept else {}
    done = _done(esm, batch, result)
    lambda_svc._esm_backoff_until.pop(esm_id, None)
    if done:
        shard.move(shard.position + done)
    if done == len(batch):
        esm["LastProcessingResult"] = f"OK - {done} records"
    else:
        esm["LastProcessingResult"] = "PROBLEM: Function call failed"
        _try_again(esm, function, shard, batch[done:], result)
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[esm_id] = shard.position


def _done(esm: Json, batch: list[Json], result: Json) -> int:
    """Return how many records of the batch are done with."""
    if result.get("error"):
        return 0
    if "ReportBatchItemFailures" not in (esm.get("FunctionResponseTypes") or []):
        return len(batch)
    body = result.get("body")
    if isinstance(body, str | bytes) and body:
        body = json.loads(body)
    failures = (body or {}).get("batchItemFailures") or []
    if not failures:
        return len(batch)
    reported = {failure.get("itemIdentifier") for failure in failures}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    # The lowest counts; one that is unknown fails the whole batch (AWS, "batch item failures").
    return min((index for index, number in enumerate(numbers) if number in reported), default=0)


def _try_again(esm: Json, function: Json, shard: _Shard, rest: list[Json], result: Json) -> None:
    """Retry with half of it, or all of it, or set it aside."""
    shard.attempts += 1
    most, age_s = _setting(esm, "MaximumRetryAttempts"), _setting(esm, "MaximumRecordAgeInSeconds")
    born = float(rest[0]["dynamodb"].get("ApproximateCreationDateTime", time.time()))
    too_old = 0 < age_s < time.time() - born
    spent = 0 <= most < shard.attempts
    if esm.get("BisectBatchOnFunctionError") and len(rest) > 1 and not too_old:
        shard.limit, shard.attempts = (len(rest) + 1) // 2, 0  # splitting costs no attempt
    elif too_old or spent:
        condition = "MaxRecordAgeExceeded" if too_old else "RetryAttemptsExhausted"
        _report(esm, function, rest, result, condition)
        shard.move(shard.position + len(rest))
    else:
        wait_s = min(FIRST_RETRY_S * 2**shard.attempts, LAST_RETRY_S)
        lambda_svc._esm_backoff_until[esm["UUID"]] = time.time() + wait_s


def _report(esm: Json, function: Json, rest: list[Json], result: Json, condition: str) -> None:
    if _destination(esm) and _may_report(function["config"], esm):
        send: Callable[..., None] = lambda_svc._send_ddb_stream_failure_record
        send(esm, function, rest, esm["EventSourceArn"], result, condition)


def _setting(esm: Json, name: str) -> int:
    value = esm.get(name)
    return -1 if value is None else int(value)
