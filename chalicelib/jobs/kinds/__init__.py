"""The kinds of jobs there are. A new one is one file and one line here (docs/jobs.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chalicelib.jobs.kinds import detection, generation
from chalicelib.jobs.kinds.kind import Kind

KINDS: Final[Mapping[str, Kind]] = {
    "detection": detection.KIND,
    "generation": generation.KIND,
}
