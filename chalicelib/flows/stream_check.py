"""Whether one stream is what was said: its chain, the view beside it, its index entries.

Read only, and good while writers write: the view is compared with the log at the version where its
watermark stands, an item that is ahead of that with the states that came after. What cannot be
read is a fault, not an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain import chain, indexes
from chalicelib.domain import marks as marks_domain
from chalicelib.domain.chain import Commit
from chalicelib.domain.events import (
    AnnotationAdded,
    RepresentationAdded,
    ResourceCloned,
    ResourceCreated,
    StoredEvent,
)
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.flows.faults import GRACE_S, TRIES, Fault
from chalicelib.flows.head import NOTHING, Known, evolve
from chalicelib.flows.keyed import kept_until
from chalicelib.flows.rebuild import referring
from chalicelib.upkeep import wire
from chalicelib.upkeep.tables import Item, Key
from chalicelib.view_items import View, decode_mark, decode_view
from chalicelib.views import Entry, index_key

if TYPE_CHECKING:
    from chalicelib.system import System

NOT_DECODABLE: Final = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(slots=True)
class Checked:
    """One stream, looked at once."""

    stream: Stream
    commits: int = 0
    events: int = 0
    items: int = 0
    faults: list[Fault] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)
    ends: dict[int, bytes] = field(default_factory=dict)
    readable: bool = True


def check(system: System, stream: Stream) -> Checked:
    """Look at one stream: its chain, and its view. What moved meanwhile is looked at again."""
    for tries in range(TRIES):
        before = system.upkeep.watermark(stream)
        checked = _Check(system, stream).run()
        suspect = any(fault.kind in ("view", "index") for fault in checked.faults)
        if not suspect or tries == TRIES - 1 or system.upkeep.watermark(stream) == before:
            break
    return checked


class _Check:
    """One look at a stream: the view's items first, then the log, folded beside them."""

    def __init__(self, system: System, stream: Stream) -> None:
        self._system = system
        self._stream = stream
        self._found = Checked(stream)
        self._known: Known | None = NOTHING
        self._marks: dict[str, Mark] = {}
        self._at_view: tuple[Known, dict[str, Mark]] | None = None
        self._later: dict[str, list[Mark]] = {}
        self._states: list[Known] = []
        self._keyed: list[Commit] = []
        self._behind_since: str | None = None

    def run(self) -> Checked:
        view, wrong = self._view()
        items: list[Item] = []
        if view is not None:
            items = list(
                self._system.upkeep.view_items(self._stream, f"annotation#{view.generation}#")
            )
        keys = list(self._system.upkeep.view_items(self._stream, "key#"))
        self._found.items = len(items) + len(keys) + (view is not None)
        commits = list(self._commits())
        self._found.faults += [
            self._fault("chain", bad.reason, bad.version) for bad in chain.verify(commits)
        ]
        for commit in commits:
            self._follow(commit, None if view is None else view.head.version)
        if not commits and self._found.readable:
            self._found.faults.append(self._fault("chain", "there is no commit"))
        self._found.faults += wrong
        if self._known is not None:
            if view is not None:
                self._compare(view, items, keys)
            elif not wrong:
                self._late(0)
        return self._found

    # -- the log --------------------------------------------------------------------------------

    def _commits(self) -> Iterator[Commit]:
        for item in self._system.upkeep.log_items(self._stream.key):
            self._found.commits += 1
            try:
                commit = wire.commit(item)
            except wire.NotACommit as error:
                version = wire.number(item, "sk")
                self._found.faults.append(self._fault("chain", str(error), version))
                self._found.readable, self._known = False, None
                continue
            self._found.ends[commit.last] = commit.hash
            yield commit

    def _follow(self, commit: Commit, shown: int | None) -> None:
        """Fold one more commit; remember the state at the view's version, and those after it."""
        try:
            events = commit.events()
        except chain.Unreadable:
            self._found.readable, self._known = False, None
            return
        self._found.events += commit.count
        self._name(commit, events)
        if self._known is None:
            return
        after = shown is not None and commit.first > shown
        state = self._known.state
        try:
            for event in events:
                state = evolve(Known(state, self._known.head), self._stream, event)
                mark_id = marks_domain.touched(event)
                if mark_id is not None:
                    if mark_id in self._marks and isinstance(event.event, AnnotationAdded):
                        detail = f"the annotation {mark_id} was added before: an id is added once"
                        self._found.faults.append(self._fault("chain", detail, event.version))
                    mark = marks_domain.evolve(self._marks.get(mark_id), event)
                    self._marks[mark_id] = mark
                    if after:
                        self._later.setdefault(mark_id, []).append(mark)
        except (ValueError, KeyError) as error:
            self._found.faults.append(self._fault("chain", f"does not fold: {error}", commit.first))
            self._known = None
            return
        self._known = Known(state, commit.head)
        if commit.key is not None:
            self._keyed.append(commit)
        if after or (shown is None):
            self._behind_since = self._behind_since or commit.at
        if after:
            self._states.append(self._known)
        if commit.last == shown:
            self._at_view = (self._known, dict(self._marks))

    def _name(self, commit: Commit, events: Sequence[StoredEvent]) -> None:
        named = self._found.named
        for stored in events:
            event = stored.event
            if isinstance(event, ResourceCreated | ResourceCloned | RepresentationAdded):
                named[event.representation.checksum] = event.representation.size
            elif isinstance(event, AnnotationAdded):
                checksum = event.annotation.target.checksum
                if checksum not in named:
                    detail = f"an annotation is anchored in {checksum}, which is not its resource's"
                    self._found.faults.append(self._fault("content", detail, stored.version))

    # -- the view -------------------------------------------------------------------------------

    def _view(self) -> tuple[View | None, list[Fault]]:
        sk = "resource" if self._stream.resource_id is not None else "vocabulary"
        for item in self._system.upkeep.view_items(self._stream, sk):
            try:
                view = decode_view(self._stream, _attributes(item))
            except NOT_DECODABLE as error:
                return None, [self._fault("view", f"the item `{sk}` cannot be read ({error!r})")]
            return view, list(self._findable(view, item))
        return None, []

    def _findable(self, view: View, item: Item) -> Iterator[Fault]:
        """Look at what the index by time finds a watermark by: lists and witnesses ask that."""
        of = {"S": self._stream.workspace}
        if self._stream.resource_id is not None and item.get("workspace") != of:
            detail = "the watermark is not in the index of its workspace, where changes are found"
            yield self._fault("view", detail, view.head.version)
        if not self._may_be(view):
            detail = f"the watermark was moved at {view.applied!r}, which cannot be"
            yield self._fault("view", detail, view.head.version)
        if "expires" in item:
            yield self._fault("view", "the watermark expires", view.head.version)

    def _may_be(self, view: View) -> bool:
        try:
            moved, made = (
                datetime.fromisoformat(at).timestamp() for at in (view.applied, view.head.at)
            )
        except ValueError:
            return False
        return made - GRACE_S <= moved <= self._system.now_s() + GRACE_S

    def _compare(self, view: View, items: Sequence[Item], keys: Sequence[Item]) -> None:
        faults = self._found.faults
        assert self._known is not None
        if self._at_view is None:
            head = self._known.head.version
            what = (
                f"the view shows version {view.head.version}, the log ends at {head}"
                if view.head.version > head
                else f"the watermark {view.head.version} is not the end of a commit"
            )
            faults.append(self._fault("view", what, view.head.version))
            return
        known, marks = self._at_view
        if view.head != known.head:
            detail = "the watermark's hash or time is not that of the log's commit"
            faults.append(self._fault("view", detail, view.head.version))
        if view.state != known.state:
            different = _different(view.state, known.state)
            detail = f"the state is not the log's: {different}"
            faults.append(self._fault("view", detail, view.head.version))
        faults += self._compare_marks(marks, items)
        faults += self._compare_keys(view.head.version, keys)
        faults += self._compare_entries(known, marks)
        self._late(view.head.version)

    def _compare_marks(self, at_view: Mapping[str, Mark], items: Sequence[Item]) -> Iterator[Fault]:
        seen: set[str] = set()
        for item in items:
            mark_id = wire.text(item, "sk").rpartition("#")[2]
            seen.add(mark_id)
            where = f"the annotation {mark_id}"
            try:
                mark = decode_mark(_attributes(item))
            except NOT_DECODABLE as error:
                yield self._fault("view", f"{where} cannot be read ({error!r})")
                continue
            right = list(self._later.get(mark_id, ()))
            if mark_id in at_view:
                right.append(at_view[mark_id])
            if not right:
                yield self._fault("view", f"{where} is in the view, and in no event")
            elif mark not in right or item.get("motivation") != {"S": mark.annotation.motivation}:
                yield self._fault("view", f"{where} is not the log's", mark.version)
            elif "expires" in item and not mark.removed:
                yield self._fault("view", f"{where} expires", mark.version)
        for mark_id, mark in at_view.items():
            gone = mark.removed or any(later.removed for later in self._later.get(mark_id, ()))
            if mark_id not in seen and not gone:
                yield self._fault(
                    "view", f"the annotation {mark_id} is missing in the view", mark.version
                )

    def _compare_keys(self, shown: int, keys: Sequence[Item]) -> Iterator[Fault]:
        held = {wire.text(item, "sk").partition("#")[2]: item for item in keys}
        soon = self._system.now_s() + GRACE_S
        for commit in self._keyed:
            if commit.last <= shown and commit.key is not None and kept_until(commit) > soon:
                item = held.get(commit.key, {})
                if wire.number(item, "version") != commit.first:
                    detail = f"the item of the key {commit.key} is missing or names another commit"
                    yield self._fault("view", detail, commit.first)

    def _compare_entries(self, known: Known, marks: Mapping[str, Mark]) -> Iterator[Fault]:
        """An entry must be there that stands in every state from the watermark on."""
        states = [known, *self._states]
        resources = [state.resource for state in states]
        expected: dict[Key, str] = {}
        if all(resource is not None for resource in resources) and resources:
            always = frozenset.intersection(*(indexes.places(r) for r in resources if r))
            resource = resources[0]
            assert resource is not None
            for place in always:
                entry = Entry(resource.created, resource.id)
                expected[self._entry_key(place, entry)] = " ".join(place)
        for mark_id, mark in marks.items():
            later = [indexes.referred(each) for each in self._later.get(mark_id, ())]
            for place in frozenset.intersection(indexes.referred(mark), *later):
                entry = referring(mark, self._stream.resource_id or "")
                expected[self._entry_key(place, entry)] = f"{' '.join(place)} of {mark_id}"
        there = self._system.upkeep.versions(list(expected))
        for key, named in sorted(expected.items()):
            if key not in there:
                yield self._fault("index", f"the entry in the index {named} is missing")

    def _entry_key(self, place: indexes.Place, entry: Entry) -> Key:
        return index_key(self._stream.workspace, *place), f"{entry.order}#{entry.resource_id}"

    def _late(self, shown: int) -> None:
        if self._behind_since is None or self._known is None:
            return
        age_s = self._system.now_s() - datetime.fromisoformat(self._behind_since).timestamp()
        if age_s > GRACE_S:
            head = self._known.head.version
            detail = f"the view has been behind for {age_s:.0f} s; the log ends at {head}"
            self._found.faults.append(self._fault("view", detail, shown))

    def _fault(self, kind: str, detail: str, version: int | None = None) -> Fault:
        return Fault(kind, self._stream.key, version, detail)


def _attributes(item: Item) -> Any:
    """Return an item's attributes as the views' decoders want them, whatever they are."""
    plain: dict[str, Any] = {"removed": None, "hash": None, "at": None}
    for name, value in item.items():
        ((_, content),) = value.items()
        plain[name] = bytes(content) if "B" in value else content
    return SimpleNamespace(**plain)


def _different(found: Any, wanted: Any) -> str:
    if type(found) is not type(wanted):
        return "it is of another kind"
    names = [
        name for name in found.__dataclass_fields__ if getattr(found, name) != getattr(wanted, name)
    ]
    return ", ".join(names)
