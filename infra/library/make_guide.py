"""Set `reading-guide.pdf`: two pages, "How to read a leaf twice", with text and a drawing.

Written by hand as PDF 1.4 with nothing compressed, so that the bytes are the same everywhere and
can be read in an editor. Fonts are two of the fourteen that every PDF reader has.

    python -m infra.library.make_guide
"""

from __future__ import annotations

from pathlib import Path

WIDTH, HEIGHT = 420, 595  # A5 in points
LEFT, TOP = 44, 540

FIRST = """\
# How to read a leaf twice
A palimpsest keeps two texts on one skin. Whoever wants the older
one must first know where to look for it.

# 1. Find the quire
The scribe of the prayer book cut each old leaf in two and turned
it by a quarter. Two leaves of the new book make one of the old,
and the old lines run upright, through the fold.

# 2. Choose the light
Ultraviolet makes the skin shine and leaves the ink dark. Red light
takes the lower writing away. Put the two together, and the older
hand appears in red, as Keith Knox and Roger Easton showed.

# 3. Where paint covers all
X-rays make the iron of the ink shine through gold and colour. At
the synchrotron in Stanford a page took hours, point by point.
"""
SECOND = """\
# 4. Say what you saw, and how sure you are
Editors put a dot under a letter that they read with doubt, and
square brackets round one that they supply. Heiberg guessed in many
places, and often guessed right; the images show where he did not.

# 5. Leave it as you found it
No reagent is harmless. Angelo Mai read Cicero with oak gall, and
the leaves are brown to this day. Light leaves nothing behind.

# 6. Share the raw images
Someone will come with a better eye, or a better machine. The files
of the Archimedes Palimpsest have been open to all since 2008.
"""
DRAWING = """\
q 0.91 0.86 0.73 rg 130 60 160 110 re f
0.81 0.67 0.51 RG 3 w
150 66 m 150 164 l 175 66 m 175 164 l 200 66 m 200 164 l S
225 66 m 225 164 l 250 66 m 250 164 l 270 66 m 270 164 l S
0.23 0.17 0.13 RG 2 w
140 150 m 280 150 l 140 130 m 280 130 l 140 110 m 280 110 l 140 90 m 280 90 l S
0.6 0.5 0.4 RG 1 w [4 3] 0 d 210 60 m 210 170 l S Q
BT /F2 9 Tf 130 46 Td (The new lines, and the old ones turned by a quarter) Tj ET"""


def page(text: str, number: int, drawing: str = "") -> bytes:
    """The content stream of a page: lines starting with "# " are headings."""
    lines, y = [], TOP
    for line in text.splitlines():
        font, size, words = ("F1", 13, line[2:]) if line.startswith("# ") else ("F2", 11, line)
        escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        lines.append(f"BT /{font} {size} Tf {LEFT} {y} Td ({escaped}) Tj ET")
        y -= 20 if font == "F1" else 16
    lines.append(f"BT /F2 9 Tf {WIDTH // 2} 24 Td ({number}) Tj ET")
    return "\n".join([*lines, drawing]).strip().encode("cp1252")


def pdf(pages: list[bytes]) -> bytes:
    """A whole file: catalogue, page tree, fonts, information, then each page and its content."""
    kids = " ".join(f"{6 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Bold /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding >>",
        b"<< /Title (How to read a leaf twice) >>",
    ]
    for i, content in enumerate(pages):
        sheet = f"/MediaBox [0 0 {WIDTH} {HEIGHT}] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >>"
        leaf = f"<< /Type /Page /Parent 2 0 R {sheet} /Contents {7 + 2 * i} 0 R >>"
        objects.append(leaf.encode())
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>".encode()
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
        + b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (trailer, len(out))
    )


def guide() -> bytes:
    """The committed file."""
    return pdf([page(FIRST, 1, DRAWING), page(SECOND, 2)])


if __name__ == "__main__":
    (Path(__file__).parent / "reading-guide.pdf").write_bytes(guide())
