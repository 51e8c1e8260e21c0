"""Large objects that the app reads from S3 come in pieces, as from S3 itself.

moto answers GetObject with all the bytes at once: reading 200 MB in pieces would take three times
that in memory. `LazyBody` passes through moto in their place, and `LazyRaw` reads them when
botocore does. By the AWS port whole bytes go out: moto's server needs them.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, SupportsIndex

from infra.local import blob

LARGE_BYTES: Final = 1024 * 1024

_in_get_object = threading.local()


class LazyBody(bytes):
    """Stands for the bytes [start, end) of a key: has their length, can be cut, holds none."""

    key: Any
    start: int
    end: int

    @classmethod
    def of(cls, key: Any, start: int, end: int) -> LazyBody:
        """Stand for part of a key."""
        made = cls()
        made.key, made.start, made.end = key, start, end
        return made

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, cut: SupportsIndex | slice) -> Any:
        if not isinstance(cut, slice):
            raise TypeError("a lazy body is only cut")
        start, end, _ = cut.indices(len(self))
        return LazyBody.of(self.key, self.start + start, self.start + end)


class LazyRaw(io.RawIOBase):
    """What botocore reads an answer's body from."""

    def __init__(self, body: LazyBody) -> None:
        self._key, self._at, self._end = body.key, body.start, body.end

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes."""
        data = blob.read(self._key, self._at, min(len(buffer), self._end - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def read(self, size: int | None = -1) -> bytes | None:
        """Read some of the rest, or all of it."""
        return super().read(-1 if size is None else size)

    def stream(self, amt: int = blob.CHUNK_BYTES, **_: Any) -> Iterator[bytes]:
        """Yield the rest in pieces, as urllib3 does."""
        while piece := self.read(amt):
            yield piece


def install(in_process: Callable[[], bool]) -> None:
    """Patch moto; `in_process` tells whether the call that is being served came from botocore."""
    from moto.core import botocore_stubber
    from moto.s3.models import FakeKey
    from moto.s3.responses import S3Response

    whole, get = FakeKey.value, S3Response.get_object
    raw = botocore_stubber.MockRawResponse

    def value(self: Any) -> bytes:
        if getattr(_in_get_object, "on", False) and self.contentsize > LARGE_BYTES:
            return LazyBody.of(self, 0, self.contentsize)
        found: bytes = whole.fget(self)  # type: ignore[attr-defined]
        return found

    def get_object(self: Any) -> Any:
        with _marked(in_process()):
            return get(self)

    def raw_response(body: Any) -> Any:
        return LazyRaw(body) if isinstance(body, LazyBody) else raw(body)

    FakeKey.value = property(value, whole.fset)  # type: ignore[attr-defined,assignment,method-assign]
    S3Response.get_object = get_object  # type: ignore[method-assign]
    botocore_stubber.MockRawResponse = raw_response  # type: ignore[assignment,misc]


@contextmanager
def _marked(on: bool) -> Iterator[None]:
    _in_get_object.on = on
    try:
        yield
    finally:
        _in_get_object.on = False
