"""New content under annotations, and what the API refuses."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from infra.demo.api import expect, milliseconds
from infra.demo.walk import Walk
from infra.library import decoded


def bring_second_edition(walk: Walk) -> None:
    """Give a document new content, and see what became of its annotations."""
    walk.voice.step(
        "A second edition",
        "New content needs If-Match. Annotations stay as they were made; each is found again in "
        "the new text by its quote, or marked orphaned. None is moved silently.",
    )
    document = walk.document("heiberg")
    _, second = walk.contents(document)
    path = walk.path("heiberg")
    before = walk.api.call("GET", path, 200)
    tag = before.headers["ETag"]
    current = before.json()["representations"][-1]["checksum"]
    if current == hashlib.sha256(second).hexdigest():
        walk.voice.did("GET …", f"ETag {tag}: an earlier run brought it")
    else:
        stale = f'"{before.json()["version"] - 1}"'
        form: dict[str, Any] = {
            "data": {"format": document.format},
            "files": {"file": (str(document.second_edition), second, document.format)},
        }
        put_to = f"{path}/content"
        refused = walk.api.call("PUT", put_to, 412, headers={"If-Match": stale}, **form).json()
        walk.voice.did(f"PUT …/content, If-Match {stale}", f"412: {refused['detail']}")
        put = walk.api.call("PUT", put_to, 200, headers={"If-Match": tag}, **form)
        walk.voice.did(
            f"PUT …/content, If-Match {tag}",
            f"{put.status_code} in {milliseconds(put)}, ETag {put.headers['ETag']}",
        )
    text = decoded(second, document.format) or ""
    states: dict[str, int] = {}
    pages = walk.api.pages(f"{path}/annotations")
    for annotation in (item for page in pages for item in page):
        anchor = annotation["anchor"]
        states[anchor["state"]] = states.get(anchor["state"], 0) + 1
        by_kind = {selector["type"]: selector for selector in annotation["target"]["selector"]}
        was, exact = by_kind["TextPositionSelector"], by_kind["TextQuoteSelector"]["exact"]
        if anchor["state"] == "relocated":
            now = anchor["selector"]
            expect(
                text[now["start"] : now["end"]] == exact,
                f"{exact!r} was relocated to a place where it does not stand",
            )
            moved = f"{was['start']} → {now['start']}"
        else:
            expect(exact not in text, f"{exact!r} is {anchor['state']}, but stands in the text")
            moved = f"{was['start']} → nowhere"
        walk.voice.layer(anchor["state"], f"{moved:<16} “{exact[:50]}”")
    expect(
        states.keys() == {"relocated", "orphaned"},
        f"Some annotations should be relocated and one orphaned, but they are {states}",
    )
    walk.show_layers("heiberg", content=True)


def be_refused(walk: Walk) -> None:
    """Ask for what cannot be: each time the answer is a problem document that says why."""
    walk.voice.step(
        "What is refused, and how it is told",
        "Errors are RFC 9457 problem documents; faults of a body carry JSON pointers.",
    )
    path = walk.path("archimedes-palimpsest")
    tag = walk.api.call("GET", path, 200).headers["ETag"]
    walk.api.call("GET", path, 304, headers={"If-None-Match": tag})
    walk.voice.did(f"GET …, If-None-Match {tag}", "304, nothing to send")

    quote = {"type": "TextQuoteSelector", "exact": "Constantinople"}
    posted = {"motivation": "highlighting", "target": {"selector": quote}}
    problem = walk.api.call("POST", f"{path}/annotations", 422, json=posted).json()
    fault = problem["errors"][0]
    walk.voice.did("POST …/annotations, an ambiguous quote", f"422 at {fault['pointer']}")
    candidates = fault["candidates"]
    expect(len(candidates) > 1, "An ambiguous quote should come back with its candidates")
    text = walk.document("archimedes-palimpsest").text or ""
    for place in candidates:
        found = text[place["start"] : place["end"]]
        expect(found == quote["exact"], f"A candidate is said to be where {found!r} stands")
        around = f"…{place['prefix'][-22:]}[{found}]{place['suffix'][:22]}…"
        walk.voice.layer(f"at {place['start']}", " ".join(around.split()))

    wrong = {"type": "TextPositionSelector", "start": 0, "end": 3}
    items = [posted | {"target": {"selector": wrong}}, {"motivation": "admiring"}]
    problem = walk.api.call("POST", f"{path}/annotations", 422, json={"items": items}).json()
    pointers = ", ".join(fault["pointer"] for fault in problem["errors"])
    walk.voice.did("POST …, one good item and one bad", f"422 at {pointers}; neither is stored")
    walk.api.call("GET", path, 304, headers={"If-None-Match": tag})

    problem = walk.api.call("PUT", f"{path}/content", 428, json={"content": "x"}).json()
    walk.voice.did("PUT …/content without If-Match", f"428: {problem['title']}")
    problem = walk.api.call("GET", f"/resources/{'0' * 8}-0000-7000-8000-{'0' * 12}", 404).json()
    walk.voice.did("GET /resources/<unknown>", f"404: see {urlsplit(problem['type']).path}")
