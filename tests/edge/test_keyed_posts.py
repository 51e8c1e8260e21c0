"""A POST that is repeated under its Idempotency-Key: done once, answered alike."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.ids import Stream
from tests.edge.api import Answer, Api, form


def test_a_keyed_post_is_answered_alike_however_often_and_done_once(api: Api) -> None:
    wanted = {"name": "Once", "format": "text/plain", "content": "x"}
    headers = {"Idempotency-Key": "k-1"}

    first = api.post("/resources", wanted, headers=headers)
    api("PATCH", first.json["@id"], {"name": "Changed since"})
    again = api.post("/resources", wanted, headers=headers)

    assert (again.status, again.body, again.etag) == (first.status, first.body, first.etag)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    reused = api.post("/resources", wanted | {"name": "Twice"}, headers=headers)
    assert (reused.status, reused.problem) == (422, "key-reused")
    other = api.of("other").post("/resources", wanted, headers=headers)
    assert other.status == 201
    assert other.json["id"] != first.json["id"]


def test_a_keyed_form_is_the_same_under_another_boundary(api: Api) -> None:
    answers = []
    for _ in range(2):
        sent = form(data={"name": "x"}, files={"file": ("a", b"1", "text/plain")})
        sent["headers"]["Idempotency-Key"] = "k-2"
        answers.append(api.post("/resources", **sent))

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json


def test_a_keyed_post_that_lost_its_record_finds_its_own_commit(api: Api) -> None:
    made = api.created()
    headers = {"Idempotency-Key": "k-3"}
    notes = {"items": [{"motivation": "tagging"}, {"motivation": "linking"}]}
    calls: list[tuple[str, Any]] = [
        (f"{made['@id']}/annotations", notes),
        (f"{made['@id']}/annotations", {"motivation": "commenting"}),
        (f"{made['@id']}/clone", None),
        ("/resources", {"name": "a", "format": "text/plain", "content": "x"}),
        ("/tag-schemas", {"id": "mood", "name": "Mood", "tags": [{"name": "calm"}]}),
    ]
    for number, (path, body) in enumerate(calls):
        keyed = {"Idempotency-Key": f"{headers['Idempotency-Key']}-{number}"}
        first = api.post(path, body, headers=keyed)
        api.forget_requests()

        again = api.post(path, body, headers=keyed)

        assert (again.status, again.json) == (first.status, first.json)
        assert "idempotency-replayed" not in again.headers
    assert api.get(made["@id"]).json["annotationCount"] == 3


def test_a_key_that_is_used_again_days_later_makes_what_is_asked_for_then(api: Api) -> None:
    """Given what a key made, when a day is over, then another request under it is another one."""
    first = _keyed(api, "/resources", {"name": "one", "format": "text/plain", "content": "first"})
    _days_pass(api, first.json["id"])

    other = _keyed(api, "/resources", {"name": "two", "format": "text/plain", "content": "second"})

    assert (first.status, other.status) == (201, 201)
    assert other.json["id"] != first.json["id"]
    assert (other.json["name"], other.json["content"]["text"]) == ("two", "second")
    assert api.get(first.json["@id"]).json["name"] == "one"


@pytest.mark.parametrize("later", ["Vienna", "Ada"])
def test_a_key_that_is_used_again_days_later_overwrites_no_annotation(api: Api, later: str) -> None:
    """Given a keyed annotation, when its key comes again for any other, then both are there."""
    made = api.created(content="Ada was in Vienna.")
    path = f"{made['@id']}/annotations"
    first = _keyed(api, path, _about("Ada"))
    api.materialize(made["id"])
    _days_pass(api, made["id"])

    other = _keyed(api, path, _about(later))
    api.materialize(made["id"])

    assert other.status == 201
    assert [each["id"] for each in api.get(path).json["items"]] == [
        first.json["id"],
        other.json["id"],
    ]
    assert api.get(made["@id"]).json["annotationCount"] == 2
    assert api("DELETE", first.json["id"]).status == 204
    assert api.get(made["@id"]).json["annotationCount"] == 1


def test_a_key_is_still_refused_for_another_request_within_the_day(api: Api) -> None:
    made = api.created(content="Ada was in Vienna.")
    path = f"{made['@id']}/annotations"
    _keyed(api, path, _about("Ada"))

    other = _keyed(api, path, _about("Vienna"))

    assert (other.status, other.problem) == (422, "key-reused")


def _keyed(api: Api, path: str, body: Any) -> Answer:
    return api.post(path, body, headers={"Idempotency-Key": "daily"})


def _about(quote: str) -> dict[str, Any]:
    selector = {"type": "TextQuoteSelector", "exact": quote}
    return {"motivation": "linking", "target": {"selector": selector}}


def _days_pass(api: Api, resource_id: str) -> None:
    """Forget what is kept of keyed requests for a day, as DynamoDB does."""
    import boto3
    from boto3.dynamodb.conditions import Key

    api.forget_requests()
    table = boto3.resource("dynamodb").Table(api.system.config.views_table)
    stream = Stream.of_resource(api.workspace, resource_id).key
    condition = Key("pk").eq(stream) & Key("sk").begins_with("key#")
    for item in table.query(KeyConditionExpression=condition)["Items"]:
        table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})


@pytest.mark.parametrize(
    ("path", "query", "wrong"),
    [
        ("/graph/paths", "from=00000000-0000-7000-8000-000000000000", ["to"]),
        ("/graph/paths", "", ["from", "to"]),
        ("/resources", "foo=1&limit=2&q=ok", ["foo"]),
        ("/resources", "limit=2&changedSince=2026-02-30T00:00:00Z", ["changedSince"]),
        ("/resources", "limit=2&q=%ff", ["q"]),
        ("/resources", "limit=2&entityType=Person&entityType=%c3", ["entityType"]),
    ],
)
def test_what_is_wrong_or_missing_in_a_query_is_named(
    api: Api, path: str, query: str, wrong: list[str]
) -> None:
    """Given a call with a wrong or missing parameter, when it is refused, then by that name."""
    answer = api.get(path, query=query)

    assert (answer.status, answer.json["parameters"]) == (400, wrong)
