"""If-Match: a write is made of the version that was seen, or not at all."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.edge.api import Api


@pytest.mark.parametrize(
    ("tag", "status"),
    [('"2"', 200), ("*", 200), ('"1", "2"', 200), ('"1"', 412), ('W/"2"', 412), ('"x"', 412),
     ('"1", "3"', 412), ("2", 400), ("", 400)],
)  # fmt: skip
def test_if_match_decides_whether_a_change_is_made(api: Api, tag: str, status: int) -> None:
    made = api.created()
    api("PATCH", made["@id"], {"name": "second"})

    answer = api("PATCH", made["@id"], {"name": "third"}, headers={"If-Match": tag})

    assert answer.status == status
    assert api.get(made["@id"]).json["name"] == ("third" if status == 200 else "second")
    if status == 412:
        assert (answer.problem, answer.json["actual"]) == ("stale-version", 2)


def test_a_clone_is_made_of_the_version_that_was_seen_or_not_at_all(api: Api) -> None:
    """Given a source that moved on, when it is cloned as it was seen, then 412 and no clone."""
    source = api.created()["@id"]
    api("PATCH", source, {"name": "second"})

    stale = api.post(f"{source}/clone", headers={"If-Match": '"1"'})

    assert (stale.status, stale.problem) == (412, "stale-version")
    assert (stale.json["expected"], stale.json["actual"]) == (1, 2)
    for tag in ('"2"', '"1", "2"', "*"):
        assert api.post(f"{source}/clone", headers={"If-Match": tag}).status == 201
    assert api.post(f"{source}/clone", headers={"If-Match": 'W/"2"'}).status == 412


def test_a_clone_that_was_made_is_answered_again_though_its_source_moved_on(api: Api) -> None:
    """Given a keyed clone whose record was lost, when the source moved on, it is told again."""
    source = api.created()["@id"]
    headers = {"If-Match": '"1"', "Idempotency-Key": "clone-1"}
    first = api.post(f"{source}/clone", headers=headers)
    api("PATCH", source, {"name": "second"})
    api.forget_requests()

    again = api.post(f"{source}/clone", headers=headers)

    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/resources", {"name": "x", "content": "x"}),
        ("/uploads", {"checksum": "0" * 64, "size": 1}),
        ("/tickets", None),
        ("/jobs", {"kind": "detection", "params": {}}),
    ],
)
@pytest.mark.parametrize("tag", ['"777"', "*"])
def test_if_match_is_refused_where_there_is_no_version(
    api: Api, path: str, body: Any, tag: str
) -> None:
    """Given a write of what has no version, when it names one, then it is refused, not ignored."""
    answer = api.post(path, body, headers={"If-Match": tag})

    assert (answer.status, answer.problem) == (400, "malformed")
    assert "If-Match" in answer.json["detail"]


def test_the_contract_says_which_writes_take_if_match(api: Api) -> None:
    """Given any write, when the contract names no If-Match for it, then sending it is a 400."""
    refusing = taking = 0
    for path, item in api.get("/openapi.json").json["paths"].items():
        for method in {"post", "put", "patch", "delete"} & item.keys():
            declared = json.dumps(item[method]["parameters"])
            named = re.sub(r"\{\w+\}", "0192f3a0-0000-7000-8000-000000000000", path)
            answer = api(method.upper(), named, {}, headers={"If-Match": '"777"'})
            if "/IfMatch" in declared or "If-Match" in declared:
                assert answer.status in (404, 412, 422), (method, path)
                taking += 1
            else:
                assert (answer.status, answer.problem) == (400, "malformed"), (method, path)
                refusing += 1
    assert (taking > 5, refusing > 5) == (True, True)
