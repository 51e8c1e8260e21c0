"""The content's contract, of the adapter on moto and of the twin alike. Law 9 is in here.

Law 9: bytes come back as they went in, whatever they are.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.content import Content
from chalicelib.errors import ContentDamaged
from tests.twins import Store, TwinContent

SAMPLES = {
    "empty": b"",
    "text": "Ein Palimpsest – überschrieben.\n".encode(),
    "windows-1252": "naïve “café” €".encode("cp1252"),
    "utf-16 with a mark": "naïve café".encode("utf-16"),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "crlf and nul": b"a\r\nb\x00c\n\rd",
    "looks like base64": b"aGVsbG8=",
    "looks like json": b'{"body": "x"}',
}


@pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)
def test_bytes_come_back_as_they_went_in(content: Content, workspace: str, data: bytes) -> None:
    checksum = content.put(workspace, data)

    assert checksum == hashlib.sha256(data).hexdigest()
    assert content.get(workspace, checksum)[0] == data
    assert content.size(workspace, checksum) == len(data)


@given(data=st.binary(max_size=300))
@example(data=b"\r\n")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_come_back(content: Content, workspace: str, data: bytes) -> None:
    checksum = content.put(workspace, data)

    assert content.get(workspace, checksum)[0] == data


def test_equal_bytes_are_stored_once(content: Content, workspace: str) -> None:
    checksums = {content.put(workspace, b"the same") for _ in range(3)}

    assert len(checksums) == 1


def test_puts_at_once_all_succeed(content: Content, workspace: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        checksums = set(pool.map(lambda n: content.put(workspace, b"x" * (n % 2)), range(16)))

    assert len(checksums) == 2
    for checksum in checksums:
        content.get(workspace, checksum)


def test_content_of_another_workspace_is_as_unknown(content: Content, workspace: str) -> None:
    checksum = content.put(workspace, b"mine")

    assert content.size(workspace + "x", checksum) is None
    with pytest.raises(ContentDamaged, match="missing"):
        content.get(workspace + "x", checksum)


@pytest.mark.parametrize("name", ["", "0" * 64, "../x", "9F86" * 16, "jobs/1"])
def test_what_was_never_stored_has_no_size(content: Content, workspace: str, name: str) -> None:
    assert content.size(workspace, name) is None


def test_what_is_stored_under_a_name_stays(content: Content, workspace: str) -> None:
    assert content.get_named(workspace, "jobs/1/0") is None
    assert content.put_named(workspace, "jobs/1/0", b"first")
    assert not content.put_named(workspace, "jobs/1/0", b"second")

    assert content.get_named(workspace, "jobs/1/0") == b"first"


def test_a_ping_is_answered(content: Content) -> None:
    content.ping()


# -- the law catches ------------------------------------------------------------------------------


class ContentAsText(TwinContent):
    """Reads bytes as text on their way in, as a gateway without binary types does."""

    def put(self, workspace: str, data: bytes) -> str:
        return super().put(workspace, data.decode("utf-8", "replace").encode())


class ContentWithUniversalNewlines(TwinContent):
    """Makes one kind of line end of all."""

    def put(self, workspace: str, data: bytes) -> str:
        return super().put(workspace, data.replace(b"\r\n", b"\n"))


class ContentWithoutEmptyFiles(TwinContent):
    """Takes nothing for no content."""

    def put(self, workspace: str, data: bytes) -> str:
        return super().put(workspace, data or b" ")


@pytest.mark.parametrize(
    "double", [ContentAsText, ContentWithUniversalNewlines, ContentWithoutEmptyFiles]
)
def test_the_law_catches_content_that_changes_bytes(double: type[TwinContent]) -> None:
    def broken() -> bool:
        for data in SAMPLES.values():
            content = double(Store())
            checksum = content.put("demo", data)
            if checksum != hashlib.sha256(data).hexdigest():
                return True
        return False

    assert broken()
