"""Many writers on one stream, as processes: 8 of them with 4 threads each, on ministack.

Nothing is shared but the table: no lock, no cache, no interpreter.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.config import Config
from chalicelib.domain.actor import Actor
from chalicelib.domain.ids import Stream
from chalicelib.flows import read
from chalicelib.flows.write import Request
from chalicelib.system import System
from infra.emulator.installed import ROOT
from infra.local import aws
from tests.faults import ministack
from tests.flows.scene import created

pytestmark = pytest.mark.ministack

PROCESSES, THREADS, EACH = 8, 4, 2
ADA = Request("demo", Actor("ada", "Person", "Ada"), "request-1")


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, str]]:
    """The settings of a system on ministack, with the tables and the bucket of `infra/core.yaml`."""
    import boto3

    with ministack.running() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", aws.REGION)
        patch.setenv("AWS_REGION", aws.REGION)
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        session = boto3.session.Session()
        names = aws.names("test")
        for kind, properties in aws._resources("test"):
            if kind == "AWS::S3::Bucket":
                session.client("s3").create_bucket(Bucket=properties["BucketName"])
            if kind == "AWS::DynamoDB::Table":
                known = ("TableName", "AttributeDefinitions", "KeySchema", "BillingMode")
                indexes = ("GlobalSecondaryIndexes",)
                wanted = {k: properties[k] for k in (*known, *indexes) if k in properties}
                session.client("dynamodb").create_table(**wanted)
        yield {
            **names,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }


@pytest.fixture
def system(settings: dict[str, str]) -> System:
    return System(Config.from_env(settings))


def run(settings: dict[str, str], processes: int, **work: Any) -> list[list[str]]:
    """Run the processes, all let go at once; return what each of their threads was told."""
    line = json.dumps({"settings": settings, "threads": THREADS, **work})
    command = [sys.executable, "-m", "tests.faults.writing_process"]
    running = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(processes)
    ]
    try:
        for process in running:
            assert process.stdin is not None
            print(line, file=process.stdin, flush=True)
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            print("go", file=process.stdin, flush=True)
        told = []
        for process in running:
            told += json.loads(process.communicate(timeout=120)[0])
        return told
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_writers_in_processes_lose_and_repeat_nothing(
    settings: dict[str, str], system: System
) -> None:
    resource_id = created(system, ADA)
    stream = Stream.of_resource("demo", resource_id)

    told = run(settings, PROCESSES, resource=resource_id, each=EACH, version=None)

    acked = [mark_id for ids in told for mark_id in ids]
    commits = list(system.log.read(stream))
    assert len(acked) == len(set(acked)) == PROCESSES * THREADS * EACH
    assert [c.first for c in commits] == list(range(1, len(acked) + 2))
    assert system.log.verify(stream) == []
    page = read.annotation_page(system, "demo", resource_id, limit=1000)
    assert {mark.annotation.id for mark in page.marks} == set(acked)


def test_of_16_clients_in_processes_with_one_version_exactly_one_succeeds(
    settings: dict[str, str], system: System
) -> None:
    resource_id = created(system, ADA)

    told = run(settings, 4, resource=resource_id, each=1, version=1)

    assert sorted(told) == [["refused"]] * 15 + [["renamed"]]
    assert read.resource(system, "demo", resource_id).version == 2
