"""How far a command is, on stderr: a bar for a person, a line now and then for a file."""

from __future__ import annotations

import sys
import threading
import time
from typing import Final, TextIO

WIDTH: Final = 30
EVERY_S: Final = 0.1
LINES_EVERY_S: Final = 10.0


class Bar:
    """Draws what it is told. May be called from several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._person = self._stream.isatty()
        self._lock = threading.Lock()
        self._last = 0.0
        self._drawn = False

    def __call__(self, what: str, done: int, of: int) -> None:
        with self._lock:
            now = time.monotonic()
            every = EVERY_S if self._person else LINES_EVERY_S
            if done < of and now - self._last < every:
                return
            self._last = now
            share = done / of if of else 1.0
            told = f"{what} {done}/{of}"
            if self._person:
                bar = "█" * round(share * WIDTH)
                end = "\n" if done >= of else ""
                self._stream.write(f"\r{bar:░<{WIDTH}} {share:4.0%}  {told}\x1b[K{end}")
                self._drawn = done < of
            else:
                self._stream.write(f"{told}\n")
            self._stream.flush()

    def close(self) -> None:
        """End a bar that is not full."""
        if self._drawn:
            self._stream.write("\n")
            self._drawn = False
