"""Watermarks that this process has seen, each with its view: the next run goes on from there.

A remembered watermark may be old: another run moved it, or an operator wiped the views. Then the
condition of the next move refuses it. But a run that goes on from an old one first writes in vain
what others have written, brings back annotations that were removed since and whose tombstones are
gone, or applies a change to an annotation that a run after a wipe has not brought so far yet. So it
is trusted where exactly one commit follows it that changes no annotation: that is the log's head,
and what it adds is how things are. Otherwise the watermark is read again, with the annotations that
are changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from chalicelib.domain.ids import Stream

if TYPE_CHECKING:
    from chalicelib.view_items import View

MAX_WATERMARKS: Final = 2000
"""Kept per process; a view is about 1 KB."""
MAX_AGE_S: Final = 300.0
"""Below the ten minutes after which the items of a generation that is not live are deleted: a run
that does not know of the new one writes to the old one."""


class Watermarks:
    """Views by stream, as they stood in the table: bounded, each taken once, within `ttl_s`."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._seen: OrderedDict[str, tuple[float, View]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, stream: Stream, now_s: float) -> View | None:
        """Return the view that was put last, and forget it; None if that is too long ago.

        `now_s` is Unix time: a process that Lambda froze sees no other clock go on.
        """
        with self._lock:
            at_s, view = self._seen.pop(stream.key, (0.0, None))
        return view if 0 <= now_s - at_s < self._ttl_s else None

    def trusted(self, commits: int, changed: int) -> bool:
        """Tell whether one need not be read again that so many commits and changes follow."""
        return commits == 1 and changed == 0

    def put(self, stream: Stream, view: View, now_s: float) -> None:
        """Remember a view that stood in the table at `now_s`, or later."""
        if self._ttl_s <= 0:
            return
        with self._lock:
            self._seen[stream.key] = (now_s, view)
            self._seen.move_to_end(stream.key)
            while len(self._seen) > MAX_WATERMARKS:
                self._seen.popitem(last=False)
