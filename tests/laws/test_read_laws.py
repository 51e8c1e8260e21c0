"""Law 2: after a 201, every read of that resource shows it, whatever the stream does.

Lag, stop, duplicates, wiped views. And each answer is exactly the log's fold at the version it
names; paging shows each annotation once while others write.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest
from hypothesis import given

from chalicelib.domain.chain import Commit
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.view_items import View
from tests.laws.holding import DEADLY, ROUGH, SLOW, broken, holds, plans, schedules, varied
from tests.laws.world import Doubles, Layers, Plan, layers
from tests.schedules import NONE
from tests.twins import Store, TwinLog, TwinViews

reading = {"clients": 2, "commands": 5, "readers": 3, "reads": 4}
CHOICES = {
    **reading,
    "pump": ("eager", "slow", "stopped"),
    "faults": (NONE, ROUGH, DEADLY, SLOW),
    "wipes": (0, 0, 1, 2),
    "days": (0, 0, 0, 1),
    "resources": (1, 2),
}


@given(plan=plans(**CHOICES))
@schedules(400)
def test_a_read_is_never_older_than_the_log_and_exactly_its_fold(plan: Plan) -> None:
    holds(plan)


# -- the order of the three reads -----------------------------------------------------------------


def in_order(order: tuple[str, ...]) -> Layers:
    """Return layers that make the reads of a page in this order, whatever the flow asks first."""

    def make(store: Store) -> tuple[TwinLog, TwinViews]:
        views = ReorderedViews(store, order)
        return ReorderedLog(store, views), views

    return make


class ReorderedViews(TwinViews):
    """With the first question, asks all three, and answers from what it was told then."""

    def __init__(self, store: Store, order: tuple[str, ...]) -> None:
        super().__init__(store)
        self._order = order
        self._view: View | None = None
        self._marks: list[Mark] = []
        self.commits: list[Commit] = []

    def get(self, stream: Stream) -> View | None:
        for what in self._order:
            self.store.before(f"views.get ({what})")
            if what == "watermark":
                self._view = self.store.views.get(stream.key)
            elif what == "page":
                held = self.store.marks.get((stream.key, 0), {})
                self._marks = [held[mark_id][0] for mark_id in sorted(held)]
            else:
                self.commits = self.store.log_of(stream)
        return self._view

    def page(
        self, stream: Stream, generation: int, *, after: str | None, limit: int
    ) -> tuple[list[Mark], bool]:
        page = [m for m in self._marks if after is None or m.annotation.id > after][:limit]
        return page, len(page) == limit


class ReorderedLog(TwinLog):
    """Reads the tail that `ReorderedViews` has read."""

    def __init__(self, store: Store, views: ReorderedViews) -> None:
        super().__init__(store)
        self._views = views

    def read(
        self,
        stream: Stream,
        after: int = 0,
        *,
        boundary: bool = True,
        page_size: int | None = None,
    ) -> Iterator[Commit]:
        if not boundary:
            yield from super().read(stream, after, boundary=boundary, page_size=page_size)
            return
        yield from (commit for commit in self._views.commits if commit.first > after)


def _plan(seed: int) -> Plan:
    pump = ("eager", "slow")[seed % 2]
    return Plan(seed, **reading, pump=pump, faults=varied(seed // 2))  # type: ignore[arg-type]


RIGHT = ("watermark", "page", "tail")


def test_the_order_watermark_page_tail_is_right() -> None:
    with pytest.raises(AssertionError, match="never seen broken"):
        broken(_plan, Doubles(reader=in_order(RIGHT)), "law 2: a page", most=60)


@pytest.mark.parametrize("order", [o for o in permutations(RIGHT) if o != RIGHT], ids="-".join)
def test_the_law_catches_every_other_order(order: tuple[str, ...]) -> None:
    broken(_plan, Doubles(reader=in_order(order)), "law 2")


# -- other ways to read wrongly -------------------------------------------------------------------


class LogWithoutTail(TwinLog):
    """Holds nothing after a view: a reader shows the view as it is."""

    def read(
        self,
        stream: Stream,
        after: int = 0,
        *,
        boundary: bool = True,
        page_size: int | None = None,
    ) -> Iterator[Commit]:
        if after and boundary:
            return
        yield from super().read(stream, after, boundary=boundary, page_size=page_size)


class EventualViews(TwinViews):
    """Reads annotations as they were one write ago: eventually consistent reads."""

    def page(
        self, stream: Stream, generation: int, *, after: str | None, limit: int
    ) -> tuple[list[Mark], bool]:
        page, more = super().page(stream, generation, after=after, limit=limit)
        stale = [mark for mark in page if len(mark.history) == 1]
        return stale, more


def make_cached(store: Store) -> tuple[TwinLog, TwinViews]:
    """Return layers of readers that share one cache of watermarks, never completed."""

    class CachedWatermarks(TwinViews):
        def get(self, stream: Stream) -> View | None:
            view = super().get(stream)
            cache: dict[str, View] = store.__dict__.setdefault("cached", {})
            return view if view is None else cache.setdefault(stream.key, view)

    return LogFromWatermark(store), CachedWatermarks(store)


class LogFromWatermark(TwinLog):
    """Ends where the view does."""

    def read(
        self,
        stream: Stream,
        after: int = 0,
        *,
        boundary: bool = True,
        page_size: int | None = None,
    ) -> Iterator[Commit]:
        view = self.store.views.get(stream.key)
        for commit in super().read(stream, after, boundary=boundary, page_size=page_size):
            if view is not None and boundary and commit.first > view.head.version:
                return
            yield commit


def test_the_law_catches_a_reader_that_ignores_the_tail() -> None:
    broken(_plan, Doubles(reader=layers(LogWithoutTail)), "law 2")


def test_the_law_catches_a_log_that_is_read_up_to_the_view_only() -> None:
    broken(_plan, Doubles(reader=layers(LogFromWatermark)), "law 2")


def test_the_law_catches_pages_that_are_read_eventually() -> None:
    broken(_plan, Doubles(reader=layers(views=EventualViews)), "law 2")


def test_the_law_catches_a_cache_that_is_not_completed_from_the_log() -> None:
    broken(_plan, Doubles(reader=make_cached), "law 2")
