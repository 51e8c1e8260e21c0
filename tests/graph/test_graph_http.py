"""Questions across resources over HTTP, on moto and on the real graph."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

import app as way_in
from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.domain.ids import Stream
from chalicelib.edge import schemas
from chalicelib.flows import graph_project
from chalicelib.graph.gremlin import Gremlin
from chalicelib.system import System
from infra.gremlin import Server, _free_port, url
from infra.local.aws import aws
from infra.local.payloads import schedule_event
from infra.local.pumps import Pumps
from tests.edge.api import Api
from tests.graph.world import emptied

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with aws(stage="test") as names:
        yield {
            **names,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
            "LOCAL_USER": "ada",
        }


def serving(environment: dict[str, str], graph: str) -> Iterator[Api]:
    own = {"LOCAL_WORKSPACE": f"g{next(_NUMBERS)}", "GRAPH": graph}
    system = System(Config.from_env(environment | own))
    systems.use(system)
    try:
        yield Api(system)
    finally:
        systems.use(None)
        if system.graph is not None:
            system.graph.close()


@pytest.fixture
def api(environment: dict[str, str], server: Server, gremlin: Gremlin) -> Iterator[Api]:
    yield from serving(environment, server.url)


@pytest.fixture
def api_without_graph(environment: dict[str, str]) -> Iterator[Api]:
    yield from serving(environment, "none")


@pytest.fixture
def api_with_dead_graph(environment: dict[str, str]) -> Iterator[Api]:
    yield from serving(environment, url(_free_port()))


def annotate(
    api: Api, on: dict[str, Any], refers_to: dict[str, Any], motivation: str = "linking"
) -> str:
    body = [{"type": "SpecificResource", "source": refers_to["@id"], "purpose": "linking"}]
    made = api.post(f"/resources/{on['id']}/annotations", {"motivation": motivation, "body": body})
    assert made.status == 201, made.body
    return str(made.json["id"])


def follow(api: Api, *resources: dict[str, Any]) -> None:
    """Ring the doorbell, as the log's stream does, for views and graph."""
    api.materialize(*(each["id"] for each in resources))
    records = [
        {
            "eventID": str(number),
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "eventVersion": "1.1",
            "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/log/stream/x",
            "dynamodb": {
                "Keys": {
                    "pk": {"S": Stream.of_resource(api.workspace, each["id"]).key},
                    "sk": {"N": "1"},
                },
                "SequenceNumber": str(number),
                "SizeBytes": 1,
                "StreamViewType": "KEYS_ONLY",
            },
        }
        for number, each in enumerate(resources, 1)
    ]
    answer = way_in.graph_projector({"Records": records}, None)
    assert answer == {"batchItemFailures": []}


def scene(api: Api) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A letter that refers to a book, and a map that refers to it twice."""
    letter = api.created(name="Letter", entityTypes=["Person"])
    book = api.created(name="Book", entityTypes=["Person", "Date"])
    map_ = api.created(name="Map")
    annotate(api, letter, book)
    annotate(api, map_, book)
    annotate(api, map_, book, "describing")
    follow(api, letter, book, map_)
    return letter, book, map_


def ids(answer: Any) -> list[str]:
    return [item["id"].rpartition("/")[2] for item in answer.json["items"]]


@pytest.mark.parametrize("source", ["graph", "views"])
def test_the_graph_or_the_views_tell_the_same(source: str, request: pytest.FixtureRequest) -> None:
    api = request.getfixturevalue("api" if source == "graph" else "api_without_graph")
    letter, book, map_ = scene(api)

    about = api.get(f"/resources/{book['id']}/referenced-by")
    assert about.status == 200
    schemas.check("References", about.json)
    assert [item["target"]["source"] for item in about.json["items"]] == [
        map_["@id"],
        map_["@id"],
        letter["@id"],
    ]
    assert (about.json["source"], about.json.get("degraded")) == (
        source,
        None if source == "graph" else True,
    )
    described = api.get(
        f"/resources/{book['id']}/referenced-by", query={"motivation": "describing"}
    )
    assert ids(described) == ids(about)[:1]

    near = api.get(f"/resources/{letter['id']}/neighbours", query={"depth": 2})
    schemas.check("Neighbours", near.json)
    assert [(item["distance"], item["resource"]["name"]) for item in near.json["items"]] == [
        (1, "Book"),
        (2, "Map"),
    ]
    assert near.json["items"][0]["resource"]["@id"] == book["@id"]

    ways = api.get("/graph/paths", query={"from": letter["id"], "to": map_["id"]})
    schemas.check("Paths", ways.json)
    (way,) = ways.json["items"]
    assert (way["length"], [each["name"] for each in way["resources"]]) == (
        2,
        ["Letter", "Book", "Map"],
    )

    numbers = api.get("/graph/stats")
    schemas.check("Stats", numbers.json)
    assert {name: numbers.json[name] for name in ("resources", "annotations", "references")} == {
        "resources": 3,
        "annotations": 3,
        "references": 3,
    }
    assert numbers.json["entityTypes"][:2] == [
        {"entityType": "Date", "resources": 1, "annotations": 0, "offered": False},
        {"entityType": "Person", "resources": 2, "annotations": 0, "offered": False},
    ]

    both = api.get("/resources", query=[("entityType", "Person"), ("entityType", "Date")])
    assert (ids(both), both.json["source"]) == ([book["id"]], source)


def test_pages_of_references_and_neighbours_join_without_a_seam(api: Api) -> None:
    _, book, map_ = scene(api)
    for path, key in (
        (f"/resources/{book['id']}/referenced-by", lambda item: item["id"]),
        (f"/resources/{map_['id']}/neighbours?depth=2", lambda item: item["resource"]["id"]),
    ):
        place, _, asked = path.partition("?")
        whole = [key(item) for item in api.get(place, query=asked).json["items"]]
        found: list[str] = []
        cursor = ""
        while True:
            page = api.get(place, query="&".join(filter(None, [asked, "limit=1", cursor]))).json
            found += [key(item) for item in page["items"]]
            if page["next"] is None:
                break
            cursor = f"cursor={page['next']}"
        assert found == whole


def test_what_is_unknown_is_404_and_what_makes_no_sense_400(api: Api) -> None:
    letter, nobody = api.created(), "0192f000-0000-7000-8000-000000000000"

    for path in (f"/resources/{nobody}/neighbours", f"/resources/{nobody}/referenced-by"):
        assert api.get(path).status == 404
    assert api.get("/graph/paths", query={"from": letter["id"], "to": nobody}).status == 404
    assert api.get("/graph/paths", query={"from": letter["id"]}).status == 400
    assert api.get(f"/resources/{letter['id']}/neighbours", query={"depth": 4}).status == 400
    for cursor in ("x", "IjEi", "WzEsMl0"):
        for path in ("neighbours", "referenced-by"):
            told = api.get(f"/resources/{letter['id']}/{path}", query={"cursor": cursor})
            assert told.problem == "malformed", cursor


def test_nothing_crosses_workspaces(api: Api) -> None:
    _, book, _ = scene(api)
    elsewhere = api.of("two")

    assert elsewhere.get(f"/resources/{book['id']}/referenced-by").status == 404
    told = elsewhere.get("/graph/stats").json
    assert (told["resources"], told["annotations"], told["entityTypes"]) == (0, 0, [])


def test_the_health_of_the_graph_never_keeps_one_from_serving(
    api: Api, gremlin: Gremlin, api_with_dead_graph: Api, api_without_graph: Api
) -> None:
    def graph(of: Api) -> tuple[int, str]:
        systems.use(of.system)
        told = of.get("/api/health")
        return told.status, told.json["graph"]["status"]

    graph_project.mend(api.system)  # what other tests of this module have left parked
    assert graph(api) == (200, "ok")
    assert graph(api_with_dead_graph) == (200, "degraded")
    assert graph(api_without_graph) == (200, "absent")


def test_a_record_of_a_stream_that_the_graph_cannot_take_is_tried_again(
    api_with_dead_graph: Api,
) -> None:
    letter = api_with_dead_graph.created()
    with pytest.raises(AssertionError, match="itemIdentifier"):
        follow(api_with_dead_graph, letter)


def test_a_write_rings_the_projector_as_it_rings_the_materializer(
    server: Server, gremlin: Gremlin
) -> None:
    with aws() as names:
        plain = {
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
            "LOCAL_USER": "ada",
        }
        for api in serving({**names, **plain}, server.url):
            letter, book = api.created(name="Letter"), api.created(name="Book")
            annotate(api, letter, book)
            Pumps(way_in.app, names).run_until_idle()

            told = api.get(f"/resources/{letter['id']}/neighbours").json
            assert (told["source"], told["lag"]) == ("graph", 0)
            assert [item["resource"]["name"] for item in told["items"]] == ["Book"]


def test_the_schedule_fills_a_graph_that_was_emptied(api: Api, gremlin: Gremlin) -> None:
    letter, book, _ = scene(api)
    emptied(gremlin)
    api.system.graph_answers.forget()
    api.system.graph.close()
    assert api.get(f"/resources/{letter['id']}/neighbours").json["source"] == "views"

    way_in.mend_graph(schedule_event("mend_graph", datetime.now(UTC)), None)

    api.system.graph_answers.forget()
    told = api.get(f"/resources/{letter['id']}/neighbours").json
    assert (told["source"], [item["resource"]["id"] for item in told["items"]]) == (
        "graph",
        [book["id"]],
    )
