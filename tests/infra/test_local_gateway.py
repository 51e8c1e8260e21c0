from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import tinyapp

from infra.local.gateway import PAYLOAD_BYTES, REQUEST_BYTES, Answer, Gateway, Request

URL = "http://127.0.0.1:8000"
gateway = Gateway(tinyapp.app, URL)


def ask(method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    path, _, query = path.partition("?")
    pairs = [("host", "127.0.0.1:8000"), *((n.replace("_", "-"), v) for n, v in headers.items())]
    return gateway.handle(Request(method, path, query, pairs, body, "127.0.0.1"))


def read(answer: Answer) -> Any:
    return json.loads(answer.body)


def header(answer: Answer, name: str) -> list[str]:
    return [value for given, value in answer.headers if given.lower() == name]


def test_no_request_sees_another_s():
    def one(number: int) -> bool:
        got = read(ask("GET", f"/echo/w{number}?q={number}", x_word=str(number)))
        return (got["word"], got["query"], got["header"]) == (
            f"w{number}",
            [str(number)],
            str(number),
        )

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(one, range(400)))


def test_each_request_has_a_context_of_its_own():
    with ThreadPoolExecutor(8) as threads:
        asked = threads.map(lambda _: read(ask("GET", "/echo/x"))["context"], range(100))
        assert len(set(asked)) == 100


def test_an_event_is_complete():
    event = read(ask("GET", "/echo/a%2Fb?q=1&q=%C3%A9&empty=", x_word="yes"))["event"]
    assert event["resource"] == "/echo/{word}"
    assert event["path"] == "/echo/a%2Fb"
    assert event["httpMethod"] == "GET"
    assert event["pathParameters"] == {"word": "a%2Fb"}  # as Chalice gets it on AWS
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "é"], "empty": [""]}
    assert event["queryStringParameters"] == {"q": "é", "empty": ""}
    assert event["headers"]["x-word"] == "yes"
    assert event["multiValueHeaders"]["x-word"] == ["yes"]
    assert event["body"] is None
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["resourcePath"] == "/echo/{word}"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["stage"] == "api"
    assert len(context["requestId"]) == 36


def test_an_event_without_query_has_null_as_on_aws():
    event = read(ask("GET", "/echo/a"))["event"]
    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None


def test_a_header_that_comes_twice_is_a_list_and_its_last_value():
    pairs = [("x-word", "one"), ("x-word", "two")]
    event = read(gateway.handle(Request("GET", "/echo/a", "", pairs, b"", "127.0.0.1")))["event"]
    assert event["multiValueHeaders"]["x-word"] == ["one", "two"]
    assert event["headers"]["x-word"] == "two"


def test_a_form_comes_as_base64_and_text_as_text():
    form = read(
        ask("POST", "/echo/a", b"\x00\xff", content_type='multipart/form-data; boundary="b"')
    )
    text = read(ask("POST", "/echo/a", "é".encode(), content_type="text/plain"))
    assert base64.b64decode(form["event"]["body"]) == b"\x00\xff"
    assert form["event"]["isBase64Encoded"] is True
    assert (text["event"]["body"], text["event"]["isBase64Encoded"]) == ("é", False)


def test_a_literal_segment_is_preferred_to_a_parameter():
    assert ask("GET", "/echo/fixed").body == b"fixed"


def test_a_trailing_slash_is_dropped_as_by_api_gateway():
    assert ask("GET", "/open/").status == 200


def test_an_unknown_path_is_a_problem_document():
    answer = ask("GET", "/nowhere")
    assert answer.status == 404
    assert header(answer, "content-type") == ["application/problem+json"]
    problem = read(answer)
    assert problem["type"] == f"{URL}/problems/not-found"
    assert problem["status"] == 404
    assert set(problem) == {"type", "title", "status", "detail", "instance"}


def test_what_it_answers_by_itself_may_be_read_by_pages_of_the_origins_that_are_named():
    origin = "access-control-allow-origin"
    named = Gateway(tinyapp.app, URL, origins=("https://app.example",))
    asked = Request("GET", "/nowhere", "", [("host", "x")], b"", "127.0.0.1")

    assert header(ask("GET", "/nowhere"), origin) == []
    assert header(named.handle(asked), origin) == ["https://app.example"]


@pytest.mark.parametrize("path", ["/echo//more", "/echo", "/", "//", "/echo/a/b"])
def test_paths_that_only_resemble_a_route_are_unknown(path):
    assert ask("GET", path).status == 404


def test_an_unknown_method_names_those_there_are():
    answer = ask("DELETE", "/echo/a/more")
    assert answer.status == 405
    assert header(answer, "allow") == ["GET, HEAD, PUT"]
    assert header(answer, "content-type") == ["application/problem+json"]


def test_a_header_may_stand_more_than_once_in_an_answer():
    answer = ask("GET", "/echo/a/more")
    assert header(answer, "set-cookie") == ["a=1", "b=2"]
    assert header(answer, "x-one") == ["1"]


def test_a_request_beyond_what_api_gateway_takes_is_refused_and_told_the_way():
    answer = ask("POST", "/echo/a", b"x" * (REQUEST_BYTES + 1), content_type="text/plain")
    assert answer.status == 413
    assert "/uploads" in read(answer)["detail"]


def test_a_form_that_fits_api_gateway_but_not_lambda_is_refused():
    """Base64 makes 4 bytes of 3: of 6 MB, 4.5 MB remain."""
    fits, beyond = b"x" * 4_500_000, b"x" * 4_720_000
    form = "multipart/form-data; boundary=b"
    refused = ask("POST", "/echo/a", beyond, content_type=form)
    assert refused.status == 413
    assert "/uploads" in read(refused)["detail"]
    assert ask("POST", "/echo/a", fits, content_type=form).status != 413


def test_an_answer_beyond_what_lambda_returns_is_a_bad_gateway():
    assert ask("GET", f"/answer/{PAYLOAD_BYTES - 1000}").status == 200
    refused = ask("GET", f"/answer/{PAYLOAD_BYTES}")
    assert refused.status == 502
    assert read(refused)["limit_bytes"] == PAYLOAD_BYTES


def test_a_function_that_breaks_is_a_bad_gateway():
    answer = ask("GET", "/broken")
    assert answer.status == 502
    assert header(answer, "content-type") == ["application/problem+json"]


def test_a_preflight_is_answered_where_the_route_has_cors_and_refused_elsewhere():
    allowed = ask("OPTIONS", "/open", origin="https://example.org")
    assert allowed.status == 200
    assert header(allowed, "access-control-allow-origin") == ["https://example.org"]
    assert header(allowed, "access-control-allow-methods") == ["GET,OPTIONS"]
    assert ask("OPTIONS", "/echo/a").status == 405
    assert header(ask("GET", "/open"), "access-control-allow-origin") == ["https://example.org"]
