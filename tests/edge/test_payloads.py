"""The app as Lambda calls it: with payloads as AWS documents them, and no gateway of ours."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import app
from chalicelib import system as systems
from chalicelib.system import System
from infra.local.functions import context
from tests.edge.api import Api

# AWS, "Input format of a Lambda function for proxy integration" (REST API), read 2026-11.
GET = json.loads((Path(__file__).parents[1] / "payloads" / "rest_get.json").read_text("utf-8"))


def invoke(event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = app(event, context("api_handler", 29))
    assert json.loads(json.dumps(answer)) == answer
    return answer


def test_a_request_from_the_world_needs_a_token(api: Api) -> None:
    answer = invoke(GET)

    assert answer["statusCode"] == 401
    assert answer["headers"]["X-Correlation-ID"] == "77375676-xmpl-4b79-853a-f982474efe18"
    assert json.loads(answer["body"])["instance"].endswith("77375676-xmpl-4b79-853a-f982474efe18")


def test_where_it_was_sent_from_is_what_the_gateway_says_and_not_the_client(api: Api) -> None:
    event = copy.deepcopy(GET)
    event["multiValueHeaders"] |= {"X-Forwarded-For": ["127.0.0.1"], "Host": ["localhost"]}

    assert invoke(event)["statusCode"] == 401

    event["requestContext"]["identity"]["sourceIp"] = "127.0.0.1"
    assert invoke(event)["statusCode"] == 404


def test_without_a_local_user_no_address_is_enough(api: Api) -> None:
    event = copy.deepcopy(GET)
    event["multiValueHeaders"]["Host"] = ["localhost"]
    event["requestContext"]["identity"]["sourceIp"] = "127.0.0.1"
    systems.use(System(replace(api.system.config, local_user="")))

    assert invoke(event)["statusCode"] == 401


@pytest.mark.parametrize("encoded", [True, False])
def test_a_form_comes_as_base64_because_it_is_a_binary_type(api: Api, encoded: bool) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nNoise\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + (b"\x00\xff\r\n" if encoded else b"text")
        + b"\r\n--b--\r\n"
    )
    event = copy.deepcopy(GET)
    event["requestContext"] |= {"httpMethod": "POST", "resourcePath": "/resources"}
    event["requestContext"]["identity"]["sourceIp"] = "127.0.0.1"
    event["multiValueHeaders"] |= {
        "Host": ["localhost"],
        "content-type": ["multipart/form-data; boundary=b"],
    }
    event |= {
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
        "isBase64Encoded": encoded,
    }

    answer = invoke(event)

    assert answer["statusCode"] == 201, answer["body"]
    (kept,) = json.loads(answer["body"])["representations"]
    assert kept["size"] == 4
    assert app.api.binary_types == ["multipart/form-data"]
