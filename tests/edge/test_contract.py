"""Schemathesis against the contract: requests made from it, answers held against it.

In this process, on proxy events; no port. `make test-long` asks ten times as often.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import route
from chalicelib.edge import openapi
from chalicelib.edge.call import MULTIPART
from chalicelib.edge.docs import VERSION
from chalicelib.edge.route import Route
from infra.local.gateway import Gateway, Request
from tests.edge.api import HOST, Api

BASE = "http://127.0.0.1:8000"
# The local user needs no token: who does is tested in test_auth.
DOCUMENT = {**openapi.document(route.routes, BASE, VERSION), "security": []}
CONTRACT = schemathesis.openapi.from_dict(DOCUMENT)
ROUTES = [each for each in route.routes if "text/event-stream" not in each.offers]

ALWAYS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What a schema cannot say: that an IRI is one, that a quote stands in the text, that a version is
# current, that a cursor was given out, that a key is new.
BEYOND_THE_SCHEMA = {"add_annotations", "update_body"}

OFFERED = ("Person", "Location", "Date")
WRITTEN = ("text/markdown", "text/plain")

OPAQUE = {
    "/resources",
    "/resources/{resource_id}/neighbours",
    "/resources/{resource_id}/referenced-by",
}
"""Lists whose cursors only the list itself can give."""


def named(each: Route) -> str:
    return each.name


@pytest.mark.parametrize("each", ROUTES, ids=named)
def test_what_the_contract_allows_is_taken_and_answered_as_told(api: Api, each: Route) -> None:
    check(api, each, GenerationMode.POSITIVE, 10)


@pytest.mark.parametrize("each", ROUTES, ids=named)
def test_what_the_contract_forbids_is_refused_and_answered_as_told(api: Api, each: Route) -> None:
    check(api, each, GenerationMode.NEGATIVE, 10)


@pytest.mark.long
@pytest.mark.parametrize("each", ROUTES, ids=named)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_same_a_hundred_times(api: Api, each: Route, mode: GenerationMode) -> None:
    check(api, each, mode, 100)


def check(api: Api, each: Route, mode: GenerationMode, examples: int) -> None:
    operation = CONTRACT[each.path][each.method]
    if mode is GenerationMode.NEGATIVE and not (each.query or each.body or "_id}" in each.path):
        pytest.skip("nothing to forbid")
    target = api.created()
    note = api.post(f"{target['@id']}/annotations", {"motivation": "tagging"}).json
    ids = {"resource_id": target["id"], "annotation_id": note["id"].rpartition("/")[2]}
    gateway = Gateway(api_app(), BASE)
    cursor = given_out(api, target["id"]) if each.path == "/jobs" else None

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],  # a request is as telling as a smaller one
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def run(case: Case, there: bool) -> None:
        if mode is GenerationMode.POSITIVE:
            tidy(case, cursor)
            if isinstance(case.body, dict):
                tidy_body(case.body, target["representations"][0]["checksum"])
            if each.name == "create_job":
                tidy_job(case.body, target["id"])
            if there:
                case.path_parameters = {name: ids.get(name, "x") for name in case.path_parameters}
        checks, answer = list(ALWAYS), send(gateway, case)
        if answer.status_code == 413:  # larger than any request, whatever it says
            pass
        elif mode is GenerationMode.NEGATIVE:
            if case.media_type != MULTIPART:  # where every value is text, and 7 is as good as "7"
                checks.append(negative_data_rejection)
        elif each.name not in BEYOND_THE_SCHEMA:
            checks.append(positive_data_acceptance)
        case.validate_response(answer, checks=checks)

    run()


def given_out(api: Api, resource_id: str) -> str:
    """Return a cursor of the list of jobs."""
    params = {"entityTypes": ["Person"]}
    for _ in range(2):
        api.post("/jobs", {"kind": "detection", "resource": resource_id, "params": params})
    return str(api.get("/jobs", query={"limit": 1}).json["next"])


def tidy(case: Case, cursor: str | None) -> None:
    """Take away, or make right, what only a history could: keys, conditions, cursors."""
    headers: Any = case.headers or {}
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = case.id
    if "If-Match" in headers:
        headers["If-Match"] = "*"
    query: Any = case.query or {}
    if case.operation.path in OPAQUE:
        query.pop("cursor", None)
    elif cursor is not None and "cursor" in query:
        query["cursor"] = cursor
        query.pop("state", None)  # it goes on in the list that gave it
        query.pop("resource", None)
    if "version" in query:
        query.pop("at", None)


def tidy_body(body: dict[str, Any], checksum: str) -> None:
    """Name content that is there, and no entity type that looks like a JSON list in a form."""
    if "upload" in body:
        body["upload"] = checksum
    if str((body.get("entityTypes") or [""])[0]).lstrip().startswith("["):
        body["entityTypes"] = ["Person"]


def tidy_job(body: dict[str, Any], resource_id: str) -> None:
    """Name a text that is there, types that are offered, and what takes no model."""
    body["resource"] = resource_id
    params = body.setdefault("params", {})
    if body["kind"] == "detection":
        asked = params.get("entityTypes", ["Person"])
        body["params"] = {"entityTypes": [OFFERED[len(each) % len(OFFERED)] for each in asked]}
    else:
        params.pop("annotation", None)
        params["format"] = WRITTEN[len(params.get("format", "")) % len(WRITTEN)]


def send(gateway: Gateway, case: Case) -> httpx.Response:
    prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
    path, _, query = prepared.path_url.partition("?")
    headers = {name.lower(): str(value) for name, value in prepared.headers.items()}
    body = prepared.body or b""
    got = gateway.handle(
        Request(
            str(prepared.method),
            path,
            query,
            list((headers | {"host": HOST}).items()),
            body if isinstance(body, bytes) else str(body).encode(),
            "127.0.0.1",
        )
    )
    answer = httpx.Response(
        got.status,
        headers=list(got.headers),
        content=got.body,
        request=httpx.Request(str(prepared.method), str(prepared.url), headers=headers),
    )
    answer.elapsed = timedelta(0)
    return answer


def api_app() -> Any:
    from app import app

    return app
