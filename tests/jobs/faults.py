"""Faults at every call to AWS, between botocore and the wire: before it is sent, or after it came.

A process that is killed after a call has had the call's effect, and does not know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

Moment = tuple[int, str]


class Killed(BaseException):
    """The process ends here: nothing of ours catches this."""


@dataclass
class Calls:
    """The calls that a block makes, in order: ``dynamodb.PutItem``.

    A moment is the number of a call, and ``before`` it or ``after`` it: the process dies at
    `kill_at`; at `do_at` something happens elsewhere.
    """

    kill_at: Moment | None = None
    do_at: tuple[Moment, Callable[[], object]] | None = None
    made: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def count(self, name: str, containing: str = "") -> int:
        """Return how many calls of this name were made with this in their body."""
        return len(self.numbers(name, containing))

    def number(self, name: str, containing: str = "") -> int:
        """Return the number of the first call of this name with this in its body."""
        return self.numbers(name, containing)[0]

    def numbers(self, name: str, containing: str = "") -> list[int]:
        """Return the numbers of all calls of this name with this in their body."""
        pairs = enumerate(zip(self.made, self.bodies, strict=True), 1)
        return [n for n, (call, body) in pairs if call == name and containing.encode() in body]

    def at(self, moment: str) -> None:
        """Die here, or do what is to be done here."""
        now = (len(self.made), moment)
        if self.kill_at == now:
            raise Killed
        if self.do_at is not None and self.do_at[0] == now:
            token = _current.set(None)  # what is done here is somebody else's
            try:
                self.do_at[1]()
            finally:
                _current.reset(token)


_current: ContextVar[Calls | None] = ContextVar("calls", default=None)


@contextmanager
def watched(
    kill_at: Moment | None = None, do_at: tuple[Moment, Callable[[], object]] | None = None
) -> Iterator[Calls]:
    """Watch the calls that this thread makes in the block. A kill leaves it quietly."""
    calls = Calls(kill_at, do_at)
    token = _current.set(calls)
    try:
        yield calls
    except Killed:
        pass
    finally:
        _current.reset(token)


def watch(clients: Iterable[Any]) -> None:
    """Let `watched` see what these clients do."""

    def before(model: Any, params: Any, **_: Any) -> None:
        calls = _current.get()
        if calls is not None:
            calls.made.append(f"{model.service_model.service_name}.{model.name}")
            body = params.get("body", b"")
            calls.bodies.append(body if isinstance(body, bytes) else b"")
            calls.at("before")

    def after(**_: Any) -> None:
        calls = _current.get()
        if calls is not None:
            calls.at("after")

    for client in clients:
        client.meta.events.register("before-call", before)
        client.meta.events.register("after-call", after)
