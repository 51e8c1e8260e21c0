"""A workspace from Semiont's event folders: its facts as our events, with their ids and times.

Each event is decided anew: what our rules do not allow is left out, and told with the reason, as is
everything that the folders themselves have broken. A commit's key comes from the event's id, so an
import may be repeated, and goes on where it ended. Jobs, progress and embeddings are no facts; they
are counted.

Ids of resources are UUIDs there, too, and stay. Those of annotations are not; ours come from them,
so that every import makes the same ones, and the report has both.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from chalicelib.domain import marks as marks_domain
from chalicelib.domain import resource as resource_domain
from chalicelib.domain import vocabulary as vocabulary_domain
from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation.bodies import apply_operations
from chalicelib.domain.annotation.incoming import parse
from chalicelib.domain.chain import Commit
from chalicelib.domain.commands import (
    AddAnnotations,
    AddEntityTypes,
    AddTagSchema,
    ChangeContent,
    CloneResource,
    CreateResource,
    RemoveAnnotation,
    UpdateBody,
    UpdateResource,
)
from chalicelib.domain.events import Event, TagSchema
from chalicelib.domain.ids import UUID, WORKSPACE, Stream, derived_id
from chalicelib.domain.marks import Mark
from chalicelib.domain.representation import Representation
from chalicelib.errors import AppError, Invalid
from chalicelib.flows.content import text_of
from chalicelib.flows.faults import Progress
from chalicelib.flows.head import NOTHING, Known, advance
from chalicelib.flows.recover import silent
from chalicelib.flows.semiont_folder import SYSTEM, History, Told, histories
from chalicelib.flows.write import MAX_TRIES
from chalicelib.log import Intent, StaleHead, decoded
from chalicelib.system import iso

if TYPE_CHECKING:
    from chalicelib.system import System

NO_FACTS: Final = ("job.", "embedding.", "resource.moved")
"""Events that say nothing about what is: progress, what was derived, where a file lies."""
CORRELATION: Final = "import:semiont"
_HEX: Final = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(slots=True)
class Brought:
    """What an import brought, and what it found broken. `ids` are theirs and ours, if they differ.

    `left_out` counts events that are no facts here, by type; `faults` holds where, and what.
    """

    streams: int = 0
    commits: int = 0
    present: int = 0
    contents: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": not self.faults,
            "streams": self.streams,
            "commits": self.commits,
            "present": self.present,
            "contents": self.contents,
            "leftOut": dict(sorted(self.left_out.items())),
            "ids": self.ids,
            "faults": [{"where": where, "detail": detail} for where, detail in self.faults],
        }


def bring(system: System, workspace: str, folder: Path, progress: Progress = silent) -> Brought:
    """Import a folder; what is broken there is reported, and no reason to stop.

    Raises Invalid when there are no events below the folder.
    """
    if not WORKSPACE.match(workspace):
        raise Invalid(f"{workspace!r} is not the name of a workspace")
    found = list(histories(folder))
    if not found:
        raise Invalid(f"{folder} holds no events-*.jsonl")
    done = Brought()
    bytes_ = _Files(folder)
    for number, history in enumerate(found, 1):
        done.faults += [(history.id, fault) for fault in history.faults]
        _Stream(system, workspace, history, bytes_, done).bring()
        progress("streams", number, len(found))
    return done


def resource_id(theirs: str) -> str:
    """Return our id of a resource: the same UUID, or one that comes from theirs."""
    last = theirs.rstrip("/").rpartition("/")[2]
    if _HEX.match(last):
        last = "-".join((last[:8], last[8:12], last[12:16], last[16:20], last[20:]))
    return last if UUID.match(last) else _derived("resource", last)


def annotation_id(theirs: str) -> str:
    """Return our id of an annotation."""
    last = theirs.rstrip("/").rpartition("/")[2]
    return last if UUID.match(last) else _derived("annotation", last)


def _derived(kind: str, theirs: str) -> str:
    return derived_id(hashlib.sha256(f"semiont\0{kind}\0{theirs}".encode()).hexdigest(), 0)


class _Files:
    """The bytes that lie in the folder, by checksum, and by the path that an event may name."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self._by_checksum: dict[str, Path] | None = None

    def named(self, payload: Mapping[str, Any]) -> tuple[Path, str] | None:
        """Return the file that a payload means, with the checksum of its bytes as they are."""
        wanted = str(payload.get("contentChecksum", "")).removeprefix("sha256:")
        if self._by_checksum is None:
            self._by_checksum = {_checksum(path): path for path in self._contents()}
        if wanted in self._by_checksum:
            return self._by_checksum[wanted], wanted
        uri = str(payload.get("storageUri", ""))
        if uri.startswith("file://"):
            path = (self._root / unquote(uri.removeprefix("file://"))).resolve()
            if path.is_relative_to(self._root) and path.is_file():
                return path, _checksum(path)
        return None

    def _contents(self) -> list[Path]:
        return [
            path
            for path in sorted(self._root.rglob("*"))
            if path.is_file() and path.suffix != ".jsonl" and ".git" not in path.parts
        ]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Stream:
    """One history on its way into the log."""

    def __init__(
        self, system: System, workspace: str, history: History, files: _Files, done: Brought
    ) -> None:
        self._system = system
        self._history = history
        self._files = files
        self._done = done
        own = None if history.id == SYSTEM else resource_id(history.id)
        self._stream = (
            Stream.of_system(workspace) if own is None else Stream.of_resource(workspace, own)
        )
        self._known: Known = NOTHING
        self._marks: dict[str, Mark] = {}
        self._seen: dict[str, str] = {}
        self._there: set[str | None] = set()

    def bring(self) -> None:
        """Append what is not there yet."""
        self._read_on()
        if self._another():
            return
        self._done.streams += 1
        own = self._stream.resource_id
        if own is not None and own != self._history.id:
            self._done.ids[self._history.id] = own
        for told in self._history.events:
            if told.type.startswith(NO_FACTS):
                self._done.left_out[told.type] = self._done.left_out.get(told.type, 0) + 1
                continue
            before = len(self._done.faults)
            for _ in range(MAX_TRIES):
                try:
                    self._bring(told)
                    break
                except StaleHead:
                    # Somebody writes meanwhile: decide again, on what there is then.
                    del self._done.faults[before:]
                    self._read_on()
                    if self._another():
                        return
            else:
                self._fault(f"{told.type} {told.id}: other writers kept winning")

    def _read_on(self) -> None:
        """Take what the log holds beyond what is known."""
        for commit in self._system.log.read(self._stream, self._known.head.version):
            self._take(commit)

    def _another(self) -> bool:
        """Tell, and say, whether somebody else has begun the resource."""
        ours = any(_key(told) in self._there for told in self._history.events)
        if not self._there or ours or self._stream.resource_id is None:
            return False
        self._fault("a resource of this id is there already, with another history")
        return True

    def _bring(self, told: Told) -> None:
        """Append what one event says, or tell why not. Raises StaleHead, having done nothing."""
        try:
            again = _key(told) in self._there
            new = self._decided(told, again)
            if again:
                self._done.present += 1
            elif new:
                intent = Intent(
                    _derived("commit", told.id),
                    _key(told),
                    _moment(told.at),
                    _actor(told),
                    CORRELATION,
                )
                head = self._known.head
                self._take(self._system.log.append(self._stream, head, new, intent))
                self._done.commits += 1
            else:
                self._fault(f"{told.type} {told.id} changes nothing")
        except AppError as error:
            more = "; ".join(f["detail"] for f in error.extra.get("errors", ()))
            self._fault(f"{told.type} {told.id}: {error.detail}" + (more and f" ({more})"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._fault(f"{told.type} {told.id} is not as it should be ({error!r})")

    def _take(self, commit: Commit) -> None:
        self._known = advance(self._known, self._stream, commit)
        self._there.add(commit.key)
        changed = (e for e in decoded(self._stream, commit) if marks_domain.touched(e))
        self._marks |= marks_domain.fold(self._marks, changed)

    def _decided(self, told: Told, again: bool) -> Sequence[Event]:
        """Return the events that say what was told; none if it is in the log already."""
        payload, resource = told.payload, self._known.resource
        match told.type:
            case "annotation.added":
                return self._annotated(payload["annotation"], again)
            case _ if again:
                return ()
            case "entitytype.added":
                types = AddEntityTypes((payload["entityType"],))
                return vocabulary_domain.decide(types, self._known.vocabulary)
            case "tagschema.added":
                schema = AddTagSchema(TagSchema.from_json(payload.get("schema", payload)))
                return vocabulary_domain.decide(schema, self._known.vocabulary)
            case "resource.created":
                return self._begun(payload)
            case "resource.cloned":
                return self._begun(payload, resource_id(payload["parentResourceId"]))
            case "resource.archived" | "resource.unarchived":
                archived = UpdateResource(archived=told.type == "resource.archived")
                return resource_domain.decide(archived, resource)
            case "entitytag.added" | "entitytag.removed":
                kind = payload["entityType"]
                held = () if resource is None else resource.entity_types
                added = (*held, kind) if told.type == "entitytag.added" else ()
                left = tuple(each for each in held if each != kind)
                return resource_domain.decide(UpdateResource(entity_types=added or left), resource)
            case "resource.updated" | "representation.added":
                content = payload.get("representation", payload)
                if "contentChecksum" in content or "checksum" in content:
                    kept = self._kept(content, resource)
                    return resource_domain.decide(ChangeContent(kept), resource)
                names = tuple((name, payload[name]) for name in ("name",) if name in payload)
                return resource_domain.decide(UpdateResource(names), resource)
            case "annotation.removed":
                gone = annotation_id(payload["annotationId"])
                return marks_domain.decide(RemoveAnnotation(gone), resource, self._marks.get(gone))
            case "annotation.body.updated":
                return self._rewritten(payload)
            case _:
                raise ValueError("a type that is not known here")

    def _begun(self, payload: Mapping[str, Any], source: str | None = None) -> Sequence[Event]:
        if self._known.state is not None:
            raise ValueError("the resource is there already")
        kept, types = self._kept(payload, None), tuple(payload.get("entityTypes", ()))
        name, language = payload["name"], payload.get("language")
        if source is None:
            created = CreateResource(name, kept, types, language=language)
            return resource_domain.decide(created, None)
        # Which version was cloned, nobody has told.
        cloned = CloneResource(source, 1, name, kept, types, language=language)
        return resource_domain.decide(cloned, None)

    def _kept(self, payload: Mapping[str, Any], resource: Any) -> Representation:
        """Store the bytes that a payload means; return what names them."""
        payload = {"contentChecksum": payload.get("checksum", ""), **payload}
        found = self._files.named(payload)
        if found is None:
            raise Invalid(f"the bytes {payload['contentChecksum']} are not in the folder")
        path, checksum = found
        if checksum != str(payload["contentChecksum"]).removeprefix("sha256:"):
            self._fault(f"{payload.get('storageUri')} has other bytes than the event names")
        if self._system.objects.store(self._stream.workspace, checksum, path):
            self._done.contents += 1
        format_ = payload.get("format") or payload.get("mediaType") or resource.content.format
        name = urlsplit(str(payload.get("storageUri", ""))).path.rpartition("/")[2] or None
        return Representation(checksum, format_, path.stat().st_size, name)

    def _annotated(self, told: Mapping[str, Any], again: bool) -> Sequence[Event]:
        theirs, resource = str(told["id"]), self._known.resource
        ours = annotation_id(theirs)
        if ours != theirs:
            self._done.ids[theirs] = ours
        same = repr([told.get(name) for name in ("motivation", "target", "body")])
        first = self._seen.setdefault(same, theirs)
        if first != theirs:
            self._fault(f"the annotation {theirs} says the same as {first}")
        if again or resource is None:
            if resource is None:
                raise ValueError("the resource was not created")
            return ()
        if ours in self._marks:
            raise ValueError("an annotation of this id is there already")
        own = resource.id
        # Offsets are JavaScript's there: UTF-16 code units.
        new = parse(_cleaned(told, own), resource_id=own, offsets="utf16")
        text = text_of(self._system, self._stream.workspace, resource.content)
        if text is not None and not _matches(told, text):
            self._fault(f"the selectors of the annotation {theirs} do not match the text")
        return resource_domain.decide(AddAnnotations((new,), (ours,), ("",)), resource, text)

    def _rewritten(self, payload: Mapping[str, Any]) -> Sequence[Event]:
        mark_id = annotation_id(payload["annotationId"])
        operations = [
            {name: _body(value) if isinstance(value, dict) else value for name, value in op.items()}
            for op in payload["operations"]
        ]
        command = UpdateBody(mark_id, lambda bodies: apply_operations(bodies, operations))
        return marks_domain.decide(command, self._known.resource, self._marks.get(mark_id))

    def _fault(self, detail: str) -> None:
        self._done.faults.append((self._history.id, detail))


def _key(told: Told) -> str:
    return hashlib.sha256(f"semiont\0{told.id}".encode()).hexdigest()


def _moment(at: str) -> str:
    """Return a time as the log writes it."""
    moment = datetime.fromisoformat(at)
    return iso((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _actor(told: Told) -> Actor:
    """Return who did it: whom the annotation names as its creator, else who wrote the event."""
    creator = told.payload.get("annotation", {}).get("creator")
    if isinstance(creator, dict):
        named = str(creator.get("id") or creator.get("@id") or told.user)
        name, kind = str(creator.get("name") or named), creator.get("type") or creator.get("@type")
    else:
        named = name = told.user or "unknown"
        kind = "Software" if ":agents:" in named else "Person"
    return Actor(named, "Person" if kind == "Person" else "Software", name)


def _cleaned(told: Mapping[str, Any], own: str) -> dict[str, Any]:
    """Return an annotation as a client of ours would write it."""
    kept: dict[str, Any] = {"type": "Annotation", "motivation": told["motivation"]}
    target = told.get("target")
    selector = target.get("selector") if isinstance(target, dict) else None
    kept["target"] = {"source": f"resource:{own}"} | ({"selector": selector} if selector else {})
    bodies = told.get("body", [])
    kept["body"] = [_body(body) for body in (bodies if isinstance(bodies, list) else [bodies])]
    generator = told.get("generator")
    if isinstance(generator, dict):
        plain = {name.removeprefix("@"): value for name, value in generator.items()}
        words = [
            str(plain[name]) for name in ("provider", "inferenceProvider", "model") if name in plain
        ]
        name = plain.get("name") or " ".join(words)
        kept["generator"] = {"type": "Software", "name": name}
        if "id" in plain:
            kept["generator"]["id"] = plain["id"]
    return kept


def _body(body: Any) -> Any:
    """Return a body whose source is one of our resources, if it was one of theirs."""
    if not isinstance(body, dict) or body.get("type") != "SpecificResource":
        return body
    source = str(body.get("source", ""))
    last = source.rstrip("/").rpartition("/")[2]
    if _HEX.match(last) or UUID.match(last):
        return {**body, "source": f"resource:{resource_id(last)}"}
    return body


def _matches(told: Mapping[str, Any], text: str) -> bool:
    """Tell whether the position, in UTF-16 code units, is where the quote stands."""
    target = told.get("target")
    selectors = target.get("selector", []) if isinstance(target, dict) else []
    by_type = {each.get("type"): each for each in selectors} if isinstance(selectors, list) else {}
    position, quote = by_type.get("TextPositionSelector"), by_type.get("TextQuoteSelector")
    if position is None or quote is None:
        return True
    units = text.encode("utf-16-le", "surrogatepass")
    found = units[2 * position["start"] : 2 * position["end"]]
    return bool(found.decode("utf-16-le", "replace") == quote["exact"])
