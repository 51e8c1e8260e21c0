"""Keeps what moto holds in a folder: items in SQLite, objects as files. `make run DATA=DIR`.

The database holds the current items and objects, nothing older, so it never needs compacting. One
call into moto is one transaction, synced to the disk before the caller has its answer: a `kill -9`
loses nothing that was acknowledged, and half of a call is never seen. An object's bytes are a file
of their own, written and synced before the row that names it; a file that no row names is from a
call that never was, and is removed at the next start.

Queues are not kept (sweeps send again), nor are streams as such. But each item has the number of
the stream record that it made last, and how far every pump has come is noted about once a second:
at the next start, items beyond that make a record again. A pump hears some things twice, as it may
on AWS, and nothing is left unheard.

    DIR/palimpsest.db     items(tbl, hash, range, item, number)   objects(bucket, name, file, …)
                          heard(tbl, pump, number)
    DIR/objects/4f/4f0c…  one object's bytes
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from infra.local import blob
from infra.local.aws import ACCOUNT, REGION, stream_length
from infra.local.door import DOOR, Touched

LAYOUT: Final = 1

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS items (
    tbl TEXT NOT NULL, hash TEXT NOT NULL, range TEXT NOT NULL, item TEXT NOT NULL,
    number INTEGER NOT NULL, PRIMARY KEY (tbl, hash, range));
CREATE TABLE IF NOT EXISTS heard (
    tbl TEXT NOT NULL, pump TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tbl, pump));
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, modified REAL NOT NULL, checksum TEXT, metadata TEXT NOT NULL,
    PRIMARY KEY (bucket, name));
"""


class DataError(Exception):
    """The folder cannot be used; the message is one sentence for the user."""


class SqliteJournal:
    """One folder of data. `restore` first, then `commit` from behind the door."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / "objects"
        try:
            self._files.mkdir(parents=True, exist_ok=True)
            self._lock = _taken(folder / "lock")
        except BlockingIOError:
            raise DataError(f"Another local system is running on DATA={folder}.") from None
        except OSError as error:
            raise DataError(f"DATA={folder} cannot be used: {error.strerror}.") from None
        self._db = sqlite3.connect(
            folder / "palimpsest.db", isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)
        (layout,) = self._db.execute("PRAGMA user_version").fetchone()
        if layout not in (0, LAYOUT):
            raise DataError(f"DATA={folder} was written by another version of the local system.")
        self._db.execute(f"PRAGMA user_version = {LAYOUT}")
        self._before: dict[str, int] = {}  # records that a table's stream had in earlier lives
        self._again: dict[str, int] = {}  # records that the restart made again
        self._noted: dict[tuple[str, str], int] = {}

    def restore(self) -> int:
        """Put everything kept into moto; return how much it is.

        Streams get a record for each item that some pump had not yet passed, oldest first.
        """
        with DOOR.lock:
            self._drop_expired()
            self._drop_orphans()
            count = sum(self._restore_items(name) for name in _tables())
            count += self._restore_objects()
            DOOR.touched = Touched()
        return count

    def note(self, positions: Mapping[tuple[str, str], int]) -> None:
        """Note how many records each (table, pump) has passed since the start."""
        with DOOR.lock:
            news = {
                where: position
                for where, position in positions.items()
                if position != self._noted.get(where) and position >= self._again.get(where[0], 0)
            }
            if news and not self._noted:
                self._forget_pumps_but({pump for _, pump in positions})
            if news:
                self._db.executemany(
                    "INSERT OR REPLACE INTO heard VALUES (?, ?, ?)",
                    [(*where, self._before[where[0]] + count) for where, count in news.items()],
                )
                self._noted.update(news)

    def commit(self, touched: Touched) -> None:
        """Keep the current state of what was touched."""
        kept = [(where, self._keep_bytes(*where)) for where in sorted(touched.objects)]
        replaced = [file for where, _ in kept for (file,) in self._file_of(*where)]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for table, hash_key, range_key in touched.items:
                self._keep_item(table, hash_key, range_key)
            for where, file in kept:
                self._keep_object(*where, file)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        for (bucket, name), file in kept:
            if file:
                self._read_from(bucket, name, file)
        for file in set(replaced) - {file for _, file in kept}:
            (self._files / file).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the folder."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        os.close(self._lock)

    def _forget_pumps_but(self, pumps: Set[str]) -> None:
        """Drop the notes of pumps that are no more: everything would ring again for them."""
        marks = ", ".join("?" * len(pumps))
        self._db.execute(f"DELETE FROM heard WHERE pump NOT IN ({marks})", sorted(pumps))  # noqa: S608

    # -- items ----------------------------------------------------------------------------------

    def _keep_item(self, table: str, hash_key: Any, range_key: Any) -> None:
        where = (table, _key_text(hash_key), _key_text(range_key))
        item = _tables()[table].get_item(hash_key, range_key) if table in _tables() else None
        if item is None:
            self._db.execute("DELETE FROM items WHERE tbl = ? AND hash = ? AND range = ?", where)
            return
        text = json.dumps(item.to_json()["Attributes"], separators=(",", ":"), default=_base64)
        number = self._before.get(table, 0) + stream_length(table)
        row = (*where, text, number)
        self._db.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?)", row)

    def _restore_items(self, name: str) -> int:
        table, count = _tables()[name], 0
        heard, newest = self._db.execute(
            "SELECT (SELECT min(number) FROM heard WHERE tbl = ?),"
            " (SELECT max(number) FROM (SELECT number FROM heard WHERE tbl = ?"
            " UNION ALL SELECT number FROM items WHERE tbl = ?))",
            (name, name, name),
        ).fetchone()
        self._before[name] = newest or 0
        shard, table.stream_shard = table.stream_shard, None
        for text, number in self._db.execute(
            "SELECT item, number FROM items WHERE tbl = ? ORDER BY number", (name,)
        ):
            if number > (heard or 0):
                table.stream_shard = shard
            table.put_item(json.loads(text, object_hook=_with_bytes))
            count += 1
        table.stream_shard = shard
        self._again[name] = stream_length(name)
        return count

    def _drop_expired(self) -> None:
        """Drop items whose time to live is over: DynamoDB would have, moto never does."""
        for name, table in _tables().items():
            if table.ttl.get("TimeToLiveStatus") == "ENABLED":
                path = f'$."{table.ttl["AttributeName"]}".N'
                self._db.execute(
                    "DELETE FROM items WHERE tbl = ? AND CAST(item ->> ? AS REAL) < ?",
                    (name, path, time.time()),
                )

    # -- objects --------------------------------------------------------------------------------

    def _keep_bytes(self, bucket: str, name: str) -> str | None:
        """Write an object's bytes to a file and return its name; None if the object is gone."""
        key = _object(bucket, name)
        if key is None:
            return None
        if (file := _read_already(key)) is not None and file.is_relative_to(self._files):
            return str(file.relative_to(self._files))
        digest = hashlib.sha256(f"{bucket}/{name}".encode()).hexdigest()
        relative = f"{digest[:2]}/{digest}.{uuid.uuid4().hex[:8]}"
        path = self._files / relative
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("wb") as out:
            for piece in blob.chunks(key):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(path)
        for folder in (path.parent, self._files):
            _sync(folder)
        return relative

    def _keep_object(self, bucket: str, name: str, file: str | None) -> None:
        if file is None:
            self._db.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (bucket, name))
            return
        key = _object(bucket, name)
        row = (
            bucket,
            name,
            file,
            key.contentsize,
            key.etag.strip('"'),
            key.last_modified.replace(tzinfo=UTC).timestamp(),
            key.checksum_value if key.checksum_algorithm == "SHA256" else None,
            json.dumps(dict(key.metadata)),
        )
        marks = ", ".join("?" * len(row))
        self._db.execute(f"INSERT OR REPLACE INTO objects VALUES ({marks})", row)  # noqa: S608

    def _file_of(self, bucket: str, name: str) -> list[tuple[str]]:
        where = "SELECT file FROM objects WHERE bucket = ? AND name = ?"
        return self._db.execute(where, (bucket, name)).fetchall()

    def _restore_objects(self) -> int:
        from moto.s3.models import s3_backends

        backend, count = s3_backends[ACCOUNT]["aws"], 0
        for bucket, name, file, size, etag, modified, checksum, metadata in self._db.execute(
            "SELECT bucket, name, file, size, etag, modified, checksum, metadata FROM objects"
        ):
            if bucket not in backend.buckets:
                continue
            key: Any = backend.put_object(bucket, name, b"")
            blob.attach(key, blob.OnDisk(self._files / file), size, etag)
            key.set_metadata(json.loads(metadata))
            key.last_modified = datetime.fromtimestamp(modified, UTC).replace(tzinfo=None)
            if checksum:
                key.checksum_algorithm, key.checksum_value = "SHA256", checksum
            count += 1
        return count

    def _read_from(self, bucket: str, name: str, file: str) -> None:
        """Let moto read an object from its file, so that its bytes are held nowhere else."""
        key, path = _object(bucket, name), self._files / file
        if _read_already(key) != path:
            blob.attach(key, blob.OnDisk(path), key.contentsize, key.etag.strip('"'))

    def _drop_orphans(self) -> None:
        named = {file for (file,) in self._db.execute("SELECT file FROM objects")}
        for path in _walk(self._files):
            if str(path.relative_to(self._files)) not in named:
                path.unlink()


def _taken(lock: Path) -> int:
    """Lock a file until the returned descriptor is closed, or the process ends."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _tables() -> dict[str, Any]:
    from moto.dynamodb.models import dynamodb_backends

    tables: dict[str, Any] = dynamodb_backends[ACCOUNT][REGION].tables
    return tables


def _object(bucket: str, name: str) -> Any:
    from moto.s3.models import s3_backends

    backend = s3_backends[ACCOUNT]["aws"]
    return backend.get_object(bucket, name) if bucket in backend.buckets else None


def _read_already(key: Any) -> Path | None:
    """Return the file that a key reads its bytes from, if it does."""
    match key._value_buffer:
        case blob.View(held=blob.Held(file=blob.OnDisk(path=path))):
            return path
    return None


def _key_text(key: Any) -> str:
    return "" if key is None else json.dumps(key.to_json(), separators=(",", ":"))


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value)} is no part of an item")


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """Make bytes again of `{"B": "…"}` and `{"BS": […]}`; a map's attribute B is no string."""
    match value:
        case {"B": str(text)} if len(value) == 1:
            return {"B": base64.b64decode(text)}
        case {"BS": list(texts)} if len(value) == 1:
            return {"BS": [base64.b64decode(text) for text in texts]}
    return value


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, _, files in os.walk(folder):
        yield from (Path(parent) / file for file in files)
