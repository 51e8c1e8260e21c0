"""The bytes of an S3 object in moto, without ever holding all of them in memory.

moto's `FakeKey` keeps its bytes in a file-like `_value_buffer`. Objects here are immutable (a new
put makes a new key), so that buffer may be a file on disk, and may be shared by a copy.
"""

from __future__ import annotations

import io
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

CHUNK_BYTES: Final = 1024 * 1024


class Held:
    """A file that several keys read; it is closed when the last of them is gone."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.lock = threading.Lock()  # the file has one position
        weakref.finalize(self, file.close)


class View:
    """One key's view of a held file, with a position of its own; closing it closes nothing."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self._at = 0

    def seek(self, offset: int) -> int:
        """Move this view's position."""
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        """Read from this view's position."""
        with self.held.lock:
            self.held.file.seek(self._at)
            data: bytes = self.held.file.read(size)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Do nothing: another key may still read the file."""


class OnDisk:
    """A read-only file that is open only while it is read: thousands of them cost no descriptor."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0

    def seek(self, offset: int) -> int:
        """Move the position."""
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        """Read from the position."""
        with self.path.open("rb") as file:
            file.seek(self._at)
            return file.read(size)

    def close(self) -> None:
        """Do nothing: nothing is open."""


def attach(key: Any, file: Any, size_bytes: int, etag: str) -> None:
    """Make `file` the bytes of a moto key, which owns it from now on. `etag` without quotes."""
    _attach(key, Held(file), size_bytes, etag)


def share(source: Any, target: Any) -> None:
    """Give `target` the bytes of `source`, without copying them."""
    if not isinstance(source._value_buffer, View):
        source._value_buffer = View(Held(source._value_buffer))
    _attach(target, source._value_buffer.held, source.contentsize, source.etag.strip('"'))


def _attach(key: Any, held: Held, size_bytes: int, etag: str) -> None:
    key._value_buffer.close()
    key._value_buffer = View(held)
    key.contentsize = size_bytes
    key._etag = etag


@contextmanager
def emptied(key: Any) -> Iterator[None]:
    """Let `key` look empty meanwhile."""
    buffer = key._value_buffer
    key._value_buffer = io.BytesIO()
    try:
        yield
    finally:
        key._value_buffer = buffer


def read(key: Any, start: int, size: int) -> bytes:
    """Return at most `size` bytes from `start` on; safe beside other readers of the key."""
    with key.lock:
        key._value_buffer.seek(start)
        data: bytes = key._value_buffer.read(size)
    return data


def chunks(key: Any, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the bytes [start, end) of a key in pieces."""
    end = key.contentsize if end is None else end
    while start < end and (data := read(key, start, min(CHUNK_BYTES, end - start))):
        start += len(data)
        yield data
