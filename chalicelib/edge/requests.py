"""What a call asks for: the arguments of the flows, read from calls that their route has checked.

Ids are minted here, or come from the Idempotency-Key: the same request makes the same ids again.
Content is stored here, before the command that names it: an append never names missing bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from chalicelib.domain import indexes
from chalicelib.domain.annotation import (
    Body,
    NewAnnotation,
    apply_operations,
    body_from_json,
    parse,
)
from chalicelib.domain.commands import (
    AddAnnotations,
    AddEntityTypes,
    AddTagSchema,
    ChangeContent,
    CloneResource,
    CreateResource,
    RemoveAnnotation,
    ResourceCommand,
    UpdateBody,
    UpdateResource,
)
from chalicelib.domain.events import ResourceUpdated, TagSchema
from chalicelib.domain.ids import UUID, derived_id
from chalicelib.domain.representation import Representation
from chalicelib.domain.resource import Resource
from chalicelib.domain.text import Offsets
from chalicelib.edge import schemas
from chalicelib.edge.call import MULTIPART, Call
from chalicelib.edge.form import MAX_CONTENT_BYTES, only, too_large
from chalicelib.edge.headers import MediaType
from chalicelib.edge.route import form_document
from chalicelib.edge.schemas.common import MEDIA_TYPE
from chalicelib.errors import Fault, Invalid, Malformed, NotFound, StaleVersion
from chalicelib.flows import content, read
from chalicelib.flows.listing import After, Filter
from chalicelib.flows.write import Request, seed_vocabulary, was_created
from chalicelib.system import System

MAX_FAULTS: Final = 100
UNKNOWN: Final = "application/octet-stream"  # content that nobody says anything of
_VERSION: Final = re.compile(r"[1-9][0-9]{0,14}\Z")
_MOVED: Final = re.compile(r"([1-9][0-9]{0,14})-[0-9a-f]{12}\Z")
"""An annotation's ETag where new content has moved it: only the version counts for a write."""
MAX_FILENAME: Final = 255
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def request(call: Call) -> Request:
    """Return on whose behalf the call is."""
    who = call.caller
    return Request(who.workspace, who.actor, call.correlation, call.append_key)


def workspace(call: Call) -> str:
    """Return the caller's workspace: the only one that he can name."""
    return call.caller.workspace


def resource_id(call: Call) -> str:
    """Return the resource that the path names. What is no id names nothing: NotFound."""
    return _id(call, "resource_id", "there is no such resource in this workspace")


def annotation_id(call: Call) -> str:
    """Return the annotation that the path names."""
    return _id(call, "annotation_id", "there is no such annotation on this resource")


def offsets(call: Call) -> Offsets:
    """Return the unit of positions that the client counts in."""
    return "utf16" if call.args["offsets"] == "utf16" else "codepoint"


# -- resources ----------------------------------------------------------------------------------


def new_resource(system: System, call: Call) -> tuple[Request, str, CreateResource]:
    """Store the content, and return who, which id, and the command."""
    document = _document(call, "NewResourceForm")
    command = CreateResource(
        name=document["name"],
        representation=_representation(system, call, document, None),
        entity_types=tuple(document.get("entityTypes", ())),
        description=document.get("description"),
        language=document.get("language"),
    )
    return request(call), _new_id(system, call), command


def clone(system: System, call: Call) -> tuple[Request, str, CloneResource]:
    """Return who, which id, and the command: the source's fields, but for those that are given.

    If-Match names the source's version. Raises StaleVersion, unless this call's key has made the
    clone before: then it is answered again.
    """
    source, new_id = read.resource(system, *on(call)), _new_id(system, call)
    expected = expected_version(call, lambda: source.version)
    if expected not in (None, source.version) and not was_created(system, request(call), new_id):
        raise StaleVersion(
            f"If-Match names version {expected} of the source, the current one is {source.version}",
            expected=expected,
            actual=source.version,
        )
    given: Mapping[str, Any] = call.json if call.body else {}
    command = CloneResource(
        source=source.id,
        source_version=source.version,
        name=given.get("name", source.name),
        representation=source.content,
        entity_types=tuple(given.get("entityTypes", source.entity_types)),
        description=given.get("description", source.description),
        language=given.get("language", source.language),
    )
    return request(call), new_id, command


def changes(system: System, call: Call) -> tuple[Request, str, ResourceCommand, int | None]:
    """Return who, what, the command and the expected version of a merge patch."""
    patch: Mapping[str, Any] = call.json
    kinds = tuple(patch["entityTypes"] or ()) if "entityTypes" in patch else None
    named = tuple((name, patch[name]) for name in ResourceUpdated.FIELDS if name in patch)
    command = UpdateResource(named, kinds, patch.get("archived"))
    return request(call), resource_id(call), command, _expected_of_resource(system, call)


def new_content(system: System, call: Call) -> tuple[Request, str, ResourceCommand, int | None]:
    """Store new content, and return who, what, the command and the expected version."""
    expected = _expected_of_resource(system, call)
    before = read.resource(system, *on(call))
    document = _document(call, "NewContentForm")
    representation = _representation(system, call, document, before.content.format)
    return request(call), resource_id(call), ChangeContent(representation), expected


def listing(call: Call) -> dict[str, Any]:
    """Return the arguments of a list of resources."""
    args = call.args
    wanted = Filter(
        entity_types=args["entityType"],
        words=_words(args["q"]),
        archived=args["archived"],
        changed_since=_instant(args["changedSince"], "changedSince"),
    )
    page = {"limit": args["limit"], "cursor": args["cursor"]}
    return {"wanted": wanted, **page, "after": after(call)}


def _words(asked: str | None) -> tuple[str, ...]:
    """Return the words to look for. What has none is looked for as it is, and no name has it."""
    return () if asked is None else indexes.words(asked) or (asked,)


def after(call: Call) -> After | None:
    """Return what of his own writes the caller wants to see."""
    if call.args["after"] is None:
        return None
    named, _, version = call.args["after"].partition(":")
    return After(named, int(version))


def resource(system: System, call: Call) -> Resource:
    """Return the resource that is asked for: as it is, or as it was at a version or a time."""
    then = past(call)
    return read.resource_at(system, *on(call), **then) if then else read.resource(system, *on(call))


def past(call: Call) -> dict[str, Any]:
    """Return which past is asked for, by a version or a time; nothing if none is."""
    version, at = call.args["version"], call.args.get("at")
    if version is not None and at is not None:
        raise Malformed("version and at both name a past; send one", parameters=["version", "at"])
    if version is None and at is None:
        return {}
    return {"version": version, "at": _instant(at, "at")}


def on(call: Call) -> tuple[str, str]:
    """Return the workspace, and the resource that the path names."""
    return workspace(call), resource_id(call)


def page(call: Call) -> dict[str, Any]:
    """Return the arguments of a page of annotations."""
    args = call.args
    asked = {"after": args["cursor"], "limit": args["limit"], "motivation": args["motivation"]}
    return asked | past(call)


def versions(call: Call) -> dict[str, Any]:
    """Return the arguments of a page of events."""
    args = call.args
    after = None if args["cursor"] is None else int(args["cursor"])
    newest = {"newest_first": True} if args.get("order") == "newest" else {}
    return {"after": after, "limit": args["limit"], **newest}


# -- annotations --------------------------------------------------------------------------------


def new_annotations(system: System, call: Call) -> tuple[Request, str, ResourceCommand, int | None]:
    """Return who, where, the command and the expected version: one annotation, or many."""
    document, on = call.json, resource_id(call)
    many = "items" in document
    items = document["items"] if many else [document]
    pointers = tuple(f"/items/{index}" if many else "" for index in range(len(items)))
    parsed: list[NewAnnotation] = []
    faults: list[Fault] = []
    for item, pointer in zip(items, pointers, strict=True):
        try:
            parsed.append(parse(item, resource_id=on, pointer=pointer, offsets=offsets(call)))
        except Invalid as error:
            faults += error.extra["errors"]
    if faults:
        raise Invalid(
            f"{len(faults)} fault(s) in the annotations; nothing was stored",
            errors=tuple(faults[:MAX_FAULTS]),
        )
    # In the order of the items. Minted also for a keyed request: a repeat finds its commit by the
    # key, and the ids there. Ids made of a key would overwrite what it made long ago.
    ids = tuple(sorted(system.mint() for _ in items))
    command = AddAnnotations(tuple(parsed), ids, pointers)
    return request(call), on, command, _expected_of_resource(system, call)


def new_body(system: System, call: Call) -> tuple[Request, str, UpdateBody, int | None]:
    """Return who, where, the command and the expected version of the annotation."""
    document: Mapping[str, Any] = call.json
    revise: Callable[[tuple[Body, ...]], tuple[Body, ...]]
    if "body" in document:
        bodies = body_from_json(document["body"])

        def revise(_: tuple[Body, ...]) -> tuple[Body, ...]:
            return bodies

    else:

        def revise(current: tuple[Body, ...]) -> tuple[Body, ...]:
            return apply_operations(current, document["operations"])

    command = UpdateBody(annotation_id(call), revise)
    return request(call), resource_id(call), command, _expected_of_annotation(system, call)


def removal(system: System, call: Call) -> tuple[Request, str, RemoveAnnotation, int | None]:
    """Return who, where, the command and the expected version of the annotation."""
    command = RemoveAnnotation(annotation_id(call))
    return request(call), resource_id(call), command, _expected_of_annotation(system, call)


# -- vocabulary ---------------------------------------------------------------------------------


def new_entity_types(system: System, call: Call) -> tuple[Request, AddEntityTypes, int | None]:
    """Return who, the command, and the expected version of the vocabulary."""
    command = AddEntityTypes(tuple(call.json["entityTypes"]))
    return request(call), command, _expected_of_vocabulary(system, call)


def new_tag_schema(system: System, call: Call) -> tuple[Request, AddTagSchema, int | None]:
    """Return who, the command, and the expected version of the vocabulary."""
    command = AddTagSchema(TagSchema.from_json(call.json))
    return request(call), command, _expected_of_vocabulary(system, call)


# -- pieces -------------------------------------------------------------------------------------


def _id(call: Call, name: str, otherwise: str) -> str:
    if not UUID.match(call.params[name]):
        raise NotFound(otherwise)
    return call.params[name]


def _new_id(system: System, call: Call) -> str:
    """Return the id of a new resource. A keyed request that is repeated names the same one."""
    return system.mint() if call.append_key is None else derived_id(call.append_key, 0)


def _document(call: Call, form: str) -> Mapping[str, Any]:
    """Return the body's members, whether it came as JSON or as a form; a file is not among them."""
    if call.media_type.name != MULTIPART:
        document: Mapping[str, Any] = call.json
        return document
    return form_document(call.form, form)


def _representation(
    system: System, call: Call, document: Mapping[str, Any], known_format: str | None
) -> Representation:
    """Store the body's content, or find the upload that it names. Raises Invalid, TooLarge."""
    named: str | None = document.get("format")
    if call.media_type.name == MULTIPART:
        part = only(call.form["file"])
        media_type = _media_type(named or part.media_type or known_format or UNKNOWN)
        return content.store(
            system, workspace(call), part.data, media_type, _filename(part.filename)
        )
    media_type, filename = _media_type(named or known_format or UNKNOWN), document.get("filename")
    if "upload" in document:
        return content.uploaded(system, workspace(call), document["upload"], media_type, filename)
    data = _bytes(document, media_type)
    if len(data) > MAX_CONTENT_BYTES:
        raise too_large()
    return content.store(system, workspace(call), data, media_type, filename)


def _bytes(document: Mapping[str, Any], media_type: str) -> bytes:
    if "content" in document:
        charset = MediaType.parse(media_type).parameters.get("charset", "utf-8").lower()
        text = str(document["content"])
        if charset not in ("utf-8", "utf8", "us-ascii") or (
            charset == "us-ascii" and not text.isascii()
        ):
            raise _fault("/format", f"says {charset}, but `content` is stored as UTF-8")
        return text.encode()
    try:
        return base64.b64decode(document["contentBase64"], validate=True)
    except binascii.Error:
        raise _fault("/contentBase64", "is not base64") from None


def _media_type(text: str) -> str:
    if schemas.faults(MEDIA_TYPE, text):
        raise _fault("/format", "must be a media type, as text/plain")
    return text


def _filename(name: str | None) -> str | None:
    """Return the last part of a file's name, printable, or None. Raises Invalid."""
    plain = _CONTROL.sub("", name or "").replace("\\", "/").rpartition("/")[2].strip()
    if len(plain) > MAX_FILENAME:
        raise _fault("/file", f"has a name of more than {MAX_FILENAME} characters")
    return plain or None


def _expected_of_resource(system: System, call: Call) -> int | None:
    return expected_version(call, lambda: read.resource(system, *on(call)).version)


def _expected_of_vocabulary(system: System, call: Call) -> int | None:
    return expected_version(call, lambda: seed_vocabulary(system, request(call)).head.version)


def _expected_of_annotation(system: System, call: Call) -> int | None:
    def current() -> int:
        where = workspace(call), resource_id(call), annotation_id(call)
        return read.annotation(system, *where)[1].version

    return expected_version(call, current, moved=True)


def expected_version(call: Call, current: Callable[[], int], *, moved: bool = False) -> int | None:
    """Return the version that If-Match names; None for `*`. Of several, the current one is meant.

    What is no version, or a weak tag, names none: StaleVersion, unless `current` raises NotFound.
    With `moved`, tags may say where an annotation has moved to.
    """
    tags = call.if_match
    if tags is None or tags.anything:
        return None
    strong = (tag for weak, tag in tags.tags if not weak)
    named = (_MOVED.sub(r"\1", tag) if moved else tag for tag in strong)
    versions = {int(tag) for tag in named if _VERSION.match(tag)}
    if len(versions) == 1:
        return versions.pop()
    now = current()
    if now not in versions:
        raise StaleVersion(f"If-Match does not name the current version, {now}", actual=now)
    return now


def _instant(text: str | None, parameter: str) -> str | None:
    """Return a time as the log writes it, to the millisecond, in UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"{parameter} is not a time that can be", parameters=[parameter]) from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fault(pointer: str, detail: str) -> Invalid:
    fault: Fault = {"pointer": pointer, "detail": detail}
    return Invalid(f"The body is not what is expected: {pointer} {detail}", errors=(fault,))
