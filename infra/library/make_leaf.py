"""Draw `leaf.png`: a page of a palimpsest, stylised, with the older script turned by a quarter.

Nothing but the standard library: the picture is a grid of palette numbers, and a PNG is four chunks
round the zlib-packed rows. The strokes come from a seeded generator, so the picture is always the
same; packed bytes may differ between builds of zlib.

    python -m infra.library.make_leaf
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from random import Random

WIDTH, HEIGHT = 420, 600
PALETTE = (
    (233, 219, 186),  # 0 parchment
    (227, 211, 175),  # 1 parchment, a shade darker
    (206, 182, 138),  # 2 its edge, and the fold
    (206, 171, 130),  # 3 the lower writing: what the knife left of it
    (58, 44, 34),  # 4 the upper writing
    (150, 38, 30),  # 5 rubric
    (190, 190, 150),  # 6 mould
)
EDGE, LOWER, UPPER, RUBRIC, MOULD = 2, 3, 4, 5, 6
Grid = list[bytearray]


def leaf() -> Grid:
    """The picture: rows from the top, one palette number per pixel."""
    random = Random(1229)
    grid = [bytearray(random.choice((0, 0, 0, 1)) for _ in range(WIDTH)) for _ in range(HEIGHT)]
    for column in range(48, WIDTH - 40, 30):  # the older lines, now upright
        script(grid, random, LOWER, along=range(30, HEIGHT - 30), line=column, upright=True)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            margin = min(x, y, WIDTH - 1 - x, HEIGHT - 1 - y)
            if margin < 6 + (x * 7 + y * 5) % 4 or y == HEIGHT // 2:
                grid[y][x] = EDGE
            elif (x - 352) ** 2 / 3 + (y - 70) ** 2 < 900 and grid[y][x] < EDGE:
                grid[y][x] = MOULD
    for number, row in enumerate(range(64, HEIGHT - 50, 34)):
        ink = RUBRIC if number in (0, 8) else UPPER
        script(grid, random, ink, along=range(44, WIDTH - 44), line=row, upright=False)
    for y in range(336, 372):  # the red initial of the second prayer
        for x in range(22, 40):
            if abs(x - 31) + abs(y - 354) // 2 in (7, 8) or y in (353, 354):
                grid[y][x] = RUBRIC
    return grid


def script(grid: Grid, random: Random, ink: int, *, along: range, line: int, upright: bool) -> None:
    """Strokes that look like writing, along a line of the page."""
    at = along.start
    while at < along.stop - 12:
        for _ in range(random.randint(2, 7)):  # a word
            tall, lean, round_ = random.randint(8, 15), random.choice((-1, 0, 1)), random.random()
            for step in range(tall):
                sideways = lean * step // 4 + (3 if round_ < 0.4 and 3 < step < tall - 2 else 0)
                for thickness in (0, 1):
                    a, b = at + sideways + thickness, line - step
                    x, y = (b, a) if upright else (a, b)
                    if 0 <= x < WIDTH and 0 <= y < HEIGHT:
                        grid[y][x] = ink
            at += random.randint(5, 9)
            if at >= along.stop - 8:
                break
        at += 10


def png(grid: Grid) -> bytes:
    """The picture as an indexed-colour PNG (https://www.w3.org/TR/png-3/)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        size, check = len(data), zlib.crc32(kind + data)
        return struct.pack(">I", size) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    rows = b"".join(b"\x00" + bytes(row) for row in grid)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"PLTE", bytes(value for colour in PALETTE for value in colour))
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    (Path(__file__).parent / "leaf.png").write_bytes(png(leaf()))
