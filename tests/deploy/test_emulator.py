"""The emulator's patches: what the deployed system relies on is as it is on AWS."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from infra.emulator.installed import PYTHON, ROOT
from infra.emulator.running import ACCOUNT, REGION, Emulator

pytestmark = pytest.mark.ministack

# Fails whole batches with "poison" in them, reports "sick" alone; keeps what it was given.
HANDLER = """
import json, sys
def handle(event, context):
    names = [r["dynamodb"]["Keys"]["pk"]["S"] for r in event["Records"]]
    print("given " + json.dumps(names))
    if any("poison" in name for name in names):
        raise ValueError("poison")
    sick = [r["dynamodb"]["SequenceNumber"] for r in event["Records"]
            if "sick" in r["dynamodb"]["Keys"]["pk"]["S"]]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in sick]}
def answer(event, context):
    try:
        import ministack
    except ImportError:
        return {"statusCode": 200, "body": "bare"}
    return {"statusCode": 200, "body": "not bare"}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
EVERYTHING = ("dynamodb:*", "sqs:*", "logs:*")


def until(seen: Callable[[], Any], timeout_s: float = 15) -> Any:
    """Return what `seen` returns once that is something."""
    end = time.monotonic() + timeout_s
    while not (found := seen()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)
    return found


class Given:
    """A table with a stream, a failure queue, and a function that reads the stream."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self.emulator, self.name = emulator, name
        self.dynamodb, self.sqs, self.lambdas, self.iam = (
            emulator.client(each) for each in ("dynamodb", "sqs", "lambda", "iam")
        )
        table = self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        self.stream = table["TableDescription"]["LatestStreamArn"]
        self.failures = self.sqs.create_queue(QueueName=name)["QueueUrl"]

    def function(self, *actions: str, handler: str = "handle") -> None:
        self.iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=json.dumps(TRUST))
        self.may(*actions)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", HANDLER)
        self.lambdas.create_function(
            FunctionName=self.name,
            Runtime="python3.11",
            Handler=f"app.{handler}",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{self.name}",
            Code={"ZipFile": packed.getvalue()},
        )

    def may(self, *actions: str) -> None:
        statement = {"Effect": "Allow", "Action": list(actions) or ["sts:GetSessionToken"]}
        document = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]}
        self.iam.put_role_policy(
            RoleName=self.name, PolicyName="all", PolicyDocument=json.dumps(document)
        )

    def mapping(self, **settings: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.lambdas.create_event_source_mapping(
            EventSourceArn=self.stream,
            FunctionName=self.name,
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={
                "OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"}
            },
            **settings,
        )
        return made

    def put(self, *names: str) -> None:
        for name in names:
            self.dynamodb.put_item(TableName=self.name, Item={"pk": {"S": name}})

    def batches(self) -> list[list[str]]:
        logs = self.emulator.client("logs")
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{self.name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        lines = [each["message"] for each in found if each["message"].startswith("given ")]
        return [json.loads(line.removeprefix("given ")) for line in lines]

    def set_aside(self) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(QueueUrl=self.failures).get("Messages", [])
        return [json.loads(each["Body"]) for each in found]


def test_a_record_that_keeps_failing_is_set_aside_and_its_neighbours_are_not(
    emulator: Emulator,
) -> None:
    given = Given(emulator, "halves")
    given.put("one", "poison", "three", "four")
    given.function(*EVERYTHING)
    given.mapping(BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)

    (told,) = until(given.set_aside)

    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1
    until(lambda: ["three", "four"] in given.batches())
    assert [each for each in given.batches() if each == ["poison"]] == [["poison"], ["poison"]]
    assert ["one"] in given.batches()


def test_after_a_reported_record_nothing_is_skipped(emulator: Emulator) -> None:
    given = Given(emulator, "partial")
    given.put("one", "sick", "three")
    given.function(*EVERYTHING)
    given.mapping(BisectBatchOnFunctionError=True, MaximumRetryAttempts=0)

    until(given.set_aside)
    until(lambda: ["three"] in given.batches())

    assert given.batches()[0] == ["one", "sick", "three"]
    assert all("one" not in batch for batch in given.batches()[1:])


def test_a_second_mapping_for_a_function_and_stream_is_refused(emulator: Emulator) -> None:
    given = Given(emulator, "twice")
    given.function(*EVERYTHING)
    given.mapping()

    with pytest.raises(given.lambdas.exceptions.ResourceConflictException):
        given.mapping()


def test_a_role_that_may_not_read_or_report_gets_no_mapping(emulator: Emulator) -> None:
    given = Given(emulator, "refused")
    given.function("sqs:SendMessage")
    with pytest.raises(Exception, match="GetRecords"):
        given.mapping()

    given.may("dynamodb:*")
    with pytest.raises(Exception, match="SendMessage"):
        given.mapping()

    given.may("dynamodb:*", "sqs:SendMessage")
    assert given.mapping()["UUID"]
    calls = {(each["action"], each["allowed"]) for each in emulator.calls()}
    assert ("dynamodb:GetRecords", False) in calls
    assert ("dynamodb:GetRecords", True) in calls


def test_a_role_that_may_not_log_leaves_no_logs(emulator: Emulator) -> None:
    given = Given(emulator, "silent")
    given.function("dynamodb:*")

    given.lambdas.invoke(FunctionName="silent", Payload=b'{"Records": []}')
    assert given.batches() == []

    given.may("logs:*")
    given.lambdas.invoke(FunctionName="silent", Payload=b'{"Records": []}')
    assert until(given.batches)[0] == []  # a busy machine's client may have asked twice


def test_an_imported_api_has_its_routes_and_answers_others_as_told(emulator: Emulator) -> None:
    given = Given(emulator, "routes")
    given.function(*EVERYTHING, handler="answer")
    gateway, arn = emulator.client("apigateway"), f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}:routes/invocations"
    called = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri, "responses": {}}

    carried = "x-amazon-apigateway-gateway-responses"

    def document(*paths: str, **more: Any) -> bytes:
        integrated = {"responses": {}, "x-amazon-apigateway-integration": called}
        items = {path: {"get": integrated} for path in paths}
        about = {"swagger": "2.0", "info": {"title": "routes"}, "paths": items}
        return json.dumps({**about, **more}).encode()

    def get(path: str) -> tuple[int, str]:
        try:
            with urlopen(f"{emulator.url}/_aws/execute-api/{api}/api{path}") as answered:
                return answered.status, answered.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def put(body: bytes) -> None:
        gateway.put_rest_api(restApiId=api, mode="overwrite", body=body)
        gateway.create_deployment(restApiId=api, stageName="api")

    told = {"statusCode": "404", "responseTemplates": {"application/json": '{"status": 404}'}}
    unknown = {"MISSING_AUTHENTICATION_TOKEN": told}
    api = gateway.import_rest_api(body=document("/old", "/kept/{name}"))["id"]
    gateway.put_gateway_response(restApiId=api, responseType="MISSING_AUTHENTICATION_TOKEN", **told)
    gateway.create_deployment(restApiId=api, stageName="api")
    assert get("/old") == (200, "bare")
    assert get("/new") == (404, '{"status": 404}')

    # As on AWS: whatever the document does not carry is gone, gateway responses too.
    put(document("/new", "/kept/{name}"))
    assert get("/new") == get("/kept/it") == (200, "bare")
    assert get("/old")[0] == 403

    put(document("/new", **{carried: unknown}))
    assert get("/old") == get("/kept/it") == (404, '{"status": 404}')


def test_the_patches_refuse_another_version() -> None:
    program = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import infra.emulator.inside as inside
inside.VERSION = "1.5.34"
sys.argv[1:] = ["/nowhere"]
inside.main()
"""
    ended = subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "The patches are for ministack 1.5.34, and this is 1.5.33.\n"


def test_an_emulator_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.emulator", "--directory", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as typed:
        assert typed.stdout is not None
        url = typed.stdout.readline().strip().rpartition("=")[2]
        with urlopen(f"{url}/_ministack/health", timeout=5):
            pass

        typed.terminate()
        typed.wait(15)

    with pytest.raises(URLError):
        urlopen(f"{url}/_ministack/health", timeout=5)
