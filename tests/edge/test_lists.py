"""Lists of resources over HTTP, and what their cursors are good for."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.edge import schemas
from tests.edge.api import Api


def test_lists_filter_page_and_show_what_was_just_written(api: Api) -> None:
    first = api.created(name="Letter from Vienna", entityTypes=["Person"])
    second = api.created(name="Map of Vienna", entityTypes=["Location"])
    late = api.created(name="Late letter", entityTypes=["Person"])
    api.materialize(first["id"])
    api.materialize(second["id"])

    def names(**query: Any) -> list[str]:
        answer = api.get("/resources", query=query)
        assert answer.status == 200, answer.body
        schemas.check("Resources", answer.json)
        return [item["name"] for item in answer.json["items"]]

    assert names() == ["Map of Vienna", "Letter from Vienna"]
    assert names(entityType="Person") == ["Letter from Vienna"]
    assert names(entityType=["Person", "Location"]) == []
    assert names(q="vien let") == ["Letter from Vienna"]
    assert names(q="!!!") == names(q=" ") == names(q="let", entityType="Event") == []
    assert names(archived="true") == []
    assert names(changedSince=first["created"]) == ["Letter from Vienna", "Map of Vienna"]
    assert names(after=f"{late['id']}:1")[0] == "Late letter"
    page = api.get("/resources", query={"limit": 1}).json
    assert len(page["items"]) == 1
    assert page["source"] == "views"
    assert page["lag"] >= 0
    rest = api.get("/resources", query={"limit": 1, "cursor": page["next"]}).json
    assert rest["items"][0]["name"] == "Letter from Vienna"
    assert "content" not in page["items"][0]


@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=", "after=x", "after=00000000-0000-7000-8000-000000000000:0",
     "changedSince=now", "entityType=", "q=", "archived=1", "limit=1000", "colour=red"],
)  # fmt: skip
def test_a_list_refuses_what_it_does_not_understand(api: Api, query: str) -> None:
    answer = api.get("/resources", query=query)

    assert (answer.status, answer.problem) == (400, "malformed")


def test_a_cursor_goes_on_only_in_the_list_that_gave_it(api: Api) -> None:
    """Given a list's `next`, when it comes to a list with other filters, then 400 names it."""
    made = [api.created(name=f"Letter {n}", entityTypes=["Person", "Event"]) for n in range(4)]
    api.materialize(*(each["id"] for each in made))
    lists = [
        {},
        {"changedSince": "2020-01-01T00:00:00Z"},
        {"entityType": "Person"},
        {"entityType": "Event"},
        {"q": "letter"},
        {"archived": "false"},
    ]
    nexts = [api.get("/resources", query={**each, "limit": 1}).json["next"] for each in lists]
    assert all(nexts)

    for asked in lists:
        for given, cursor in zip(lists, nexts, strict=True):
            answer = api.get("/resources", query={**asked, "cursor": cursor})
            if asked == given:
                assert (answer.status, len(answer.json["items"])) == (200, 3), asked
            else:
                assert (answer.status, answer.problem) == (400, "malformed"), (asked, given)
                assert answer.json["detail"] == "`cursor` is not one that this list gave"
                assert answer.json["parameters"] == ["cursor"]


def test_a_cursor_goes_on_with_another_limit_and_in_another_order_of_types(api: Api) -> None:
    """Given a list's `next`, when only the page or the spelling differs, then it goes on."""
    made = [api.created(entityTypes=["Person", "Event"]) for _ in range(3)]
    api.materialize(*(each["id"] for each in made))
    first = api.get(
        "/resources", query=[("entityType", "Person"), ("entityType", "Event"), ("limit", 1)]
    )

    rest = api.get(
        "/resources",
        query=[
            ("entityType", "Event"),
            ("entityType", "Person"),
            ("limit", 100),
            ("after", f"{made[0]['id']}:1"),
            ("cursor", first.json["next"]),
        ],
    )

    assert [each["id"] for each in rest.json["items"]] == [made[1]["id"], made[0]["id"]]
    assert rest.json["next"] is None


@pytest.mark.parametrize("cursor", ["x", ".", "x.y", "WzEsIDJd", "%C3%A4.x"])
def test_a_cursor_that_no_list_gave_is_400(api: Api, cursor: str) -> None:
    for path in ("/resources", "/jobs"):
        answer = api.get(path, query=f"cursor={cursor}")
        assert (answer.status, answer.json["parameters"]) == (400, ["cursor"])
