"""The event folders of Semiont, as they lie on disk, read line by line; what is wrong is told.

::

    .semiont/events/91/20/<resource id>/events-000001.jsonl     also events/events/…, __system__
    {"event": {"id", "type", "timestamp", "resourceId", "userId", "version", "payload"},
     "metadata": {"sequenceNumber", "timestamp", "prevEventHash", "checksum"}}    until 2026-04
    {"id", "type", …, "payload", "metadata": {"sequenceNumber"}}                       later

A checksum is the SHA-256 of the event's text as it was written, so that text is taken from the
line: neither order of keys nor the writing of numbers matters. Types were renamed twice; the names
here are those of the first time. Source: The-AI-Alliance/semiont, packages/core/src and
scripts/migrate-event-types.ts, read 2026-11.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

SYSTEM: Final = "__system__"
NAMES: Final[Mapping[str, str]] = {
    "yield:created": "resource.created",
    "yield:cloned": "resource.cloned",
    "yield:updated": "resource.updated",
    "yield:moved": "resource.moved",
    "yield:representation-added": "representation.added",
    "yield:representation-removed": "representation.removed",
    "mark:archived": "resource.archived",
    "mark:unarchived": "resource.unarchived",
    "mark:added": "annotation.added",
    "mark:removed": "annotation.removed",
    "mark:body-updated": "annotation.body.updated",
    "mark:entity-tag-added": "entitytag.added",
    "mark:entity-tag-removed": "entitytag.removed",
    "mark:entity-type-added": "entitytype.added",
    "frame:entity-type-added": "entitytype.added",
    "frame:tag-schema-added": "tagschema.added",
    "embedding:computed": "embedding.computed",
    "embedding:deleted": "embedding.deleted",
    "job:started": "job.started",
    "job:progress": "job.progress",
    "job:completed": "job.completed",
    "job:failed": "job.failed",
}
_NESTED: Final = re.compile(r'\s*\{\s*"event"\s*:\s*')


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it was told. `at` is its timestamp, `user` who it says did it."""

    id: str
    type: str
    at: str
    user: str
    payload: Mapping[str, Any]


@dataclass(slots=True)
class History:
    """One stream's events in the order of the file, and what is wrong with the file."""

    id: str
    events: list[Told] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def histories(folder: Path) -> Iterator[History]:
    """Yield every stream below a folder, the vocabulary first."""
    streams: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("events-*.jsonl")):
        streams.setdefault(path.parent.name, []).append(path)
    for name in sorted(streams, key=lambda name: (name != SYSTEM, name)):
        yield _read(name, streams[name])


def _read(name: str, files: list[Path]) -> History:
    history = History(name)
    before: str | None = None
    last = 0
    jobs: dict[str, bool] = {}
    for path in files:
        for number, raw in enumerate(path.read_bytes().split(b"\n"), 1):
            if not raw.strip():
                continue
            where = f"{path.name} line {number}"
            try:
                line = raw.decode("utf-8-sig")
                stored = json.loads(line)
                event = stored.get("event", stored)
                told = _told(event)
                metadata = stored.get("metadata", {})
                sequence = metadata.get("sequenceNumber", last + 1)
                checksum, previous = metadata.get("checksum"), metadata.get("prevEventHash")
                digest = hashlib.sha256(_written(line).encode()).hexdigest()
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                history.faults.append(f"{where} cannot be read ({error!r})")
                continue
            if sequence != last + 1:
                history.faults.append(f"{where}: sequence number {sequence} follows {last}")
            last = sequence if isinstance(sequence, int) else last + 1
            if checksum is not None:
                if digest != checksum:
                    history.faults.append(f"{where}: the checksum is not that of the event")
                if previous != before:
                    history.faults.append(f"{where}: the chain does not name the line before")
            before = checksum
            _follow(told, jobs)
            history.events.append(told)
    open_ = sorted(job for job, ended in jobs.items() if not ended)
    history.faults += [f"the job {job} never ended" for job in open_]
    return history


def _told(event: Mapping[str, Any]) -> Told:
    payload = event.get("payload", {})
    if not isinstance(payload, dict):
        raise TypeError("the payload is no object")
    if not isinstance(event["type"], str):
        raise TypeError("the type is no text")
    return Told(
        str(event["id"]),
        NAMES.get(event["type"], event["type"]),
        str(event["timestamp"]),
        str(event.get("userId", "")),
        payload,
    )


def _written(line: str) -> str:
    """Return the text of the event in a line, as it was hashed."""
    nested = _NESTED.match(line)
    if nested is None:
        return line
    start = nested.end()
    return line[start : json.JSONDecoder().raw_decode(line, start)[1]]


def _follow(told: Told, jobs: dict[str, bool]) -> None:
    job = str(told.payload.get("jobId", ""))
    if told.type == "job.started":
        jobs.setdefault(job, False)
    elif told.type in ("job.completed", "job.failed"):
        jobs[job] = True
