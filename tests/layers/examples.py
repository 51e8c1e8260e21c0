"""Events, commits and intents to put into a log."""

from __future__ import annotations

from itertools import count

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import Annotation, Target, TextualBody
from chalicelib.domain.chain import EMPTY, Commit, Head
from chalicelib.domain.events import AnnotationAdded, Event, ResourceCreated, ResourceUpdated
from chalicelib.domain.ids import Stream
from chalicelib.domain.representation import Representation
from chalicelib.log import Intent, Log

ADA = Actor("ada", "Person", "Ada")
CONTENT = Representation("9f86d081884c7d65" * 4, "text/plain", 12)
CREATED = ResourceCreated("A page", CONTENT, ("Person",))
NOW = "2026-11-23T09:35:00.123Z"

_NUMBERS = count(1)


def intent(id: str | None = None, *, key: str | None = None, now: str = NOW) -> Intent:
    return Intent(id or f"commit-{next(_NUMBERS)}", key, now, ADA, "request-1")


def renamed(name: str) -> Event:
    return ResourceUpdated((("name", name),))


def added(mark_id: str, value: str = "a comment") -> Event:
    return AnnotationAdded(
        Annotation(mark_id, "commenting", Target(CONTENT.checksum), (TextualBody(value),))
    )


def filled(log: Log, stream: Stream, *sizes: int) -> list[Commit]:
    """Append commits of so many events each; the first event creates the resource."""
    head, commits, number = EMPTY, [], 0
    for size in sizes:
        events: list[Event] = []
        for _ in range(size):
            events.append(renamed(f"name {number}") if number else CREATED)
            number += 1
        commits.append(log.append(stream, head, events, intent()))
        head = commits[-1].head
    return commits


def head_of(commits: list[Commit]) -> Head:
    return commits[-1].head if commits else EMPTY
