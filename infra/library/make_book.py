"""Write `gospels.txt` from the Debian package `sword-text-web`: the library's text of book length.

The package holds the World English Bible, which its translators gave to the public domain, as a
SWORD "zText" module: `nt.bzv` has ten bytes per verse (block, offset, length), `nt.bzs` twelve per
block (offset, packed size, size), and `nt.bzz` the zlib-packed blocks of OSIS markup. The words
stay as they are; footnotes, Strong's numbers and markup are left out. What this program wrote is
committed, so nobody needs the package to run anything:

    apt-get download sword-text-web && dpkg -x sword-text-web_*.deb unpacked
    python -m infra.library.make_book unpacked/usr/share/sword/modules/texts/ztext/engWEB2015eb
"""

from __future__ import annotations

import re
import struct
import sys
import textwrap
import zlib
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
BOOKS = {"Matt": "Matthew", "Mark": "Mark", "Luke": "Luke", "John": "John"}
TITLE = """\
THE FOUR GOSPELS

from the World English Bible, which is in the public domain
"""


def entries(module: Path) -> Iterator[str]:
    """The module's New Testament in order: headings of books and chapters, and verses, as OSIS."""
    verses, sizes, packed = ((module / f"nt.{x}").read_bytes() for x in ("bzv", "bzs", "bzz"))
    places = struct.iter_unpack("<III", sizes)
    blocks = [zlib.decompress(packed[at : at + size]) for at, size, _ in places]
    for block, start, length in struct.iter_unpack("<IIH", verses):
        yield blocks[block][start : start + length].decode()


def plain(osis: str) -> str:
    """The words of an entry, on one line."""
    osis = re.sub(r"<title\b.*?</title>|<note\b.*?</note>", " ", osis, flags=re.DOTALL)
    osis = re.sub(r"<(?:l|lg|div|milestone|chapter)\b[^>]*>", " ", osis)
    words = " ".join(re.sub(r"<[^>]+>", "", osis).split())
    return re.sub(r" +([,.;:?!)”’])", r"\1", words)


def book(module: Path) -> str:
    """The text of the four gospels, a paragraph per verse, with headings."""
    parts, chapter, verse, wanted = [TITLE], 0, 0, False
    for entry in entries(module):
        if heading := re.search(r'<div [^>]*osisID="(\w+)" sID=[^>]*type="book"', entry):
            wanted = heading[1] in BOOKS
            if wanted:
                parts.append(f"\nTHE GOOD NEWS ACCORDING TO {BOOKS[heading[1]].upper()}\n")
        elif begins := re.search(r'<chapter n="(\d+)"', entry):
            chapter, verse = int(begins[1]), 0
            if wanted:
                parts.append(f"Chapter {chapter}\n")
        elif wanted and chapter:
            verse += 1
            if words := plain(entry):
                parts.append(textwrap.fill(f"{chapter}:{verse} {words}", 100) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    (HERE / "gospels.txt").write_text(book(Path(sys.argv[1])), encoding="utf-8", newline="\n")
