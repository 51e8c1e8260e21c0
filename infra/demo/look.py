"""What went in comes back: by content, by page, by history, by list, by time."""

from __future__ import annotations

import hashlib
from itertools import groupby
from typing import Any

from infra.demo.api import Surprise, expect, milliseconds
from infra.demo.load import ONE_BY_ONE, SHOWN, expect_same
from infra.demo.walk import Walk

PAGE = 5


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
    walk.voice.did(
        "GET …/annotations?limit=5", f"{count} annotations on {pages_read} pages, all equal"
    )
    links = walk.api.pages(walk.path(SHOWN, "annotations"), motivation="linking")
    references = [item for page in links for item in page]
    open_ = sum(all(body["type"] == "TextualBody" for body in item["body"]) for item in references)
    walk.voice.did(
        "GET …/annotations?motivation=linking",
        f"{len(references)} references in {walk.document(SHOWN).name}, {open_} still open",
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
    """List by entity type, word and time, and with a strong state laid over."""
    walk.voice.step(
        "Lists",
        "They come from the views' indexes, newest first, and say how far behind they may be. "
        "`after` lays one resource's strong state over the page.",
    )
    ours = set(walk.ids.values())
    for query in ({"entityType": "Manuscript"}, {"q": "palimpsest"}, {"q": "heib"}):
        page = walk.api.get("/resources", limit=50, **query)
        names = [item["name"] for item in page["items"] if item["id"] in ours]
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        walk.voice.did(f"GET /resources?{asked}", f"{len(names)}: {', '.join(names)}")
        expect(names, f"GET /resources?{asked} should find something, and finds nothing")
        expect(page["source"] == "views", f"The list should come from views, not {page['source']}")
    changed = _ids(walk.api.pages("/resources", changedSince=walk.began, limit=50)) & ours
    walk.voice.did(f"GET /resources?changedSince={walk.began[11:19]}…", f"{len(changed)} of ours")

    resource = walk.api.get(walk.path("timeline"))
    told = f"Eighteen dates; the demo came by at {walk.began[:19]}Z."
    patched = walk.api.call(
        "PATCH", walk.path("timeline"), 200,
        json={"description": told},
        headers={
            "If-Match": f'"{resource["version"]}"',
            "Content-Type": "application/merge-patch+json",
        },
    )  # fmt: skip
    version = patched.json()["version"]
    page = walk.api.get("/resources", after=f"{walk.ids['timeline']}:{version}", limit=50)
    found = [item for item in page["items"] if item["id"] == walk.ids["timeline"]]
    expect(
        [item["version"] for item in found] == [version],
        f"A list with `after` should show version {version}, and shows {found or 'nothing'}",
    )
    walk.voice.did("PATCH, then GET /resources?after=…", f"version {version} is there at once")


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


def _ids(pages: list[list[dict[str, Any]]]) -> set[str]:
    return {item["id"] for page in pages for item in page}
