from __future__ import annotations

import codecs
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.text import code_point_offset, decode, is_text, utf16_offset
from chalicelib.errors import Invalid

TEXT = "Wien – “Zürich”, 東京 😀\r\nÅngström A\u030a\n"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "TEXT/Markdown; charset=utf-8",
        "text/x-anything",
        "application/json",
        "application/ld+json",
        "application/xml",
        "application/xhtml+xml",
        "application/javascript",
        "application/x-ndjson",
        "image/svg+xml",
        "model/gltf+json",
    ],
)
def test_these_media_types_are_text(media_type):
    assert is_text(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/pdf",
        "image/png",
        "application/octet-stream",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "multipart/form-data; boundary=x",
        "text",
        "",
        "; charset=utf-8",
        "/",
        "text /plain",
    ],
)
def test_these_are_not_text_and_cannot_be_decoded(media_type):
    assert not is_text(media_type)
    with pytest.raises(Invalid, match="not text"):
        decode(b"abc", media_type)


@pytest.mark.parametrize(
    ("media_type", "charset"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=utf-8", "utf-8"),
        ('text/plain; charset="UTF-8"', "utf-8"),
        ("text/plain;charset=UTF8;format=flowed", "utf-8"),
        ("text/plain; charset=utf-16le", "utf-16-le"),
        ("text/plain; charset=UTF-16BE", "utf-16-be"),
        ("text/plain; charset=utf-32le", "utf-32-le"),
        ("text/plain; charset=gb18030", "gb18030"),
    ],
)
def test_bytes_are_read_by_the_charset_parameter(media_type, charset):
    assert decode(TEXT.encode(charset), media_type) == TEXT


@pytest.mark.parametrize(
    ("mark", "charset"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_without_a_charset_the_byte_order_mark_decides_and_is_dropped(mark, charset):
    data = mark + TEXT.encode(charset)

    assert decode(data, "text/plain") == TEXT
    assert decode(data, f"text/plain; charset={charset}") == TEXT


@pytest.mark.parametrize("family", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_a_charset_without_a_byte_order_takes_it_from_the_mark(family, order):
    charset = f"{family}-{order}"
    data = ("\ufeff" + TEXT).encode(charset)

    assert decode(data, f"text/plain; charset={family}") == TEXT


def test_utf_16_without_a_mark_is_little_endian_and_utf_32_big_endian():
    assert decode("Wien".encode("utf-16-le"), "text/plain; charset=utf-16") == "Wien"
    assert decode("Wien".encode("utf-32-be"), "text/plain; charset=utf-32") == "Wien"


def test_only_one_byte_order_mark_is_dropped():
    assert decode("\ufeff\ufeffa".encode(), "text/plain") == "\ufeffa"


def test_the_charset_parameter_wins_over_the_mark():
    with pytest.raises(Invalid):
        decode("\ufeffWien".encode("utf-16-le"), "text/plain; charset=utf-8")


def test_windows_1252_is_what_browsers_read_and_every_byte_has_a_meaning():
    decoded = decode(bytes(range(256)), "text/plain; charset=windows-1252")

    assert decoded[0x80] == "€"
    assert decoded[0x93:0x95] == "“”"
    assert [ord(decoded[byte]) for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)] == [
        0x81,
        0x8D,
        0x8F,
        0x90,
        0x9D,
    ]
    assert len(set(decoded)) == 256
    assert decode(b"\x80", "text/plain; charset=CP1252") == "€"


def test_iso_8859_1_is_true_latin_1():
    decoded = decode(bytes(range(256)), "text/plain; charset=iso-8859-1")

    assert decoded == "".join(map(chr, range(256)))


def test_nothing_is_normalised_and_no_newline_translated():
    text = "a\r\nb\rc\nd\u2028e\x0c A\u030a Å \x00"

    assert decode(text.encode(), "text/plain") == text


@pytest.mark.parametrize(
    "charset",
    ["klingon", "utf-7", "rot13", "zlib", "hex", "unicode_escape", "idna", "utf-8-sig", "x" * 5000],
)
def test_a_charset_that_is_none_of_text_is_refused(charset):
    with pytest.raises(Invalid, match="charset"):
        decode(b"abc", f"text/plain; charset={charset}")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"caf\xe9", "text/plain"),
        (b"\xc3", "text/plain; charset=utf-8"),
        (b"\xed\xa0\x80", "text/plain"),  # a surrogate, encoded
        (b"a", "text/plain; charset=utf-16"),
        (b"\x00\xd8", "text/plain; charset=utf-16le"),
        (b"\xe9", "text/plain; charset=us-ascii"),
        (b"\xff\xff\xff\xff", "text/plain; charset=utf-32"),
    ],
)
def test_bytes_that_are_not_in_their_charset_are_refused(data, media_type):
    with pytest.raises(Invalid, match="is not"):
        decode(data, media_type)


def test_an_empty_file_is_an_empty_text():
    assert decode(b"", "text/plain") == ""
    assert decode(codecs.BOM_UTF8, "text/plain") == ""


@given(data=st.binary(max_size=40), media_type=st.text(max_size=40))
def test_whatever_comes_decoding_answers_or_refuses(data, media_type):
    for candidate in (media_type, f"text/{media_type}", f"text/plain; charset={media_type}"):
        with contextlib.suppress(Invalid):
            decode(data, candidate).encode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_offsets_convert_both_ways_and_count_as_javascript_does(text):
    for index in range(len(text) + 1):
        units = utf16_offset(text, index)
        assert units == len(text[:index].encode("utf-16-le")) // 2
        assert code_point_offset(text, units) == index


@given(st.text(alphabet="a😀é", min_size=1))
def test_the_middle_of_a_surrogate_pair_is_no_offset(text):
    at = 0
    for character in text:
        if character == "😀":
            with pytest.raises(Invalid, match="surrogate"):
                code_point_offset(text, at + 1)
        at += 2 if character == "😀" else 1


@pytest.mark.parametrize("index", [-1, 4])
def test_an_offset_outside_of_the_text_is_refused(index):
    with pytest.raises(Invalid, match="outside"):
        utf16_offset("a😀b", index)


@pytest.mark.parametrize("index", [-1, 5])
def test_a_utf_16_offset_outside_of_the_text_is_refused(index):
    with pytest.raises(Invalid, match="outside"):
        code_point_offset("a😀b", index)
