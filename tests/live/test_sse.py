"""Server-sent events as Lambda answers them: whole, at the first event or after a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from httpx_sse._decoders import SSEDecoder

from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.domain.actor import SYSTEM
from chalicelib.domain.events import ResourceUpdated
from chalicelib.domain.ids import Stream
from chalicelib.edge.answer import MAX_ANSWER_BYTES
from chalicelib.flows import project
from chalicelib.live.connections import Holder
from chalicelib.system import System
from tests.edge.api import Api
from tests.layers.examples import intent

NO_SUCH = "0192f0c1-0000-7000-8000-00000000dead"


def events(body: bytes) -> list[tuple[str, str, object]]:
    """Read a stream with a parser that is not ours: (id, event, data) of each."""
    decoder, found = SSEDecoder(), []
    for line in body.decode().split("\n"):
        if (event := decoder.decode(line)) is not None and event.data:
            found.append((event.id, event.event, event.json()))
    return found


@pytest.fixture
def api(environment: dict[str, str]) -> Iterator[Api]:
    config = Config.from_env({**environment, "LOCAL_USER": "ada"})
    system = System(replace(config, sse_hold_s=0.2, sse_poll_s=0.02, sse_places=2))
    systems.use(system)
    yield Api(system)
    systems.use(None)


@pytest.fixture
def resource(api: Api) -> str:
    """A resource at version 3, all of it shown by its view."""
    made = api.post("/resources", {"name": "A", "format": "text/plain", "content": "abc"}).json
    for name in ("B", "C"):
        api("PATCH", f"/resources/{made['id']}", {"name": name})
    shown(api, made["id"])
    return str(made["id"])


def shown(api: Api, resource_id: str) -> None:
    project.materialize(api.system, Stream.of_resource("demo", resource_id))


def rename(api: Api, resource_id: str, name: str) -> None:
    assert api("PATCH", f"/resources/{resource_id}", {"name": name}).status == 200


def test_what_came_since_a_version_is_answered_at_once_and_is_what_events_says(api, resource):
    answer = api.get(f"/resources/{resource}/events/stream", query="from=1")

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.body.startswith(b"retry: 1000\n\n")
    listed = api.get(f"/resources/{resource}/events").json["items"]
    assert events(answer.body) == [(e["id"], e["type"], e) for e in listed[1:]]


def test_last_event_id_is_newer_than_the_url(api, resource):
    answer = api.get(
        f"/resources/{resource}/events/stream",
        query="from=1",
        headers={"Last-Event-ID": f"{resource}:2"},
    )

    assert [event[0] for event in events(answer.body)] == [f"{resource}:3"]


def test_who_comes_without_a_position_is_told_one_at_once(api, resource):
    answer = api.get(f"/resources/{resource}/events/stream")

    assert events(answer.body) == [(f"{resource}:3", "live", {"cursor": f"{resource}:3"})]


def test_with_nothing_new_the_answer_is_empty_and_comes_after_the_hold(api, resource):
    answer = api.get(f"/resources/{resource}/events/stream", query="from=3")

    assert answer.body == b"retry: 1000\n\n"


def test_it_is_never_ahead_of_the_view(api, resource):
    rename(api, resource, "D")

    before = api.get(f"/resources/{resource}/events/stream", query="from=3")
    shown(api, resource)
    after = api.get(f"/resources/{resource}/events/stream", query="from=3")

    assert events(before.body) == []
    assert [event[0] for event in events(after.body)] == [f"{resource}:4"]


def test_a_waiting_answer_ends_at_the_first_event(api, resource):
    api.system.config = replace(api.system.config, sse_hold_s=10)

    def change() -> None:
        rename(api, resource, "D")
        shown(api, resource)

    timer = threading.Timer(0.1, change)
    timer.start()
    answer = api.get(f"/resources/{resource}/events/stream", query="from=3")
    timer.join()

    assert [event[0] for event in events(answer.body)] == [f"{resource}:4"]


def test_in_the_middle_of_a_commit_it_goes_on_from_there(api, resource):
    note = {"motivation": "commenting", "target": {}, "body": {"type": "TextualBody", "value": "x"}}
    added = api.post(f"/resources/{resource}/annotations", {"items": [note] * 4})
    assert added.status == 201
    shown(api, resource)

    answer = api.get(f"/resources/{resource}/events/stream", query="from=5")

    assert [event[0] for event in events(answer.body)] == [f"{resource}:6", f"{resource}:7"]


@pytest.mark.parametrize("text", ["\u6f22" * 9_000, '"' * 9_000, "x" * 30_000])
def test_an_answer_ends_before_it_is_too_large_to_send_and_the_next_goes_on(api, resource, text):
    """Given more events than one answer can hold, when a client comes again, then it has all."""
    note = {
        "motivation": "commenting",
        "target": {},
        "body": {"type": "TextualBody", "value": text},
    }
    for _ in range(2):
        added = api.post(f"/resources/{resource}/annotations", {"items": [note] * 70})
        assert added.status == 201, added.body
    shown(api, resource)

    heard, last = list[str](), f"{resource}:0"
    while last != f"{resource}:143":
        answer = api.get(f"/resources/{resource}/events/stream", headers={"Last-Event-ID": last})
        assert answer.status == 200, answer.body
        heard += [event[0] for event in events(answer.body)]
        last = heard[-1]

    assert heard == [f"{resource}:{version}" for version in range(1, 144)]


def test_an_event_that_no_answer_can_hold_comes_as_a_link_and_the_next_follow(api, resource):
    """Given a description beyond what a request may bring, as a log of elsewhere may hold it."""
    stream = Stream.of_resource("demo", resource)
    for described in ("x" * MAX_ANSWER_BYTES, "short"):
        update = ResourceUpdated((("description", described),))
        head = api.system.log.head(stream)
        api.system.log.append(stream, head, [update], intent())
    shown(api, resource)

    large = api.get(f"/resources/{resource}/events/stream", query="from=3")
    rest = api.get(f"/resources/{resource}/events/stream", query="from=4")

    ((cursor, kind, told),) = events(large.body)
    assert (large.status, cursor, kind) == (200, f"{resource}:4", "resource.updated")
    assert "data" not in told
    assert told["href"].endswith(f"/resources/{resource}/events?cursor=3&limit=1")
    assert [event[2]["data"] for event in events(rest.body)] == [{"description": "short"}]


def test_several_resources_have_a_vector_for_a_cursor(api, resource):
    other = api.post("/resources", {"name": "Z", "format": "text/plain", "content": "z"}).json["id"]
    shown(api, other)
    query = [("resource", resource), ("resource", other), ("from", f"{resource}:2,{other}:0")]

    answer = api.get("/events/stream", query=query)
    again = api.get(
        "/events/stream",
        query=query,
        headers={"Last-Event-ID": events(answer.body)[0][0]},
    )

    assert [event[0] for event in events(answer.body)] == [
        f"{resource}:3,{other}:0",
        f"{resource}:3,{other}:1",
    ]
    assert [event[0] for event in events(again.body)] == [f"{resource}:3,{other}:1"]


def test_one_whose_log_is_damaged_does_not_keep_the_others_from_being_heard(api, resource):
    """Given two resources, when one's log cannot be read, then the other's events come first."""
    other = api.post("/resources", {"name": "Z", "format": "text/plain", "content": "z"}).json["id"]
    shown(api, other)
    boto3.resource("dynamodb").Table(api.system.config.log_table).update_item(
        Key={"pk": Stream.of_resource("demo", resource).key, "sk": 1},
        UpdateExpression="SET body = :body",
        ExpressionAttributeValues={":body": b"not what was written"},
    )
    query = [("resource", resource), ("resource", other)]
    start = f"{resource}:0,{other}:0"

    answer = api.get("/events/stream", query=[*query, ("from", start)])
    (told,) = events(answer.body)
    again = api.get("/events/stream", query=query, headers={"Last-Event-ID": told[0]})

    assert told[0] == f"{resource}:0,{other}:1"
    assert again.problem == "log-damaged"


def test_a_version_that_is_not_there_yet_cannot_have_been_seen(api, resource):
    """The events up to it would never be told."""
    stream = f"/resources/{resource}/events/stream"
    assert api.get(stream, query="from=4").problem == "malformed"
    seen = {"Last-Event-ID": f"{resource}:4"}
    assert api.get(stream, query="from=1", headers=seen).problem == "malformed"
    other = api.post("/resources", {"name": "Z", "format": "text/plain", "content": "z"}).json["id"]
    both = [("resource", other), ("resource", resource), ("from", f"{other}:1,{resource}:4")]
    assert api.get("/events/stream", query=both).problem == "malformed"


def test_a_version_that_the_view_does_not_show_yet_may_have_been_seen(api, resource):
    """As by who wrote it."""
    rename(api, resource, "D")
    answer = api.get(f"/resources/{resource}/events/stream", query="from=4")
    assert (answer.status, events(answer.body)) == (200, [])


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ([("resource", NO_SUCH)], 404),
        ([("resource", f"0192f0c1-0000-7000-8000-{n:012d}") for n in range(21)], 400),
        ([("resource", NO_SUCH), ("from", "7")], 404),  # of one, a bare version will do
        ([("resource", NO_SUCH), ("from", "0192f0c1-0000-7000-8000-000000000001:7")], 400),
    ],
)
def test_what_cannot_be_watched_is_refused(api, query, status):
    assert api.get("/events/stream", query=query).status == status


def test_when_too_many_wait_the_next_is_told_to_come_later(api, resource):
    connections = api.system.connections
    assert connections.take_place(0, 60)
    assert connections.take_place(1, 60)

    full = api.get(f"/resources/{resource}/events/stream", query="from=3")
    with_news = api.get(f"/resources/{resource}/events/stream", query="from=2")
    connections.leave_place(1)
    freed = api.get(f"/resources/{resource}/events/stream", query="from=3")

    assert (full.status, full.headers["retry-after"]) == (503, "5")
    assert with_news.status == 200  # it does not wait, so it needs no place
    assert freed.status == 200
    assert connections.taken_places() == {0}


def test_a_place_whose_holder_was_killed_is_free_again(system):
    connections = system.connections
    assert connections.take_place(0, -5)
    assert connections.taken_places() == set()
    assert connections.take_place(0, 5)
    assert not connections.take_place(0, 5)


def test_a_ticket_opens_one_stream_once(api, resource):
    ticket = api.post("/tickets").json["ticket"]
    remote = {"host": "example.org"}  # where the local user does not count
    path = f"/resources/{resource}/events/stream"

    without = api.get(path, query="from=1", headers=remote)
    first = api.get(path, query=f"from=1&ticket={ticket}", headers=remote)
    second = api.get(path, query=f"from=1&ticket={ticket}", headers=remote)
    elsewhere = api.get(f"/resources/{resource}", query=f"ticket={ticket}", headers=remote)

    assert (without.status, first.status, second.status) == (401, 200, 401)
    assert elsewhere.status in (400, 401)


def test_a_ticket_is_not_told_again(api):
    """Given a ticket, which is good once, when it is asked for under a key, then it is refused."""
    answer = api.post("/tickets", headers={"Idempotency-Key": "once"})

    assert (answer.status, answer.problem) == (400, "malformed")
    assert "Idempotency-Key" in answer.json["detail"]
    contract = api.get("/openapi.json").json["paths"]["/tickets"]["post"]
    assert not [each for each in contract["parameters"] if "Idempotency" in str(each)]


def test_a_ticket_lives_for_thirty_seconds(environment):
    now = 1_800_000_000.0
    system = System(Config.from_env(environment), clock=lambda: now)

    assert system.connections.put_ticket("t" * 43, Holder(SYSTEM, "demo")) == now + 30
    now += 31

    assert system.connections.redeem("t" * 43) is None


def test_head_tells_the_type_and_does_not_wait(api, resource):
    answer = api("HEAD", f"/resources/{resource}/events/stream")

    assert (answer.status, answer.body) == (200, b"")
