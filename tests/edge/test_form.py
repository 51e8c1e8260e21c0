from __future__ import annotations

import contextlib

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.edge import form
from chalicelib.edge.headers import MediaType
from chalicelib.errors import Malformed, TooLarge


def encoded(**more: object) -> tuple[bytes, str]:
    request = httpx.Request("POST", "http://x/", **more)  # type: ignore[arg-type]
    boundary = MediaType.parse(request.headers["Content-Type"]).parameters["boundary"]
    return request.read(), boundary


def test_fields_and_files_come_back_by_name() -> None:
    body, boundary = encoded(
        data={"name": "Ä letter", "entityTypes": '["Person"]'},
        files={"file": ("a b.txt", b"\x00\r\n--x\r\n\xff", "text/plain; charset=windows-1252")},
    )

    parts = {name: form.only(each) for name, each in form.parse(body, boundary).items()}

    assert parts["name"].text == "Ä letter"
    assert parts["file"].data == b"\x00\r\n--x\r\n\xff"
    assert parts["file"].filename == "a b.txt"
    assert parts["file"].media_type == "text/plain; charset=windows-1252"
    assert parts["name"].media_type is None


@given(st.binary(max_size=300))
def test_bytes_come_out_as_they_went_in(data: bytes) -> None:
    body, boundary = encoded(files={"file": ("f", data)})

    assert form.only(form.parse(body, boundary)["file"]).data == data


def test_an_empty_file_is_a_file() -> None:
    body, boundary = encoded(files={"file": ("empty.txt", b"", "text/plain")})

    assert form.only(form.parse(body, boundary)["file"]).data == b""


def test_a_field_may_come_twice_but_not_where_one_is_meant() -> None:
    body, boundary = encoded(files=[("file", ("a", b"1")), ("file", ("b", b"2"))])

    parts = form.parse(body, boundary)["file"]

    assert [part.data for part in parts] == [b"1", b"2"]
    with pytest.raises(Malformed, match="2 times"):
        form.only(parts)


def test_more_parts_than_any_form_of_ours_has_are_refused() -> None:
    body, boundary = encoded(files=[(f"f{n}", ("a", b"1")) for n in range(form.MAX_PARTS + 1)])

    with pytest.raises(Malformed, match="refused"):
        form.parse(body, boundary)


def test_content_up_to_the_limit_is_taken_and_beyond_it_is_413() -> None:
    most = b"x" * form.MAX_CONTENT_BYTES
    body, boundary = encoded(files={"file": ("a", most)})
    assert len(form.only(form.parse(body, boundary)["file"]).data) == form.MAX_CONTENT_BYTES

    body, boundary = encoded(files={"file": ("a", most + b"x")})
    with pytest.raises(TooLarge) as refused:
        form.parse(body, boundary)

    assert refused.value.extra["limit_bytes"] == form.MAX_CONTENT_BYTES
    assert "/uploads" in refused.value.detail


def test_a_cut_off_form_is_refused() -> None:
    body, boundary = encoded(data={"name": "x"}, files={"file": ("a", b"12345")})

    for end in range(0, len(body) - 2, 7):
        with pytest.raises(Malformed):
            form.parse(body[:end], boundary)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ("Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''a%20b.txt", "filename\\*"),
        ('Content-Disposition: form-data; name="file"; filename="a"\r\n'
         "Content-Transfer-Encoding: base64", "is in base64"),
        ('Content-Disposition: form-data; name="\udcff"; filename="a"', "failed to decode$"),
    ],
)  # fmt: skip
def test_what_would_be_stored_otherwise_than_meant_is_refused(headers: str, said: str) -> None:
    body = f"--b\r\n{headers}\r\n\r\nx\r\n--b--\r\n".encode(errors="surrogateescape")

    with pytest.raises(Malformed, match=said):
        form.parse(body, "b")


def test_a_name_may_be_told_the_other_way_besides() -> None:
    told = 'form-data; name="file"; filename="a; filename*=b.txt"; filename*=UTF-8\'\'c'
    body = f"--b\r\nContent-Disposition: {told}\r\n\r\nx\r\n--b--\r\n".encode()

    assert form.only(form.parse(body, "b")["file"]).filename == "a; filename*=b.txt"


@settings(max_examples=200)
@given(st.binary(max_size=200), st.text(max_size=10))
def test_any_bytes_are_a_form_or_refused(body: bytes, boundary: str) -> None:
    with contextlib.suppress(Malformed, TooLarge):
        form.parse(body, boundary)
