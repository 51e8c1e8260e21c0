"""What surrounds the app: control paths, metrics, tokens, the port that speaks AWS's protocol."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from typing import Any

import boto3
import httpx
import jwt
import pytest
import tinyapp
from botocore.config import Config

from infra.local import control, keys
from infra.local.aws import client
from infra.local.awsport import AwsPort
from infra.local.front import Front, line
from infra.local.gateway import REQUEST_BYTES, Gateway
from infra.local.metrics import Metrics, Tap
from infra.local.pumps import Pumps

URL = "http://127.0.0.1:8000"
lines: list[str] = []


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def front(environ, metrics) -> Front:
    pumps = Pumps(tinyapp.app, environ)
    own = control.Control(
        pumps, metrics, {"keys": []}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:8001"}
    )
    lines.clear()
    return Front(Gateway(tinyapp.app, URL), {control.PREFIX: own.serve}, lines.append)


def send(front: Front, method: str, path: str, **more: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url=URL) as web:
            return await web.request(method, path, **more)

    return asyncio.run(go())


def test_a_pump_is_paused_and_resumed(front):
    paused = send(front, "POST", "/_local/pumps/reader", json={"paused": True})
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    (status,) = send(front, "GET", "/_local/pumps").json()["items"]
    assert status == {
        "name": "reader",
        "source": status["source"],
        "paused": True,
        "behind": 0,
        "invocations": 0,
        "failed": 0,
        "setAside": 0,
    }
    resumed = send(front, "POST", "/_local/pumps/reader", json={"paused": False})
    assert resumed.json()["paused"] is False


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/_local/pumps/nobody", b'{"paused": true}', 404),
        ("POST", "/_local/pumps/reader", b"paused", 400),
        ("POST", "/_local/pumps/reader", b'{"paused": "yes"}', 422),
        ("POST", "/_local/pumps/reader", b"[]", 422),
        ("GET", "/_local/pumps/reader", b"", 405),
        ("POST", "/_local/metrics", b"", 405),
        ("GET", "/_local/else", b"", 404),
    ],
)
def test_what_the_control_paths_refuse_is_a_problem_document(front, method, path, body, status):
    answer = send(front, method, path, content=body)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_a_foreign_page_cannot_reach_the_control_paths(front, headers):
    assert send(front, "GET", "/_local/pumps", headers=headers).status_code == 403


def test_our_own_page_can(front):
    assert send(front, "GET", "/_local/pumps", headers={"Origin": URL}).status_code == 200


def test_a_request_is_carried_whole_through_the_front(front):
    event = send(front, "GET", "/echo/a%2Fb?q=%20x").json()["event"]
    assert event["path"] == "/echo/a%2Fb"
    assert event["multiValueQueryStringParameters"] == {"q": [" x"]}
    answer = send(front, "HEAD", "/echo/a/more")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_an_answer_to_head_says_no_length_that_get_does_not_have(front):
    """Given an answer whose body was not made, when it is sent, then no length is claimed."""
    got = send(front, "GET", "/echo/a/more")
    assert int(got.headers["content-length"]) == len(got.content) > 0

    for path in ("/echo/a/more", "/nothing/here"):
        assert "content-length" not in send(front, "HEAD", path).headers


@pytest.mark.parametrize("named", [True, False])
def test_a_body_that_is_too_large_is_refused_whether_its_length_is_named_or_not(front, named):
    async def pieces() -> Any:
        for _ in range(12):
            yield b"x" * (REQUEST_BYTES // 10)

    body = b"x" * (REQUEST_BYTES + 1) if named else pieces()
    answer = send(front, "POST", "/echo/a", content=body)
    assert answer.status_code == 413
    assert "/uploads" in answer.json()["detail"]


def test_each_request_has_one_line_in_the_log(front):
    send(front, "GET", "/open")
    (logged,) = lines
    assert "200 GET     /open  " in logged
    assert line("POST", "/resources", 201, 14.4, 312).endswith(
        "201 POST    /resources  14 ms  312 B"
    )


def test_metrics_that_functions_print_are_summed_and_other_lines_pass(front, metrics, capsys):
    out = io.StringIO()
    tap = Tap(out, metrics)
    for value in (1, [2, 3]):
        group = {"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "T", "Unit": "Count"}]}
        print(json.dumps({"_aws": {"CloudWatchMetrics": [group]}, "T": value}), file=tap)
    print("a line", '{"json": "without the mark"}', file=tap)
    print('{"_aws": broken', file=tap)
    assert out.getvalue() == 'a line {"json": "without the mark"}\n{"_aws": broken\n'
    assert send(front, "GET", "/_local/metrics").json()["metrics"]["T"] == {
        "namespace": "N",
        "unit": "Count",
        "count": 3,
        "sum": 6.0,
        "min": 1.0,
        "max": 3.0,
        "p50": 2.0,
        "p99": 3.0,
    }


def test_lines_of_many_threads_stay_whole(metrics):
    out = io.StringIO()
    tap = Tap(out, metrics)

    def write(name: str) -> None:
        for _ in range(200):
            print(name, name, name, file=tap)

    threads = [threading.Thread(target=write, args=(name * 5,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(out.getvalue().split("\n")) == {" ".join([n * 5] * 3) for n in "abcd"} | {""}


def test_a_token_verifies_against_the_published_keys(tmp_path):
    private = keys.key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    made = keys.token(keys.key(tmp_path / "key.pem"), "ada", "demo")
    (public,) = jwt.PyJWKSet.from_dict(keys.jwks(private)).keys
    assert jwt.get_unverified_header(made)["kid"] == public.key_id
    claims = jwt.decode(made, public, ["RS256"], audience=keys.AUDIENCE, issuer=keys.ISSUER)
    assert (claims["sub"], claims["workspace"]) == ("ada", "demo")


@pytest.fixture
def port(environ) -> Any:
    served = AwsPort(0)
    served.start()
    yield served
    served.stop()


def remote(port: AwsPort, service: str, region: str = "us-east-1") -> Any:
    """A client as the aws CLI is one: by HTTP, with credentials of its own."""
    return boto3.client(
        service,
        endpoint_url=port.url,
        region_name=region,
        aws_access_key_id="other",
        aws_secret_access_key="other",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_aws_s_own_protocol_shows_the_same_tables_bucket_and_queues(port, environ):
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    client("dynamodb").put_item(TableName=environ["LOG_TABLE"], Item=item)
    body = b"bytes" * 500_000
    client("s3").put_object(Bucket=environ["CONTENT_BUCKET"], Key="demo/1", Body=body)
    assert remote(port, "dynamodb").scan(TableName=environ["LOG_TABLE"])["Items"] == [item]
    got = remote(port, "s3").get_object(Bucket=environ["CONTENT_BUCKET"], Key="demo/1")
    assert got["Body"].read() == body
    queues = remote(port, "sqs").list_queues()["QueueUrls"]
    assert any(url.endswith("/palimpsest-local-jobs") for url in queues)


def test_the_region_of_the_caller_s_shell_does_not_matter(port, environ):
    tables = remote(port, "dynamodb", region="eu-central-1").list_tables()["TableNames"]
    assert environ["LOG_TABLE"] in tables


def test_what_is_written_by_that_port_is_pumped(port, environ):
    tinyapp.seen.clear()
    item = {"pk": {"S": "a"}, "sk": {"N": "7"}}
    remote(port, "dynamodb").put_item(TableName=environ["LOG_TABLE"], Item=item)
    Pumps(tinyapp.app, environ).run_until_idle()
    assert tinyapp.seen == [7]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"Origin": "https://evil.example"}),
        ("/", {"Host": "evil.example"}),
        ("/moto-api/reset", {}),
    ],
)
def test_a_page_in_a_browser_cannot_use_that_port(port, path, headers):
    answer = httpx.post(port.url + path, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
