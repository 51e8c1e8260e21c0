"""A folder of one's own files, made into resources; W3C annotations beside them, as JSON-LD.

::

    notes.md
    notes.md.jsonld      one annotation, a list, an AnnotationPage, or an AnnotationCollection
    pictures/leaf.png

A file's name from the folder on is the resource's name, and in annotations it is its IRI: as
`target.source` it may be left out, in a body it becomes a reference to that resource.

Loading the same folder again changes nothing, however much later: a resource's id comes from
workspace, path and checksum, an annotation's from that and from what it says, and what the log has
ever added is not added again, whatever became of it.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import NewAnnotation
from chalicelib.domain.annotation.incoming import parse
from chalicelib.domain.chain import MAX_EVENTS
from chalicelib.domain.commands import AddAnnotations, CreateResource
from chalicelib.domain.events import AnnotationAdded
from chalicelib.domain.ids import WORKSPACE, Stream, derived_id
from chalicelib.domain.representation import Representation
from chalicelib.errors import AppError, Invalid, StaleVersion
from chalicelib.flows import write
from chalicelib.flows.faults import Progress
from chalicelib.flows.recover import silent
from chalicelib.log import decoded

if TYPE_CHECKING:
    from chalicelib.system import System

BESIDE: Final = ".jsonld"
TYPES: Final = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".csv": "text/csv",
}
"""What `mimetypes` does not know everywhere."""


@dataclass(slots=True)
class Loaded:
    """What was loaded. `failed` holds files, and why not.

    `known` files and `known_annotations` were loaded before, also if they were changed since.
    """

    resources: int = 0
    annotations: int = 0
    known: int = 0
    known_annotations: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": not self.failed,
            "resources": self.resources,
            "annotations": self.annotations,
            "known": self.known,
            "knownAnnotations": self.known_annotations,
            "failed": [{"file": name, "detail": why} for name, why in self.failed],
        }


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str
    checksum: str
    size: int
    key: str

    @property
    def resource_id(self) -> str:
        return derived_id(self.key, 0)


def load(
    system: System, workspace: str, folder: Path, actor: Actor, progress: Progress = silent
) -> Loaded:
    """Load every file of a folder, hidden ones apart. What cannot be loaded is reported."""
    if not WORKSPACE.match(workspace):
        raise Invalid(f"{workspace!r} is not the name of a workspace")
    if not folder.is_dir():
        raise Invalid(f"{folder} is not a folder")
    files = [_described(workspace, folder, path) for path in _files(folder)]
    ids = {file.name: file.resource_id for file in files}
    done = Loaded()
    for number, file in enumerate(files, 1):
        try:
            _load(system, workspace, file, ids, actor, done)
        except AppError as error:
            details = "; ".join(
                f"{f['pointer']} {f['detail']}" for f in error.extra.get("errors", ())
            )
            done.failed.append((file.name, f"{error.detail}{': ' if details else ''}{details}"))
        progress("files", number, len(files))
    return done


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.suffix != BESIDE:
            yield path


def _described(workspace: str, folder: Path, path: Path) -> _File:
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    name = path.relative_to(folder).as_posix()
    key = hashlib.sha256("\0".join(("load", workspace, name, checksum)).encode()).hexdigest()
    return _File(path, name, checksum, path.stat().st_size, key)


def _load(
    system: System,
    workspace: str,
    file: _File,
    ids: Mapping[str, str],
    actor: Actor,
    done: Loaded,
) -> None:
    annotations = _annotations(file, ids)
    request = write.Request(workspace, actor, f"load:{file.name}"[:200], file.key)
    system.objects.store(workspace, file.checksum, file.path)
    kind = TYPES.get(file.path.suffix.lower()) or mimetypes.guess_type(file.path.name)[0]
    kept = Representation(
        file.checksum, kind or "application/octet-stream", file.size, file.path.name
    )
    made = write.create(system, request, file.resource_id, CreateResource(file.name, kept))
    if made.repeated:
        done.known += 1
    else:
        done.resources += 1
    if annotations:
        _annotate(system, request, file.resource_id, annotations, done)


@dataclass(frozen=True, slots=True)
class _Wanted:
    new: NewAnnotation
    pointer: str


def _annotate(
    system: System,
    request: write.Request,
    resource_id: str,
    wanted: Mapping[str, _Wanted],
    done: Loaded,
) -> None:
    """Add what the log never had, in commits that stand where it was read to: so no id comes twice.

    Views and keys do not tell: both forget what was removed, or written, a day ago.
    """
    stream = Stream.of_resource(request.workspace, resource_id)
    added: set[str] = set()
    end = _added(system, stream, 0, added)
    done.known_annotations += len(added & wanted.keys())
    faster = 0
    while ids := [mark_id for mark_id in wanted if mark_id not in added][:MAX_EVENTS]:
        batch = [wanted[mark_id] for mark_id in ids]
        command = AddAnnotations(
            tuple(each.new for each in batch), tuple(ids), tuple(each.pointer for each in batch)
        )
        try:
            write.change(system, replace(request, key=None), resource_id, command, expected=end)
            done.annotations += len(batch)
        except StaleVersion:
            faster += 1
            if faster == write.MAX_TRIES:
                raise
        end = _added(system, stream, end, added)


def _added(system: System, stream: Stream, after: int, ids: set[str]) -> int:
    """Note the ids of annotations that the log added above `after`; return where it ends."""
    for commit in system.log.read(stream, after):
        for stored in decoded(stream, commit):
            if isinstance(stored.event, AnnotationAdded):
                ids.add(stored.event.annotation.id)
        after = commit.last
    return after


def _annotations(file: _File, ids: Mapping[str, str]) -> dict[str, _Wanted]:
    """Return the annotations beside a file by their ids, in their order there."""
    beside = file.path.with_name(file.path.name + BESIDE)
    if not beside.is_file():
        return {}
    try:
        document = json.loads(beside.read_text("utf-8"))
    except ValueError as error:
        raise Invalid(f"{beside.name} is not JSON ({error})") from error
    found: dict[str, _Wanted] = {}
    times: Counter[str] = Counter()
    for number, item in enumerate(_items(document, beside.name)):
        pointer = f"/{number}"
        new = parse(_named(item, file, ids), resource_id=file.resource_id, pointer=pointer)
        # Names, not the ids that they stand for now: those change with the other file's bytes.
        says = json.dumps(item, sort_keys=True)
        key = hashlib.sha256(f"{file.key}\0{says}".encode()).hexdigest()
        found[derived_id(key, times[says])] = _Wanted(new, pointer)
        times[says] += 1
    return found


def _items(document: Any, name: str) -> list[Any]:
    match document:
        case list():
            return document
        case {"items": list(items)} | {"first": {"items": list(items)}}:
            return items
        case {"type": _}:
            return [document]
    raise Invalid(f"{name} holds no annotations")


def _named(item: Any, file: _File, ids: Mapping[str, str], *path: str) -> Any:
    """Return an annotation in which files' names are the IRIs of their resources."""
    if isinstance(item, dict):
        return {key: _named(value, file, ids, *path, key) for key, value in item.items()}
    if isinstance(item, list):
        return [_named(value, file, ids, *path) for value in item]
    iri = path[-1:] in (("source",), ("target",), ("id",), ("body",))
    if iri and isinstance(item, str) and item in ids:
        return f"resource:{ids[item]}"
    return item
