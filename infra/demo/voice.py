"""How the demo speaks: numbered steps, what was done, and what each layer holds afterwards."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 100
INDENT = "   "


class Voice:
    """Prints to standard output, at most `WIDTH` columns."""

    def __init__(self) -> None:
        self._step = 0

    def step(self, title: str, why: str) -> None:
        """Begin a numbered step: its title, and a sentence or two on what it shows."""
        self._step += 1
        print(f"\n{self._step}. {title}")
        print(textwrap.fill(why, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT))

    def did(self, call: str, outcome: str) -> None:
        """Tell a call and what came of it: ``POST /resources      201 in 9 ms, version 1``."""
        print(f"{INDENT}{call:<42} {_cut(outcome, WIDTH - len(INDENT) - 43)}".rstrip())

    def layer(self, name: str, holds: str) -> None:
        """Tell what a layer holds now."""
        start = f"{INDENT}  {name:<9} "
        print(textwrap.fill(holds, WIDTH, initial_indent=start, subsequent_indent=" " * len(start)))

    def table(self, rows: Iterable[Sequence[object]]) -> None:
        """Print rows in columns; numbers to the right."""
        cells = [[("r" if isinstance(c, int) else "l", _shown(c)) for c in row] for row in rows]
        widths = [max(len(text) for _, text in column) for column in zip(*cells, strict=True)]
        for row in cells:
            padded = (
                text.rjust(width) if side == "r" else text.ljust(width)
                for (side, text), width in zip(row, widths, strict=True)
            )
            print(f"{INDENT}  {'  '.join(padded)}".rstrip()[:WIDTH])

    def end(self, text: str) -> None:
        """Close the walk."""
        print(f"\n{text}")


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
