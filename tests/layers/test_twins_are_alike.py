"""Twin and adapter, asked the same at random, answer the same: what simulation says counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.chain import EMPTY, Head
from chalicelib.domain.ids import Stream
from chalicelib.errors import AppError
from chalicelib.log import StaleHead
from chalicelib.system import System
from chalicelib.views import Entry, Parked
from tests.layers.examples import CREATED, NOW, added, intent, renamed
from tests.layers.test_views_contract import mark, view
from tests.twins import Store, TwinLog, TwinViews

_NUMBERS = count(1)
examples = settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returned, or what it raised, comparable."""
    try:
        return call()
    except StaleHead as stale:
        return "stale", stale.winner
    except AppError as error:
        return type(error)


@given(seed=st.integers(0, 2**32 - 1))
@examples
def test_logs_answer_alike(real: System, seed: int) -> None:
    random, twin = Random(seed), TwinLog(Store())
    stream = Stream.of_resource(f"log{next(_NUMBERS)}", "r")
    heads: list[Head] = [EMPTY]
    made: list[Any] = []

    def append(log: Any, head: Head, size: int, own: Any) -> Any:
        events = [renamed(f"{n}") if n else CREATED for n in range(size - 1)]
        return log.append(stream, head, [*events, added(f"a{size}", "x" * size * 40)], own)

    for _ in range(25):
        dice, after = random.random(), random.randrange(12)
        if dice < 0.5:
            head, size = (
                random.choice((heads[-1], heads[-1], random.choice(heads))),
                random.choice((1, 2, 30)),
            )
            own = (
                intent(key=random.choice((None, "k")))
                if random.random() < 0.8 or not made
                else random.choice(made)
            )
            made.append(own)
            tries = [partial(append, log, head, size, own) for log in (twin, real.log)]
            answers = [outcome(each) for each in tries]
            heads.append(twin.head(stream))
        elif dice < 0.75:
            size = random.choice((None, 1, 3, 50))
            answers = [
                list(log.events(stream, after, boundary=False, page_size=size))
                for log in (twin, real.log)
            ]
        elif dice < 0.9:
            before = random.choice((None, after))
            answers = [
                list(log.events_backward(stream, before, page_size=2)) for log in (twin, real.log)
            ]
        else:
            firsts = [random.randrange(1, 12) for _ in range(3)]
            answers = [log.commits_at(stream, firsts) for log in (twin, real.log)]
        assert answers[0] == answers[1]
    assert list(twin.read(stream)) == list(real.log.read(stream))
    assert real.log.verify(stream) == twin.verify(stream) == []


@given(seed=st.integers(0, 2**32 - 1))
@examples
def test_views_answer_alike(real: System, seed: int) -> None:
    random, twin = Random(seed), TwinViews(Store())
    workspace = f"views{next(_NUMBERS)}"
    stream = Stream.of_resource(workspace, "r")
    shown = [None, *(view(stream, version, applied=f"{NOW}{version}") for version in (1, 2, 3))]
    place = ("type", "Person")

    def call(name: str) -> Callable[[Any], Any]:
        version, mark_id = random.randrange(1, 5), random.choice("abcde")
        old, new = random.choice(shown), random.choice(shown[1:])
        entry = Entry(random.choice(("1", "2", "3")), "r")
        limit, after = random.choice((1, 2, 9)), random.choice((None, *"abcde"))
        removed = random.random() < 0.3
        assert new is not None
        calls: dict[str, Callable[[Any], Any]] = {
            "move": lambda v: v.move(stream, old, new),
            "get": lambda v: v.get(stream),
            "put_mark": lambda v: v.put_mark(stream, 0, mark(mark_id, version, removed=removed), 1),
            "marks": lambda v: v.marks(stream, 0, [mark_id, "a"]),
            "both": lambda v: v.watermark_and_marks(stream, 0, [mark_id, "a"]),
            "page": lambda v: _page(v, stream, after, limit),
            "put_entry": lambda v: v.put_entry(workspace, *place, entry, version),
            "drop_entry": lambda v: v.drop_entry(workspace, *place, entry, version),
            "entries": lambda v: v.entries(workspace, *place, before=entry, limit=limit),
            "put_key": lambda v: v.put_key(stream, mark_id, version, 2_000_000_000),
            "key": lambda v: v.key(stream, mark_id),
            "park": lambda v: v.park(Parked("c", stream, version, "why", NOW)),
            "unpark": lambda v: v.unpark("c", stream),
            "parked": lambda v: [p for p in v.parked() if p.stream == stream],
        }
        return calls[name]

    names = ("put_mark", "put_mark", "page", "marks", "both", "move", "move", "get", "put_entry")
    names += ("drop_entry", "entries", "put_key", "key", "park", "unpark", "parked")
    for _ in range(40):
        name = random.choice(names)
        asked = call(name)
        assert asked(twin) == asked(real.views), name


def _page(views: Any, stream: Stream, after: str | None, limit: int) -> Any:
    """Return a page; of one that is just full, nobody need know whether there is more."""
    page, more = views.page(stream, 0, after=after, limit=limit)
    return page, more and len(page) < limit


def test_a_twin_that_is_not_alike_would_be_noticed(real: System) -> None:
    class Careless(TwinViews):
        def put_mark(self, *args: Any) -> bool:
            super().put_mark(*args)
            return True

    stream = Stream.of_resource(f"careless{next(_NUMBERS)}", "r")
    for views in (careless := Careless(Store()), real.views):
        views.put_mark(stream, 0, mark("a", 5), 1)
    older = replace(mark("a", 4))
    with pytest.raises(AssertionError):
        assert careless.put_mark(stream, 0, older, 1) == real.views.put_mark(stream, 0, older, 1)
