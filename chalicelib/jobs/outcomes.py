"""What a job's steps led to, kept in S3 before the first command of a step is carried out.

Key ``<workspace>/jobs/<job>/<step>``, put once: the first one wins, whoever got it. A job that
is delivered again replays what is kept, also under a later version of the code, and so makes the
same commits again. Plain JSON, for that reason, and because people want to see what a model said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.domain.job import Job

if TYPE_CHECKING:
    from chalicelib.content import Content

Json = Mapping[str, Any]


class Outcomes:
    """The outcomes of every job's steps. Nothing is changed or deleted."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def keep(self, job: Job, step: int, outcome: Json) -> Json:
        """Keep a step's outcome and return it; or the one that was kept before, which counts."""
        data = json.dumps(outcome, ensure_ascii=False, separators=(",", ":")).encode()
        if self._content.put_named(job.workspace, _name(job, step), data):
            return outcome
        kept = self.kept(job, step)
        assert kept is not None
        return kept

    def kept(self, job: Job, step: int) -> Json | None:
        """Return what was kept for a step, None if nothing was."""
        data = self._content.get_named(job.workspace, _name(job, step))
        return None if data is None else json.loads(data)


def _name(job: Job, step: int) -> str:
    return f"jobs/{job.id}/{step}"
