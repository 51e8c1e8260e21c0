"""A system with a clock of its own, and AWS that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.config import Config
from chalicelib.system import System
from infra.local.aws import aws, client, tables


class Clock:
    """Gains a millisecond each time it is read."""

    def __init__(self) -> None:
        self.now_s = 1_795_426_500.0

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


@pytest.fixture(scope="module")
def aws_of_module() -> Iterator[dict[str, str]]:
    with aws(stage="test") as names:
        yield names


@pytest.fixture
def environment(aws_of_module: dict[str, str]) -> dict[str, str]:
    """Everything of `infra/core.yaml`, emptied."""
    for table in tables("test"):
        keys = [
            k["AttributeName"]
            for k in client("dynamodb").describe_table(TableName=table)["Table"]["KeySchema"]
        ]
        for item in client("dynamodb").scan(TableName=table)["Items"]:
            client("dynamodb").delete_item(TableName=table, Key={name: item[name] for name in keys})
    for bucket in client("s3").list_buckets()["Buckets"]:
        for found in client("s3").list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            client("s3").delete_object(Bucket=bucket["Name"], Key=found["Key"])
    return {
        **aws_of_module,
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "JWT_ISSUER": "https://issuer.test",
        "JWT_AUDIENCE": "palimpsest",
        "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        "HEADS_KEY": "a key for tests that is long enough",
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def system(environment: dict[str, str], clock: Clock) -> System:
    return System(Config.from_env(environment), clock=clock)


@pytest.fixture
def cold(environment: dict[str, str], clock: Clock) -> System:
    """Another process on the same tables: it has cached nothing."""
    return System(Config.from_env(environment), clock=clock)
