"""The jobs table: each job one item, changed by nothing but conditional puts of the next version.

::

    pk "demo/job#<id>"                     sk "job"             the job
    pk "demo/jobs#actor#<actor, encoded>"  sk "<created>#<id>"  an entry in the list of his jobs
    pk "demo/jobs#resource#<resource>"     sk "<created>#<id>"  … of the jobs on a resource

    item: {"pk": "demo/job#0192f…", "sk": "job", "version": 3, "state": "running", "body": "{…}",
           "open": "2", "due": "2026-11-23T09:36:30.123Z"}

Entries are written before the job: one without a job is a ghost, and lists drop it. A job that is
not over carries `open` and `due`, which put it into a sparse index that the sweep reads: there is
no job that the sweep cannot find. `docs/jobs.md` has every attribute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from chalicelib.domain.actor import Actor
from chalicelib.domain.job import Job, Lease, Place
from chalicelib.dynamo import (
    MAX_BATCH_GET,
    Tables,
    refusals,
    refused_by_condition,
    translated,
    winner,
)

DEPENDENCY: Final = "jobs"
KEPT_S: Final = 90 * 24 * 3600
"""A job is kept so long after its end."""
ENTRY_KEPT_S: Final = KEPT_S + 30 * 24 * 3600
"""An entry, after its making: its job has ended by then (the queue keeps messages for 14 days)."""
SHARDS: Final = 4
"""Partitions of the index of open jobs. One takes 1,000 writes a second (AWS, "Partition key
design", read 2026-11), and a job makes about ten."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a job stands in a list: newest first by `created`, then by id."""

    created: str
    job_id: str


class Jobs:
    """The jobs of every workspace. Reads are strongly consistent, but for `open`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._items = tables.jobs

    def create(self, job: Job) -> Job:
        """Put a new job and its entries; return it, or the one that has its id already."""
        entries = [self._items(pk, _entry_key(job)) for pk in _lists(job)]
        expires = int(_unix_s(job.created)) + ENTRY_KEPT_S
        with translated(DEPENDENCY):
            for entry in entries:
                entry.expires = expires
                entry.save()
        return self._put(job, self._items.pk.does_not_exist())

    def get(self, workspace: str, job_id: str) -> Job | None:
        """Return a job. One read."""
        from pynamodb.exceptions import DoesNotExist

        with translated(DEPENDENCY):
            try:
                item = self._items.get(_key(workspace, job_id), "job", consistent_read=True)
            except DoesNotExist:
                return None
        return _job(item)

    def put(self, job: Job) -> bool:
        """Put a job over the version before; False if that is not what is there.

        A repeat of a put that had succeeded, and whose answer was lost, succeeds.
        """
        return self._put(job, self._items.version == job.version - 1) == job

    def page(
        self, workspace: str, of: str, value: str, *, before: Entry | None, limit: int
    ) -> list[Entry]:
        """Return up to `limit` entries below `before`, newest first; `of`: ``actor``, ``resource``.

        There may be ghosts among them.
        """
        condition = None if before is None else self._items.sk < _sort_key(before)
        with translated(DEPENDENCY):
            found = self._items.query(
                _list_key(workspace, of, value),
                condition,
                consistent_read=True,
                scan_index_forward=False,
                limit=limit,
                page_size=limit,
            )
            return [_entry(item.sk) for item in found]

    def many(self, named: Sequence[tuple[str, str]]) -> dict[str, Job]:
        """Return jobs by id, of (workspace, id): one BatchGetItem per 100. Ghosts are left out."""
        keys = [(_key(workspace, job_id), "job") for workspace, job_id in dict.fromkeys(named)]
        found: dict[str, Job] = {}
        with translated(DEPENDENCY):
            for start in range(0, len(keys), MAX_BATCH_GET):
                batch = keys[start : start + MAX_BATCH_GET]
                for item in self._items.batch_get(batch, consistent_read=True):
                    job = _job(item)
                    found[job.id] = job
        return found

    def open(
        self, shard: int, *, until_s: float | None, limit: int | None
    ) -> list[tuple[str, str]]:
        """Return (workspace, id) of jobs that are not over and due until then, the earliest first.

        All, or up to `limit`, from the index, eventually consistent: a job may be over by now.
        """
        condition = None if until_s is None else self._items.due <= _instant(until_s)
        with translated(DEPENDENCY):
            found = self._items.opened.query(str(shard), condition, limit=limit, page_size=limit)
            return [_named(item.pk) for item in found]

    def ping(self) -> None:
        """Do one cheap strong read; raises Unavailable when the table does not answer."""
        self.get("-", "-")

    def _put(self, job: Job, condition: Any) -> Job:
        """Return what is stored then: the job, or what made the condition fail."""
        item = self._items(
            _key(job.workspace, job.id),
            "job",
            version=job.version,
            state=job.state,
            body=json.dumps(_to_json(job), ensure_ascii=False, separators=(",", ":")),
        )
        if job.over:
            item.expires = int(_unix_s(job.updated)) + KEPT_S
        else:
            item.open, item.due = shard_of(job.id), _instant(job.due_s)
        put = item.get_save_kwargs_from_instance(condition, "ALL_OLD")
        with translated(DEPENDENCY):
            try:
                self._tables.connection.dispatch("PutItem", put)
            except refusals() as error:
                stored = winner(error) if refused_by_condition(error) else None
                if stored is None:
                    raise
                return _job(self._items.from_raw_data(stored))
        return job


def shard_of(job_id: str) -> str:
    """Return the partition of the index of open jobs that a job belongs to."""
    return str(int(job_id[-1], 16) % SHARDS)


def _key(workspace: str, job_id: str) -> str:
    return f"{workspace}/job#{job_id}"


def _named(pk: str) -> tuple[str, str]:
    workspace, _, job_id = pk.partition("/job#")
    return workspace, job_id


def _list_key(workspace: str, of: str, value: str) -> str:
    # User text in a key is percent-encoded, so that no value can end in another's partition.
    return f"{workspace}/jobs#{of}#{quote(value, safe='')}"


def _lists(job: Job) -> list[str]:
    lists = [_list_key(job.workspace, "actor", job.actor.id)]
    if job.resource is not None:
        lists.append(_list_key(job.workspace, "resource", job.resource))
    return lists


def _entry_key(job: Job) -> str:
    return _sort_key(Entry(job.created, job.id))


def _sort_key(entry: Entry) -> str:
    return f"{entry.created}#{entry.job_id}"


def _entry(sk: str) -> Entry:
    created, _, job_id = sk.rpartition("#")
    return Entry(created, job_id)


def _unix_s(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _instant(unix_s: float) -> str:
    moment = datetime.fromtimestamp(unix_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_json(job: Job) -> dict[str, Any]:
    # Left out while a worker puts the job often: its item stays within a write unit (1 KB).
    waits = {} if job.waits_since_s is None else {"waitsSince": job.waits_since_s}
    return waits | {
        "id": job.id,
        "workspace": job.workspace,
        "kind": job.kind,
        "params": dict(job.params),
        "actor": job.actor.to_json(),
        "correlation": job.correlation,
        "resource": job.resource,
        "created": job.created,
        "updated": job.updated,
        "due": job.due_s,
        "key": job.key,
        "attempts": job.attempts,
        "nudges": job.nudges,
        "lease": None
        if job.lease is None
        else {"holder": job.lease.holder, "until": job.lease.until_s},
        "cancelRequested": job.cancel_requested,
        "progress": dict(job.progress),
        "place": [job.place.step, job.place.command],
        "written": dict(job.written),
        "result": job.result,
        "error": job.error,
    }


def _job(item: Any) -> Job:
    return from_body(item.state, int(item.version), json.loads(item.body))


def from_body(state: Any, version: int, data: Mapping[str, Any]) -> Job:
    """Return the job of an item's attributes `state`, `version` and (parsed) `body`.

    One that waits, and was stored before `waitsSince` was known, waits since it was last put.
    """
    lease = data["lease"]
    return Job(
        id=data["id"],
        workspace=data["workspace"],
        kind=data["kind"],
        params=data["params"],
        actor=Actor.from_json(data["actor"]),
        correlation=data["correlation"],
        resource=data["resource"],
        created=data["created"],
        updated=data["updated"],
        due_s=data["due"],
        waits_since_s=data.get(
            "waitsSince", _unix_s(data["updated"]) if state == "pending" else None
        ),
        key=data["key"],
        state=state,
        version=version,
        attempts=data["attempts"],
        nudges=data["nudges"],
        lease=None if lease is None else Lease(lease["holder"], lease["until"]),
        cancel_requested=data["cancelRequested"],
        progress=data["progress"],
        place=Place(*data["place"]),
        written=data["written"],
        result=data["result"],
        error=data["error"],
    )
