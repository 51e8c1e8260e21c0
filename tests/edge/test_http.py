"""The router on a small app of its own: what every route gets without saying so."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.test import Client

from chalicelib.config import Config
from chalicelib.edge.answer import MAX_ANSWER_BYTES, Answer
from chalicelib.edge.call import Call
from chalicelib.edge.http import Router
from chalicelib.edge.parameters import ARCHIVED, ENTITY_TYPES, LIMIT
from chalicelib.edge.permissions import NOTHING, READ, WRITE
from chalicelib.edge.route import Body, operation
from chalicelib.errors import Conflict, Contended, StaleVersion
from chalicelib.metrics import Metrics
from tests.edge.calls import LOCAL

HOST = {"Host": "localhost:8000"}


@dataclass
class Stub:
    """As much of a system as the edge itself needs."""

    config: Config = LOCAL
    metrics: Metrics = field(default_factory=lambda: Metrics(lambda name, value, unit: None))
    tables: Any = None


def small_app(system: Stub) -> Chalice:
    app = Chalice(app_name="small", configure_logs=False)
    route = Router(app, lambda: system)  # type: ignore[arg-type, return-value]

    @operation(query=(LIMIT, ENTITY_TYPES, ARCHIVED), answers={200: None})
    def get_thing(system: Stub, call: Call) -> Answer:
        """Get it."""
        said = {"name": call.params["name"], "args": {**call.args}, "by": call.caller.actor.id}
        return Answer(200, said, etag="7")

    @operation(answers={201: None})
    def post_much(system: Stub, call: Call) -> Answer:
        """Do something, and say much of it."""
        return Answer(201, {"text": '"' * (MAX_ANSWER_BYTES // 4)}, {"Location": "/things/1"}, "7")

    @operation(body=Body("NewUpload"), answers={201: None})
    def post_thing(system: Stub, call: Call) -> Answer:
        """Post it."""
        return Answer(201, call.json, {"Location": "/things/1"})

    @operation(answers={204: None}, condition="required")
    def put_thing(system: Stub, call: Call) -> Answer:
        """Put it."""
        return Answer(204)

    @operation(answers={200: None})
    def fail(system: Stub, call: Call) -> Answer:
        """Fail."""
        match call.params["how"]:
            case "conflict":
                raise Conflict("it is archived", hint="unarchive it")
            case "contended":
                raise Contended("others won")
            case "bug":
                raise ZeroDivisionError("secret internals")
            case "decimal":
                from decimal import Decimal

                return Answer(200, {"price": Decimal("1.1")})
            case "newline":
                return Answer(200, {}, {"X-Bad": "a\r\nSet-Cookie: b"})
            case "big":
                return Answer(200, {"text": "ä" * (MAX_ANSWER_BYTES // 2)})
        raise StaleVersion("old", expected=1, actual=2)

    @operation(answers={200: None})
    def who(system: Stub, call: Call) -> Answer:
        """Tell who."""
        found = call.caller_if_any
        return Answer(200, {"who": found and found.actor.id})

    route.get("/things/{name}", READ, get_thing)
    route.post("/things", WRITE, post_thing)
    route.post("/much", WRITE, post_much)
    route.put("/things/{name}", WRITE, put_thing)
    route.get("/fails/{how}", NOTHING, fail)
    route.get("/who", NOTHING, who)
    return app


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Any]:
    with Client(small_app(Stub()), project_dir=str(tmp_path)) as client:
        yield client.http


def get(http: Any, path: str, **headers: str) -> Any:
    return http.get(path, headers={**HOST, **{k.replace("_", "-"): v for k, v in headers.items()}})


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = json.loads(answer.body)
    assert told["status"] == status
    assert told["type"].startswith("http://127.0.0.1:8000/problems/")
    assert told["instance"].endswith(answer.headers["X-Correlation-ID"])
    return told


def test_a_view_gets_decoded_parameters_and_its_answer_is_json(http: Any) -> None:
    answer = get(http, "/things/a%2Fb?limit=3&entityType=A&entityType=B&archived=false")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json_body == {
        "name": "a/b",
        "args": {"limit": 3, "entityType": ["A", "B"], "archived": False},
        "by": "ada",
    }


def test_parameters_have_defaults(http: Any) -> None:
    assert get(http, "/things/x").json_body["args"] == {
        "limit": 50,
        "entityType": [],
        "archived": None,
    }


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=1.5", "limit=", "limit=1&limit=2", "archived=yes",
     "entityType=", "Limit=1", "foo=1", "limit=%F0%9F%98%80"],
)  # fmt: skip
def test_a_query_that_is_not_known_or_not_right_is_400_and_named(http: Any, query: str) -> None:
    told = problem(get(http, f"/things/x?{query}"), 400)

    assert query.partition("=")[0] in told["detail"]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("foo=1&limit=2&entityType=ok", ["foo"]),
        ("limit=0&archived=true", ["limit"]),
        ("limit=1&limit=2&archived=yes&entityType=", ["archived", "entityType", "limit"]),
    ],
)
def test_of_a_query_only_what_is_wrong_is_named(http: Any, query: str, wrong: list[str]) -> None:
    """Given some parameters that are right, when others are not, then those alone are listed."""
    assert problem(get(http, f"/things/x?{query}"), 400)["parameters"] == wrong


def test_every_answer_has_a_correlation_id_and_security_headers(http: Any) -> None:
    for path in ("/things/x", "/fails/bug", "/who"):
        headers = get(http, path, X_Correlation_ID="mine-1").headers

        assert headers["X-Correlation-ID"] == "mine-1"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Vary"] == "Accept, Authorization"


def test_head_is_get_without_the_body(http: Any) -> None:
    got, head = get(http, "/things/x"), http.head("/things/x", headers=HOST)

    assert (head.status_code, head.body) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"] == '"7"'


@pytest.mark.parametrize("tag", ['"7"', 'W/"7"', '"1", "7"', "*"])
def test_what_the_client_holds_already_is_304(http: Any, tag: str) -> None:
    answer = get(http, "/things/x", If_None_Match=tag)

    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["ETag"] == '"7"'


def test_what_it_does_not_hold_is_sent(http: Any) -> None:
    assert get(http, "/things/x", If_None_Match='"6"').status_code == 200
    problem(get(http, "/things/x", If_None_Match="7"), 400)


def test_if_match_on_a_read_is_412_when_it_has_changed(http: Any) -> None:
    assert get(http, "/things/x", If_Match='"7"').status_code == 200
    assert problem(get(http, "/things/x", If_Match='"6"'), 412)["type"].endswith("stale-version")


def test_a_call_that_needs_if_match_is_428_without_it(http: Any) -> None:
    told = problem(http.put("/things/x", headers=HOST, body=b""), 428)
    assert told["type"].endswith("precondition-required")

    assert http.put("/things/x", headers={**HOST, "If-Match": "*"}, body=b"").status_code == 204


def test_if_none_match_on_a_write_is_not_ignored(http: Any) -> None:
    headers = {**HOST, "If-Match": "*", "If-None-Match": "*"}

    problem(http.put("/things/x", headers=headers, body=b""), 400)


def test_an_error_is_a_problem_with_its_own_members(http: Any) -> None:
    told = problem(get(http, "/fails/conflict"), 409)

    assert (told["title"], told["detail"]) == ("Conflict with the current state", "it is archived")
    assert told["hint"] == "unarchive it"
    assert problem(get(http, "/fails/stale"), 412)["actual"] == 2


def test_an_error_that_may_pass_says_when_to_try_again(http: Any) -> None:
    answer = get(http, "/fails/contended")

    assert problem(answer, 503)["type"].endswith("/contended")
    assert answer.headers["Retry-After"] == "1"


def test_an_unforeseen_error_is_told_to_the_log_and_not_to_the_client(
    http: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = get(http, "/fails/bug")

    told = problem(answer, 500)
    assert told["type"].endswith("/internal-error")
    assert b"secret" not in answer.body
    assert b"ZeroDivision" not in answer.body
    assert "secret internals" in caplog.text
    assert answer.headers["X-Correlation-ID"] in caplog.text


@pytest.mark.parametrize("how", ["decimal", "newline"])
def test_an_answer_that_cannot_be_sent_is_a_500(
    http: Any, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert get(http, f"/fails/{how}").status_code == 500


def test_an_answer_that_is_too_large_says_so(http: Any) -> None:
    told = problem(get(http, "/fails/big"), 413)

    assert told["limit_bytes"] == MAX_ANSWER_BYTES


def test_what_was_done_is_not_told_as_refused_however_large_its_answer(
    http: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Given an effect whose answer is too large, when it is told, status and headers tell it."""
    answer = http.post("/much", headers=HOST, body=b"")

    assert (answer.status_code, answer.body) == (201, b"")
    assert (answer.headers["Location"], answer.headers["ETag"]) == ("/things/1", '"7"')
    assert "Content-Type" not in answer.headers
    assert answer.headers["X-Correlation-ID"] in caplog.text


@pytest.mark.parametrize(
    ("coding", "refused"),
    [("gzip", "gzip"), ("br", "br"), ("identity, GZIP", "GZIP"), ("identity", ""), ("", "")],
)
def test_a_compressed_body_is_415_and_its_coding_is_named(
    http: Any, coding: str, refused: str
) -> None:
    """Given a body under a coding, when it is not identity, then 415 says which, and what is."""
    headers = {**HOST, "Content-Type": "application/json", "Content-Encoding": coding}
    body = json.dumps({"checksum": "0" * 64, "size": 1}).encode()

    answer = http.post("/things", headers=headers, body=body)

    if not refused:
        assert answer.status_code == 201
        return
    told = problem(answer, 415)
    assert f"Content-Encoding {refused} " in told["detail"]
    assert answer.headers["Accept-Encoding"] == "identity"
    assert told["encodings"] == ["identity"]


def test_a_body_is_held_against_its_schema(http: Any) -> None:
    def post(body: bytes, content_type: str = "application/json") -> Any:
        headers = {**HOST, "Content-Type": content_type}
        return http.post("/things", headers=headers, body=body)

    good = json.dumps({"checksum": "0" * 64, "size": 3}).encode()
    assert post(good).status_code == 201
    assert post(good, "application/json; charset=UTF-8").status_code == 201
    assert problem(post(good, "text/plain"), 415)["accepted"] == ["application/json"]
    assert problem(post(b"{"), 400)["line"] == 1
    problem(post(b""), 400)
    problem(post(good, "nonsense"), 400)
    told = problem(post(b'{"size": -1, "x/y": 1}'), 422)
    assert told["errors"] == [
        {"pointer": "/checksum", "detail": "is required"},
        {"pointer": "/size", "detail": "must be 0 or more"},
        {"pointer": "/x~1y", "detail": "is not known here"},
    ]


def test_the_method_that_a_path_does_not_have_is_405(http: Any) -> None:
    answer = http.delete("/things/x", headers=HOST)

    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "PUT", "OPTIONS"}


def test_what_has_no_route_is_404() -> None:
    event = {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/nothing"},
        "multiValueQueryStringParameters": None,
        "headers": None,
        "pathParameters": None,
        "body": None,
        "stageVariables": None,
    }

    answer = small_app(Stub())(event, None)

    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["type"].endswith("/not-found")


def test_a_caller_is_needed_where_a_route_needs_something(http: Any) -> None:
    answer = http.get("/things/x", headers={"Host": "attacker.test"})

    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert http.get("/who", headers={"Host": "attacker.test"}).json_body == {"who": None}
    assert get(http, "/who").json_body == {"who": "ada"}


def test_who_is_not_known_learns_nothing_of_what_else_is_wrong(http: Any) -> None:
    problem(http.get("/things/x?foo=1", headers={"Host": "attacker.test"}), 401)


def test_an_answer_in_no_wanted_media_type_is_406_and_done_nothing_for(http: Any) -> None:
    problem(get(http, "/things/x", Accept="text/turtle"), 406)
    assert get(http, "/things/x", Accept="text/html, */*;q=0.1").status_code == 200


def test_a_broken_configuration_is_a_problem_too(tmp_path: Path) -> None:
    def broken() -> Any:
        raise RuntimeError("no environment")

    app = Chalice(app_name="broken", configure_logs=False)
    nothing = operation(answers={200: None})(lambda system, call: Answer(200))
    Router(app, broken).get("/x", NOTHING, nothing)
    with Client(app, project_dir=str(tmp_path)) as client:
        answer = client.http.get("/x")

    assert answer.status_code == 500
    assert json.loads(answer.body)["type"] == "/problems/internal-error"


# -- CORS ---------------------------------------------------------------------------------------

FRIEND = "https://app.example"


@pytest.fixture
def open_http(tmp_path: Path) -> Iterator[Any]:
    system = Stub(replace(LOCAL, cors_origins=(FRIEND,)))
    with Client(small_app(system), project_dir=str(tmp_path)) as client:
        yield client.http


def test_cors_is_off_unless_configured(http: Any) -> None:
    answer = http.options("/things", headers={**HOST, "Origin": FRIEND})

    assert answer.status_code == 204
    assert not [name for name in answer.headers if name.startswith("Access-Control-Allow")]


def test_a_configured_origin_may_read_answers_and_errors(open_http: Any) -> None:
    for path, status in (("/things/x", 200), ("/fails/conflict", 409)):
        answer = get(open_http, path, Origin=FRIEND)

        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
        assert {"ETag", "Location", "Retry-After"} <= set(
            answer.headers["Access-Control-Expose-Headers"].split(", ")
        )
        assert answer.headers["Vary"] == "Accept, Authorization, Origin"


def test_a_preflight_is_answered_without_a_caller(open_http: Any) -> None:
    answer = open_http.options("/things/x", headers={"Host": "x", "Origin": FRIEND})

    assert answer.status_code == 204
    assert "If-Match" in answer.headers["Access-Control-Allow-Headers"]
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_another_origin_gets_no_leave(open_http: Any) -> None:
    answer = get(open_http, "/who", Origin="https://attacker.test")

    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Accept, Authorization, Origin"


# -- threads ------------------------------------------------------------------------------------


def test_requests_in_many_threads_keep_apart() -> None:
    from concurrent.futures import ThreadPoolExecutor

    app = small_app(Stub())

    def ask(number: int) -> bool:
        event = {
            "requestContext": {
                "httpMethod": "GET",
                "resourcePath": "/things/{name}",
                "identity": {"sourceIp": "127.0.0.1"},
            },
            "multiValueQueryStringParameters": {"limit": [str(number % 200 + 1)]},
            "headers": {**HOST, "X-Correlation-ID": f"c{number}"},
            "pathParameters": {"name": f"n{number}"},
            "body": None,
            "stageVariables": None,
        }
        answer = app(event, None)
        said = json.loads(answer["body"])
        return (
            said["name"] == f"n{number}"
            and said["args"]["limit"] == number % 200 + 1
            and answer["headers"]["X-Correlation-ID"] == f"c{number}"
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))
