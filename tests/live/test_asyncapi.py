"""The AsyncAPI document, held against what is sent and taken."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import jsonschema_rs
import pytest

from chalicelib.edge import asyncapi
from chalicelib.edge.schemas.live import SOCKET_SCHEMAS
from tests.live.npm import CACHE, installed

NPM = CACHE / "asyncapi-npm"
PARSE = """
import { readFileSync } from 'node:fs';
import parser from '@asyncapi/parser';
const { document, diagnostics } = await new parser.Parser().parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify({ valid: document !== undefined, diagnostics }));
"""


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


def test_asyncapi_s_own_parser_finds_no_fault(document):
    node = installed(NPM, ["@asyncapi/parser@3.6.3"])
    program = NPM / "parse.mjs"
    program.write_text(PARSE, "utf-8")
    done = subprocess.run(
        [node, program.name],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        check=False,
        cwd=NPM,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["valid"], told["diagnostics"]
    # That there is a newer 3.1 is no fault.
    codes = [each["code"] for each in told["diagnostics"]]
    assert [code for code in codes if code != "asyncapi-latest-version"] == []
