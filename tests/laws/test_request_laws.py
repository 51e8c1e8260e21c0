"""Law 6, for keyed requests: repeated anywhere, done once, and answered alike.

A client sends a keyed request again whenever it had no answer (a refusal for load, a lost answer, a
dead process) and sometimes although it had one, to any process, warm or cold, for a day.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from chalicelib.domain.ids import Stream
from chalicelib.view_items import View
from tests.laws.holding import DEADLY, LOSSY, ROUGH, broken, holds, plans, schedules
from tests.laws.world import Doubles, Plan, layers
from tests.schedules import NONE, Faults
from tests.twins import Store, TwinViews

asking = {"clients": 3, "commands": 4, "readers": 0, "keyed": 1.0, "focus": "keys"}
CHOICES = {
    **asking,
    "pump": ("eager", "slow"),
    "faults": (NONE, ROUGH, DEADLY, LOSSY),
    "wipes": (0, 0, 1),
    "days": (0, 0, 1),
}


@given(plan=plans(**CHOICES))
@schedules(200)
def test_a_keyed_request_is_done_once(plan: Plan) -> None:
    holds(plan)


class KeyItemFirst(TwinViews):
    """Reads the key's item before the watermark: a move in between hides the commit from both."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._keys: dict[tuple[str, str], tuple[int, int]] = {}

    def get(self, stream: Stream) -> View | None:
        self.store.before("views.key (first)")
        self._keys = dict(self.store.keys)
        return super().get(stream)

    def key(self, stream: Stream, key: str) -> int | None:
        held = self._keys.get((stream.key, key))
        return None if held is None else held[0]


class NoKeyItems(TwinViews):
    """Forgets keys: only the tail is searched."""

    def put_key(self, stream: Stream, key: str, version: int, expires: int) -> None:
        return None


class KeyItemsLast(TwinViews):
    """Writes the keys' items after the watermark that promises them."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._later: list[tuple[Stream, str, int, int]] = []

    def put_key(self, stream: Stream, key: str, version: int, expires: int) -> None:
        self._later.append((stream, key, version, expires))

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        moved = super().move(stream, old, new)
        later, self._later = self._later, []
        for put in later:
            super().put_key(*put)
        return moved


class BriefKeys(TwinViews):
    """Keeps keys for seconds and not for a day."""

    def put_key(self, stream: Stream, key: str, version: int, expires: int) -> None:
        super().put_key(stream, key, version, expires - 25 * 3600 + 1)


def _broken(doubles: Doubles, faults: Faults = LOSSY) -> None:
    def plan(seed: int) -> Plan:
        return Plan(seed, **asking, faults=faults)  # type: ignore[arg-type]

    broken(plan, doubles, "law 6")


def test_the_law_catches_a_key_item_that_is_read_before_the_watermark() -> None:
    _broken(Doubles(client=layers(views=KeyItemFirst)))


def test_the_law_catches_a_materializer_that_keeps_no_keys() -> None:
    _broken(Doubles(materializer=layers(views=NoKeyItems)))


def test_the_law_catches_key_items_that_are_written_after_the_watermark() -> None:
    _broken(Doubles(materializer=layers(views=KeyItemsLast)))


def test_the_law_catches_keys_that_are_forgotten_too_early() -> None:
    _broken(Doubles(materializer=layers(views=BriefKeys)), replace(LOSSY, stalled=0.05))
