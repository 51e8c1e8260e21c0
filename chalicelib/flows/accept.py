"""A loss accepted: what has seen more than a restored log still has, made to see what it has.

A view that is further than the log, and a head that was witnessed beyond it, are what tells of a
loss; so nothing lowers them by itself. An operator does, once nothing more can be put back
(`flows.restore`). May be repeated, also where it broke off; but for the answers that are forgotten,
nothing is written where nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.domain.ids import Stream
from chalicelib.flows import heads, rebuild
from chalicelib.flows.faults import AT_ONCE, Progress
from chalicelib.flows.recover import silent
from chalicelib.views import RESOURCE, VOCABULARY

if TYPE_CHECKING:
    from chalicelib.system import System


@dataclass(slots=True)
class Loss:
    """What was seen and the log has not: by stream, the version shown and the one of the log's end.

    `heads` are those witnessed; `list_name` is that of the list which accepts them. `answers` that
    were kept for Idempotency-Key are forgotten with them.
    """

    views: dict[str, tuple[int, int]] = field(default_factory=dict)
    heads: Mapping[str, heads.Head] = field(default_factory=dict)
    accepted: bool = False
    answers: int = 0
    list_name: str | None = None

    @property
    def streams(self) -> Sequence[str]:
        """Return the streams that have lost something."""
        return sorted({*self.views, *self.heads})

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": self.accepted or not self.streams,
            "accepted": self.accepted,
            "views": [
                {"stream": stream, "shown": shown, "log": reaches}
                for stream, (shown, reaches) in sorted(self.views.items())
            ],
            "heads": [
                {"stream": stream, "version": version, "hash": digest}
                for stream, (version, digest) in sorted(self.heads.items())
            ],
            "list": self.list_name,
            "answersForgotten": self.answers,
        }


def loss(system: System, *, progress: Progress = silent) -> Loss:
    """Return what the views show, and the lists of heads have seen, beyond the log. Reads only."""
    found, shown = Loss(), _shown(system)
    looked_at = 0

    def one(stream: Stream) -> None:
        nonlocal looked_at
        held, head = system.upkeep.watermark(stream), system.log.head(stream)
        if head.empty or (held is not None and held.version > head.version):
            found.views[stream.key] = (0 if held is None else held.version, head.version)
        looked_at += 1
        progress("views", looked_at, len(shown))

    progress("views", 0, len(shown))
    system.side_by_side([partial(one, stream) for stream in shown], AT_ONCE)
    if heads.configured(system):
        found.heads = heads.given_up(system)
    return found


def accept_loss(system: System, *, progress: Progress = silent) -> Loss:
    """Forget kept answers, make anew each view further than the log, then witness the log as it is.

    A client may repeat what was lost, under its Idempotency-Key. What was not lost it finds there.

    Nobody may write meanwhile, and no process that has kept a lost state may go on afterwards: it
    would append after it. Raises Unavailable, and for what is no loss but damage Conflict,
    LogDamaged or LogUnreadable.
    """
    lost = loss(system, progress=progress)
    # An answer that names a lost commit would refuse, for a day, to let a client write it again.
    # First, and always: a view that was dropped tells of no loss to whoever repeats this.
    lost.answers = system.upkeep.forget_answers(system.config.idempotency_table)

    def one(stream: Stream, reaches: int) -> None:
        system.upkeep.drop_view(stream)
        if reaches:
            rebuild.rebuild_view(system, stream)

    calls = [partial(one, Stream.parse(key), log) for key, (_, log) in lost.views.items()]
    system.side_by_side(calls, AT_ONCE)
    if lost.heads:
        lost.list_name = heads.accept(system, lost.heads)
    lost.accepted = True
    return lost


def _shown(system: System) -> list[Stream]:
    """Return the streams that the views hold something of."""
    found: set[Stream] = set()
    for pk, sk in system.upkeep.view_keys():
        if sk in (RESOURCE, VOCABULARY) or sk.startswith(("annotation#", "key#")):
            with suppress(ValueError):  # `verify` names it
                found.add(Stream.parse(pk))
    return sorted(found, key=lambda stream: stream.key)
