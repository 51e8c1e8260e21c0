"""What a system that runs for days has to do now and then."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from infra.local.aws import forget_records, stream_length
from infra.local.journal import SqliteJournal
from infra.local.pumps import Pumps

PERIOD_S: Final = 1.0
RECORDS_KEPT: Final = 10_000  # behind the slowest pump, for whoever looks with the aws CLI


class Housekeeping:
    """Notes how far the pumps have come, and lets streams forget what all of them have passed."""

    def __init__(
        self, pumps: Pumps, environ: Mapping[str, str], journal: SqliteJournal | None
    ) -> None:
        self._pumps = pumps
        self._journal = journal
        self._tables = [value for name, value in environ.items() if name.endswith("_TABLE")]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Do it once a second, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Do it for the last time."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.once()

    def once(self) -> None:
        """Do it."""
        positions = self._pumps.positions()
        if self._journal:
            self._journal.note(positions)
        for table in self._tables:
            readers = [passed for (read, _), passed in positions.items() if read == table]
            slowest = min(readers, default=stream_length(table))
            forget_records(table, slowest - RECORDS_KEPT)

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self.once()
