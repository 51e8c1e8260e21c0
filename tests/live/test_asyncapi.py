"""The AsyncAPI document, held against what is sent and taken."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from chalicelib.edge import asyncapi
from chalicelib.edge.schemas.live import SOCKET_SCHEMAS


@pytest.fixture
def document() -> Any:
    made = asyncapi.document("https://api.example", "https://live.example/api", "1.2.3")
    return json.loads(json.dumps(made))


def test_every_reference_leads_somewhere(document):
    for reference in re.findall(r'"#(/[^"]+)"', json.dumps(document)):
        place = document
        for step in reference.split("/")[1:]:
            assert step in place, reference
            place = place[step]


def test_every_frame_and_the_client_s_message_are_in_it(document):
    frames = {name for name in SOCKET_SCHEMAS if name.endswith("Frame")}
    assert set(document["components"]["messages"]) == frames | {"ClientMessage"}
    assert document["asyncapi"] == "3.0.0"
    assert document["servers"]["live"]["host"] == "live.example"
    assert (document["servers"]["live"]["protocol"], document["servers"]["live"]["pathname"]) == (
        "wss",
        "/api",
    )


def test_its_operations_are_those_of_the_server(document):
    operations = document["operations"]
    assert {name: each["action"] for name, each in operations.items()} == {
        "say": "receive",
        "hear": "send",
    }


def test_its_schemas_are_schemas_with_examples_that_fit(document):
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        for example in schema.get("examples", ()):
            assert jsonschema_rs.is_valid(whole, example), (name, example)
