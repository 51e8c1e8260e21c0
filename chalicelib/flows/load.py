"""A folder of one's own files, made into resources; W3C annotations beside them, as JSON-LD.

::

    notes.md
    notes.md.jsonld      one annotation, a list, an AnnotationPage, or an AnnotationCollection
    pictures/leaf.png

A file's name from the folder on is the resource's name, and in annotations it is its IRI: as
`target.source` it may be left out, in a body it becomes a reference to that resource. Loading the
same folder again changes nothing: ids come from workspace, path and checksum.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import NewAnnotation
from chalicelib.domain.annotation.incoming import parse
from chalicelib.domain.chain import MAX_EVENTS
from chalicelib.domain.commands import AddAnnotations, CreateResource
from chalicelib.domain.ids import WORKSPACE, Stream, derived_id
from chalicelib.domain.representation import Representation
from chalicelib.errors import AppError, Invalid
from chalicelib.flows import write
from chalicelib.flows.faults import Progress
from chalicelib.flows.marks import mark_at
from chalicelib.flows.recover import silent

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
    """What was loaded. `known` were there before; `failed` holds files, and why not."""

    resources: int = 0
    annotations: int = 0
    known: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": not self.failed,
            "resources": self.resources,
            "annotations": self.annotations,
            "known": self.known,
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
    for start in range(0, len(annotations), MAX_EVENTS):
        batch = annotations[start : start + MAX_EVENTS]
        mark_ids = tuple(derived_id(file.key, start + n + 1) for n in range(len(batch)))
        stream = Stream.of_resource(workspace, file.resource_id)
        if mark_at(system, stream, mark_ids[0])[1] is not None:
            continue
        pointers = tuple(f"/{start + n}" for n in range(len(batch)))
        command = AddAnnotations(tuple(batch), mark_ids, pointers)
        key = hashlib.sha256(f"{file.key}\0{start}".encode()).hexdigest()
        write.change(system, replace(request, key=key), file.resource_id, command)
        done.annotations += len(batch)


def _annotations(file: _File, ids: Mapping[str, str]) -> list[NewAnnotation]:
    beside = file.path.with_name(file.path.name + BESIDE)
    if not beside.is_file():
        return []
    try:
        document = json.loads(beside.read_text("utf-8"))
    except ValueError as error:
        raise Invalid(f"{beside.name} is not JSON ({error})") from error
    return [
        parse(_named(item, file, ids), resource_id=file.resource_id, pointer=f"/{number}")
        for number, item in enumerate(_items(document, beside.name))
    ]


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
