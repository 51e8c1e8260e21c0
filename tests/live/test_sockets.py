"""Websockets as the local gateway serves them, with a client that is not ours."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from chalicelib.domain.ids import Stream
from chalicelib.edge import schemas, sockets
from chalicelib.edge.schemas.components import SOCKET_SCHEMAS
from infra.local import keys
from tests.live.local import Local

FRAMES = {
    schema["properties"]["type"]["const"]: name
    for name, schema in SOCKET_SCHEMAS.items()
    if name.endswith("Frame")
}


class Client:
    """A websocket that is read frame by frame; each frame must be of its documented shape."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def hear(self, timeout_s: float = 5.0) -> Any:
        text = self.socket.recv(timeout_s)
        assert len(text.encode()) < 32 * 1024
        frame = json.loads(text)
        schemas.check(FRAMES[frame["type"]], frame)
        return frame

    def silent(self, seconds: float = 0.2) -> bool:
        with pytest.raises(TimeoutError):
            self.hear(seconds)
        return True

    def until_live(self) -> list[Any]:
        heard = []
        while not heard or heard[-1]["type"] != "live":
            heard.append(self.hear())
        return heard

    def subscribe(self, *topics: Any, id: str = "1") -> None:
        self.say(action="subscribe", id=id, topics=list(topics))


def events(*frames: Any) -> list[Any]:
    found = []
    for frame in frames:
        if frame["type"] in ("event", "events"):
            batch = frame.get("events") or [frame["event"]]
            assert frame["cursor"] == batch[-1]["id"]
            found += batch
    return found


@contextmanager
def opened(local: Local, **more: Any) -> Iterator[Client]:
    with connect(local.ws_url, **more) as socket:
        yield Client(socket)


def spoil(local: Local, resource_id: str) -> None:
    """Damage the first commit of a resource."""
    boto3.resource("dynamodb").Table(local.system.config.log_table).update_item(
        Key={"pk": Stream.of_resource("demo", resource_id).key, "sk": 1},
        UpdateExpression="SET body = :body",
        ExpressionAttributeValues={":body": b"not what was written"},
    )


@pytest.fixture
def client(local: Local) -> Iterator[Client]:
    with opened(local) as one:
        yield one


def test_a_subscription_starts_replays_and_goes_live_in_this_order(local, client):
    resource = local.created()
    local.rename(resource, "B")
    version = local.annotate(resource, 3)
    shown(local, resource, version)

    client.subscribe({"resource": resource, "from": 1})
    first, *replayed, live = client.until_live()
    version = local.rename(resource, "C")
    pushed = client.hear()

    assert first == {
        "type": "subscribed",
        "id": "1",
        "topics": [{"resource": resource, "from": 1}],
    }
    assert live == {"type": "live", "cursor": f"{resource}:5"}
    assert pushed["type"] == "event"
    assert pushed["cursor"] == f"{resource}:{version}"
    assert events(*replayed, pushed) == local.history(resource)[1:]


def test_without_from_it_starts_now(local, client):
    resource = local.created()
    shown(local, resource, local.rename(resource, "B"))

    client.subscribe({"resource": resource})

    assert client.until_live() == [
        {"type": "subscribed", "id": "1", "topics": [{"resource": resource, "from": 2}]},
        {"type": "live", "cursor": f"{resource}:2"},
    ]


def test_many_events_of_one_move_come_in_few_frames(local, client):
    resource = local.created()
    shown(local, resource, 1)
    client.subscribe({"resource": resource})
    client.until_live()

    local.annotate(resource, 100)
    heard = [client.hear()]
    while len(events(*heard)) < 100:
        heard.append(client.hear())

    assert len(heard) <= 4
    assert events(*heard) == local.history(resource)[1:]


def test_who_watches_everything_hears_of_new_resources_from_now_on(local, client):
    old = local.created()
    shown(local, old, 1)
    client.subscribe({"all": True})
    assert client.hear()["topics"][0]["all"] is True

    new = local.created()
    heard = [client.hear()]
    local.rename(old, "B")
    heard.append(client.hear())

    assert [event["id"] for event in events(*heard)] == [f"{new}:1", f"{old}:2"]


def test_who_watches_one_and_all_hears_it_once(local, client):
    resource = local.created()
    shown(local, resource, 1)
    client.subscribe({"resource": resource}, {"all": True})
    client.until_live()
    local.rename(resource, "B")
    assert client.hear()["cursor"] == f"{resource}:2"
    assert client.silent()


def test_after_unsubscribing_it_is_silent(local, client):
    resource = local.created()
    shown(local, resource, 1)
    client.subscribe({"resource": resource})
    client.until_live()
    client.say(action="unsubscribe", id="2", topics=[{"resource": resource}])
    assert client.hear() == {"type": "unsubscribed", "id": "2", "topics": [{"resource": resource}]}
    local.rename(resource, "B")
    assert client.silent()


def test_a_ping_is_answered(client):
    client.say(action="ping", id="7")
    assert client.hear() == {"type": "pong", "id": "7"}
    client.say(action="ping")
    assert client.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    ("text", "problem", "id"),
    [
        ("{", "malformed", None),
        ("[]", "invalid", None),
        ('{"action": "dance", "id": "3"}', "invalid", "3"),
        ('{"action": "subscribe", "id": "3"}', "invalid", "3"),
        ('{"action": "subscribe", "id": "3", "topics": [{"resource": "x"}]}', "invalid", "3"),
    ],
)
def test_what_cannot_be_understood_is_told_with_the_client_s_id(client, text, problem, id):
    client.socket.send(text)
    said = client.hear()
    assert said["type"] == "error"
    assert said.get("id") == id
    assert said["problem"]["type"].endswith(f"/problems/{problem}")
    client.say(action="ping")
    assert client.hear()["type"] == "pong"


def test_of_several_topics_one_that_is_not_there_does_not_spoil_the_others(local, client):
    resource = local.created()
    shown(local, resource, 1)
    nothing = "0192f0c1-0000-7000-8000-00000000dead"

    client.subscribe({"resource": nothing}, {"resource": resource})
    error, subscribed, _ = client.hear(), client.hear(), client.hear()

    assert (error["problem"]["status"], error["problem"]["pointer"]) == (404, "/topics/0")
    assert [topic["resource"] for topic in subscribed["topics"]] == [resource]


def test_of_several_topics_one_whose_log_is_damaged_does_not_spoil_the_others(local, client):
    resources = [local.created() for _ in range(3)]
    for resource in resources:
        shown(local, resource, 1)
    spoil(local, resources[1])

    client.subscribe(*({"resource": resource, "from": 0} for resource in resources))
    heard = [client.hear() for _ in range(6)]

    assert [frame["type"] for frame in heard] == [
        "subscribed",
        "event",
        "live",
        "error",
        "event",
        "live",
    ]
    assert heard[3]["problem"]["topic"] == {"resource": resources[1], "from": 0}
    assert heard[3]["problem"]["type"].endswith("/problems/log-damaged")
    assert [event["resource"] for event in events(heard[1], heard[4])] == [
        resources[0],
        resources[2],
    ]


def test_what_is_watched_already_may_be_asked_for_again_at_the_limit(local, client, monkeypatch):
    monkeypatch.setattr(sockets, "MAX_WATCHED", 2)
    first, second, third = (local.created() for _ in range(3))
    for resource in (first, second, third):
        shown(local, resource, 1)
    client.subscribe({"resource": first}, {"resource": second})
    assert client.hear()["type"] == "subscribed"
    client.until_live()
    client.until_live()

    client.subscribe({"resource": second}, {"resource": first}, {"resource": second})
    assert client.hear()["type"] == "subscribed"
    for _ in range(3):
        client.until_live()

    client.subscribe({"resource": third}, {"resource": first})
    assert client.hear()["problem"]["errors"][0]["pointer"] == "/topics"


def test_a_version_that_a_resource_has_not_reached_cannot_have_been_seen(local, client):
    resource, other = local.created(), local.created()
    shown(local, resource, 1)
    shown(local, other, 1)

    client.subscribe({"resource": resource, "from": 3}, {"resource": other, "from": 1})
    error, subscribed, _ = client.hear(), client.hear(), client.hear()

    assert error["problem"]["type"].endswith("/problems/malformed")
    assert (error["problem"]["status"], error["problem"]["pointer"]) == (400, "/topics/0")
    assert subscribed["topics"] == [{"resource": other, "from": 1}]


def test_an_event_that_is_too_large_for_a_frame_comes_as_a_link(local, client):
    resource = local.created()
    shown(local, resource, 1)
    client.subscribe({"resource": resource})
    client.until_live()

    local.annotate(resource, 1, "large " * 10_000)
    event = client.hear()["event"]

    assert "data" not in event
    page = local.web.get(event["href"]).json()
    assert page["items"] == local.history(resource)[1:]


def test_another_workspace_s_resource_is_as_if_it_did_not_exist(local):
    resource = local.created()
    token = keys.token(keys.key(), "eve", "elsewhere")
    with opened(local, additional_headers={"Authorization": f"Bearer {token}"}) as client:
        client.subscribe({"resource": resource}, {"all": True})
        assert client.hear()["problem"]["status"] == 404
        client.hear()
        local.rename(resource, "B")
        assert client.silent()


def test_a_ticket_opens_one_socket_once_and_a_foreign_page_none(local):
    ticket = local.web.post("/tickets").json()["ticket"]
    foreign = "https://elsewhere.example"
    with connect(f"{local.ws_url}?ticket={ticket}", origin=foreign) as socket:
        Client(socket).say(action="ping")
        assert Client(socket).hear()["type"] == "pong"
    for url in (f"{local.ws_url}?ticket={ticket}", f"{local.ws_url}?ticket={'x' * 43}"):
        with pytest.raises(InvalidStatus) as used, connect(url):
            pass
        assert used.value.response.status_code == 401
    with pytest.raises(InvalidStatus) as refused, connect(local.ws_url, origin=foreign):
        pass
    assert refused.value.response.status_code == 403


def test_a_job_s_states_come_until_it_is_over(local, client):
    resource = local.created(content="Maria Delgado wrote on 3 March 1907.", language="en")
    local.pause("job_worker")
    asked = {"kind": "detection", "resource": resource, "params": {"entityTypes": ["Person"]}}
    made = local.web.post("/jobs", json=asked)
    assert made.status_code == 201, made.text
    job = made.json()["id"]
    client.subscribe({"job": job})
    heard = [client.hear(), client.hear()]
    local.pause("job_worker", False)
    while heard[-1]["job"]["state"] not in ("complete", "failed"):
        heard.append(client.hear(10))

    assert heard[0] == {"type": "subscribed", "id": "1", "topics": [{"job": job}]}
    assert heard[1]["job"]["state"] == "pending"
    assert heard[-1]["job"] == local.web.get(f"/jobs/{job}").json()
    assert heard[-1]["cursor"] == f"{job}:{local.web.get(f'/jobs/{job}').json()['version']}"
    client.subscribe({"job": "0192f0c1-0000-7000-8000-00000000dead"})
    while (said := client.hear())["type"] == "job":  # a state may be told again
        pass
    assert said["problem"]["status"] == 404


def test_who_leaves_leaves_nothing_behind(local):
    resource = local.created()
    with opened(local) as client:
        client.subscribe({"resource": resource}, {"all": True})
        client.until_live()
        stream = Stream.of_resource("demo", resource)
        assert len(local.system.connections.watchers(stream.key)) == 1
    end = time.monotonic() + 2
    while local.system.connections.watchers(stream.key) and time.monotonic() < end:
        time.sleep(0.01)
    assert local.system.connections.watchers(stream.key) == []


def test_the_connections_endpoint_is_what_boto3_expects(local, client):
    client.say(action="ping")
    client.hear()
    resource = local.created()
    shown(local, resource, 1)
    client.subscribe({"resource": resource})
    client.until_live()
    key = Stream.of_resource("demo", resource).key
    (watcher,) = local.system.connections.watchers(key)
    api = boto3.client("apigatewaymanagementapi", endpoint_url=watcher.endpoint)

    api.post_to_connection(ConnectionId=watcher.connection, Data=b'{"type":"pong"}')
    assert client.hear() == {"type": "pong"}
    assert "LastActiveAt" in api.get_connection(ConnectionId=watcher.connection)
    with pytest.raises(api.exceptions.GoneException):
        api.post_to_connection(ConnectionId="nobody=", Data=b"{}")
    with pytest.raises(api.exceptions.PayloadTooLargeException):
        api.post_to_connection(ConnectionId=watcher.connection, Data=b"x" * (128 * 1024 + 1))
    api.delete_connection(ConnectionId=watcher.connection)
    with pytest.raises(ConnectionClosed) as closed:
        client.hear()
    assert closed.value.rcvd.code == 1000


def test_the_connections_endpoint_is_not_for_other_sites(local):
    url = f"{local.url}/ws/@connections/x"
    assert httpx.post(url, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert httpx.post(url, headers={"Host": "elsewhere.example"}).status_code == 403
    assert httpx.post(url).status_code == 410


def test_a_frame_beyond_32_kb_and_a_binary_one_end_the_connection(local):
    for message, code in (("x" * (32 * 1024 + 1), 1009), (b"{}", 1003)):
        with opened(local) as client:
            client.socket.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                client.hear()
            assert closed.value.rcvd.code == code


def test_while_the_views_pump_is_paused_the_socket_is_silent(local, client):
    resource = local.created()
    shown(local, resource, 1)
    client.subscribe({"resource": resource})
    client.until_live()
    local.pause("view_materializer")
    try:
        local.rename(resource, "B")
        assert client.silent()
    finally:
        local.pause("view_materializer", False)
    assert client.hear()["cursor"] == f"{resource}:2"


def test_while_push_is_paused_writes_and_reads_do_not_notice_and_then_everyone_catches_up(
    local, client
):
    resource = local.created()
    shown(local, resource, 1)
    client.subscribe({"resource": resource})
    client.until_live()
    local.pause("pusher")
    try:
        for name in ("B", "C", "D"):
            local.rename(resource, name)
        shown(local, resource, 4)
        assert local.web.get(f"/resources/{resource}").json()["name"] == "D"
        assert client.silent()
    finally:
        local.pause("pusher", False)
    heard = [client.hear()]
    while len(events(*heard)) < 3:
        heard.append(client.hear())
    assert events(*heard) == local.history(resource)[1:]


def shown(local: Local, resource: str, version: int) -> None:
    """Wait until the view shows a version, and its push is done."""
    end = time.monotonic() + 5
    stream = Stream.of_resource("demo", resource)
    while time.monotonic() < end:
        view = local.system.views.get(stream)
        if view is not None and view.head.version >= version:
            break
        time.sleep(0.005)
    while local.pumps["pusher"].pump.behind() and not local.pumps["pusher"].paused:
        time.sleep(0.005)
