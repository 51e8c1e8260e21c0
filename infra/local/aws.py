"""AWS in this process: moto behind its one door, holding what `infra/core.yaml` describes.

Used by the tests' `system` fixture (no port, no thread) and by the running local system alike.
Names, ARNs and URLs are the same at every start, so `app.py`, which wants a stream's ARN when it is
imported, can be imported before AWS is there.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from infra.local import door
from infra.local.template import CORE, load, resolve, variable

ACCOUNT: Final = DEFAULT_ACCOUNT_ID
PREFIX: Final = "palimpsest"
REGION: Final = "us-east-1"  # the only one that moto writes into stream records
STREAM_LABEL: Final = "2026-11-23T00:00:00.000"
FIRST_SEQUENCE_NUMBER: Final = 1100000000017454423009  # moto's
ACCESS_KEY_ID: Final = "local"
SECRET_ACCESS_KEY: Final = secrets.token_hex(20)  # presigned URLs die with the process

# Whatever a developer's shell or ~/.aws says must not send a call elsewhere.
_ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    # botocore >= 1.44.4 puts the account into the host name of DynamoDB Streams; moto 5.2.5 does
    # not know that name and answers 404.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
_UNSET: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")


@contextmanager
def aws(stage: str = "local") -> Iterator[dict[str, str]]:
    """Start moto with the lock and create everything in `infra/core.yaml`.

    Yields the environment variables (names, ARNs, URLs) that `Config.from_env` reads; they are not
    put into `os.environ`. What botocore needs is, until the exit, which forgets everything.
    """
    door.install()
    with _environment():
        mock = mock_aws(config={"core": {"mock_credentials": False}})
        mock.start()
        try:
            _create(stage)
            yield names(stage)
        finally:
            door.DOOR.journal = None
            door.DOOR.listeners.clear()
            door.DOOR.watchers.clear()
            mock.stop()
            door.DOOR.touched = door.Touched()


@functools.cache
def client(service: str) -> Any:
    """Return the client of a service for the local system's own use; good across restarts."""
    import boto3

    session: Any = boto3.session.Session(
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        region_name=REGION,
    )
    return session.client(service)


def names(stage: str = "local") -> dict[str, str]:
    """Return the outputs of `infra/core.yaml` as environment variables, without starting AWS."""
    lookup = functools.partial(_lookup, _created(stage), stage)
    return {
        variable(name): resolve(output["Value"], lookup)
        for name, output in load(CORE).outputs.items()
    }


def tables(stage: str = "local") -> list[str]:
    """Return the names of all tables of `infra/core.yaml`."""
    return [
        str(properties["TableName"])
        for kind, properties in _resources(stage)
        if kind == "AWS::DynamoDB::Table"
    ]


def stream_length(table: str) -> int:
    """Return how many records a table's stream has had so far, forgotten ones included."""
    shard = _shard(table)
    return len(shard.items) + _forgotten(shard) if shard else 0


def forget_records(table: str, before: int) -> None:
    """Let a table's stream forget its records before the one of that number (from 0)."""
    with door.DOOR.lock:
        shard = _shard(table)
        if shard and (count := min(before - _forgotten(shard), len(shard.items))) > 0:
            del shard.items[:count]
            shard.starting_sequence_number += count


def _shard(table: str) -> Any:
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends[ACCOUNT][REGION].get_table(table).stream_shard


def _forgotten(shard: Any) -> int:
    return int(shard.starting_sequence_number) - FIRST_SEQUENCE_NUMBER


def _resources(stage: str) -> list[tuple[str, dict[str, Any]]]:
    created = _created(stage)
    lookup = functools.partial(_lookup, created, stage)
    return [
        (resource["Type"], resolve(resource["Properties"], lookup)) for resource in created.values()
    ]


@functools.cache
def _created(stage: str) -> dict[str, Any]:
    return load(CORE).created({"Stage": stage, "TlsOnly": "false"})


def _lookup(resources: Any, stage: str, name: str, attribute: str | None) -> str:
    pseudo = {"Prefix": PREFIX, "Stage": stage, "AWS::AccountId": ACCOUNT, "AWS::Region": REGION}
    if name in pseudo:
        return pseudo[name]
    kind, properties = resources[name]["Type"], resources[name]["Properties"]

    def named(key: str) -> str:
        return str(resolve(properties[key], functools.partial(_lookup, resources, stage)))

    match kind, attribute:
        case "AWS::DynamoDB::Table", None:
            return named("TableName")
        case "AWS::DynamoDB::Table", "Arn":
            return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{named('TableName')}"
        case "AWS::DynamoDB::Table", "StreamArn":
            table = named("TableName")
            return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/{STREAM_LABEL}"
        case "AWS::S3::Bucket", None:
            return named("BucketName")
        case "AWS::SQS::Queue", None:
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{named('QueueName')}"
        case "AWS::SQS::Queue", "Arn":
            return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{named('QueueName')}"
    raise KeyError(f"{name}.{attribute} of a {kind}")


def _create(stage: str) -> None:
    """Create all resources in the order of the file: what is referred to stands first."""
    for kind, properties in _resources(stage):
        match kind:
            case "AWS::DynamoDB::Table":
                _create_table(properties)
            case "AWS::S3::Bucket":
                client("s3").create_bucket(Bucket=properties["BucketName"])
            case "AWS::SQS::Queue":
                _create_queue(properties)
            case _:
                raise ValueError(f"The local system does not know {kind} (infra/core.yaml).")


def _create_table(properties: dict[str, Any]) -> None:
    from moto.dynamodb.models import dynamodb_backends

    dynamodb, name = client("dynamodb"), properties["TableName"]
    rest = dict(properties)
    ttl = rest.pop("TimeToLiveSpecification", None)
    recovery = rest.pop("PointInTimeRecoverySpecification", None)
    if "StreamSpecification" in rest:  # the API wants to be told twice
        rest["StreamSpecification"] = {"StreamEnabled": True, **rest["StreamSpecification"]}
    dynamodb.create_table(**rest)
    if ttl:
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    if recovery:
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification=recovery
        )
    table = dynamodb_backends[ACCOUNT][REGION].tables[name]
    if table.latest_stream_label:
        table.latest_stream_label = STREAM_LABEL


def _create_queue(properties: dict[str, Any]) -> None:
    attributes = {
        key: json.dumps(value) if isinstance(value, dict) else str(value)
        for key, value in properties.items()
        if key != "QueueName"
    }
    client("sqs").create_queue(QueueName=properties["QueueName"], Attributes=attributes)


@contextmanager
def _environment() -> Iterator[None]:
    unset = [*_UNSET, *(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_"))]
    before = {name: os.environ.get(name) for name in (*_ENVIRONMENT, *unset)}
    os.environ.update(_ENVIRONMENT)
    for name in unset:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
