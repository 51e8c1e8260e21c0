"""How long it is remembered which commit was made under which key."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from chalicelib.domain.chain import Commit

REQUEST_KEPT_S: Final = 25 * 3600
"""A request may be repeated for 24 h."""
JOB_KEPT_S: Final = 15 * 24 * 3600
"""A job's message comes again for up to 14 days (the queue's retention)."""


def kept_until(commit: Commit) -> int:
    """Return until when (Unix seconds) a keyed commit is remembered."""
    kept = JOB_KEPT_S if commit.correlation.startswith("job:") else REQUEST_KEPT_S
    return int(datetime.fromisoformat(commit.at).timestamp()) + kept
