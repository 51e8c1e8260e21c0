"""Reads of one resource owe nothing to the views; lists follow them. As a client sees it.

The first test stands in `docs/testing.md`, as an example.
"""

from __future__ import annotations

from pathlib import Path

from chalicelib.flows import listing, read
from chalicelib.flows.write import Request
from chalicelib.system import System
from infra.local.aws import client
from infra.local.pumps import Pumps
from tests.flows.conftest import another
from tests.flows.scene import annotated, created, renamed

DOCS = Path(__file__).resolve().parents[2] / "docs" / "testing.md"


def test_a_list_follows_when_the_stream_is_delivered(
    system: System, pumps: Pumps, request_of_ada: Request
) -> None:
    workspace = request_of_ada.workspace
    resource_id = created(system, request_of_ada)
    annotated(system, request_of_ada, resource_id, "one", "two")

    assert read.resource(system, workspace, resource_id).annotation_count == 2
    assert listing.resources(system, workspace, listing.Filter(), limit=10).items == ()

    pumps.run_until_idle()

    (listed,) = listing.resources(system, workspace, listing.Filter(), limit=10).items
    assert listed == read.resource(system, workspace, resource_id)


def test_the_example_in_the_docs_is_the_one_above() -> None:
    source = Path(__file__).read_text("utf-8")
    example = source[
        source.index("def test_a_list_follows") : source.index("\n\n\ndef test_the_ex")
    ]

    assert example in DOCS.read_text("utf-8")


def wipe(environment: dict[str, str]) -> int:
    """Delete every item of the views, as `aws dynamodb` would; return how many there were."""
    dynamodb, table = client("dynamodb"), environment["VIEWS_TABLE"]
    items = dynamodb.scan(TableName=table, ProjectionExpression="pk, sk")["Items"]
    for key in items:
        dynamodb.delete_item(TableName=table, Key=key)
    return len(items)


def everything(system: System, request: Request, resource_id: str) -> list[object]:
    """Return what every read of one resource says."""
    of = (system, request.workspace, resource_id)
    whole = read.annotation_page(*of, limit=100)
    paged, after = [], None
    while True:
        page = read.annotation_page(*of, limit=2, after=after)
        paged += page.marks
        after = page.next
        if after is None:
            break
    ids = [mark.annotation.id for mark in whole.marks]
    return [
        read.resource(*of),
        whole.marks == tuple(paged) and whole.marks,
        [read.annotation(*of, mark_id) for mark_id in ids],
        [read.history(*of, mark_id, limit=100) for mark_id in ids],
        read.event_page(*of, limit=100),
        read.event_page(*of, limit=100, newest_first=True),
        read.resource_at(*of, version=2),
    ]


def test_every_read_of_a_resource_is_the_same_without_views(
    system: System, pumps: Pumps, request_of_ada: Request, environment: dict[str, str]
) -> None:
    resource_id = created(system, request_of_ada)
    annotated(system, request_of_ada, resource_id, "one", "two", "three")
    pumps.run_until_idle()
    annotated(system, request_of_ada, resource_id, "four", "five")
    renamed(system, request_of_ada, resource_id, "in the tail")
    behind = everything(another(system), request_of_ada, resource_id)
    pumps.run_until_idle()
    shown = everything(another(system), request_of_ada, resource_id)

    pumps["view_materializer"].pause(True)
    annotated(system, request_of_ada, resource_id, "six")
    before = everything(another(system), request_of_ada, resource_id)
    assert wipe(environment) > 0
    wiped = everything(another(system), request_of_ada, resource_id)

    assert behind == shown
    assert before == wiped
    warm = everything(system, request_of_ada, resource_id)
    assert warm == wiped


def test_lists_come_back_after_a_wipe_when_the_doorbell_rings(
    system: System, pumps: Pumps, request_of_ada: Request, environment: dict[str, str]
) -> None:
    workspace = request_of_ada.workspace
    resource_id = created(system, request_of_ada)
    pumps.run_until_idle()
    pumps["view_materializer"].pause(True)
    annotated(system, request_of_ada, resource_id, "one")
    wipe(environment)
    assert listing.resources(system, workspace, listing.Filter(), limit=9).items == ()

    pumps["view_materializer"].pause(False)
    pumps.run_until_idle()

    (listed,) = listing.resources(system, workspace, listing.Filter(), limit=9).items
    assert listed == read.resource(system, workspace, resource_id)
    assert [
        m.annotation.bodies[0].value
        for m in read.annotation_page(  # type: ignore[union-attr]
            system, workspace, resource_id, limit=9
        ).marks
    ] == ["one"]
