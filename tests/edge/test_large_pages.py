"""Lists of what is as large as it may be: each page can be sent, and together they are the list."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.edge import schemas
from chalicelib.system import System
from tests.edge.api import Api

WIDE = "\U00020089"
"""A character that takes twelve bytes in what a Lambda returns before Python 3.12, else four."""
RESOURCES = 50


class Patient(System):
    """A system in which no question takes any time, so that the views tell all that they know."""

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture(scope="module")
def api(environment: dict[str, str]) -> Iterator[Api]:
    system = Patient(Config.from_env({**environment, "LOCAL_WORKSPACE": "large"}))
    systems.use(system)
    try:
        yield Api(system)
    finally:
        systems.use(None)


@pytest.fixture(scope="module")
def resources(api: Api) -> list[str]:
    """Resources whose descriptions are as long as they may be: the newest first."""
    made = described(api, RESOURCES, name="Codex", entityTypes=["Codex"])
    api.materialize(*made)
    return made[::-1]


@pytest.fixture(scope="module")
def hub(api: Api, resources: list[str]) -> str:
    """A resource that refers to each of the others."""
    hub: str = api.created(name="Catalogue")["id"]
    refer(api, hub, *resources)
    api.materialize(hub)
    return hub


def described(api: Api, count: int, **members: Any) -> list[str]:
    """Create resources with descriptions of the greatest length, and return their ids."""
    return [api.created(description=WIDE * 10_000, **members)["id"] for _ in range(count)]


def refer(api: Api, on: str, *others: str, said: str = "see") -> None:
    """Annotate a resource, in one commit, by references to others."""
    items = [
        {
            "motivation": "linking",
            "body": [
                {"type": "SpecificResource", "source": f"/resources/{each}", "purpose": "linking"},
                {"type": "TextualBody", "value": said, "purpose": "commenting"},
            ],
        }
        for each in others
    ]
    assert api.post(f"/resources/{on}/annotations", {"items": items}).status == 201


def walked(api: Api, path: str, schema: str, **query: Any) -> list[list[Any]]:
    """Return the items of each page of a list, to its end."""
    pages: list[list[Any]] = []
    while query.get("cursor", "") is not None:
        answer = api.get(path, query=query)
        assert answer.status == 200, answer.body[:200]
        schemas.check(schema, answer.json)
        pages.append(answer.json["items"])
        query["cursor"] = answer.json["next"]
    return pages


def flat(pages: list[list[Any]], name: Callable[[Any], str]) -> list[str]:
    return [name(item) for page in pages for item in page]


@pytest.mark.parametrize(
    "asked",
    [{}, {"entityType": "Codex"}, {"q": "codex"}, {"archived": "false", "limit": 200}],
)
def test_pages_of_large_resources_can_be_sent_and_are_the_list(
    api: Api, resources: list[str], asked: dict[str, Any]
) -> None:
    pages = walked(api, "/resources", "Resources", **asked)

    found = flat(pages, lambda item: item["id"])
    assert [each for each in found if each in resources] == resources
    assert (len(set(found)), len(pages) < 5) == (len(found), True)


def test_pages_of_changes_can_be_sent_and_are_all_changes(api: Api, resources: list[str]) -> None:
    pages = walked(api, "/resources", "Resources", changedSince="2020-01-01T00:00:00Z", q="codex")

    assert sorted(flat(pages, lambda item: item["id"])) == sorted(resources)


def test_who_has_just_written_finds_it_on_its_page_among_large_ones(
    api: Api, resources: list[str]
) -> None:
    """Given a resource that no view shows, when its page ends early, then it comes once."""
    late = api.created(name="Codex, late")["id"]
    for since, place in ((None, 0), ("2020-01-01T00:00:00Z", -1)):
        asked = {} if since is None else {"changedSince": since}

        pages = walked(api, "/resources", "Resources", q="codex", after=f"{late}:1", **asked)

        found = flat(pages, lambda item: item["id"])
        assert (len(found), found[place], found.count(late)) == (RESOURCES + 1, late, 1)


def test_pages_of_large_neighbours_can_be_sent_and_are_all_of_them(
    api: Api, resources: list[str], hub: str
) -> None:
    pages = walked(api, f"/resources/{hub}/neighbours", "Neighbours")

    assert flat(pages, lambda item: item["resource"]["id"]) == sorted(resources)


def test_pages_of_large_references_can_be_sent_and_are_all_of_them(api: Api) -> None:
    """Given annotations of hundreds of kilobytes, when who is referred to asks, then all come."""
    book, letter = api.created(name="Book")["id"], api.created(name="Letter")["id"]
    for number in range(8):
        refer(api, letter, book, said=f"{number} " + WIDE * 80_000)
    api.materialize(book, letter)

    pages = walked(api, f"/resources/{book}/referenced-by", "References")

    assert flat(pages, lambda item: item["body"][1]["value"][0]) == list("76543210")


def test_paths_that_no_answer_can_hold_are_left_out_and_it_says_so(api: Api) -> None:
    """Given ten ways of four steps, when they are too large, then some come, the rest is told of."""
    start, *between, beyond, last, end = made = described(api, 14)
    refer(api, start, *between)
    for each in between:
        refer(api, each, beyond)
    refer(api, beyond, last)
    refer(api, last, end)
    api.materialize(*made)

    ways = api.get("/graph/paths", query={"from": start, "to": end})

    assert ways.status == 200, ways.body[:200]
    schemas.check("Paths", ways.json)
    assert {way["length"] for way in ways.json["items"]} == {4}
    left_out = len(ways.json["items"]) < 10, ways.json.get("truncated", False)
    # From Python 3.12 on, ten ways of what is as large as it may be take 2 MB: all of them fit.
    assert left_out == ((True, True) if sys.version_info < (3, 12) else (False, False))
    assert ways.json["next"] is None
