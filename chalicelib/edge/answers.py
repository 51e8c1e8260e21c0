"""What the flows return, as clients see it: JSON with IRIs under PUBLIC_URL, ETags, Locations.

The answer to a write shows what the next read shows. The `…_again` functions make the answer to a
repeated keyed POST anew, from the commit that the first one made: ``{"resource": "0192f…",
"version": 7}``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain import iri
from chalicelib.domain.anchoring import Anchor, anchor_json
from chalicelib.domain.annotation import to_json
from chalicelib.domain.events import StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.domain.representation import Representation
from chalicelib.domain.resource import Resource
from chalicelib.domain.text import Offsets
from chalicelib.edge import requests, strict_json
from chalicelib.edge.answer import (
    MAX_ANSWER_BYTES,
    PAGE_BYTES,
    Answer,
    is_too_large,
    sent_bytes,
)
from chalicelib.edge.call import JSON, Call
from chalicelib.errors import LogUnreadable, TooLarge
from chalicelib.flows import health as health_flow
from chalicelib.flows import listing, read, write
from chalicelib.flows.content import text_of
from chalicelib.flows.head import Known, folded
from chalicelib.flows.write import Written
from chalicelib.system import System, iso

if TYPE_CHECKING:
    from chalicelib.flows.graph_told import Told

Json = dict[str, Any]

_REFERENCES = ("source", "id", "homepage")  # members of an event's data that may name ours

# -- resources ----------------------------------------------------------------------------------


def resource(system: System, call: Call, found: Resource) -> Answer:
    """Return a resource as it is, or was."""
    body = _with_content(system, call, found)
    return Answer(200, body, etag=str(found.version))


def created(system: System, call: Call, written: Written) -> Answer:
    """Return a new resource: 201, with its address."""
    made = _resource_of(written)
    headers = {"Location": _iri(system, made.id)}
    body = _with_content(system, call, made)
    return Answer(201, body, headers, str(made.version), again=_again(written))


def created_again(system: System, call: Call, told: Mapping[str, Any]) -> Answer:
    """Return the answer to the POST that made the resource once more."""
    return created(system, call, _repeated(system, call, told))


def changed(system: System, call: Call, written: Written) -> Answer:
    """Return a resource after a change; also after one that changed nothing."""
    return resource(system, call, _resource_of(written))


def redirect(system: System, call: Call, found: Resource) -> Answer:
    """Return where the content's bytes are to be had, for a while, without a token."""
    url = system.content.download(requests.workspace(call), found.content, method=call.method)
    headers = {"Location": url}
    if call.args["version"] is not None:  # that stays what it is; today's content may be another
        lives = max(0, int(system.config.presigned_s) - 60)
        headers["Cache-Control"] = f"private, max-age={lives}"
    return Answer(307, None, headers)


def upload(system: System, call: Call) -> Answer:
    """Return where to put bytes: a presigned URL, and the name that they will have."""
    wanted = call.json
    made = system.content.upload(requests.workspace(call), wanted["checksum"], wanted["size"])
    body = {
        "upload": wanted["checksum"],
        "url": made.url,
        "method": made.method,
        "headers": dict(made.headers),
        "expires": iso(system.now_s() + system.config.presigned_s),
    }
    return Answer(201, body)


def resources(system: System, call: Call, told: Told[listing.Page]) -> Answer:
    """Return a page of resources, without their content."""
    items = (resource_json(system, each) for each in told.value.items)
    return page(items, told.value.cursors, told.value.next, teller(told))


# -- annotations --------------------------------------------------------------------------------


def annotations_added(system: System, call: Call, written: Written) -> Answer:
    """Return new annotations as they were asked for: one, or all of ``{"items": […]}``: 201."""
    texts = _Texts(system, call, _resource_of(written))
    made = list(written.marks.values())
    items = [_annotation(system, texts, mark, _as_made(mark)) for mark in made]
    path = f"{_iri(system, texts.resource.id)}/annotations"
    if "items" in call.json:
        body: Json = {"items": items, "version": written.version}
        return Answer(201, body, {"Location": path}, media_type=JSON, again=_again(written))
    location = f"{path}/{made[0].annotation.id}"
    return Answer(
        201, items[0], {"Location": location}, str(made[0].version), again=_again(written)
    )


def annotations_that_fit(system: System, call: Call, foreseen: Written) -> None:
    """Raise TooLarge where the answer that tells of new annotations could not be sent.

    A quote that a position stands for can make it a hundred times as large as the request. Of what
    else is written, each has a bound of its own that an answer has room for (`domain.sizes`).
    """
    if is_too_large(strict_json.dumps(annotations_added(system, call, foreseen).body)):
        raise TooLarge(
            "The answer, which holds these annotations, would be larger than can be sent; nothing "
            "was stored. Send fewer at once",
            limit_bytes=MAX_ANSWER_BYTES,
        )


def annotations_added_again(system: System, call: Call, told: Mapping[str, Any]) -> Answer:
    """Return the answer to the POST that added the annotations once more."""
    return annotations_added(system, call, _repeated(system, call, told))


def annotation(system: System, call: Call, found: tuple[Resource, Mark]) -> Answer:
    """Return one annotation where it stands in the current content of its resource.

    Its ETag is the version that last changed it, and a digest of its place where new content has
    moved it since.
    """
    on, mark = found
    anchor = _anchor(system, call, on, mark)
    etag = str(mark.version)
    if anchor != _as_made(mark):
        place = f"{on.content.format} {anchor}"
        etag += f"-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
    return Answer(200, _annotation(system, _Texts(system, call, on), mark, anchor), etag=etag)


def annotation_changed(system: System, call: Call, written: Written) -> Answer:
    """Return an annotation after a change of its body."""
    (mark,) = written.marks.values()
    return annotation(system, call, (_resource_of(written), mark))


def removed(written: Written) -> Answer:
    """Return that an annotation is gone: 204."""
    return Answer(204)


def annotation_page(system: System, call: Call, found: read.MarkPage) -> Answer:
    """Return a page of annotations, each where it stands in the page's resource."""
    anchors = read.anchors(system, requests.workspace(call), found.resource, found.marks)
    texts = _Texts(system, call, found.resource)
    ids = [mark.annotation.id for mark in found.marks]
    items = (_annotation(system, texts, mark, anchors[mark.annotation.id]) for mark in found.marks)
    return page(items, ids, found.next, {"source": found.source, "lag": 0})


# -- history ------------------------------------------------------------------------------------


def events(system: System, call: Call, found: read.EventPage) -> Answer:
    """Return a page of events."""
    of, base = requests.resource_id(call), system.config.public_url
    items = (event(stored, of, base) for stored in found.events)
    versions = [str(stored.version) for stored in found.events]
    following = None if found.next is None else str(found.next)
    return page(items, versions, following, {"source": "log", "lag": 0})


def event(stored: StoredEvent, of: str, base_url: str) -> Json:
    """Return one event; `commit` lets a client follow the chain."""
    return {
        "id": f"{of}:{stored.version}",
        "type": stored.event.type,
        "version": stored.version,
        "resource": of,
        "at": stored.at,
        "actor": stored.actor.to_json(),
        "correlation": stored.correlation,
        "data": _with_iris(stored.event.data(), base_url),
        "commit": {
            "version": stored.first,
            "hash": stored.hash.hex(),
            "previous": None if stored.previous is None else stored.previous.hex(),
        },
    }


# -- vocabulary, health -------------------------------------------------------------------------


def entity_types(known: Known) -> Answer:
    """Return the entity types that the workspace offers."""
    kinds = list(known.vocabulary.entity_types)
    return Answer(200, {"entityTypes": kinds}, etag=str(known.head.version))


def tag_schemas(known: Known) -> Answer:
    """Return the tag schemas that the workspace offers."""
    schemas = [schema.to_json() for schema in known.vocabulary.tag_schemas.values()]
    return Answer(200, {"tagSchemas": schemas}, etag=str(known.head.version))


def vocabulary_extended(written: Written, show: Callable[[Known], Answer]) -> Answer:
    """Return the vocabulary after an addition."""
    shown = show(written.known)
    again = {"version": written.known.head.version}
    return Answer(200, shown.body, etag=shown.etag, again=again)


def vocabulary_again(
    system: System, call: Call, told: Mapping[str, Any], show: Callable[[Known], Answer]
) -> Answer:
    """Return the answer to an addition once more: the vocabulary as it was then."""
    stream = Stream.of_system(requests.workspace(call))
    return show(folded(stream, system.log.read(stream), upto=told["version"]))


def health(found: health_flow.Health) -> Answer:
    """Return the four parts: 200 when requests can be served, else 503."""
    parts = {
        "database": found.database,
        "eventStore": found.event_store,
        "graph": found.graph,
        "jobs": found.jobs,
    }
    body = {
        name: {"status": part.status, "latencyMs": part.latency_ms}
        | ({"detail": part.detail} if part.detail else {})
        for name, part in parts.items()
    }
    return Answer(200 if found.ready else 503, body, {"Cache-Control": "no-store"})


# -- pieces -------------------------------------------------------------------------------------


class _Texts:
    """The texts that positions of one answer are counted in, each decoded once."""

    def __init__(self, system: System, call: Call, on: Resource) -> None:
        self.resource = on
        self.offsets: Offsets = requests.offsets(call) if "offsets" in call.args else "codepoint"
        self._system = system
        self._workspace = requests.workspace(call)
        self._found: dict[str, str | None] = {}

    def of(self, checksum: str | None) -> str | None:
        """Return the text of that content, if a unit has to be converted and it is at hand."""
        if self.offsets == "codepoint" or checksum is None:
            return None
        if checksum not in self._found:
            kept = (each for each in self.resource.representations if each.checksum == checksum)
            representation = next(kept, None)
            self._found[checksum] = (
                None
                if representation is None
                else text_of(self._system, self._workspace, representation)
            )
        return self._found[checksum]


def annotation_json(system: System, call: Call, on: Resource, mark: Mark) -> Json:
    """Return one annotation where it stands in the current content of its resource."""
    return _annotation(system, _Texts(system, call, on), mark, _anchor(system, call, on, mark))


def _anchor(system: System, call: Call, on: Resource, mark: Mark) -> Anchor:
    found = read.anchors(system, requests.workspace(call), on, [mark])
    return found[mark.annotation.id]


def _annotation(system: System, texts: _Texts, mark: Mark, anchor: Anchor) -> Json:
    return to_json(
        mark.annotation,
        resource_id=texts.resource.id,
        base_url=system.config.public_url,
        creator=mark.creator.to_json(),
        created=mark.created,
        modified=mark.modified,
        anchor=anchor_json(anchor, text=texts.of(anchor.checksum), offsets=texts.offsets),
        text=texts.of(mark.annotation.target.checksum),
        offsets=texts.offsets,
    )


def _as_made(mark: Mark) -> Anchor:
    """Return where an annotation stood when it was made: where it says."""
    target = mark.annotation.target
    return Anchor("anchored", target.checksum or "", target.position)


def resource_json(system: System, found: Resource) -> Json:
    """Return a resource without its content."""
    body: Json = {
        "@context": f"{system.config.public_url}/context.jsonld",
        "@id": _iri(system, found.id),
        "@type": "CreativeWork",
        "id": found.id,
        "name": found.name,
        "description": found.description,
        "entityTypes": list(found.entity_types),
        "language": found.language,
        "archived": found.archived,
        "version": found.version,
        "created": found.created,
        "modified": found.modified,
        "creator": found.creator.to_json(),
        "representations": [each.to_json() for each in found.representations],
        "annotationCount": found.annotation_count,
        "source": None if found.source is None else _iri(system, found.source),
    }
    return {name: value for name, value in body.items() if value is not None}


def _with_content(system: System, call: Call, found: Resource) -> Callable[[], Json]:
    """Return what makes the whole body: the content is read only where the body is sent."""

    def make() -> Json:
        return {
            **resource_json(system, found),
            "content": _content(system, requests.workspace(call), found, found.content),
        }

    return make


def _content(
    system: System, workspace: str, found: Resource, representation: Representation
) -> Json:
    """Return text inline where it is text and short; else the address of the bytes."""
    if representation.size <= system.config.inline_text_bytes:
        text = text_of(system, workspace, representation)
        if text is not None:
            return {"text": text}
    past = "" if representation == found.representations[-1] else f"?version={found.version}"
    return {"href": f"{_iri(system, found.id)}/content{past}"}


def _with_iris(data: Any, base_url: str) -> Any:
    """Return an event's data with references to our resources as IRIs under today's base."""
    if isinstance(data, Mapping):
        return {
            name: iri.to_public(value, base_url)
            if name in _REFERENCES and isinstance(value, str)
            else _with_iris(value, base_url)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [_with_iris(value, base_url) for value in data]
    return data


def page(
    items: Iterable[Json], cursors: Sequence[str], following: str | None, teller: Json
) -> Answer:
    """Return a page of items, as many as fit, and who told it.

    `cursors` has, for each of them, the one to go on after it; `following` goes on after all.
    """
    fitting = list(that_fit(items))
    if len(fitting) < len(cursors):
        following = cursors[len(fitting) - 1]
    return Answer(200, {"items": fitting, "next": following, **teller})


def that_fit(items: Iterable[Json]) -> Iterator[Json]:
    """Yield items, the first and what else fits into one answer; none is made in vain but one."""
    size_bytes = 0
    for number, item in enumerate(items):
        size_bytes += sent_bytes(strict_json.dumps(item))
        if size_bytes > PAGE_BYTES and number:
            return
        yield item


def teller(told: Told[Any]) -> Json:
    """Return who told it, how late it may be, and what it lacks."""
    body: Json = {"source": told.source, "lag": round(told.lag_s, 3)}
    if told.degraded:
        body["degraded"] = True
    if told.truncated:
        body["truncated"] = True
    return body


def _resource_of(written: Written) -> Resource:
    found = written.known.resource
    assert found is not None
    return found


def _iri(system: System, resource_id: str) -> str:
    return f"{system.config.public_url}/resources/{resource_id}"


def _again(written: Written) -> Json | None:
    """Return what the answer can be made from again: where the commit is."""
    if written.commit is None:
        return None
    return {"resource": written.stream.resource_id, "version": written.commit.first}


def _repeated(system: System, call: Call, told: Mapping[str, Any]) -> Written:
    stream = Stream.of_resource(requests.workspace(call), told["resource"])
    version: int = told["version"]
    found = system.log.commits_at(stream, [version]).get(version)
    if found is None:
        raise LogUnreadable("the commit of this request cannot be found", version=version)
    return write.repeat(system, stream, found)
