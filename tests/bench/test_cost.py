"""What each operation costs, exactly, and that it stays so however many annotations there are.

Counted by `bench.meter`; the numbers are those of `docs/cost.md`. Where a count is meant to change,
change both.
"""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
import rfc8785

from app import app
from bench import watching
from bench.scene import WORKSPACE, Hundred, scene
from chalicelib import system as systems
from chalicelib.domain import events
from chalicelib.domain.annotation import TextualBody
from chalicelib.domain.commands import RemoveAnnotation, UpdateBody
from chalicelib.dynamo import item_bytes, write_units
from chalicelib.flows import jobs, listing, project, read, work, write
from infra.local.gateway import Gateway, Request

SIZES = [10, 10_000, pytest.param(100_000, marks=pytest.mark.long)]
any_size = pytest.mark.parametrize("count", SIZES)


@pytest.fixture(scope="module")
def at():
    with scene() as made:
        yield made


@pytest.fixture(scope="module")
def crowds(at):
    """Resources by their number of annotations, all of which their views show."""
    return {}


@pytest.fixture
def stream(at, crowds, count):
    """A resource of that many annotations, give or take the few that tests have added."""
    if count not in crowds:
        crowds[count] = at.filled(count)
    project.materialize(at.system, crowds[count])
    read.resource(at.system, WORKSPACE, crowds[count].resource_id)
    return crowds[count]


@pytest.fixture
def small(at):
    """A resource of ten annotations that no other test knows."""
    return at.filled(10)


def bill(at, run):
    with at.meter.counting() as counted:
        run()
    assert counted.retries == 0
    return counted


def names(bill):
    return [call.operation for call in bill.of("dynamodb")]


def add(at, stream, count=1, *, system=None, key=None, linked=False):
    command = at.annotations(count, start=3, linked=linked)
    return write.change(system or at.system, at.request(key), stream.resource_id, command)


def an_annotation_of(at, stream):
    """Return one that no test has changed: a long history is bytes too."""
    page = read.annotation_page(at.system, WORKSPACE, stream.resource_id, limit=10)
    return next(mark.annotation.id for mark in page.marks if len(mark.history) == 1)


def change(at, stream, annotation_id):
    noted = TextualBody(at.id(), "commenting")
    command = UpdateBody(annotation_id, lambda bodies: (*bodies[:3], noted))
    write.change_annotation(at.system, at.request(), stream.resource_id, command)


def remove(at, stream, annotation_id):
    command = RemoveAnnotation(annotation_id)
    write.change_annotation(at.system, at.request(), stream.resource_id, command)


# -- writing ------------------------------------------------------------------------------------


@any_size
def test_adding_an_annotation_is_one_put_of_its_own_bytes(at, stream):
    warm = bill(at, lambda: add(at, stream))
    assert names(warm) == ["PutItem"]
    size = item_bytes(warm.calls[0].params["Item"])
    assert warm.write_units == -(-size // 1024) == 1
    assert (warm.index_units, warm.content) == (0, 0)


@any_size
def test_adding_an_annotation_cold_is_one_read_more(at, stream):
    cold = bill(at, lambda: add(at, stream, system=at.cold(content=True)))
    assert names(cold) == ["GetItem", "PutItem"]
    assert (cold.read_units, cold.write_units, cold.content) == (1, 1, 0)


def test_a_text_anchor_reads_the_content_once_per_process(at, small):
    cold = at.cold()
    first = bill(at, lambda: add(at, small, system=cold))
    second = bill(at, lambda: add(at, small, system=cold))
    assert [call.operation for call in first.of("s3")] == ["GetObject"]
    assert second.of("s3") == []


@any_size
def test_changing_an_annotation_is_four_calls(at, stream):
    mark = an_annotation_of(at, stream)
    changed = bill(at, lambda: change(at, stream, mark))
    assert names(changed) == ["GetItem", "GetItem", "Query", "PutItem"]
    assert (changed.read_units, changed.write_units, changed.index_units) == (3, 1, 0)


@any_size
def test_removing_an_annotation_is_four_calls(at, stream):
    mark = an_annotation_of(at, stream)
    removed = bill(at, lambda: remove(at, stream, mark))
    assert names(removed) == ["GetItem", "GetItem", "Query", "PutItem"]
    assert (removed.read_units, removed.write_units, removed.index_units) == (3, 1, 0)


@any_size
def test_a_hundred_annotations_are_one_put_of_ten_units_at_most(at, stream):
    many = bill(at, lambda: add(at, stream, 100))
    assert names(many) == ["PutItem"]
    assert many.write_units <= 10
    assert many.write_units == write_units(item_bytes(many.calls[0].params["Item"]))


def test_a_commit_stores_at_most_a_fifth_more_than_the_bytes_of_its_events(at, small):
    many = []
    run = bill(at, lambda: many.append(add(at, small, 100)))
    [put] = run.of("dynamodb", "PutItem")
    stored = put.params["Item"]
    written = [events.encode(each.event) for each in many[0].commit.events()]
    asked = sum(len(rfc8785.dumps(event)) for event in written)
    facts = item_bytes(stored) - len(stored["body"]["B"])
    assert item_bytes(stored) <= 1.2 * asked
    # Also where nothing can be compressed: then the body is the events and 101 bytes between them.
    assert asked + 101 + facts <= 1.2 * asked


def test_with_a_key_three_reads_go_before_the_put(at, small):
    key = at.id()
    first = bill(at, lambda: add(at, small, key=key))
    assert names(first) == ["GetItem", "GetItem", "Query", "PutItem"]
    project.materialize(at.system, small)
    again = bill(at, lambda: add(at, small, key=key))
    assert (again.writes, again.database) == (0, 4)


def test_a_new_resource_is_one_put_to_each_store(at):
    made = bill(at, lambda: at.create(show=False))
    assert [(call.service, call.operation) for call in made.calls] == [
        ("s3", "PutObject"),
        ("dynamodb", "PutItem"),
    ]


# -- materializing ------------------------------------------------------------------------------


# Warm, a process knows the watermark, and reads the log alone; cold, it reads both.
warm_and_cold = pytest.mark.parametrize("reads", [["Query"], ["GetItem", "Query"]])


def materialized(at, stream, reads):
    system = at.system if reads == ["Query"] else at.cold()
    return bill(at, lambda: project.materialize(system, stream))


@any_size
@warm_and_cold
def test_materializing_an_annotation_is_two_reads_at_most_and_two_writes(at, stream, reads):
    add(at, stream)
    shown = materialized(at, stream, reads)
    assert names(shown) == [*reads, "PutItem", "PutItem"]
    assert (shown.read_units, shown.write_units) == (len(reads), 2)
    assert shown.index_units == 2  # the watermark's entry in `changed` moves


@any_size
@warm_and_cold
def test_materializing_a_hundred_annotations_is_a_write_each_and_one_more(at, stream, reads):
    add(at, stream, 100)
    shown = materialized(at, stream, reads)
    assert (shown.reads, shown.writes) == (len(reads), 101)
    assert (shown.write_units, shown.index_units) == (101, 2)


@any_size
@warm_and_cold
@pytest.mark.parametrize("act", [change, remove])
def test_materializing_a_change_reads_the_item_that_it_changes(at, stream, act, reads):
    act(at, stream, an_annotation_of(at, stream))
    shown = materialized(at, stream, reads)
    read = "BatchGetItem" if reads == ["Query"] else "GetItem"  # the watermark is among the batch
    assert names(shown) == [*reads, read, "PutItem", "PutItem"]
    assert (shown.read_units, shown.write_units, shown.index_units) == (3, 2, 2)


def test_materializing_many_changes_reads_their_items_in_one_call(at, small):
    for mark in read.annotation_page(at.system, WORKSPACE, small.resource_id, limit=5).marks:
        change(at, small, mark.annotation.id)
    shown = bill(at, lambda: project.materialize(at.system, small))
    assert names(shown)[:2] == ["Query", "BatchGetItem"]
    assert (shown.reads, shown.writes, shown.read_units) == (2, 6, 1 + 1 + 5)


def test_a_reference_and_a_key_are_a_write_more_each(at, small):
    add(at, small, linked=True)
    linked = bill(at, lambda: project.materialize(at.system, small))
    add(at, small, key=at.id())
    keyed = bill(at, lambda: project.materialize(at.system, small))
    assert [(each.reads, each.writes) for each in (linked, keyed)] == [(1, 3), (1, 3)]


def test_a_late_record_costs_two_reads_and_writes_nothing(at, small):
    for system, reads in ((at.cold(), ["GetItem", "Query"]), (at.system, ["Query", "GetItem"])):
        project.materialize(at.system, small)
        late = bill(at, lambda system=system: project.materialize(system, small))
        assert names(late) == reads


def test_a_new_resource_is_written_once_for_each_place_in_the_indexes(at):
    stream = at.create("On a Word", ("Document", "Person"), show=False)
    shown = bill(at, lambda: project.materialize(at.system, stream))
    places = 1 + 2 + len({"o", "on", "a", "w", "wo", "wor"})
    assert (shown.reads, shown.writes) == (2, places + 1)
    assert (shown.write_units, shown.index_units) == (places + 1, 1)


def test_catching_up_reads_the_log_about_once(at):
    stream = at.create()
    shown = bill(at, lambda: at.fill(stream, 2_000))
    log = bill(at, lambda: list(at.system.log.read(stream)))
    assert sum(call.read_units for call in shown.of("dynamodb", "Query")) <= 2.5 * log.read_units


# -- reading ------------------------------------------------------------------------------------


@any_size
def test_reading_a_resource_is_one_query_warm_and_one_read_more_cold(at, stream):
    warm = bill(at, lambda: read.resource(at.system, WORKSPACE, stream.resource_id))
    cold_system = at.cold()
    cold = bill(at, lambda: read.resource(cold_system, WORKSPACE, stream.resource_id))
    assert (names(warm), warm.read_units) == (["Query"], 1)
    assert (names(cold), cold.read_units) == (["GetItem", "Query"], 2)
    assert warm.content == cold.content == 0


@any_size
def test_reading_an_annotation_is_three_calls(at, stream):
    mark = an_annotation_of(at, stream)
    one = bill(at, lambda: read.annotation(at.system, WORKSPACE, stream.resource_id, mark))
    assert (names(one), one.read_units) == (["GetItem", "GetItem", "Query"], 3)


@any_size
def test_a_page_of_a_hundred_annotations_is_three_calls(at, stream):
    page = bill(
        at, lambda: read.annotation_page(at.system, WORKSPACE, stream.resource_id, limit=100)
    )
    assert names(page) == ["GetItem", "Query", "Query"]
    assert page.content == 0
    assert page.read_units <= 2 + 25  # an item is under 1 KB


@any_size
def test_a_page_of_history_reads_about_as_much_as_it_shows(at, stream):
    rid = stream.resource_id
    for newest_first in (False, True):
        page = bill(
            at,
            lambda newest=newest_first: read.event_page(
                at.system, WORKSPACE, rid, limit=100, newest_first=newest
            ),
        )
        assert page.database <= 2
        assert page.read_units <= 60


def test_an_annotations_history_is_four_calls(at, small):
    mark = an_annotation_of(at, small)
    for _ in range(5):
        change(at, small, mark)
    project.materialize(at.system, small)
    history = bill(
        at, lambda: read.history(at.system, WORKSPACE, small.resource_id, mark, limit=100)
    )
    assert names(history) == ["GetItem", "GetItem", "Query", "BatchGetItem"]


@pytest.mark.parametrize(
    "wanted",
    [
        listing.Filter(),
        listing.Filter(entity_types=("Document",)),
        listing.Filter(words=("gospels",)),
        listing.Filter(changed_since="2026-11-23T00:00:00.000Z"),
    ],
)
def test_a_list_is_two_calls(at, wanted):
    reader = at.cold(content=True)
    for _ in range(3):
        at.create()
    plain = bill(at, lambda: listing.resources(reader, WORKSPACE, wanted, limit=50))
    assert names(plain) == ["Query", "BatchGetItem"]


def test_to_say_how_old_a_list_is_takes_two_calls_more_whatever_this_process_wrote(at):
    writer, materializer = at.cold(content=True), at.cold(content=True)
    for number in range(30):
        stream = at.create(f"Folio {number}", show=False, system=writer)
        project.materialize(materializer, stream)
    wanted = listing.Filter(words=("folio",))
    first = bill(at, lambda: listing.resources(writer, WORKSPACE, wanted, limit=5))
    then = bill(at, lambda: listing.resources(writer, WORKSPACE, wanted, limit=5))
    assert names(first) == ["Query", "BatchGetItem", "BatchGetItem", "BatchGetItem"]
    assert names(then) == ["Query", "BatchGetItem"]


# -- jobs ---------------------------------------------------------------------------------------


def test_the_worker_of_a_job_that_finds_a_hundred_appends_once_and_puts_the_job_three_times(at):
    stream = at.create(show=False)
    project.materialize(at.system, stream)
    system = at.with_detector(Hundred())
    params = {"resource": stream.resource_id, "entityTypes": ["Person"]}
    job = jobs.create(system, at.request(), "detection", params)
    message = json.dumps({"workspace": WORKSPACE, "job": job.id})

    worked = bill(at, lambda: work.work(system, message, system.mint(), 60_000))

    done = system.jobs.get(WORKSPACE, job.id)
    assert (done.state, done.result["added"]) == ("complete", 100)
    assert [call.operation for call in worked.of("s3")] == ["GetObject", "PutObject"]
    puts = [call.params["TableName"] for call in worked.of("dynamodb", "PutItem")]
    claimed, halfway, appended, completed = puts
    assert claimed == halfway == completed != appended
    assert (worked.database, worked.reads, worked.read_units) == (12, 8, 8)
    body = worked.of("dynamodb", "PutItem")[2].params["Item"]
    assert worked.write_units == 3 + write_units(item_bytes(body))
    assert worked.index_units == 3


# -- watching -----------------------------------------------------------------------------------


def test_an_event_stream_that_waits_looks_once_a_second_and_holds_a_place(at, small):
    waited = watching.waited(at, small)
    looks = 1 + round(at.config.sse_hold_s / at.config.sse_poll_s)
    assert sorted(names(waited)) == sorted(
        ["GetItem", *["BatchGetItem"] * looks, "Query", "PutItem", "DeleteItem"]
    )
    assert (waited.read_units, waited.write_units) == (1 + 0.5 * looks + 1, 2)


def test_a_push_is_four_queries_however_many_watch(at, small):
    few, many = (watching.pushed(at, small, watchers) for watchers in (1, 30))
    assert names(few) == names(many) == ["Query"] * 4
    assert (few.read_units, few.write_units) == (4, 0)


# -- over HTTP ----------------------------------------------------------------------------------


@pytest.fixture
def api(at):
    """Call the app as the local user of the scene's workspace; returns the bill and the answer."""
    gateway = Gateway(app, at.config.public_url)
    systems.use(at.system)

    def call(method, path, body=None, **headers):
        data = b"" if body is None else json.dumps(body).encode()
        sent = [("host", "127.0.0.1:8000"), ("content-type", "application/json"), *headers.items()]
        answers = []
        asked, _, query = path.partition("?")
        counted = bill(
            at,
            lambda: answers.append(
                gateway.handle(Request(method, asked, query, sent, data, "127.0.0.1"))
            ),
        )
        assert answers[0].status < 300, answers[0].body
        return counted

    yield call
    systems.use(None)


W3C = {
    "motivation": "highlighting",
    "target": {"selector": {"type": "TextPositionSelector", "start": 100, "end": 120}},
}


def test_http_adds_no_call_to_what_the_flows_make(at, small, api):
    path = f"/resources/{small.resource_id}"
    read.resource(at.system, WORKSPACE, small.resource_id)
    assert names(api("POST", f"{path}/annotations", W3C)) == ["PutItem"]
    project.materialize(at.system, small)
    assert names(api("GET", path)) == ["Query"]
    assert names(api("GET", f"{path}/annotations?limit=100")) == ["GetItem", "Query", "Query"]
    mark = quote(an_annotation_of(at, small))
    assert names(api("GET", f"{path}/annotations/{mark}")) == ["GetItem", "GetItem", "Query"]
    removed = api("DELETE", f"{path}/annotations/{mark}")
    assert names(removed) == ["GetItem", "GetItem", "Query", "PutItem"]


def test_over_http_a_key_is_two_calls_more_that_keep_the_answer(at, small, api):
    path = f"/resources/{small.resource_id}/annotations"
    keyed = api("POST", path, W3C, **{"idempotency-key": at.id()})
    assert names(keyed) == ["PutItem", "GetItem", "GetItem", "Query", "PutItem", "UpdateItem"]
