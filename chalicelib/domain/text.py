"""Bytes to text, and the two ways to count it.

Positions count Unicode code points of the text that `decode` returns (Web Annotation Data Model,
4.2.5, W3C Recommendation of 2017-02-23). Hence nothing is normalised, no newline is translated: two
readers who decode alike count alike. JavaScript counts UTF-16 code units; the conversions are here.

The charset of a text is, in this order: the media type's `charset` parameter; a byte order mark;
UTF-8. What a document says of itself inside (``<?xml encoding=…?>``, ``<meta charset>``) is not
asked. A byte order mark is dropped.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from email.message import Message
from functools import lru_cache
from typing import Final, Literal

from chalicelib import errors

Offsets = Literal["codepoint", "utf16"]

# Longer marks first: the one of UTF-32LE begins with the one of UTF-16LE (Unicode 16, 2.6).
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Without a mark, "utf-16" is little-endian: WHATWG Encoding, 4.2 makes it a label of UTF-16LE. RFC
# 2781, 4.3 says big-endian, but unmarked pages that called themselves so were little-endian (WHATWG
# list, 2009-07-14). WHATWG knows no UTF-32: there the Unicode Standard, D101, says big-endian.
_BY_MARK: Final = {"utf-16": "utf-16-le", "utf-32": "utf-32-be"}

# Python's codecs that are charsets of text. A list, because codecs.lookup also knows "zlib",
# "unicode_escape", "idna" and others that no document is written in.
# fmt: off
_CHARSETS: Final = frozenset((
    "ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be",
    "iso8859-1", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-5", "iso8859-6", "iso8859-7",
    "iso8859-8", "iso8859-9", "iso8859-10", "iso8859-11", "iso8859-13", "iso8859-14",
    "iso8859-15", "iso8859-16", "cp437", "cp850", "cp852", "cp866", "cp874", "cp1250", "cp1251",
    "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "koi8-r", "koi8-u",
    "mac-roman", "mac-cyrillic", "tis-620", "big5", "big5hkscs", "gb2312", "gbk", "gb18030",
    "hz", "euc_kr", "cp949", "johab", "shift_jis", "cp932", "euc_jp", "iso2022_jp",
    "iso2022_kr",
))
# fmt: on

# windows-1252 as WHATWG Encoding has it (index-windows-1252): the five bytes that Microsoft left
# undefined are the C1 controls of the same number, so that every byte has a meaning.
_WINDOWS_1252: Final = "".join(
    chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([byte]).decode("cp1252")
    for byte in range(256)
)

# Subtypes of application/ that are text without saying so by text/, +json or +xml.
# fmt: off
_TEXT_APPLICATIONS: Final = frozenset((
    "json", "xml", "javascript", "ecmascript", "x-javascript", "typescript", "x-typescript",
    "graphql", "sql", "toml", "yaml", "x-yaml", "x-ndjson", "ndjson", "jsonl", "jsonlines",
    "json-seq", "n-triples", "n-quads", "trig", "sparql-query", "sparql-update", "x-sh",
    "x-tex", "x-latex", "x-bibtex", "x-subrip", "xml-dtd", "relax-ng-compact-syntax", "node",
))
# fmt: on
_TEXT_SUFFIXES: Final = ("+json", "+xml", "+yaml", "+json-seq")

_MEDIA_TYPE: Final = re.compile(r"\s*[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+\s*", re.I)
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")


def is_text(media_type: str) -> bool:
    """Tell whether content of this media type is text: something that positions can count."""
    message = _message(media_type)
    if message is None:
        return False
    main, subtype = message.get_content_maintype(), message.get_content_subtype()
    if main == "text" or subtype.endswith(_TEXT_SUFFIXES):
        return True
    return main == "application" and subtype in _TEXT_APPLICATIONS


def decode(data: bytes, media_type: str) -> str:
    """Return the text of `data`, character for character as it was written.

    Raises Invalid when the media type is not text, its charset is unknown, or the bytes are not in
    that charset: such content has no text that an annotation could be anchored in.
    """
    if not is_text(media_type):
        raise errors.Invalid(f"content of type {media_type[:200]!r} is not text")
    name = _charset(media_type) or next((c for mark, c in _MARKS if data.startswith(mark)), "utf-8")
    charset = _known(name)
    if charset in _BY_MARK:
        marked = (c for mark, c in _MARKS if c.startswith(charset) and data.startswith(mark))
        charset = next(marked, _BY_MARK[charset])
    try:
        if charset == "cp1252":
            return codecs.charmap_decode(data, "strict", _WINDOWS_1252)[0]
        text = data.decode(charset)
    except UnicodeError as error:
        at = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise errors.Invalid(f"the content is not {name[:100]}{at}") from error
    return text.removeprefix("\ufeff") if charset.startswith("utf-") else text


def utf16_offset(text: str, index: int) -> int:
    """Return how many UTF-16 code units stand before the code point `index` of `text`.

    Raises Invalid where `index` lies outside of the text.
    """
    if not 0 <= index <= len(text):
        raise errors.Invalid(f"offset {index} lies outside of the text, 0 to {len(text)}")
    return index + bisect_left(_astral(text), index)


def code_point_offset(text: str, utf16_index: int) -> int:
    """Return how many code points stand before the UTF-16 code unit `utf16_index` of `text`.

    Raises Invalid outside of the text and between the two halves of a surrogate pair.
    """
    astral = _astral(text)
    length = len(text) + len(astral)
    if not 0 <= utf16_index <= length:
        raise errors.Invalid(f"offset {utf16_index} lies outside of the text, 0 to {length}")
    # The k-th astral character starts at code unit astral[k] + k: each before it takes two.
    before = bisect_left(range(len(astral)), utf16_index, key=lambda k: astral[k] + k)
    if before and astral[before - 1] + before == utf16_index:
        raise errors.Invalid(f"offset {utf16_index} lies within a surrogate pair")
    return utf16_index - before


def _astral(text: str) -> tuple[int, ...]:
    """Return where in `text` the characters stand that take two UTF-16 code units."""
    return () if text.isascii() else _astral_of(text)


@lru_cache(maxsize=2)
def _astral_of(text: str) -> tuple[int, ...]:
    """Keep the answer for two texts: a page of annotations asks for old and new, 200 times each."""
    if len(text.encode("utf-16-le")) == 2 * len(text):
        return ()
    return tuple(match.start() for match in _ASTRAL.finditer(text))


def _message(media_type: str) -> Message | None:
    """Return the media type parsed, or None where it is not one (email would say text/plain)."""
    if not _MEDIA_TYPE.fullmatch(media_type.partition(";")[0]):
        return None
    message = Message()
    message["Content-Type"] = media_type.strip()
    return message


def _charset(media_type: str) -> str | None:
    message = _message(media_type)
    charset = message.get_content_charset() if message is not None else None
    return charset.strip() or None if charset else None


def _known(name: str) -> str:
    """Return Python's name of a charset. Raises Invalid where it is not one of a text."""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = ""
    if codec not in _CHARSETS:
        raise errors.Invalid(f"the charset {name[:100]!r} is unknown")
    return codec
