"""Resources over HTTP: created, read, changed, cloned, listed."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from chalicelib.edge import schemas
from chalicelib.edge.form import MAX_CONTENT_BYTES
from tests.edge.api import Api, form

VIENNA = "Ada was in Vienna."


def test_a_resource_is_created_and_read_back_as_it_was_answered(api: Api) -> None:
    answer = api.post(
        "/resources",
        {
            "name": "A letter",
            "format": "text/plain",
            "content": VIENNA,
            "description": "From May",
            "language": "en",
            "entityTypes": ["Person", "Person", "Location"],
        },
    )

    assert answer.status == 201
    assert answer.etag == '"1"'
    made = answer.json
    schemas.check("Resource", made)
    assert answer.headers["location"] == made["@id"]
    assert made["entityTypes"] == ["Person", "Location"]
    assert made["content"] == {"text": VIENNA}
    assert made["representations"] == [
        {
            "checksum": hashlib.sha256(VIENNA.encode()).hexdigest(),
            "format": "text/plain",
            "size": len(VIENNA),
        }
    ]
    read = api.get(answer.headers["location"])
    assert (read.status, read.json, read.etag) == (200, made, '"1"')


def test_a_form_brings_its_file_with_name_type_and_every_byte(api: Api) -> None:
    data = bytes(range(256)) * 3
    sent = form(
        data={"name": "Noise", "entityTypes": '["Product"]'},
        files={"file": ("dir/ä b.bin", data, "application/x-noise")},
    )

    answer = api.post("/resources", **sent)

    assert answer.status == 201, answer.body
    (representation,) = answer.json["representations"]
    assert representation == {
        "checksum": hashlib.sha256(data).hexdigest(),
        "format": "application/x-noise",
        "size": len(data),
        "filename": "ä b.bin",
    }
    assert answer.json["content"] == {"href": answer.json["@id"] + "/content"}
    assert answer.json["entityTypes"] == ["Product"]
    assert api.system.content.get(api.workspace, representation["checksum"])[0] == data


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Person", ["Person"]),
        (["Person", "[x"], ["Person", "[x"]),
        ('["A", "B"]', ["A", "B"]),
        ("[]", []),
    ],
)
def test_a_forms_list_is_a_field_for_each_or_one_json_list(api: Api, sent: Any, read: Any) -> None:
    body = form(data={"name": "x", "entityTypes": sent}, files={"file": ("a", b"1", "text/plain")})

    assert api.post("/resources", **body).json["entityTypes"] == read


def test_the_format_field_says_more_than_the_file(api: Api) -> None:
    sent = form(
        data={"name": "Page", "format": "text/plain; charset=windows-1252"},
        files={"file": ("a", "Größe – 5 €".encode("cp1252"), "application/octet-stream")},
    )

    assert api.post("/resources", **sent).json["content"] == {"text": "Größe – 5 €"}


def test_bytes_come_in_base64_and_by_upload(api: Api) -> None:
    data = b"\x89PNG\r\n\x1a\n"
    checksum = hashlib.sha256(data).hexdigest()

    inline = api.post(
        "/resources",
        {"name": "a", "format": "image/png", "contentBase64": base64.b64encode(data).decode()},
    )
    by_name = api.post("/resources", {"name": "b", "format": "image/png", "upload": checksum})

    assert inline.status == by_name.status == 201
    assert inline.json["representations"] == by_name.json["representations"]


def test_an_upload_of_another_workspace_is_as_unknown(api: Api) -> None:
    checksum = api.created()["representations"][0]["checksum"]
    wanted = {"name": "x", "format": "text/plain", "upload": checksum}

    assert api.post("/resources", wanted).status == 201
    refused = api.of("other").post("/resources", wanted)

    assert refused.status == 422
    assert refused.json["errors"][0]["pointer"] == "/upload"
    assert refused.json == {
        **api.of("other").post("/resources", wanted | {"upload": "0" * 64}).json,
        "instance": refused.json["instance"],
    }


def test_an_upload_is_signed_for_its_bytes_alone(api: Api) -> None:
    answer = api.post("/uploads", {"checksum": "ab" * 32, "size": 7})

    assert answer.status == 201
    schemas.check("Upload", answer.json)
    assert answer.json["upload"] == "ab" * 32
    assert answer.json["headers"]["content-length"] == "7"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"name": " \t"}, "/name"),
        ({"name": "x" * 501}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"format": "text"}, "/format"),
        ({"format": "text/plain\r\nX: y"}, "/format"),
        ({"format": "text/plain; charset=utf-16"}, "/format"),
        ({"language": "en us"}, "/language"),
        ({"entityTypes": [""]}, "/entityTypes/0"),
        ({"entityTypes": ["x" * 101]}, "/entityTypes/0"),
        ({"entityTypes": "Person"}, "/entityTypes"),
        ({"upload": "0" * 64}, ""),
        ({"content": ...}, ""),
        ({"contentBase64": "a", "content": ...}, "/contentBase64"),
        ({"nonsense": 1}, "/nonsense"),
    ],
)
def test_a_body_that_is_wrong_is_told_where(api: Api, change: dict[str, Any], pointer: str) -> None:
    wanted = {"name": "a", "format": "text/plain", "content": "x"} | change
    wanted = {name: value for name, value in wanted.items() if value is not ...}

    answer = api.post("/resources", wanted)

    assert (answer.status, answer.problem) == (422, "invalid")
    assert {fault["pointer"] for fault in answer.json["errors"]} == {pointer}


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"data": {"name": "x"}, "files": {"other": ("a", b"")}}, "/file"),
        ({"data": {"name": ""}, "files": {"file": ("a", b"", "text/plain")}}, "/name"),
        ({"data": {"name": "x", "format": "no"}, "files": {"file": ("a", b"")}}, "/format"),
        (
            {"data": {"name": "x", "entityTypes": "[1]"}, "files": {"file": ("a", b"")}},
            "/entityTypes/0",
        ),
    ],
)
def test_a_form_that_is_wrong_is_told_where(api: Api, parts: Any, pointer: str) -> None:
    answer = api.post("/resources", **form(**parts))

    assert answer.status == 422
    assert pointer in [fault["pointer"] for fault in answer.json["errors"]]


def test_a_form_field_that_is_no_json_is_400(api: Api) -> None:
    sent = form(data={"name": "x", "entityTypes": '["Person"'}, files={"file": ("a", b"")})

    answer = api.post("/resources", **sent)

    assert (answer.status, answer.json["field"]) == (400, "entityTypes")


def test_content_beyond_the_limit_is_413_and_names_the_way(api: Api) -> None:
    big = b"x" * (MAX_CONTENT_BYTES + 1)

    answer = api.post("/resources", **form(data={"name": "x"}, files={"file": ("a", big)}))

    assert (answer.status, answer.problem) == (413, "too-large")
    assert "/uploads" in answer.json["detail"]


def test_text_beyond_the_inline_limit_is_a_link(api: Api) -> None:
    most = api.system.config.inline_text_bytes

    assert "text" in api.created(content="x" * most)["content"]
    assert "href" in api.created(content="x" * (most + 1))["content"]
    assert "href" in api.created(content="x", format="image/png")["content"]


def test_content_is_redirected_to_where_the_bytes_lie(api: Api) -> None:
    made = api.created()
    for accept in ("*/*", "image/png", "text/html"):
        answer = api.get(f"{made['@id']}/content", headers={"Accept": accept})

        assert (answer.status, answer.body) == (307, b"")
        assert made["representations"][0]["checksum"] in answer.headers["location"]
        assert "X-Amz-Signature" in answer.headers["location"]
    head = api("HEAD", f"{made['@id']}/content")
    assert head.status == 307
    assert head.headers["location"] != answer.headers["location"]


def test_only_what_stays_as_it_is_may_be_kept_by_a_browser(api: Api) -> None:
    """Given new content, when a browser comes again, then no redirect of before is in its way."""
    path = f"{api.created(content='old')['@id']}/content"

    assert api.get(path).headers["cache-control"] == "private, no-store"
    assert api.get(path, query={"version": "1"}).headers["cache-control"] == "private, max-age=840"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"format": "*/*"}, "/format"),
        ({"format": "text/*"}, "/format"),
        ({"format": "text/plain; charset=us-ascii", "content": "é"}, "/format"),
        ({"name": "\u200b"}, "/name"),
        ({"name": "a\u2028b"}, "/name"),
        ({"name": "a\u0085b"}, "/name"),
    ],
)
def test_what_says_nothing_or_another_thing_is_refused(
    api: Api, body: dict[str, str], pointer: str
) -> None:
    whole = {"name": "A letter", "format": "text/plain", "content": "x", **body}

    answer = api.post("/resources", whole)

    assert (answer.status, answer.problem) == (422, "invalid")
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]


def test_a_name_may_have_characters_without_width_beside_others(api: Api) -> None:
    assert api.created(name="👩\u200d🔬 می\u200cخواهم")["name"] == "👩\u200d🔬 می\u200cخواهم"


# -- changes ------------------------------------------------------------------------------------


def test_a_merge_patch_changes_what_it_names_in_one_commit(api: Api) -> None:
    made = api.created(description="old", language="en", entityTypes=["Person", "Event"])

    answer = api(
        "PATCH",
        made["@id"],
        {"name": "New", "description": None, "entityTypes": ["Event", "Date"]},
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert answer.status == 200
    now = answer.json
    assert (now["name"], now["language"], now["entityTypes"]) == ("New", "en", ["Event", "Date"])
    assert "description" not in now
    assert api.get(made["@id"]).json == now
    events = api.get(f"{made['@id']}/events").json["items"]
    assert len({event["commit"]["version"] for event in events}) == 2
    assert answer.etag == f'"{now["version"]}"'


def test_a_patch_that_changes_nothing_is_no_event(api: Api) -> None:
    made = api.created()

    for patch in ({}, {"name": made["name"]}, {"archived": False}, {"description": None}):
        answer = api("PATCH", made["@id"], patch)
        assert (answer.status, answer.etag) == (200, '"1"')


def test_an_archived_resource_is_read_but_not_changed(api: Api) -> None:
    made = api.created()
    assert api("PATCH", made["@id"], {"archived": True}).json["archived"] is True

    assert api.get(made["@id"]).status == 200
    assert api("PATCH", made["@id"], {"name": "x"}).problem == "conflict"
    assert api.post(f"{made['@id']}/annotations", {"motivation": "tagging"}).problem == "conflict"
    assert api("PATCH", made["@id"], {"name": "x", "archived": False}).status == 200


def test_what_does_not_exist_is_404_whatever_if_match_says(api: Api) -> None:
    unknown = "/resources/00000000-0000-7000-8000-000000000000"
    for tag in ('"1"', "*", '"1", "2"', '"x"'):
        assert api("PATCH", unknown, {"name": "x"}, headers={"If-Match": tag}).status == 404


def test_new_content_needs_if_match_and_moves_annotations_or_says_that_they_are_lost(
    api: Api,
) -> None:
    made = api.created(content="Ada was in Vienna, once.")
    quote = {"type": "TextQuoteSelector", "exact": "Vienna"}
    api.post(
        f"{made['@id']}/annotations",
        {"motivation": "linking", "target": {"selector": quote}},
    )
    address = f"{made['@id']}/content"

    assert api("PUT", address, {"content": "x"}).problem == "precondition-required"
    assert api("PUT", address, {"content": "x"}, headers={"If-Match": '"1"'}).status == 412
    answer = api(
        "PUT", address, {"content": "Yes: Ada was in Vienna, once."}, headers={"If-Match": '"2"'}
    )

    assert (answer.status, answer.etag) == (200, '"3"')
    assert answer.json["content"] == {"text": "Yes: Ada was in Vienna, once."}
    assert [each["format"] for each in answer.json["representations"]] == ["text/plain"] * 2
    (annotation,) = api.get(f"{made['@id']}/annotations").json["items"]
    assert annotation["anchor"]["state"] == "relocated"
    assert annotation["anchor"]["selector"]["start"] == 16

    sent = form(files={"file": ("b.txt", b"Nothing of it.", "text/markdown")})
    sent["headers"]["If-Match"] = "*"
    assert api("PUT", address, **sent).json["representations"][-1]["format"] == "text/markdown"
    (annotation,) = api.get(f"{made['@id']}/annotations").json["items"]
    assert annotation["anchor"]["state"] == "orphaned"


def test_a_clone_has_the_content_and_not_the_annotations(api: Api) -> None:
    made = api.created(description="d", entityTypes=["Person"])
    api.post(f"{made['@id']}/annotations", {"motivation": "tagging"})

    plain = api.post(f"{made['@id']}/clone")
    named = api.post(f"{made['@id']}/clone", {"name": "Copy", "entityTypes": []})

    assert plain.status == named.status == 201
    assert plain.json["source"] == made["@id"]
    assert plain.json["annotationCount"] == 0
    for name in ("name", "description", "entityTypes", "representations"):
        assert plain.json[name] == made[name]
    assert (named.json["name"], named.json["entityTypes"]) == ("Copy", [])
    assert api.get(plain.headers["location"]).json == plain.json


# -- the past -----------------------------------------------------------------------------------


def test_a_version_or_a_time_reads_the_past(api: Api) -> None:
    made = api.created()
    api("PUT", f"{made['@id']}/content", {"content": "new"}, headers={"If-Match": "*"})

    first = api.get(made["@id"], query={"version": 1})
    assert (first.status, first.etag, first.json) == (200, '"1"', made)
    at = api.get(made["@id"], query={"at": made["created"]}).json
    assert at["version"] in (1, 2)
    assert api.get(made["@id"], query={"at": "2020-01-01T00:00:00Z"}).status == 404
    assert api.get(made["@id"], query={"at": "2099-01-01T01:00:00+01:00"}).json["version"] == 2
    assert api.get(made["@id"], query={"version": 3}).status == 404
    assert api.get(made["@id"], query="version=1&at=2099-01-01T00:00:00Z").status == 400
    assert api.get(made["@id"], query="at=yesterday").status == 400
    assert api.get(made["@id"], query="at=2020-01-01T00:00:60Z").status in (400, 404)
    assert api.get(made["@id"], query="at=0001-01-01T00:00:00%2B23:59").status in (400, 404)
    past = api.get(f"{made['@id']}/content", query={"version": 1})
    assert made["representations"][0]["checksum"] in past.headers["location"]


# -- what is not there --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "00000000-0000-7000-8000-000000000000",
        "x",
        "..",
        "%2e%2e",
        "a%2Fb",
        "%00",
        "a%23b",
        "%F0%9F%98%80",
    ],
)
def test_what_is_no_id_or_not_there_is_404(api: Api, name: str) -> None:
    for method, path in (
        ("GET", ""),
        ("HEAD", ""),
        ("GET", "/content"),
        ("GET", "/events"),
        ("GET", "/annotations"),
        ("POST", "/clone"),
    ):
        assert api(method, f"/resources/{name}{path}").status == 404


def test_another_workspaces_resource_is_as_unknown_by_every_route(api: Api) -> None:
    made = api.created()
    note = api.post(f"{made['@id']}/annotations", {"motivation": "tagging"}).json
    stranger = api.of("other")
    unknown = made["@id"].replace(made["id"], "00000000-0000-7000-8000-000000000000")
    calls: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/content", None),
        ("GET", "/events", None),
        ("GET", "/annotations", None),
        ("POST", "/annotations", {"motivation": "tagging"}),
        ("POST", "/clone", {}),
        ("PATCH", "", {"name": "x"}),
        ("PUT", "/content", {"content": "x"}),
    ]
    tail = note["id"].removeprefix(made["@id"])
    calls += [
        ("GET", tail, None),
        ("GET", f"{tail}/history", None),
        ("DELETE", tail, None),
        ("PUT", f"{tail}/body", {"body": []}),
    ]
    for method, path, body in calls:
        theirs = stranger(method, made["@id"] + path, body, headers={"If-Match": "*"})
        nobodys = stranger(method, unknown + path, body, headers={"If-Match": "*"})

        assert theirs.status == nobodys.status == 404, (method, path, theirs.body)
        assert theirs.json["detail"] == nobodys.json["detail"]
    assert stranger.get("/resources").json["items"] == []
    assert api.get(made["@id"]).status == 200
