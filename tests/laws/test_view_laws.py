"""Law 3, for views: however often and in whatever order doorbells come, the same final views.

Duplicates, old records, overlapping runs, runs that stall, lose answers or die between any two
calls: when all is delivered, watermark, annotations, counts and every index equal fold(log). And
on the way a watermark never goes back, and shows at each version what the log says of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given

from chalicelib.domain import indexes
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.flows.watermarks import Watermarks
from chalicelib.view_items import View
from chalicelib.views import Entry
from tests.laws.holding import DEADLY, ROUGH, SLOW, broken, holds, plans, schedules, varied
from tests.laws.world import Doubles, Plan, layers
from tests.schedules import NONE, Faults
from tests.twins import Store, TwinViews

projecting = {"clients": 3, "commands": 4, "readers": 0, "overlapping": 3}
CHOICES = {
    **projecting,
    "pump": ("eager", "eager", "slow", "stopped"),
    "focus": ("all", "marks", "tags"),
    "faults": (NONE, ROUGH, DEADLY, SLOW),
    "wipes": (0, 0, 1),
    "days": (0, 0, 1, 2),
    "resources": (1, 2),
}


@given(plan=plans(**CHOICES))
@schedules(300)
def test_views_come_to_rest_at_the_fold_of_the_log(plan: Plan) -> None:
    holds(plan)


# -- annotations ----------------------------------------------------------------------------------


class UnconditionalMarks(TwinViews):
    """Puts annotations as BatchWriteItem would: a stalled run puts an old one back."""

    def put_mark(self, stream: Stream, generation: int, mark: Mark, now_s: int) -> bool:
        self.store.before("views.put_mark")
        end = now_s + 24 * 3600 if mark.removed else None
        held = self.store.marks.setdefault((stream.key, generation), {})
        held[mark.annotation.id] = (mark, end)
        self.store.after("views.put_mark")
        return True


class NoTombstones(TwinViews):
    """Deletes a removed annotation: a late run finds nothing there, and revives it."""

    def put_mark(self, stream: Stream, generation: int, mark: Mark, now_s: int) -> bool:
        if not mark.removed:
            return super().put_mark(stream, generation, mark, now_s)
        self.store.before("views.put_mark")
        held = self.store.marks.setdefault((stream.key, generation), {})
        held.pop(mark.annotation.id, None)
        self.store.after("views.put_mark")
        return True


class BriefTombstones(TwinViews):
    """Keeps tombstones for ten seconds, which is less than a run may take."""

    def put_mark(self, stream: Stream, generation: int, mark: Mark, now_s: int) -> bool:
        return super().put_mark(stream, generation, mark, now_s - 24 * 3600 + 10)


# -- watermarks -----------------------------------------------------------------------------------


class WatermarkFirst(TwinViews):
    """Moves the watermark before the items are written."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._later: dict[str, list[tuple[Stream, int, Mark, int]]] = {}

    def put_mark(self, stream: Stream, generation: int, mark: Mark, now_s: int) -> bool:
        self._later.setdefault(stream.key, []).append((stream, generation, mark, now_s))
        return True

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        moved = super().move(stream, old, new)
        for put in self._later.pop(stream.key, []):
            super().put_mark(*put)
        return moved


class UnconditionalWatermark(TwinViews):
    """Moves the watermark whatever stands there."""

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        return super().move(stream, self.store.views.get(stream.key), new)


class CountsByAdding(TwinViews):
    """Counts annotations by ADD, one by one, and not from the fold."""

    def put_mark(self, stream: Stream, generation: int, mark: Mark, now_s: int) -> bool:
        put = super().put_mark(stream, generation, mark, now_s)
        if put and (mark.removed or len(mark.history) == 1):
            counts = self.store.__dict__.setdefault("counts", {})
            counts[stream.key] = counts.get(stream.key, 0) + (-1 if mark.removed else 1)
        return put

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        count = self.store.__dict__.get("counts", {}).get(stream.key, 0)
        state = replace(new.state, annotation_count=count)  # type: ignore[call-arg]
        return super().move(stream, old, replace(new, state=state))


class TrustedWatermarks(Watermarks):
    """Goes on from a remembered watermark, however old it is and whatever was written since."""

    def __init__(self) -> None:
        super().__init__(ttl_s=math.inf)

    def trusted(self, commits: int, changed: int) -> bool:
        return commits > 0


class RememberedWatermarks(TwinViews):
    """Takes the watermark that it saw last for the one that stands: the views may be wiped."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._seen: dict[str, View | None] = {}

    def get(self, stream: Stream) -> View | None:
        self._seen[stream.key] = super().get(stream)
        return self._seen[stream.key]

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        moved = super().move(stream, old, new)
        if moved:
            self._seen[stream.key] = new
        return moved

    def watermark_and_marks(
        self, stream: Stream, generation: int, ids: Iterable[str]
    ) -> tuple[View | None, dict[str, Mark]]:
        _, marks = super().watermark_and_marks(stream, generation, ids)
        return self._seen.get(stream.key), marks


# -- indexes --------------------------------------------------------------------------------------


class UnconditionalDrops(TwinViews):
    """Deletes index entries whatever version put them."""

    def drop_entry(
        self, workspace: str, index: str, value: str, entry: Entry, version: int
    ) -> None:
        super().drop_entry(workspace, index, value, entry, 1_000_000)


class EntriesByDifference(TwinViews):
    """Leaves alone what stood at the watermark: a late run may drop what stands again by now."""

    def put_entry(self, workspace: str, index: str, value: str, entry: Entry, version: int) -> bool:
        view = self.store.views.get(Stream.of_resource(workspace, entry.resource_id).key)
        if view is not None and (index, value) in indexes.places(view.state):  # type: ignore[arg-type]
            return False
        return super().put_entry(workspace, index, value, entry, version)


def _broken(views: type[TwinViews], faults: Faults | None = None, **choices: object) -> None:
    _caught(Doubles(materializer=layers(views=views)), faults, **choices)


def _caught(doubles: Doubles, faults: Faults | None = None, **choices: object) -> None:
    def plan(seed: int) -> Plan:
        chosen = {**projecting, **choices}
        return Plan(seed, **chosen, faults=faults or varied(seed))  # type: ignore[arg-type]

    broken(plan, doubles, "law 3")


def test_the_law_catches_annotations_that_are_put_without_condition() -> None:
    _broken(UnconditionalMarks, SLOW, focus="marks")


def test_the_law_catches_removals_without_tombstones() -> None:
    _broken(NoTombstones, SLOW, focus="marks")


def test_the_law_catches_tombstones_that_end_too_early() -> None:
    _broken(BriefTombstones, SLOW, focus="marks")


def test_the_law_catches_a_watermark_that_moves_before_its_items() -> None:
    _broken(WatermarkFirst)


def test_the_law_catches_a_watermark_that_moves_without_condition() -> None:
    _broken(UnconditionalWatermark)


def test_the_law_catches_a_remembered_watermark_that_is_trusted_whatever_follows() -> None:
    _caught(Doubles(watermarks=TrustedWatermarks), focus="marks", pump="slow", days=2, commands=8)


def test_the_law_catches_a_watermark_that_is_taken_for_what_it_was() -> None:
    blind = layers(views=RememberedWatermarks)
    wiped = {"pump": "slow", "overlapping": 4, "wipes": 3, "commands": 10, "readers": 2}
    _caught(Doubles(reader=blind, materializer=blind), NONE, focus="marks", **wiped)


def test_the_law_catches_counts_that_are_added_up() -> None:
    _broken(CountsByAdding)


def test_the_law_catches_index_entries_that_are_deleted_without_condition() -> None:
    _broken(UnconditionalDrops, focus="tags")


def test_the_law_catches_index_entries_that_are_written_by_difference() -> None:
    _broken(EntriesByDifference, focus="tags")
