"""What only the adapter of the content can do wrong: conditions, checksums, presigned URLs."""

from __future__ import annotations

import hashlib
import tracemalloc
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.config import Config
from chalicelib.content import Content
from chalicelib.domain.representation import Representation
from chalicelib.errors import ContentDamaged, Unavailable
from chalicelib.system import System
from infra.local.aws import client


@pytest.fixture
def bucket(environment: dict[str, str]) -> str:
    return environment["CONTENT_BUCKET"]


@pytest.fixture
def content(environment: dict[str, str], real: System) -> Content:
    """A content of its own, whose cache is empty, on the shared client."""
    own = Content(Config.from_env(environment))
    own._client = real.content._s3
    return own


def overwrite(bucket: str, workspace: str, checksum: str, data: bytes) -> None:
    """Change stored bytes behind the adapter's back."""
    client("s3").put_object(Bucket=bucket, Key=f"{workspace}/{checksum}", Body=data)


def test_a_put_is_conditional_and_names_its_checksum(
    content: Content, workspace: str, bucket: str
) -> None:
    sent: list[dict[str, Any]] = []
    content._s3.meta.events.register("provide-client-params.s3.PutObject", _recorder(sent))

    checksum = content.put(workspace, b"hello")

    assert sent[0]["IfNoneMatch"] == "*"
    assert sent[0]["Key"] == f"{workspace}/{checksum}"
    assert sent[0]["ChecksumSHA256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="


def _recorder(sent: list[dict[str, Any]]) -> Any:
    def record(params: dict[str, Any], **_: object) -> None:
        sent.append(dict(params))

    return record


def test_a_put_of_what_is_there_overwrites_nothing(
    content: Content, real: System, workspace: str, bucket: str
) -> None:
    checksum = content.put(workspace, b"hello")
    before = client("s3").head_object(Bucket=bucket, Key=f"{workspace}/{checksum}")
    overwrite(bucket, workspace, checksum, b"hellO")

    assert content.put(workspace, b"hello") == checksum
    assert before["ContentLength"] == 5
    with pytest.raises(ContentDamaged):
        real.objects.verify(workspace, checksum)


def test_text_is_read_once_and_kept(content: Content, workspace: str) -> None:
    checksum = content.put(workspace, b"hello")

    assert content.get(workspace, checksum) == (b"hello", True)


def test_damaged_bytes_are_named_and_never_returned(
    content: Content, real: System, workspace: str, bucket: str
) -> None:
    checksum = hashlib.sha256(b"hello").hexdigest()
    for damaged in (b"hellO", b"hell", b"hello ", b""):
        overwrite(bucket, workspace, checksum, damaged)
        with pytest.raises(ContentDamaged, match=checksum):
            content.get(workspace, checksum)
        with pytest.raises(ContentDamaged, match=hashlib.sha256(damaged).hexdigest()):
            real.objects.verify(workspace, checksum)


def test_bytes_that_are_gone_are_named(
    content: Content, real: System, workspace: str, bucket: str
) -> None:
    checksum = content.put(workspace, b"hello")
    client("s3").delete_object(Bucket=bucket, Key=f"{workspace}/{checksum}")

    with pytest.raises(ContentDamaged, match=f"{checksum} is missing"):
        real.objects.verify(workspace, checksum)


def test_verifying_takes_little_memory(
    content: Content, real: System, workspace: str, bucket: str
) -> None:
    data = bytes(24 * 1024 * 1024)
    checksum = content.put(workspace, data)

    tracemalloc.start()
    try:
        assert real.objects.verify(workspace, checksum) == len(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # moto itself holds the answer once; reading it all would make that twice.
    assert peak < 1.6 * len(data)


def test_a_download_says_type_name_and_lifetime_and_no_script_runs(
    content: Content, workspace: str
) -> None:
    page = Representation("9f86d081884c7d65" * 4, "text/html", 4, 'Überblick "1".html')

    url = urlsplit(content.download(workspace, page))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}

    assert url.path.endswith(f"/{workspace}/{page.checksum}")
    assert query["response-content-type"] == "text/html"
    assert query["response-cache-control"] == "private, max-age=31536000, immutable"
    assert query["response-content-disposition"] == (
        "attachment; filename=\"_berblick _1_.html\"; filename*=UTF-8''%C3%9Cberblick%20%221%22.html"
    )
    plain = content.download(workspace, Representation(page.checksum, "text/plain", 4))
    assert "response-content-disposition=inline" in plain


def test_an_upload_is_signed_for_one_checksum_and_one_size(
    content: Content, workspace: str
) -> None:
    checksum = hashlib.sha256(b"hello").hexdigest()

    upload = content.upload(workspace, checksum, 5)

    signed = parse_qs(urlsplit(upload.url).query)
    assert upload.method == "PUT"
    assert upload.headers["content-length"] == "5"
    names = signed.get("X-Amz-SignedHeaders", [""])[0] + ";" + ";".join(signed).lower()
    assert "x-amz-checksum-sha256" in names
    assert "content-length" in names


def test_a_store_that_does_not_answer_is_unavailable(environment: dict[str, str]) -> None:
    content = Content(Config.from_env({**environment, "CONTENT_BUCKET": "no-such-bucket"}))
    checksum = hashlib.sha256(b"x").hexdigest()

    for call in (lambda: content.put("demo", b"x"), content.ping):
        with pytest.raises(Unavailable) as refusal:
            call()
        assert refusal.value.extra["dependency"] == "database"
    assert content.size("demo", checksum) is None
