"""The demo library is what its catalogue says: files decode, quotes are there, links lead somewhere."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter

import pytest

from chalicelib.domain import anchoring, annotation, text
from infra.library import HERE, Document, Mark, decoded, library
from infra.library.make_guide import guide
from infra.library.make_leaf import HEIGHT, WIDTH, leaf

LIBRARY = library()
BY_KEY = {document.key: document for document in LIBRARY}
IRIS = {key: f"https://example.org/resources/{key}" for key in BY_KEY}
RESOURCE_ID = "00000000-0000-7000-8000-000000000000"
MARKS = [(document, mark) for document in LIBRARY for mark in document.marks]
QUOTES = [
    pytest.param(document, mark, id=f"{document.key}-{mark.exact[:24]}")
    for document, mark in MARKS
    if mark.exact
]


def test_there_are_a_dozen_documents_and_sixty_annotations_of_every_kind() -> None:
    kinds = Counter(mark.motivation for _, mark in MARKS)

    assert len(LIBRARY) >= 12
    assert len(MARKS) >= 60
    assert {"linking", "highlighting", "commenting", "assessing", "tagging"} <= kinds.keys()
    linking = [mark for _, mark in MARKS if mark.motivation == "linking"]
    assert any(mark.link for mark in linking)
    assert any(not mark.link for mark in linking)
    assert {mark.positioned for _, mark in MARKS if mark.exact} == {True, False}


def test_every_file_of_the_folder_is_in_the_catalogue() -> None:
    content = {p.name for p in HERE.iterdir() if p.is_file() and p.suffix != ".py"}
    named = {d.file for d in LIBRARY} | {d.second_edition for d in LIBRARY if d.second_edition}

    assert content - {"catalogue.json", "README.md", ".gitattributes"} == named


@pytest.mark.parametrize(("document", "mark"), QUOTES)
def test_every_quote_stands_in_its_document_exactly_once(document: Document, mark: Mark) -> None:
    text = document.text
    assert text is not None

    start, end = mark.span(text)

    assert text[start:end] == mark.exact
    assert text[:start].endswith(mark.prefix)
    assert text[end:].startswith(mark.suffix)


@pytest.mark.parametrize(("document", "mark"), MARKS)
def test_every_annotation_says_where_in_one_way_and_links_to_a_document(
    document: Document, mark: Mark
) -> None:
    assert sum(place is not None for place in (mark.exact, mark.svg, mark.fragment)) == 1
    assert mark.link is None or (mark.link in BY_KEY and mark.link != document.key)
    assert mark.tags or mark.motivation not in ("linking", "tagging")

    made = mark.annotation(document.text, IRIS)

    assert made["motivation"] == mark.motivation
    assert bool(made["body"]) == (mark.motivation != "highlighting")


@pytest.mark.parametrize("document", LIBRARY, ids=lambda document: document.key)
def test_the_product_reads_each_text_alike_and_takes_each_annotation(document: Document) -> None:
    content = None
    if text.is_text(document.format):
        content = text.decode(document.content, document.format)
    assert content == document.text

    for mark in document.marks:
        new = annotation.parse(mark.annotation(content, IRIS), resource_id=RESOURCE_ID)
        target = anchoring.anchor(new, text=content, checksum="0" * 64)

        if mark.exact:
            assert target.position == annotation.TextPosition(*mark.span(content or ""))


def test_charsets_are_what_the_catalogue_says() -> None:
    utf16, cp1252 = BY_KEY["the-word"], BY_KEY["devis-imagerie"]

    assert utf16.content.startswith(b"\xff\xfe")
    assert "παλίμψηστος" in (utf16.text or "")
    assert b"\x80" in cp1252.content  # € in windows-1252
    assert all(sign in (cp1252.text or "") for sign in "€“”é")
    assert b"\r\n" in cp1252.content
    with pytest.raises(UnicodeDecodeError):
        cp1252.content.decode("utf-8")


def test_one_document_has_letters_beyond_the_basic_plane_and_two_forms_of_a_word() -> None:
    text = BY_KEY["scripts-beneath"].text or ""

    assert len({letter for letter in text if ord(letter) > 0xFFFF}) > 10
    assert "café" in text
    assert "cafe\u0301" in text


def test_the_book_is_of_book_length_and_the_rest_is_small() -> None:
    book = BY_KEY["gospels"]

    assert 300_000 <= len(book.content) <= 1_500_000
    assert (book.text or "").count("\nChapter ") == 28 + 16 + 24 + 21
    assert all(len(d.content) < 100_000 for d in LIBRARY if d is not book)


def test_every_document_is_linked_from_another() -> None:
    assert {mark.link for _, mark in MARKS if mark.link} == BY_KEY.keys()


def test_the_second_edition_keeps_every_marked_passage_but_one() -> None:
    document = BY_KEY["heiberg"]
    first = document.text or ""
    second = decoded((HERE / str(document.second_edition)).read_bytes(), document.format) or ""

    gone = [mark for mark in document.marks if mark.exact and mark.exact not in second]
    kept = [mark for mark in document.marks if mark not in gone]

    assert [mark.motivation for mark in gone] == ["assessing"]
    for mark in kept:
        new = annotation.parse(mark.annotation(first, IRIS), resource_id=RESOURCE_ID)
        target = anchoring.anchor(new, text=first, checksum="1" * 64)
        found = anchoring.reanchor(target, checksum="2" * 64, text=second)
        assert found.state == "relocated"
        assert found.position == annotation.TextPosition(*mark.span(second))


def test_the_picture_is_a_png_with_the_pixels_that_its_program_draws() -> None:
    content = BY_KEY["leaf"].content
    chunks, at = {}, 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        (check,) = struct.unpack(">I", content[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + size

    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (WIDTH, HEIGHT)
    assert zlib.decompress(chunks[b"IDAT"]) == b"".join(b"\x00" + row for row in leaf())


def test_the_pdf_is_what_its_program_sets_and_its_table_points_at_its_objects() -> None:
    content = BY_KEY["reading-guide"].content
    assert content == guide()
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", content)[1])

    table = content[start:].splitlines()
    offsets = [int(line[:10]) for line in table[3:] if line.endswith(b" n ")]

    assert content.startswith(b"%PDF-1.4\n")
    assert table[0] == b"xref"
    assert len(offsets) == content.count(b" 0 obj\n") > 0
    for number, offset in enumerate(offsets, 1):
        assert content[offset:].startswith(b"%d 0 obj\n" % number)
    streams = re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL)
    assert all(len(stream) == int(size) for size, stream in streams)
    assert b"/Subtype /Type1" in content
    assert b"(How to read a leaf twice)" in content
