"""A whole workspace as one portable archive, out and in: BagIt (RFC 8493), nothing of our own.

::

    bagit.txt  bag-info.txt  manifest-sha256.txt  tagmanifest-sha256.txt
    data/events/<resource id>.ndjson     one commit per line, every stored fact; `system.ndjson`
    data/content/<sha256>                the bytes

A commit's line is JSON with the attributes of its item; `hash` and `previous` in hex, `body` in
base64, byte for byte. The chain covers no workspace and no host, so it is whole wherever it is
imported: same events, same bytes, same hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from chalicelib.domain import chain
from chalicelib.domain.actor import Actor
from chalicelib.domain.chain import Commit
from chalicelib.domain.events import RepresentationAdded, ResourceCloned, ResourceCreated
from chalicelib.domain.ids import UUID, WORKSPACE, Stream
from chalicelib.dynamo import MAX_ITEM_BYTES, item_bytes
from chalicelib.errors import Conflict, ContentDamaged, Invalid, LogDamaged, NotFound
from chalicelib.flows.faults import AT_ONCE, Progress
from chalicelib.flows.recover import silent, streams_of
from chalicelib.upkeep import wire

if TYPE_CHECKING:
    from chalicelib.system import System

LAYOUT: Final = "1"
DECLARATION: Final = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
SYSTEM: Final = "system"

_LINE = re.compile(r"(?P<sha256>[0-9a-fA-F]{64})\s+\*?(?P<path>\S+)\Z")
_PAYLOAD = re.compile(
    r"data/(events/(?P<stream>[a-z0-9-]+)\.ndjson|content/(?P<sum>[0-9a-f]{64}))\Z"
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What went out or came in. `present` were there before and are the same."""

    streams: int
    commits: int
    contents: int
    present: int = 0
    kept: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "streams": self.streams,
            "commits": self.commits,
            "contents": self.contents,
            "present": self.present,
            "kept": list(self.kept),
        }


def export(system: System, workspace: str, folder: Path, progress: Progress = silent) -> Moved:
    """Write a workspace into a folder that is new or empty, while writers write.

    Each stream goes out as far as it reached when it was read. Raises LogDamaged or ContentDamaged
    for what is not as it was written: a damaged archive is none.
    """
    _workspace(workspace)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is not an empty folder")
    streams = streams_of(system, workspace)
    if not streams:
        raise NotFound(f"there is no workspace {workspace}")
    (folder / "data/events").mkdir(parents=True)
    (folder / "data/content").mkdir()
    bag = _Bag(folder)
    commits, named = 0, set[str]()
    for number, stream in enumerate(streams, 1):
        with bag.file(f"data/events/{stream.resource_id or SYSTEM}.ndjson") as file:
            for commit in _whole(_stored(system, stream), stream.name):
                named |= _named(commit)
                file.write(_line(commit))
                commits += 1
        progress("streams", number, len(streams))
    for number, checksum in enumerate(sorted(named), 1):
        with bag.file(f"data/content/{checksum}") as file:
            system.objects.fetch(workspace, checksum, file)
        progress("contents", number, len(named))
    bag.close(
        {
            "Bagging-Date": system.now()[:10],
            "External-Description": "A workspace of Palimpsest: events and content",
            "Palimpsest-Layout": LAYOUT,
            "Palimpsest-Workspace": workspace,
        }
    )
    return Moved(len(streams), commits, len(named))


def restore(
    system: System,
    workspace: str,
    folder: Path,
    *,
    keep_vocabulary: bool = False,
    progress: Progress = silent,
) -> Moved:
    """Bring an archive into a workspace, of this or any other system. May be repeated.

    Everything is checked before anything is written. A stream that is here already must be the
    same as far as it goes, else Conflict; `keep_vocabulary` leaves this workspace's own. Views and
    graph follow by the log's stream, as after any append. Raises Invalid for a bag that is damaged.
    """
    _workspace(workspace)
    payload = check_bag(folder)
    streams = {
        Stream.of_system(workspace)
        if match["stream"] == SYSTEM
        else Stream.of_resource(workspace, match["stream"]): folder / path
        for path in payload
        if (match := _PAYLOAD.match(path)) and match["stream"]
    }
    contents = {path.rpartition("/")[2] for path in payload if path.startswith("data/content/")}
    missing: dict[Stream, list[Commit]] = {}
    present, kept, others = 0, list[str](), list[str]()
    for stream, path in streams.items():
        commits = list(_whole(_read(path, stream), stream.name))
        for commit in commits:
            lost = _named(commit) - contents
            if lost:
                raise Invalid(f"the archive names content that it does not hold: {sorted(lost)[0]}")
        here = [commit.hash for commit in _stored(system, stream)]
        shared = min(len(here), len(commits))
        if here[:shared] != [commit.hash for commit in commits[:shared]]:
            if stream.resource_id is None and keep_vocabulary:
                kept.append(stream.key)
            else:
                others.append(stream.key)
            continue
        present += shared
        missing[stream] = _fitting(stream, commits[shared:])
    if others:
        hint = ""
        if any(key.endswith("/" + SYSTEM) for key in others):
            hint = "; the workspace's own vocabulary can be kept (--keep-vocabulary)"
        raise Conflict(
            f"{len(others)} stream(s) have another history here, nothing was imported: "
            f"{', '.join(others[:5])}{hint}"
        )
    _each(
        system,
        [partial(_put_content, system, workspace, folder, each) for each in sorted(contents)],
        "contents",
        progress,
    )
    puts = [partial(_put_commits, system, *each) for each in missing.items()]
    _each(system, puts, "streams", progress)
    return Moved(len(missing), sum(map(len, missing.values())), len(contents), present, tuple(kept))


def check_bag(folder: Path) -> Mapping[str, str]:
    """Return path → SHA-256 of a bag's payload. Raises Invalid naming what is wrong with it."""
    try:
        if "BagIt-Version: 1.0" not in (folder / "bagit.txt").read_text("utf-8"):
            raise Invalid("bagit.txt does not say that this is a bag of version 1.0")
        payload = _manifest(folder / "manifest-sha256.txt")
        tags = _manifest(folder / "tagmanifest-sha256.txt")
        info = (folder / "bag-info.txt").read_text("utf-8")
    except OSError as error:
        raise Invalid(f"{folder} is not a bag: {error.strerror} ({error.filename})") from error
    if f"Palimpsest-Layout: {LAYOUT}\n" not in info:
        raise Invalid("bag-info.txt does not name a layout that this version knows")
    for path in payload:
        match = _PAYLOAD.match(path)
        stream = match["stream"] if match else None
        if match is None or (stream and stream != SYSTEM and not UUID.match(stream)):
            raise Invalid(f"{path} does not belong into an archive")
    found = {str(p.relative_to(folder)) for p in (folder / "data").rglob("*") if p.is_file()}
    if found != set(payload):
        raise Invalid(f"files and manifest differ: {sorted(found ^ set(payload))[0]}")
    for path, sha256 in (*tags.items(), *payload.items()):
        try:
            with (folder / path).open("rb") as file:
                right = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            right = False
        if not right:
            raise Invalid(f"{path} is missing, or differs from its checksum")
        match = _PAYLOAD.match(path)
        if match and match["sum"] and match["sum"] != sha256:
            raise Invalid(f"{path} is not named after its checksum")
    return payload


# -- commits --------------------------------------------------------------------------------------


def _line(commit: Commit) -> bytes:
    told: dict[str, Any] = {
        "sk": commit.first,
        "count": commit.count,
        "id": commit.id,
        "at": commit.at,
        "actor": commit.actor.to_json(),
        "correlation": commit.correlation,
        "encoding": commit.encoding,
        "hash": commit.hash.hex(),
        "body": base64.b64encode(commit.body).decode(),
    }
    if commit.key is not None:
        told["key"] = commit.key
    if commit.previous is not None:
        told["previous"] = commit.previous.hex()
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _read(path: Path, stream: Stream) -> Iterator[Commit]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                told = json.loads(line)
                yield Commit(
                    stream=stream.name,
                    first=int(told["sk"]),
                    count=int(told["count"]),
                    id=told["id"],
                    key=told.get("key"),
                    at=told["at"],
                    actor=Actor.from_json(told["actor"]),
                    correlation=told["correlation"],
                    encoding=told["encoding"],
                    previous=bytes.fromhex(told["previous"]) if "previous" in told else None,
                    hash=bytes.fromhex(told["hash"]),
                    body=base64.b64decode(told["body"], validate=True),
                )
            except (ValueError, KeyError, TypeError) as error:
                raise Invalid(
                    f"line {number} of {path.name} is not a commit ({error!r})"
                ) from error


def _stored(system: System, stream: Stream) -> Iterator[Commit]:
    for item in system.upkeep.log_items(stream.key):
        try:
            yield wire.commit(item)
        except wire.NotACommit as error:
            raise LogDamaged(
                f"{stream.key} holds an item that is no commit: {error}",
                version=wire.number(item, "sk"),
            ) from error


def _whole(commits: Iterable[Commit], name: str) -> Iterator[Commit]:
    """Yield commits as long as they are a chain. Raises LogDamaged at the first that is none."""
    head = chain.EMPTY
    for commit in commits:
        for fault in chain.verify([commit], head):
            raise LogDamaged(f"{name} at version {fault.version}: {fault.reason}")
        head = commit.head
        yield commit


def _named(commit: Commit) -> set[str]:
    return {
        stored.event.representation.checksum
        for stored in commit.events()
        if isinstance(stored.event, ResourceCreated | ResourceCloned | RepresentationAdded)
    }


def _fitting(stream: Stream, commits: list[Commit]) -> list[Commit]:
    """Return the commits, if each is an item that the log takes; else raise Invalid.

    An item's key holds the workspace: what just fits under a short name does not under a longer.
    """
    for commit in commits:
        size = item_bytes(wire.encoded(stream, commit))
        if size > MAX_ITEM_BYTES:
            raise Invalid(
                f"the commit at version {commit.first} of {stream.key} would take {size} bytes in "
                f"the log, and may take {MAX_ITEM_BYTES}: try a workspace with a shorter name"
            )
    return commits


def _put_content(system: System, workspace: str, folder: Path, checksum: str) -> None:
    if not system.objects.store(workspace, checksum, folder / "data/content" / checksum):
        try:
            system.objects.verify(workspace, checksum)
        except ContentDamaged as error:
            raise ContentDamaged(f"{error.detail}; remove it here first") from error


def _put_commits(system: System, stream: Stream, commits: list[Commit]) -> None:
    for commit in commits:
        taken = system.upkeep.put_commit(stream, commit)
        if taken is not None and wire.commit(taken).hash != commit.hash:
            raise Conflict(f"somebody else wrote to {stream.key} at version {commit.first}")


def _each(
    system: System, calls: Sequence[Callable[[], None]], what: str, progress: Progress
) -> None:
    done = 0

    def told(call: Callable[[], None]) -> None:
        nonlocal done
        call()
        done += 1
        progress(what, done, len(calls))

    system.side_by_side([partial(told, call) for call in calls], AT_ONCE)


def _workspace(name: str) -> None:
    if not WORKSPACE.match(name):
        raise Invalid(f"{name!r} is not the name of a workspace")


# -- bags -----------------------------------------------------------------------------------------


class _Bag:
    """A bag that is being filled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sums: dict[str, str] = {}
        self._bytes = 0

    def file(self, path: str) -> _Hashing:
        """Return a new payload file to write to; it is listed when it is closed."""
        return _Hashing(self, path, (self._folder / path).open("wb"))

    def listed(self, path: str, sha256: str, size: int) -> None:
        """Note a payload file."""
        self._sums[path] = sha256
        self._bytes += size

    def close(self, info: Mapping[str, str]) -> None:
        """Write everything but the payload."""
        told = {**info, "Payload-Oxum": f"{self._bytes}.{len(self._sums)}"}
        texts = {
            "bagit.txt": DECLARATION,
            "bag-info.txt": "".join(f"{name}: {value}\n" for name, value in sorted(told.items())),
            "manifest-sha256.txt": _listing(self._sums),
        }
        for name, text in texts.items():
            (self._folder / name).write_text(text, "utf-8")
        sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
        (self._folder / "tagmanifest-sha256.txt").write_text(_listing(sums), "utf-8")


class _Hashing:
    """A file that computes its checksum as it is written."""

    def __init__(self, bag: _Bag, path: str, file: IO[bytes]) -> None:
        self._bag, self._path, self._file = bag, path, file
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, data: Any) -> int:
        self._digest.update(data)
        self._size += len(data)
        return self._file.write(data)

    def __enter__(self) -> _Hashing:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._bag.listed(self._path, self._digest.hexdigest(), self._size)


def _listing(sums: Mapping[str, str]) -> str:
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(sums.items()))


def _manifest(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines():
        match = _LINE.match(line)
        if match is None:
            raise Invalid(f"{path.name} has a line that names no file: {line[:80]!r}")
        name = match["path"]
        if name.startswith("/") or ".." in name.split("/"):
            raise Invalid(f"{path.name} names a file outside of the bag: {name}")
        found[name] = match["sha256"].lower()
    return found
