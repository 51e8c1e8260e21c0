"""What the API says of itself, held against what it does."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from app import app, route
from chalicelib.edge import problems, schemas
from chalicelib.edge.docs import CONTEXT
from chalicelib.edge.schemas.components import SCHEMAS
from chalicelib.errors import StaleVersion
from tests.edge.api import Api

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def contract(api: Api) -> Any:
    return api.get("/openapi.json").json


def test_the_contract_names_every_route_that_chalice_has(contract: Any) -> None:
    told = {
        (path, method.upper())
        for path, item in contract["paths"].items()
        for method in item
        if method != "parameters"
    }
    served = {(path, method) for path, methods in app.routes.items() for method in methods}

    assert told == {each for each in served if each[1] != "OPTIONS"}


def test_every_schema_is_a_schema_and_every_reference_is_there(contract: Any) -> None:
    text = json.dumps(contract)
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert name in contract["components"]["schemas"], name
    for name, schema in SCHEMAS.items():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )
        for example in schema.get("examples", ()):
            schemas.check(name, example)


def test_every_schema_is_used(contract: Any) -> None:
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(contract)))

    assert used == set(SCHEMAS)


def test_operations_are_named_once_and_described(contract: Any) -> None:
    operations = [
        operation
        for item in contract["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    ids = [operation["operationId"] for operation in operations]

    assert len(set(ids)) == len(ids)
    assert all(operation["summary"].endswith(".") for operation in operations)
    assert all("500" in operation["responses"] for operation in operations)


def test_who_needs_no_token_is_told(contract: Any) -> None:
    for each in route.routes:
        operation = contract["paths"][each.path][each.method.lower()]
        assert ("security" in operation) == (each.needs.value == "nothing")
        assert operation["x-permission"] == each.needs.value


def test_the_contract_is_cached_by_its_etag(api: Api) -> None:
    first = api.get("/openapi.json")

    assert first.headers["content-type"] == "application/json"
    assert api.get("/openapi.json", headers={"If-None-Match": first.etag}).status == 304


def test_the_contract_is_the_one_that_was_reviewed(api: Api) -> None:
    """A change of the contract shows in the review. To accept it: write the file anew."""
    golden = ROOT / "tests" / "golden" / "openapi.json"
    told = json.dumps(api.get("/openapi.json").json, indent=1, ensure_ascii=False) + "\n"

    kept = golden.read_text("utf-8") if golden.exists() else None
    if kept is None:
        golden.write_text(told, "utf-8")
    assert kept == told, f"if it is meant: rm {golden.relative_to(ROOT)}, and test twice"


def test_home_says_where_to_go_and_who_asks(api: Api) -> None:
    home = api.get("/")

    schemas.check("Home", home.json)
    assert home.json["caller"] == {
        "actor": {"id": "ada", "type": "Person", "name": "ada"},
        "workspace": api.workspace,
    }
    for name, link in home.json["links"].items():
        if name != "uploads":
            assert api.get(link).status == 200, link
    assert api.get("/", headers={"Host": "attacker.test"}).json["caller"] is None
    assert api.get("/", headers={"Authorization": "Bearer x"}).json["caller"] is None


def test_the_page_ships_whole_and_may_run_nothing_but_itself(api: Api) -> None:
    page = api.get("/docs", headers={"Accept": "text/html,*/*;q=0.8"})
    text = page.body.decode()
    policy = page.headers["content-security-policy"]

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert len(page.body) < 20_000
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert not re.search(r"\son\w+=", text)
    assert not re.search(r"\b(?:eval|innerHTML|document\.write)\b", text)
    for element in ("script", "style"):
        inside = re.search(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert inside is not None
        digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy


def test_every_kind_of_problem_has_a_page(api: Api) -> None:
    for name, kind in problems.kinds().items():
        told = api.get(f"/problems/{name}")
        schemas.check("ProblemType", told.json)
        assert told.json["status"] == kind.status
        page = api.get(f"/problems/{name}", headers={"Accept": "text/html"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert kind.title in page.body.decode()
    assert api.get("/problems/nonsense").status == 404
    assert problems.name_of(StaleVersion) == "stale-version"


def test_every_kind_of_problem_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")

    for name, kind in problems.kinds().items():
        assert f"| `{name}` | {kind.status} |" in text, name


def test_every_route_and_parameter_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "http.md").read_text("utf-8")

    for each in route.routes:
        assert f"`{each.method} {each.path}`" in text, (each.method, each.path)
        for parameter in each.query:
            assert f"`{parameter.name}`" in text, parameter.name


def test_health_names_four_parts(api: Api) -> None:
    health = api.get("/api/health", headers={"Host": "anyone"})

    schemas.check("Health", health.json)
    failed = any(part["status"] == "failed" for part in health.json.values())  # a slow machine
    assert health.status == (503 if failed else 200)
    assert set(health.json) == {"database", "eventStore", "graph", "jobs"}
    for part in health.json.values():
        wrong = {"detail"} if part["status"] in ("degraded", "failed") else set()
        assert set(part) == {"status", "latencyMs"} | wrong
    assert api.get("/api/live", headers={"Host": "anyone"}).json == {"status": "ok"}


def test_the_context_of_resources_is_json_ld(api: Api) -> None:
    answer = api.get("/context.jsonld")

    assert answer.headers["content-type"] == "application/ld+json"
    assert answer.json == CONTEXT
    made = api.created()
    assert made["@context"] == "http://127.0.0.1:8000/context.jsonld"
    assert api.get(made["@id"], headers={"Accept": "application/ld+json"}).headers[
        "content-type"
    ] == ("application/ld+json")


def test_what_is_served_as_linked_data_names_its_context(api: Api) -> None:
    """Given Accept: application/ld+json, when there is no context at the top, then it is JSON."""
    ld, on = {"Accept": "application/ld+json"}, api.created()["@id"]
    one = {"motivation": "tagging"}
    made = api.post(f"{on}/annotations", one, headers=ld)
    answers = [
        made,
        api.post(f"{on}/annotations", {"items": [one]}, headers=ld),
        *(
            api.get(path, headers=ld)
            for path in (
                on,
                made.json["id"],
                f"{on}/annotations",
                f"{on}/events",
                f"{on}/neighbours",
                f"{on}/referenced-by",
                "/resources",
                "/entity-types",
            )
        ),
    ]

    for answer in answers:
        assert answer.status in (200, 201), answer.body
        linked = answer.headers["content-type"] == "application/ld+json"
        assert linked == ("@context" in answer.json)
    refused = api.get(f"{on}/annotations", headers={"Accept": "text/turtle"})
    assert refused.status == 406
