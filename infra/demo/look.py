"""What went in comes back: by content, by page, by history, by list, by time."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from itertools import groupby

from infra.demo.api import Surprise, expect, milliseconds
from infra.demo.load import ONE_BY_ONE, SHOWN, expect_same
from infra.demo.walk import Walk

PAGE = 5
PUMP = "/_local/pumps/view_materializer"
WAIT_S = 5.0


def read_content(walk: Walk) -> None:
    """Fetch every document's bytes and compare them."""
    walk.voice.step(
        "The bytes come back as they went in",
        "GET …/content redirects to a presigned URL, so no gateway touches the bytes: PNG, PDF, "
        "UTF-16 and windows-1252 alike.",
    )
    total = 0
    for document in walk.documents:
        there = walk.api.follow(walk.api.call("GET", walk.path(document.key, "content"), 307))
        expect(
            there.content in walk.contents(document),
            f"{document.name} came back with other bytes ({len(there.content):,} of them)",
        )
        total += len(there.content)
    walk.voice.did(
        f"GET …/content, {len(walk.documents)} times", f"{total:,} B, every byte the same"
    )
    cached = there.headers.get("Cache-Control", "no Cache-Control")
    walk.voice.did(
        "served with", f"{cached}; nosniff: {there.headers.get('X-Content-Type-Options')}"
    )
    resource = walk.api.get(walk.path("devis-imagerie"))
    line = resource["content"]["text"].splitlines()[0]
    walk.voice.did("GET … of the windows-1252 text", f"inline, decoded: {line}")
    href = walk.api.get(walk.path("gospels"))["content"]
    expect("href" in href, "A text over 256 KB should be a link in the resource, and is inline")
    walk.voice.did("GET … of the book", "a link instead: over 256 KB")


def read_annotations(walk: Walk) -> None:
    """Page through every document's annotations and compare them with what was posted."""
    walk.voice.step(
        "The annotations come back, page by page",
        f"Here {PAGE} at a time. A page is the view, completed from the log: it is never older "
        "than the last 201, however far the stream lags.",
    )
    count, pages_read = 0, 0
    for document in walk.documents:
        pages = walk.api.pages(walk.path(document.key, "annotations"), limit=PAGE)
        read = {item["id"]: item for page in pages for item in page}
        for answered in walk.annotations[document.key]:
            if answered["id"] not in read:
                raise Surprise(f"{answered['id']} was created, but is on no page")
            expect_same(answered, read[answered["id"]], document.name)
        count, pages_read = count + len(read), pages_read + len(pages)
    walk.voice.did("GET …/annotations?limit=5", f"{count} on {pages_read} pages, all as posted")
    links = walk.api.pages(walk.path(SHOWN, "annotations"), motivation="linking")
    references = [item for page in links for item in page]
    open_ = sum(all(body["type"] == "TextualBody" for body in item["body"]) for item in references)
    walk.voice.did(
        "GET …/annotations?motivation=linking",
        f"{len(references)} references in {SHOWN}, {open_} open",
    )


def read_history(walk: Walk) -> None:
    """Read a history in pages and check its chain, then recompute every hash from the table."""
    walk.voice.step(
        "The history, and its chain",
        "Each event stands in a commit, and each commit holds the hash of the one before. Whoever "
        "reads the events can follow the chain; whoever reads the table can recompute it.",
    )
    pages = walk.api.pages(walk.path(ONE_BY_ONE, "events"), limit=PAGE)
    events = [event for page in pages for event in page]
    versions = [event["version"] for event in events]
    expect(
        versions == list(range(1, len(events) + 1)),
        f"The versions of a history should run 1, 2, 3 …, and are {versions}",
    )
    commits = [commit for commit, _ in groupby(event["commit"] for event in events)]
    previous = None
    for commit in commits:
        expect(
            commit.get("previous") == previous,
            f"The commit at version {commit['version']} does not continue the one before",
        )
        previous = commit["hash"]
    walk.voice.did(
        f"GET …/events?limit={PAGE}",
        f"versions 1 to {versions[-1]} on {len(pages)} pages, {len(commits)} commits, unbroken",
    )
    for event in (*events[:2], events[-1]):
        commit = event["commit"]
        before = (commit.get("previous") or "nothing")[:8]
        told = (
            f"{event['type']:<18} by {event['actor']['name']}, {commit['hash'][:8]}… after {before}"
        )
        walk.voice.layer(f"v{event['version']}", told)
    if walk.layers is not None:
        checked = 0
        for document in walk.documents:
            stored = walk.layers.commits(walk.ids[document.key])
            wrong = [commit.first for commit in stored if not commit.fits]
            expect(not wrong, f"In the log of {document.name} the hashes at {wrong} do not fit")
            checked += len(stored)
        walk.voice.layer(
            "log", f"{checked} hashes recomputed from {walk.layers.log_table}: all fit"
        )


def read_lists(walk: Walk) -> None:
    """List by entity type and by the beginning of a word of the name."""
    walk.voice.step(
        "Lists",
        "They come from the views' indexes (by type from the graph, where there is one), newest "
        "first, and say how far behind those may be.",
    )
    ours = set(walk.ids.values())
    for query in ({"entityType": "Manuscript"}, {"q": "palimpsest"}, {"q": "heib"}):
        page = walk.api.get("/resources", limit=50, **query)
        names = [item["name"] for item in page["items"] if item["id"] in ours]
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        expect(names, f"GET /resources?{asked} should find something, and finds nothing")
        sources = ("views", "graph") if "entityType" in query else ("views",)
        expect(page["source"] in sources, f"The list comes from {page['source']}")
        told = f"{len(names)} of ours, from {page['source']}, lag {page['lag']} s"
        walk.voice.did(f"GET /resources?{asked}", told)
        walk.voice.layer("", "; ".join(names))


def read_own_write(walk: Walk) -> None:
    """Stop the materializer, write, and read: what was written is there, the view is not."""
    walk.voice.step(
        "What was just written is there, however far the views lag",
        "A read of one resource completes its view from the log. A list is eventual, unless "
        "`after` names a version: then that resource's strong state is laid over the page.",
    )
    began = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if walk.local:
        walk.api.call("POST", PUMP, 200, json={"paused": True})
        walk.voice.did("POST …/pumps/view_materializer", "paused: the views stand still")
    try:
        _write_and_read(walk, began)
    finally:
        if walk.local:
            walk.api.call("POST", PUMP, 200, json={"paused": False})
    if walk.local:
        walk.voice.did("POST …/pumps/view_materializer", "resumed")
    walk.show_layers("timeline")
    until = time.monotonic() + WAIT_S
    while walk.ids["timeline"] not in _versions(walk, changedSince=began):
        expect(time.monotonic() < until, "A list with changedSince does not show what has changed")
        time.sleep(0.1)
    walk.voice.did(f"GET /resources?changedSince={began[11:19]}…", "it is there")


def _write_and_read(walk: Walk, now: str) -> None:
    path, id_ = walk.path("timeline"), walk.ids["timeline"]
    told = f"Eighteen dates. The demo came by at {now}."
    tag = walk.api.call("GET", path, 200).headers["ETag"]
    headers = {"If-Match": tag, "Content-Type": "application/merge-patch+json"}
    patched = walk.api.call("PATCH", path, 200, json={"description": told}, headers=headers)
    version = patched.json()["version"]
    walk.voice.did(f"PATCH …, If-Match {tag}", f"200 in {milliseconds(patched)}, version {version}")

    read = walk.api.get(path)
    expect(read["description"] == told, "A GET after a PATCH does not show what was written")
    walk.voice.did("GET …", f"version {read['version']}, with the new description")
    if walk.layers is not None and walk.local:
        mark = walk.layers.watermark(id_)
        walk.voice.layer("view", f"still at watermark {mark.version if mark else 'none'}")

    walk.voice.did("GET /resources?q=timeline", f"version {_versions(walk).get(id_, 'none')} of it")
    after = _versions(walk, after=f"{id_}:{version}").get(id_)
    expect(after == version, f"A list with `after` should show version {version}, not {after}")
    walk.voice.did(f"GET /resources?q=timeline&after=…:{version}", f"version {after} of it")


def read_past(walk: Walk) -> None:
    """Read an older layer of a resource."""
    walk.voice.step(
        "Every earlier layer can still be read",
        "Content is never overwritten, events are never edited: a version or a time names a past.",
    )
    first = walk.document("heiberg")
    then = walk.api.call("GET", walk.path("heiberg"), 200, params={"version": 1})
    text = then.json()["content"]["text"]
    expect(text == first.text, "Version 1 of the changed page is not its first edition")
    now = walk.api.get(walk.path("heiberg"))
    checksums = [item["checksum"][:12] for item in now["representations"]]
    walk.voice.did("GET …?version=1", f"the first edition, in {milliseconds(then)}")
    walk.voice.did("GET …", f"version {now['version']}, editions {' and '.join(checksums)}")
    kept = {hashlib.sha256(edition).hexdigest()[:12] for edition in walk.contents(first)}
    expect(set(checksums) == kept, f"The editions are {checksums}, not {sorted(kept)}")


def _versions(walk: Walk, **query: str) -> dict[str, int]:
    page = walk.api.get("/resources", q="timeline", limit=50, **query)
    return {item["id"]: item["version"] for item in page["items"]}
