from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.actor import Actor
from chalicelib.edge.call import Call, Caller, correlation_of
from chalicelib.errors import Malformed, NotAcceptable, UnsupportedMedia

ADA = Caller(Actor("ada", "Person", "Ada"), "demo")
BOB = Caller(Actor("bob", "Person", "Bob"), "demo")


def event(
    method: str = "POST",
    route: str = "/resources/{resource_id}",
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "requestContext": {"httpMethod": method, "resourcePath": route, "requestId": "gw-1"},
        "pathParameters": params or {"resource_id": "r"},
        "multiValueQueryStringParameters": None,
        "headers": dict(headers or {}),
        "body": body,
        "isBase64Encoded": False,
        **more,
    }


def call(who: Caller = ADA, **parts: Any) -> Call:
    return Call.of_event(event(**parts), None, lambda _: who)


def keyed(key: str = "k", who: Caller = ADA, **parts: Any) -> str | None:
    return call(who, headers={"Idempotency-Key": key}, **parts).append_key


def test_path_parameters_are_decoded_once() -> None:
    decoded = call(params={"resource_id": "a%2Fb%20c%25d%C3%A4+"}).params["resource_id"]

    assert decoded == "a/b c%dä+"


def test_a_path_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(Malformed):
        call(params={"resource_id": "%FF"})


@given(st.text(max_size=20))
def test_the_path_is_made_of_its_parameters_again(name: str) -> None:
    from urllib.parse import quote

    path = call(params={"resource_id": quote(name, safe="")}).path

    assert path == f"/resources/{quote(name, safe='')}"


def test_a_body_comes_as_text_or_as_base64() -> None:
    assert call(body="ä").body == "ä".encode()
    assert call(body=base64.b64encode(b"\xff").decode(), isBase64Encoded=True).body == b"\xff"
    assert call(body=None).body == b""
    with pytest.raises(Malformed):
        call(body="no base64!", isBase64Encoded=True)
    with pytest.raises(Malformed):
        call(body="\ud800")


@pytest.mark.parametrize("given", ["a", "A-b_c.d:e/f", "x" * 64])
def test_a_correlation_id_of_the_clients_is_kept(given: str) -> None:
    assert correlation_of(event(headers={"x-correlation-id": given})) == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", "ä", "a,b", '"a"'])
def test_any_other_is_replaced_by_the_gateways(given: str) -> None:
    assert correlation_of(event(headers={"X-Correlation-ID": given})) == "gw-1"


@pytest.mark.parametrize("given", ["job:0192f0c1-0000-7000-8000-000000000000", "load:a"])
def test_nobody_passes_his_request_off_as_a_job_s_or_an_import_s(given: str) -> None:
    assert correlation_of(event(headers={"X-Correlation-ID": given})) == "gw-1"


def test_without_a_gateway_a_correlation_id_is_made() -> None:
    assert correlation_of({}) != correlation_of({})


def test_a_media_type_that_is_not_taken_is_415_and_says_what_is() -> None:
    with pytest.raises(UnsupportedMedia) as refused:
        call(headers={"Content-Type": "text/plain"}).require_media_type("application/json")

    assert refused.value.extra["accepted"] == ["application/json"]


def test_a_body_without_a_media_type_is_taken_as_json() -> None:
    assert call(body='{"a":1}').json == {"a": 1}


def test_json_in_another_charset_is_415() -> None:
    with pytest.raises(UnsupportedMedia):
        _ = call(headers={"content-type": "application/json; charset=utf-16"}, body="{}").json


def test_a_form_needs_a_boundary() -> None:
    with pytest.raises(Malformed, match="boundary"):
        _ = call(headers={"content-type": "multipart/form-data"}, body="x").form


def test_an_answer_that_nobody_wants_is_406() -> None:
    with pytest.raises(NotAcceptable):
        _ = call(headers={"Accept": "text/turtle"}).accepted


@pytest.mark.parametrize("key", ["x", "!" * 255, '"8e03"', "~"])
def test_an_idempotency_key_is_visible_ascii(key: str) -> None:
    assert call(headers={"Idempotency-Key": key}).idempotency_key == key


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ä", "a\tb", "a\x7f"])
def test_any_other_is_refused(key: str) -> None:
    with pytest.raises(Malformed, match="Idempotency-Key"):
        _ = call(headers={"Idempotency-Key": key}).idempotency_key


def test_the_key_of_a_commit_tells_apart_who_where_and_which() -> None:
    other_workspace = Caller(ADA.actor, "acme")

    keys = {
        keyed(),
        keyed("k2"),
        keyed(who=BOB),
        keyed(who=other_workspace),
        keyed(params={"resource_id": "r2"}),
        keyed(route="/other/{resource_id}"),
        keyed(body='{"name":"a"}'),
        keyed(multiValueQueryStringParameters={"offsets": ["utf16"]}),
    }

    assert len(keys) == 8
    assert keyed() == keyed()


def test_only_a_post_has_a_key() -> None:
    assert keyed(method="PUT") is None
    assert call().append_key is None


def test_content_is_the_same_for_requests_that_say_the_same() -> None:
    def form(boundary: str, *names: str) -> Any:
        body = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{name}1\r\n'
            for name in names
        )
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        return call(headers=headers, body=f"{body}--{boundary}--\r\n").content

    assert form("x", "a", "b") == form("yy", "b", "a")
    assert form("x", "a", "b") != form("x", "a", "c")
    assert call(body='{"a":1,"b":2}').content == call(body='{ "b":2, "a":1 }').content
    assert call(body=None).content is None


def test_content_is_the_same_under_whatever_base_a_resource_of_ours_is_named() -> None:
    tail = "resources/0192f0c1-0000-7000-8000-000000000001"
    bodies = [f'{{"body": ["{base}{tail}"]}}' for base in ("http://127.0.0.1:8000/", "/api/")]

    assert call(body=bodies[0]).content == call(body=bodies[1]).content
    assert call(body=bodies[0]).content != call(body='{"body": ["https://x.test/y"]}').content
