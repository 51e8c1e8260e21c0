from __future__ import annotations

import asyncio
import base64
import hashlib
from functools import partial
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from infra.local import presigned
from infra.local.aws import client
from infra.local.front import Front
from infra.local.gateway import Gateway

URL = "http://127.0.0.1:8000"


@pytest.fixture
def signer(environ) -> Any:
    """The client with which an app makes URLs."""
    return boto3.client(
        "s3",
        endpoint_url=f"{URL}/_s3",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
        ),
    )


@pytest.fixture
def stored(environ) -> str:
    client("s3").put_object(
        Bucket=environ["CONTENT_BUCKET"],
        Key="demo/é 1",
        Body=b"0123456789",
        ContentType="text/plain",
    )
    return environ["CONTENT_BUCKET"]


def send(
    method: str, url: str, content: Any = None, origins: tuple[str, ...] = (), **headers: str
) -> httpx.Response:
    """Send one request to the front, without a port."""
    from chalice import Chalice

    front = Front(
        Gateway(Chalice("none", configure_logs=False), URL),
        {presigned.PREFIX: partial(presigned.serve, origins=origins)},
        lambda line: None,
    )

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(front, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport) as web:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await web.request(method, url, content=content, headers=named)

    return asyncio.run(go())


def get_url(
    signer: Any, bucket: str, operation: str = "get_object", expires: int = 60, **more: str
) -> str:
    params = {"Bucket": bucket, "Key": "demo/é 1", **more}
    return signer.generate_presigned_url(operation, Params=params, ExpiresIn=expires)


def put_url(signer: Any, bucket: str, body: bytes, **more: Any) -> tuple[str, dict[str, str]]:
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    url = signer.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": bucket,
            "Key": "demo/new",
            "ChecksumSHA256": checksum,
            "ContentLength": len(body),
            **more,
        },
        ExpiresIn=60,
    )
    return url, {"x_amz_checksum_sha256": checksum}


def code(answer: httpx.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_bytes_come_back_with_the_type_that_the_url_names(signer, stored):
    url = get_url(
        signer,
        stored,
        ResponseContentType="application/pdf",
        ResponseContentDisposition='attachment; filename="a.pdf"',
        ResponseCacheControl="private, immutable",
    )
    answer = send("GET", url)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.pdf"'
    assert answer.headers["cache-control"] == "private, immutable"
    assert answer.headers["etag"] == f'"{hashlib.md5(b"0123456789").hexdigest()}"'


def test_no_answer_can_run_a_script_on_our_origin(signer, stored):
    for answer in (send("GET", get_url(signer, stored)), send("GET", f"{URL}/_s3/{stored}/x")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("bytes=2-4", (206, b"234", "bytes 2-4/10")),
        ("bytes=7-", (206, b"789", "bytes 7-9/10")),
        ("bytes=-3", (206, b"789", "bytes 7-9/10")),
        ("bytes=0-99", (206, b"0123456789", "bytes 0-9/10")),
        ("bytes=1-2,4-5", (200, b"0123456789", None)),
        ("bytes=5-2", (200, b"0123456789", None)),
        ("lines=1-2", (200, b"0123456789", None)),
    ],
)
def test_a_range_is_served_as_s3_serves_it(signer, stored, asked, got):
    answer = send("GET", get_url(signer, stored), range=asked)
    assert (answer.status_code, answer.content, answer.headers.get("content-range")) == got


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(signer, stored, asked):
    answer = send("GET", get_url(signer, stored), range=asked)
    assert (answer.status_code, code(answer)) == (416, "InvalidRange")


def test_a_range_of_another_version_is_not_cut(signer, stored):
    url = get_url(signer, stored)
    assert send("GET", url, range="bytes=0-1", if_range='"other"').status_code == 200
    etag = send("GET", url).headers["etag"]
    assert send("GET", url, range="bytes=0-1", if_range=etag).status_code == 206


def test_what_the_client_holds_already_is_not_sent_again(signer, stored):
    url = get_url(signer, stored)
    etag = send("GET", url).headers["etag"]
    assert send("GET", url, if_none_match=etag).status_code == 304
    assert send("GET", url, if_none_match='"other"').status_code == 200
    assert send("GET", url, if_match='"other"').status_code == 412


def test_head_is_get_without_the_bytes(signer, stored):
    answer = send("HEAD", get_url(signer, stored, "head_object"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "10"


def test_a_url_for_get_is_none_for_head(signer, stored):
    assert code(send("GET", get_url(signer, stored, "head_object"))) == "SignatureDoesNotMatch"


def test_an_expired_url_is_refused(signer, stored, monkeypatch):
    from datetime import UTC, datetime, timedelta

    url = get_url(signer, stored, expires=60)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(UTC) + timedelta(seconds=61)

    monkeypatch.setattr(presigned, "datetime", Later)
    answer = send("GET", url)
    assert (answer.status_code, code(answer)) == (403, "AccessDenied")
    assert "expired" in answer.text


@pytest.mark.parametrize(
    ("what", "into", "expected"),
    [
        ("demo", "else", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600", "SignatureDoesNotMatch"),
        ("X-Amz-Credential=local", "X-Amz-Credential=other", "InvalidAccessKeyId"),
        ("X-Amz-Signature", "X-Amz-Sign", "AccessDenied"),
        ("X-Amz-Expires=60", "X-Amz-Expires=9999999", "AuthorizationQueryParametersError"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=", "AccessDenied"),
    ],
)
def test_a_url_that_was_tampered_with_is_refused(signer, stored, what, into, expected):
    url = get_url(signer, stored)
    assert what in url
    assert code(send("GET", url.replace(what, into))) == expected


def test_a_url_says_nothing_of_another_query(signer, stored):
    url = get_url(signer, stored) + "&response-content-type=text%2Fhtml"
    assert code(send("GET", url)) == "SignatureDoesNotMatch"


def test_what_is_not_there_is_404(signer, environ):
    answer = send("GET", get_url(signer, environ["CONTENT_BUCKET"]))
    assert (answer.status_code, code(answer)) == (404, "NoSuchKey")


def test_bytes_go_in_and_come_back(signer, environ):
    body = bytes(range(256)) * 40
    url, headers = put_url(signer, environ["CONTENT_BUCKET"], body)
    answer = send("PUT", url, body, **headers, content_type="image/png")
    assert answer.status_code == 200, answer.text
    got = client("s3").get_object(
        Bucket=environ["CONTENT_BUCKET"], Key="demo/new", ChecksumMode="ENABLED"
    )
    assert got["Body"].read() == body
    assert got["ContentType"] == "image/png"
    assert got["ChecksumSHA256"] == headers["x_amz_checksum_sha256"]
    assert got["ETag"] == answer.headers["etag"] == f'"{hashlib.md5(body).hexdigest()}"'


def test_other_bytes_than_those_that_were_signed_are_refused(signer, environ):
    url, headers = put_url(signer, environ["CONTENT_BUCKET"], b"right")
    answer = send("PUT", url, b"wrong", **headers)
    assert (answer.status_code, code(answer)) == (400, "BadDigest")
    assert "Contents" not in client("s3").list_objects_v2(Bucket=environ["CONTENT_BUCKET"])


def test_another_length_or_checksum_than_was_signed_breaks_the_signature(signer, environ):
    url, headers = put_url(signer, environ["CONTENT_BUCKET"], b"right")
    longer = send("PUT", url, b"right!", **headers)
    other = send("PUT", url, b"right", x_amz_checksum_sha256="A" * 43 + "=")
    missing = send("PUT", url, b"right")
    assert {code(a) for a in (longer, other, missing)} == {"SignatureDoesNotMatch"}


def test_a_header_of_s3_s_that_was_not_signed_is_refused(signer, environ):
    url, headers = put_url(signer, environ["CONTENT_BUCKET"], b"right")
    answer = send("PUT", url, b"right", **headers, x_amz_acl="public-read")
    assert (answer.status_code, code(answer)) == (403, "AccessDenied")


def test_a_conditional_put_does_not_overwrite(signer, environ):
    url, headers = put_url(signer, environ["CONTENT_BUCKET"], b"right")
    statuses = [
        send("PUT", url, b"right", **headers, if_none_match="*").status_code for _ in range(2)
    ]
    assert statuses == [200, 412]


def test_other_methods_are_refused(signer, stored):
    answer = send("DELETE", get_url(signer, stored))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PUT")


# -- pages of other origins ----------------------------------------------------------------------

FRIEND = "https://app.example"
ATTACKER = "https://attacker.test"
CORS = "access-control-allow-origin"


@pytest.mark.parametrize("origin", [FRIEND, "null"])
def test_a_page_may_read_what_it_was_led_to(signer, stored, origin):
    """A redirect from another origin makes a browser say that its origin is `null`."""
    answer = send("GET", get_url(signer, stored), origins=(FRIEND,), origin=origin)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers[CORS] == "*"
    assert "ETag" in answer.headers["access-control-expose-headers"]


def test_a_page_may_read_why_it_was_refused(signer, stored):
    answer = send("GET", get_url(signer, stored) + "0", origins=(FRIEND,), origin=FRIEND)
    assert (answer.status_code, answer.headers[CORS]) == (403, "*")


def test_a_page_of_a_named_origin_may_send_and_no_other(signer, stored):
    url, headers = put_url(signer, stored, b"new")
    asking = {
        "access-control-request-method": "PUT",
        "access-control-request-headers": ",".join(headers).lower(),
    }
    leave = send("OPTIONS", url, origins=(FRIEND,), origin=FRIEND, **asking)
    assert (leave.status_code, leave.headers[CORS]) == (200, FRIEND)
    assert "PUT" in leave.headers["access-control-allow-methods"]
    asked = asking["access-control-request-headers"]
    assert leave.headers["access-control-allow-headers"] == asked
    sent = send("PUT", url, b"new", origins=(FRIEND,), **headers, origin=FRIEND)
    assert (sent.status_code, sent.headers[CORS]) == (200, FRIEND)

    refused = send("OPTIONS", url, origins=(FRIEND,), origin=ATTACKER, **asking)
    assert refused.status_code == 403
    assert CORS not in refused.headers


def test_without_origins_no_page_may_do_anything(signer, stored):
    answer = send("GET", get_url(signer, stored), origin=FRIEND)
    assert CORS not in answer.headers
    refused = send(
        "OPTIONS", get_url(signer, stored), origin=FRIEND, access_control_request_method="GET"
    )
    assert refused.status_code == 403
