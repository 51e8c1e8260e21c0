"""Documents and annotations go in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import httpx

from infra.demo.api import expect, milliseconds
from infra.demo.walk import Walk, key_for
from infra.library import Document

BOOK = "gospels"
BY_JSON = "timeline"
ONE_BY_ONE = "the-word"
SHOWN = "archimedes-palimpsest"


def put_documents(walk: Walk) -> None:
    """Create every resource of the library, and one of them a second time with the same key."""
    walk.voice.step(
        f"{len(walk.documents)} documents",
        "Most come as multipart forms, one as JSON, and the book by the way for large content: ask "
        "where to put it, put it into S3, name it. Each request has an Idempotency-Key, so that "
        "running the demo again makes nothing twice.",
    )
    rows: list[tuple[object, ...]] = []
    for document in walk.documents:
        answer = _create(walk, document)
        resource = answer.json()
        expect(
            answer.headers["ETag"] == f'"{resource["version"]}"',
            f"The ETag of a new resource is {answer.headers['ETag']}, not its version",
        )
        walk.ids[document.key], walk.iris[document.key] = resource["id"], resource["@id"]
        first = resource["representations"][0]
        expect(
            first["checksum"] == hashlib.sha256(document.content).hexdigest(),
            f"The checksum of {document.name} is not the SHA-256 of its bytes",
        )
        way = {BY_JSON: "JSON", BOOK: "upload"}.get(document.key, "multipart")
        took = milliseconds(answer)
        rows.append((document.key, document.format, first["size"], "B", way, took))
    walk.voice.table(rows)

    walk.voice.did(f"{SHOWN}, in each layer", "")
    walk.show_layers(SHOWN, content=True)
    again = _create(walk, walk.document(SHOWN))
    expect(
        again.json()["id"] == walk.ids[SHOWN],
        "A repeated POST with the same Idempotency-Key made a second resource",
    )
    walk.voice.did("the same POST, the same key", f"{again.status_code}, the same id: nothing new")


def put_annotations(walk: Walk) -> None:
    """Post the catalogue's annotations: for one document each alone, for the others in one go."""
    total = sum(len(document.marks) for document in walk.documents)
    walk.voice.step(
        f"{total} annotations",
        "W3C Web Annotations on text, on an image and on a PDF: references (some resolved to "
        "another document), highlights, comments, tags. A quote alone is enough, its position is "
        "found. One request is one commit, however many annotations it brings.",
    )
    rows: list[tuple[object, ...]] = []
    for document in walk.documents:
        requests, items = _annotate(walk, document)
        # A link is sent as "/resources/<id>", and read as a whole IRI.
        meant = [mark.annotation(document.text, walk.iris) for mark in document.marks]
        for wanted, answered in zip(meant, items, strict=True):
            expect_same(wanted, answered, document.name)
        walk.annotations[document.key] = items
        linked = sum(mark.link is not None for mark in document.marks)
        times = "in 1 request," if requests == 1 else f"in {requests} requests,"
        rows.append((document.key, len(items), times, linked, "lead to a document"))
    walk.voice.table(rows)
    walk.voice.did(f"{ONE_BY_ONE}: one by one", "each its own commit; the last two")
    walk.show_layers(ONE_BY_ONE, last=2)
    walk.voice.did(f"{SHOWN}: all at once", "one commit, one item of the log")
    walk.show_layers(SHOWN)


def expect_same(posted: dict[str, Any], read: dict[str, Any], name: str) -> None:
    """Stop unless what is read says all that was posted; context that was left out may be added."""
    expect(
        read["motivation"] == posted["motivation"] and read["body"] == posted["body"],
        f"An annotation of {name} came back with another motivation or body: {read['body']}",
    )
    of_kind = {selector["type"]: selector for selector in read["target"]["selector"]}
    for selector in posted["target"]["selector"]:
        expect(
            selector.items() <= of_kind.get(selector["type"], {}).items(),
            f"An annotation of {name} came back without its {selector}",
        )


def _annotate(walk: Walk, document: Document) -> tuple[int, list[dict[str, Any]]]:
    """Post a document's annotations; return in how many requests, and what was answered."""
    path = walk.path(document.key, "annotations")
    paths = {key: walk.path(key) for key in walk.ids}  # names the same under every base
    made = [mark.annotation(document.text, paths) for mark in document.marks]
    marks = [asdict(mark) for mark in document.marks]
    if document.key != ONE_BY_ONE:
        headers = key_for("many", path, marks)
        answer = walk.api.call("POST", path, 201, json={"items": made}, headers=headers)
        return 1, answer.json()["items"]
    answers = [
        walk.api.call("POST", path, 201, json=one, headers=key_for("one", path, mark))
        for one, mark in zip(made, marks, strict=True)
    ]
    return len(answers), [answer.json() for answer in answers]


def _create(walk: Walk, document: Document) -> httpx.Response:
    facts: dict[str, Any] = {
        "name": document.name,
        "format": document.format,
        "description": document.description,
        "entityTypes": list(document.entity_types),
    }
    facts |= {"language": document.language} if document.language else {}
    headers = key_for(document.key, document.content, facts)
    if document.key == BY_JSON:
        facts["content"] = document.text
    elif document.key == BOOK:
        facts["upload"] = _upload(walk, document.content)
    else:
        facts["entityTypes"] = json.dumps(facts["entityTypes"])
        file = (document.file, document.content, document.format)
        return walk.api.call(
            "POST", "/resources", 201, data=facts, files={"file": file}, headers=headers
        )
    return walk.api.call("POST", "/resources", 201, json=facts, headers=headers)


def _upload(walk: Walk, content: bytes) -> str:
    """Put content straight into S3, and return what `POST /resources` calls it by."""
    wanted = {"checksum": hashlib.sha256(content).hexdigest(), "size": len(content)}
    upload = walk.api.call("POST", "/uploads", 201, json=wanted).json()
    walk.api.send(upload["method"], upload["url"], content, upload["headers"])
    return str(upload["upload"])
