"""Annotations over HTTP: one and many, anchored, read, changed, removed, with their history."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.ids import Stream
from chalicelib.edge import schemas
from tests.edge.api import Api

TEXT = "😀 Ada was in Vienna, and Vienna was in May."
TAG = {"type": "TextualBody", "value": "Location", "purpose": "tagging"}


def quote(exact: str, **more: str) -> dict[str, Any]:
    return {"selector": {"type": "TextQuoteSelector", "exact": exact, **more}}


@pytest.fixture
def on(api: Api) -> str:
    """A resource that is annotated."""
    made: str = api.created(content=TEXT)["@id"]
    return made


def test_one_annotation_is_answered_as_the_next_read_shows_it(api: Api, on: str) -> None:
    answer = api.post(
        f"{on}/annotations",
        {"motivation": "linking", "target": quote("Vienna", suffix=", and"), "body": TAG},
    )

    assert (answer.status, answer.etag) == (201, '"2"')
    made = answer.json
    schemas.check("Annotation", made)
    assert answer.headers["location"] == made["id"]
    assert made["target"]["source"] == on
    position = made["target"]["selector"][0]
    assert TEXT[position["start"] : position["end"]] == "Vienna"
    assert made["body"] == [TAG]
    assert made["creator"] == {"id": "ada", "type": "Person", "name": "ada"}
    read = api.get(made["id"])
    assert (read.status, read.json, read.etag) == (200, made, '"2"')
    assert api.get(made["id"], headers={"If-None-Match": '"2"'}).status == 304


def test_many_are_one_commit_in_their_order(api: Api, on: str) -> None:
    items = [{"motivation": "tagging", "body": [{**TAG, "value": f"t{n}"}]} for n in range(100)]

    answer = api.post(f"{on}/annotations", {"items": items})

    assert answer.status == 201
    assert answer.json["version"] == 101
    schemas.check("AddedAnnotations", answer.json)
    made = answer.json["items"]
    assert [each["body"][0]["value"] for each in made] == [f"t{n}" for n in range(100)]
    assert [each["id"] for each in made] == sorted(each["id"] for each in made)
    assert answer.headers["location"] == f"{on}/annotations"
    read: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(f"{on}/annotations", query={"limit": 30, **cursor}).json
        schemas.check("Annotations", page)
        read += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert read == made


@pytest.mark.parametrize("keyed", [{}, {"Idempotency-Key": "much-1"}])
@pytest.mark.parametrize(
    ("content", "item"),
    [
        ("x", {"motivation": "commenting", "body": [{**TAG, "value": "v" * 54_000}]}),
        (
            "\x01" * 10_000,  # six bytes each in JSON, and a position stands for all of them
            {
                "motivation": "highlighting",
                "target": {"selector": {"type": "TextPositionSelector", "start": 0, "end": 10_000}},
            },
        ),
        ("x", {"motivation": "commenting", "body": [{**TAG, "value": '"' * 15_000}]}),
    ],
)
def test_what_could_not_be_answered_is_refused_before_it_is_stored(
    api: Api, content: str, item: Any, keyed: dict[str, str]
) -> None:
    """Given annotations whose answer is beyond what can be sent, when they come, none is stored."""
    on = api.created(content=content)["@id"]

    refused = api.post(f"{on}/annotations", {"items": [item] * 100}, headers=keyed)

    assert (refused.status, refused.problem) == (413, "too-large")
    assert "fewer" in refused.json["detail"]
    assert api.get(on).json["version"] == 1
    fewer = api.post(f"{on}/annotations", {"items": [item] * 50}, headers=keyed)
    assert (fewer.status, fewer.json["version"]) == (201, 51)
    if keyed:
        again = api.post(f"{on}/annotations", {"items": [item] * 50}, headers=keyed)
        assert (again.status, again.json) == (201, fewer.json)


def test_annotations_that_a_stale_state_would_refuse_are_held_against_the_current_one(
    api: Api,
) -> None:
    """Given a process that remembers longer content, when it is annotated, today's counts."""
    on = api.created(content="\x01" * 10_000)
    stream = Stream.of_resource(api.workspace, on["id"])
    remembered = api.system.heads.get(stream)
    assert remembered is not None
    new = {"format": "text/plain", "content": "a" * 10_000}
    put = api("PUT", f"{on['@id']}/content", new, headers={"If-Match": '"1"'})
    assert put.status == 200, put.body
    api.system.heads.forget(stream)
    api.system.heads.put(stream, remembered)

    selector = {"type": "TextPositionSelector", "start": 0, "end": 10_000}
    item = {"motivation": "highlighting", "target": {"selector": selector}}
    answer = api.post(f"{on['@id']}/annotations", {"items": [item] * 100})

    assert (answer.status, answer.json["version"]) == (201, 102)


def test_a_page_of_many_quotes_can_be_sent(api: Api, on: str) -> None:
    """Given text that is twice as large in what a Lambda returns, when it is paged, it comes."""
    item = {"motivation": "commenting", "body": [{**TAG, "value": '"' * 15_000}]}
    for _ in range(2):
        api.post(f"{on}/annotations", {"items": [item] * 50})

    page = api.get(f"{on}/annotations", query={"limit": 200})

    assert (page.status, page.json["next"] is None) == (200, False)


def test_all_or_nothing_with_a_pointer_to_each_fault(api: Api, on: str) -> None:
    items = [
        {"motivation": "linking", "target": quote("Vienna", prefix="in ")},
        {"motivation": "linking", "target": quote("Vienna")},
        {"motivation": "linking", "target": quote("Rome")},
    ]

    answer = api.post(f"{on}/annotations", {"items": items})

    assert (answer.status, answer.problem) == (422, "invalid")
    pointers = [fault["pointer"] for fault in answer.json["errors"]]
    assert [pointer.split("/")[2] for pointer in pointers] == ["1", "2"]
    assert len(answer.json["errors"][0]["candidates"]) == 2
    assert api.get(f"{on}/annotations").json["items"] == []


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({}, "/motivation"),
        ({"motivation": "admiring"}, "/motivation"),
        ({"motivation": "tagging", "body": {"type": "TextualBody"}}, "/body/value"),
        ({"motivation": "tagging", "body": [{"type": "Choice"}]}, "/body/0/type"),
        ({"motivation": "tagging", "target": {"selector": {"type": "XPath"}}}, "/target/selector/type"),
        ({"motivation": "tagging", "target": "http://elsewhere.test/x"}, "/target"),
        ({"motivation": "tagging", "body": "javascript:alert(1)"}, "/body"),
        ({"motivation": "tagging", "colour": "red"}, "/colour"),
        ({"items": []}, "/items"),
        ({"items": [{"motivation": "tagging"}] * 101}, "/items"),
        ({"items": [{"motivation": "tagging"}], "more": 1}, "/more"),
        (
            {"motivation": "tagging", "target": {"selector": [
                {"type": "TextPositionSelector", "start": 5, "end": 5}]}},
            "/target/selector/0",
        ),
    ],
)  # fmt: skip
def test_an_annotation_that_is_wrong_is_told_where(
    api: Api, on: str, wrong: Any, pointer: str
) -> None:
    answer = api.post(f"{on}/annotations", wrong)

    assert (answer.status, answer.problem) == (422, "invalid")
    assert pointer in [fault["pointer"] for fault in answer.json["errors"]]


def test_what_is_read_can_be_sent_back(api: Api, on: str) -> None:
    made = api.post(
        f"{on}/annotations",
        {
            "@context": "http://www.w3.org/ns/anno.jsonld",
            "type": ["Annotation"],
            "motivation": ["commenting"],
            "target": quote("Ada"),
            "body": [TAG, on, {"source": on, "purpose": "linking"}],
            "generator": {"name": "rules", "type": "Software", "homepage": "http://x.test/"},
        },
        headers={"Content-Type": "application/ld+json"},
    )
    assert made.status == 201, made.body

    again = api.post(f"{on}/annotations", made.json)

    assert again.status == 201, again.body
    for name in ("motivation", "target", "body", "generator", "anchor"):
        assert again.json[name] == made.json[name]


def test_utf_16_offsets_go_in_and_come_out(api: Api, on: str) -> None:
    units = len(TEXT[: TEXT.index("Ada")].encode("utf-16-le")) // 2
    target = {"selector": {"type": "TextPositionSelector", "start": units, "end": units + 3}}

    made = api.post(
        f"{on}/annotations",
        {"motivation": "tagging", "target": target},
        query="offsets=utf16",
    ).json

    assert made["target"]["selector"][0]["start"] == units
    assert made["target"]["selector"][1]["exact"] == "Ada"
    assert api.get(made["id"], query="offsets=utf16").json == made
    assert api.get(made["id"]).json["target"]["selector"][0]["start"] == units - 1
    (listed,) = api.get(f"{on}/annotations", query="offsets=utf16").json["items"]
    assert listed == made


def test_annotations_are_listed_by_motivation(api: Api, on: str) -> None:
    for motivation in ("tagging", "linking", "tagging"):
        api.post(f"{on}/annotations", {"motivation": motivation})

    found = api.get(f"{on}/annotations", query="motivation=tagging").json["items"]

    assert [each["motivation"] for each in found] == ["tagging", "tagging"]
    assert api.get(f"{on}/annotations", query="motivation=admiring").status == 400
    assert api.get(f"{on}/annotations", query="cursor=nonsense").status == 400


def test_a_body_is_changed_by_operations_or_whole(api: Api, on: str) -> None:
    note = api.post(f"{on}/annotations", {"motivation": "linking", "body": TAG}).json["id"]
    link = {"type": "SpecificResource", "source": on, "purpose": "linking"}

    added = api("PUT", f"{note}/body", {"operations": [{"op": "add", "item": link}]})

    assert (added.status, added.etag, added.json["body"]) == (200, '"3"', [TAG, link])
    assert api.get(note).json == added.json
    replaced = api("PUT", f"{note}/body", {"body": []}, headers={"If-Match": added.etag})
    assert replaced.json["body"] == []
    stale = api("PUT", f"{note}/body", {"body": [TAG]}, headers={"If-Match": added.etag})
    assert (stale.status, stale.json["actual"]) == (412, 4)
    gone = api("PUT", f"{note}/body", {"operations": [{"op": "remove", "item": TAG}]})
    assert (gone.status, gone.json["errors"][0]["pointer"]) == (422, "/operations/0/item")
    same = api("PUT", f"{note}/body", {"body": []})
    assert (same.status, same.etag) == (200, '"4"')


def test_annotations_are_listed_as_they_were_at_a_version_or_a_time(api: Api) -> None:
    """Given a resource with a history, when its past is asked for, then each fits its content."""
    on = str(api.created(content="Ada was in Vienna.")["@id"])
    path = f"{on}/annotations"
    quote = {"type": "TextQuoteSelector", "exact": "Vienna"}
    asked = {"motivation": "linking", "target": {"selector": quote}}
    first = api.post(path, asked).json  # 2
    api.post(path, {"items": [{"motivation": "tagging"}, {"motivation": "commenting"}]})  # 3, 4
    api("PUT", f"{first['id']}/body", {"body": [TAG]})  # 5
    changed = api.get(first["id"]).json
    new = {"content": "Nothing of the kind.", "format": "text/plain"}
    api("PUT", f"{on}/content", new, headers={"If-Match": '"5"'})  # 6
    api("DELETE", first["id"])  # 7

    def listed(**query: str) -> list[Any]:
        return list(api.get(path, query=query).json["items"])

    assert [len(listed(version=str(version))) for version in range(1, 8)] == [0, 1, 2, 3, 3, 3, 2]
    assert listed(version="2") == [first]
    assert listed(version="5")[0] == changed
    assert listed(version="6")[0]["anchor"]["state"] == "orphaned"
    assert listed(version="7") == listed()
    assert listed(at=first["created"]) == listed(version="2")
    assert [each["motivation"] for each in listed(version="4", motivation="tagging")] == ["tagging"]

    page = api.get(path, query={"version": "5", "limit": "2"}).json
    rest = api.get(path, query={"version": "5", "limit": "2", "cursor": page["next"]}).json
    assert page["items"] + rest["items"] == listed(version="5")
    assert (page["source"], rest["next"]) == ("log", None)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("version=8", 404),
        ("at=2001-01-01T00:00:00Z", 404),
        ("version=0", 400),
        ("version=1&at=2026-01-01T00:00:00Z", 400),
    ],
)
def test_a_past_that_there_is_not_is_refused(api: Api, on: str, query: str, status: int) -> None:
    assert api.get(f"{on}/annotations", query=query).status == status


def test_new_content_moves_an_annotations_etag_and_not_its_version(api: Api) -> None:
    """Given an annotation that a client holds, when it loses its place, then no 304 hides that."""
    on = str(api.created(content="Ada was in Vienna.")["@id"])
    quote = {"type": "TextQuoteSelector", "exact": "Vienna"}
    asked = {"motivation": "tagging", "target": {"selector": quote}}
    note = api.post(f"{on}/annotations", asked)
    was, now = api.get(on).json["content"]["text"], "Nothing of the kind."
    seen = []
    for text in (now, was, now):
        current = api.get(on).etag
        new = {"content": text, "format": "text/plain"}
        assert api("PUT", f"{on}/content", new, headers={"If-Match": current}).status == 200
        held = {"If-None-Match": seen[-1].etag if seen else note.etag}
        assert api.get(note.json["id"], headers=held).status == 200
        seen.append(api.get(note.json["id"]))

    assert [each.json["anchor"]["state"] for each in seen] == ["orphaned", "anchored", "orphaned"]
    assert seen[0].etag == seen[2].etag != note.etag
    assert (seen[1].etag, seen[1].json) == (note.etag, note.json)
    held = {"If-None-Match": seen[2].etag}
    assert api.get(note.json["id"], headers=held).status == 304
    for tag, body in (
        (seen[2].etag, []),
        (note.etag, [TAG]),
    ):  # only the version counts for a write
        answer = api("PUT", f"{note.json['id']}/body", {"body": body}, headers={"If-Match": tag})
        assert answer.status == 200
    wrong = '"3-0123456789ab"'
    assert api("DELETE", note.json["id"], headers={"If-Match": wrong}).status == 412
    assert api.get(on, headers={"If-Match": f'{api.get(on).etag[:-1]}-0123456789ab"'}).status == 412


def test_a_removed_annotation_is_gone_but_for_its_history(api: Api, on: str) -> None:
    note = api.post(f"{on}/annotations", {"motivation": "tagging"}).json["id"]
    assert api("DELETE", note, headers={"If-Match": '"1"'}).status == 412

    answer = api("DELETE", note, headers={"If-Match": '"2"'})

    assert (answer.status, answer.body) == (204, b"")
    assert api.get(note).status == 404
    assert api("DELETE", note).status == 404
    assert api("PUT", f"{note}/body", {"body": []}).status == 404
    assert api.get(f"{on}/annotations").json["items"] == []
    history = api.get(f"{note}/history").json["items"]
    assert [event["type"] for event in history] == ["annotation.added", "annotation.removed"]


def test_the_etag_of_one_annotation_does_not_move_with_another(api: Api, on: str) -> None:
    first = api.post(f"{on}/annotations", {"motivation": "tagging"})
    api.post(f"{on}/annotations", {"motivation": "tagging"})

    assert api.get(first.json["id"]).etag == first.etag == '"2"'
    assert api.get(on).etag == '"3"'


# -- history ------------------------------------------------------------------------------------


def test_a_page_ends_before_it_is_too_large_to_answer_and_the_rest_is_on_the_next(
    api: Api, on: str
) -> None:
    long = {"type": "TextualBody", "value": "long " * 20_000, "purpose": "commenting"}
    for _ in range(3):
        items = [{"motivation": "commenting", "body": [long]}] * 20
        assert api.post(f"{on}/annotations", {"items": items}).status == 201

    for path, count in (("annotations", 60), ("events", 61)):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 100}
        while query.get("cursor", "") is not None:
            page = api.get(f"{on}/{path}", query=query)
            assert (page.status, len(page.body) < 5 * 1024 * 1024) == (200, True)
            seen += [item["id"] for item in page.json["items"]]
            query["cursor"] = page.json["next"]

        assert len(seen) == len(set(seen)) == count


def test_the_history_is_paged_both_ways_and_its_chain_holds(api: Api, on: str) -> None:
    api.post(f"{on}/annotations", {"items": [{"motivation": "tagging"}] * 3})
    api("PATCH", on, {"name": "New"})

    oldest: list[Any] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = api.get(f"{on}/events", query=query).json
        schemas.check("Events", page)
        oldest += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert [event["version"] for event in oldest] == [1, 2, 3, 4, 5]
    assert [event["commit"]["version"] for event in oldest] == [1, 2, 2, 2, 5]
    assert oldest[0]["commit"]["previous"] is None
    assert oldest[1]["commit"]["previous"] == oldest[0]["commit"]["hash"]
    assert oldest[4]["commit"]["previous"] == oldest[3]["commit"]["hash"]
    newest = api.get(f"{on}/events", query="order=newest").json["items"]
    assert newest == oldest[::-1]
    below = api.get(f"{on}/events", query="order=newest&cursor=3").json["items"]
    assert [event["version"] for event in below] == [2, 1]


def test_a_gap_from_the_first_event_is_read_from_the_cursor_before_it(api: Api, on: str) -> None:
    """Given a gap from 1, when its events are asked for by <from - 1>, they are all there."""
    note = api.post(f"{on}/annotations", {"motivation": "tagging"}).json["id"]

    for path, order in ((on + "/events", "&order=oldest"), (f"{note}/history", "")):
        everything = api.get(path)
        assert api.get(path, query="cursor=0" + order).json == everything.json
    before = api.get(f"{on}/events", query="cursor=0&order=newest")
    assert (before.status, before.json["items"], before.json["next"]) == (200, [], None)
    unknown = "/resources/00000000-0000-7000-8000-000000000000"
    assert api.get(f"{unknown}/events", query="cursor=0").status == 404
    for wrong in ("00", "-1", "01"):
        assert api.get(f"{on}/events", query=f"cursor={wrong}").status == 400


def test_a_cursor_makes_no_history_of_what_never_was(api: Api, on: str) -> None:
    unknown = f"/resources/{api.system.mint()}"

    assert api.get(f"{unknown}/events", query="cursor=5").status == 404
    assert api.get(f"{unknown}/events", query="order=newest&cursor=5").status == 404
    beyond = api.get(f"{on}/events", query="cursor=5").json
    assert (beyond["items"], beyond["next"]) == ([], None)


def test_events_name_resources_by_iri(api: Api, on: str) -> None:
    body = [on, {"type": "TextualBody", "value": "resource:x"}]
    api.post(f"{on}/annotations", {"motivation": "linking", "body": body})

    event = api.get(f"{on}/events", query="order=newest&limit=1").json["items"][0]

    assert event["id"] == f"{on.rpartition('/')[2]}:2"
    sources = [each.get("source") for each in event["data"]["annotation"]["body"]]
    assert sources == [on, None]


def test_a_correlation_id_stands_in_the_event(api: Api, on: str) -> None:
    api("PATCH", on, {"name": "x"}, headers={"X-Correlation-ID": "job-7"})

    assert api.get(f"{on}/events").json["items"][-1]["correlation"] == "job-7"


def test_ids_in_a_path_may_be_in_upper_case(api: Api, on: str) -> None:
    """Given an id in upper case, as some libraries write it, when it is asked for, it is found."""
    note = api.post(f"{on}/annotations", {"motivation": "tagging"}).json["id"]
    resource_id, annotation_id = on.rpartition("/")[2], note.rpartition("/")[2]
    upper = f"/resources/{resource_id.upper()}"

    assert api.get(upper).json == api.get(on).json
    assert api.get(f"{upper}/annotations/{annotation_id.upper()}").json == api.get(note).json
    added = api.post(f"{upper}/annotations", {"motivation": "tagging"})
    assert added.headers["location"].startswith(f"{on}/annotations/")
    assert api.get(f"/resources/{resource_id.upper()}x").status == 404
    assert api.get("/problems/TOO-LARGE").status == 404


# -- vocabulary ---------------------------------------------------------------------------------


def test_the_vocabulary_is_seeded_once_and_extended(api: Api) -> None:
    seeded = api.get("/entity-types")
    assert len(seeded.json["entityTypes"]) == 9
    assert api.get("/entity-types", headers={"If-None-Match": seeded.etag}).status == 304
    assert len(api.get("/tag-schemas").json["tagSchemas"]) == 3

    more = api.post("/entity-types", {"entityTypes": ["Ship", "Person", "Ship"]})
    mood = {"id": "mood", "name": "Mood", "description": "", "tags": [{"name": "calm"}]}
    tags = api.post("/tag-schemas", mood)

    assert (more.status, more.json["entityTypes"][9:]) == (200, ["Ship"])
    assert (tags.status, tags.json["tagSchemas"][3]["id"]) == (200, "mood")
    schemas.check("EntityTypes", more.json)
    schemas.check("TagSchemas", tags.json)
    assert api.get("/entity-types").json == more.json
    assert len(api.of("other").get("/entity-types").json["entityTypes"]) == 9


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/entity-types", {"entityTypes": ["Ship"]}),
        (
            "/tag-schemas",
            {"id": "mood", "name": "M", "description": "", "tags": [{"name": "calm"}]},
        ),
    ],
)
def test_the_vocabulary_is_extended_as_it_was_seen_or_not_at_all(
    api: Api, path: str, body: Any
) -> None:
    """Given a vocabulary that moved on, when it is extended as it was seen, then 412."""
    seen = api.get(path)
    moved = api.post("/entity-types", {"entityTypes": ["Port"]})

    stale = api.post(path, body, headers={"If-Match": seen.etag})

    assert (stale.status, stale.problem) == (412, "stale-version")
    assert api.get(path).etag == moved.etag
    assert api.post(path, body, headers={"If-Match": moved.etag}).status == 200


def test_a_keyed_addition_is_answered_as_then(api: Api) -> None:
    headers = {"Idempotency-Key": "v-1"}
    first = api.post("/entity-types", {"entityTypes": ["Ship"]}, headers=headers)
    api.post("/entity-types", {"entityTypes": ["Port"]})

    again = api.post("/entity-types", {"entityTypes": ["Ship"]}, headers=headers)

    assert (again.status, again.json, again.etag) == (200, first.json, first.etag)


@pytest.mark.parametrize("wrong", [{}, {"entityTypes": []}, {"entityTypes": [" "]}, {"tag": "x"}])
def test_entity_types_are_checked(api: Api, wrong: Any) -> None:
    assert api.post("/entity-types", wrong).status == 422
