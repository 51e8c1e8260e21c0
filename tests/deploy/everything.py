"""Everything that Palimpsest does, once: each route, stream, queue, schedule, socket and command.

What goes wrong now and then is part of it: a parked stream, a watcher that is gone or does not
answer, a view whose items are due for deletion, a worker that was lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from chalicelib.domain import job as domain
from chalicelib.domain.ids import Stream
from chalicelib.flows import rebuild
from chalicelib.views import Parked
from infra.local.aws import client
from tests.deploy.apart import WORKSPACE, Functions

URL = "http://127.0.0.1:8000"
TEXT = "Ada Lovelace met Charles Babbage in London."


def do_all(all: Functions) -> None:
    """Do everything once."""
    resource = _write(all)
    _live(all, resource)
    _jobs(all, resource)
    _read(all, resource)
    _mend(all, resource)
    _recover(all)


def _write(all: Functions) -> str:
    new = {"name": "A letter", "format": "text/plain", "content": TEXT, "entityTypes": ["Letter"]}
    for _ in range(2):
        made = all.call("POST", "/resources", new, status=201, headers={"Idempotency-Key": "once"})
    resource, path = str(made["id"]), f"/resources/{made['id']}"
    unknown = {"name": "n", "format": "text/plain", "upload": "0" * 64}
    all.call("POST", "/resources", unknown, status=422, headers={"Idempotency-Key": "never"})
    data = b"A longer text."
    checksum = hashlib.sha256(data).hexdigest()
    told = all.call("POST", "/uploads", {"checksum": checksum, "size": len(data)}, status=201)
    put = {"Bucket": all.config.content_bucket, "Key": f"{WORKSPACE}/{checksum}"}
    client("s3").put_object(Body=data, **put)
    uploaded = {**unknown, "upload": told["upload"]}
    other = all.call("POST", "/resources", uploaded, status=201)["id"]
    all.run()
    all.call("POST", f"{path}/clone", {"name": "Its twin"}, status=201)
    note = _note("Charles Babbage")
    note["body"].append({"type": "SpecificResource", "source": f"{URL}/resources/{other}"})
    added = all.call(
        "POST", f"{path}/annotations", note, status=201, headers={"Idempotency-Key": "note"}
    )
    own = added["id"].removeprefix(URL)
    all.run()
    all.call("PUT", f"{own}/body", {"body": note["body"][:1]})
    gone = all.call("POST", f"{path}/annotations", _note("London"), status=201)["id"]
    all.run()
    all.call("DELETE", gone.removeprefix(URL), status=204)
    all.call("PUT", f"{own}/body", {"body": note["body"]})
    all.call("PATCH", path, {"name": "Another name", "entityTypes": ["Book"]})
    all.run()
    all.call("GET", path)
    content = {"content": TEXT + " More.", "format": "text/plain"}
    match = {"If-Match": all.headers["etag"]}
    all.call("PUT", f"{path}/content", content, headers=match)
    all.call("POST", "/entity-types", {"entityTypes": ["Folio"]})
    schema = {"id": "s", "name": "S", "tags": [{"name": "t", "description": "d"}]}
    all.call("POST", "/tag-schemas", schema)
    all.run()
    return resource


def _live(all: Functions, resource: str) -> None:
    assert all.socket("$connect", "wrong", ticket="x" * 43) == 401
    all.connect("ada", "gone", "late", "left")
    for each in ("gone", "late", "left"):
        all.say(each, "subscribe", {"resource": resource, "from": 1})
    all.say("ada", "subscribe", {"resource": resource}, {"all": True})
    all.say("ada", "unsubscribe", {"all": True})
    assert all.socket("$disconnect", "left") == 200
    assert all.socket("$default", "left", '{"action": "ping"}') == 410
    all.ends.answer = {"gone": 410, "late": 500}.get
    for name in ("First", "Second"):  # who is late is late once, and left out once
        all.call("PATCH", f"/resources/{resource}", {"name": name})
        all.run()
    all.ends.answer = {}.get
    all.fire("push_sweep")
    all.connect("slow", "fled")
    for each, status in (("fled", 410), ("slow", 500)):
        all.ends.answer = {each: status}.get
        all.say(each, "subscribe", {"resource": resource, "from": 1})
    all.fire("push_sweep")
    all.ends.answer = {"slow": 410}.get
    all.fire("push_sweep")
    all.ends.answer = {}.get
    ticket = all.call("POST", "/tickets", status=201)["ticket"]
    watched = f"/resources/{resource}/events/stream"
    all.call("GET", watched, query={"from": 1, "ticket": ticket})
    all.call("GET", watched)
    # Nothing is new for who has seen it all: he waits, which takes a place.
    version = all.call("GET", f"/resources/{resource}")["version"]
    all.call("GET", watched, query={"from": version})
    all.call("GET", "/events/stream", query={"resource": resource})


def _jobs(all: Functions, resource: str) -> None:
    path = f"/resources/{resource}"
    asked = {"kind": "detection", "resource": resource, "params": {"entityTypes": ["Person"]}}
    for _ in range(2):
        job = all.call("POST", "/jobs", asked, status=201, headers={"Idempotency-Key": "job"})
    all.call("GET", f"/jobs/{job['id']}/events/stream")
    all.say("ada", "subscribe", {"job": job["id"]})
    all.work_briefly("job_worker")
    all.connect("out")
    all.say("out", "subscribe", {"job": job["id"]})
    all.ends.answer = {"out": 410}.get
    all.run()
    all.ends.answer = {}.get
    assert all.call("GET", f"/jobs/{job['id']}")["state"] == "complete"
    cancelled = all.call("POST", "/jobs", asked, status=201)
    all.call("DELETE", f"/jobs/{cancelled['id']}", status=202)
    all.call("POST", f"{path}/detect-annotations-stream", {"entityTypes": ["Person"]})
    new = {"prompt": "Charles Babbage", "title": "He", "resource": resource}
    all.call("POST", "/generate-resource-stream", new)
    all.call("POST", "/generate-resource-stream", {"prompt": "Its twin"})
    all.work_briefly("slow_job_worker")
    note = all.call("POST", f"{path}/annotations", _note("London"), status=201)["id"]
    all.call("POST", f"{note.removeprefix(URL)}/generate-resource-stream", {})
    all.run()
    assert {each["state"] for each in all.call("GET", "/jobs")["items"]} == {
        "complete",
        "cancelled",
    }
    all.call("GET", "/jobs", query={"resource": resource})
    _lost_jobs(all, asked)
    # Who reads a resource whose view is far behind brings it up to date himself.
    story = _story(all)
    all.call("POST", "/jobs", {**asked, "resource": story["id"]}, status=201)
    _fall_behind(all, story)
    assert all.step("job_worker")
    story = _story(all)
    all.call("POST", "/generate-resource-stream", {**new, "resource": story["id"]})
    _fall_behind(all, story)
    assert all.step("slow_job_worker")
    story = _story(all)
    _fall_behind(all, story)
    all.call("GET", f"/resources/{story['id']}/annotations")
    all.run()


def _lost_jobs(all: Functions, asked: Mapping[str, Any]) -> None:
    """Jobs whose message was lost; one whose worker was, and another that is to be cancelled."""
    made = [all.call("POST", "/jobs", asked, status=201)["id"] for _ in range(3)]
    params = {"prompt": "Its twin"}
    slow = {"kind": "generation", "params": params}
    made.append(all.call("POST", "/jobs", slow, status=201)["id"])
    system = all.system("test")
    for job_id in made[:2]:
        job = system.jobs.get(WORKSPACE, job_id)
        assert job is not None
        now, now_s = system.now(), system.now_s()
        job = domain.claim(job, domain.Lease("worker", now_s - 1), now, now_s)
        assert system.jobs.put(job)
        written = {asked["resource"]: 1}
        job = domain.advance(job, "worker", now, domain.Place(0), {"percentage": 1}, written)
        assert system.jobs.put(job)
    assert system.jobs.put(domain.request_cancel(job, now))
    all.fire("sweep_jobs", ahead_s=3600)
    all.run()
    states = [all.call("GET", f"/jobs/{job_id}")["state"] for job_id in made]
    assert states == ["complete", "cancelled", "complete", "complete"]


def _story(all: Functions) -> dict[str, Any]:
    """Create a resource with annotations whose view is up to date."""
    new = {"name": "A long story", "format": "text/plain", "content": TEXT}
    made = all.call("POST", "/resources", new, status=201)
    notes = {"items": [_note("London")] * 3}
    added = all.call("POST", f"/resources/{made['id']}/annotations", notes, status=201)
    all.run()
    return {"id": made["id"], "notes": [each["id"].removeprefix(URL) for each in added["items"]]}


def _fall_behind(all: Functions, story: Mapping[str, Any]) -> None:
    """Write 204 events that its view does not know."""
    path = f"/resources/{story['id']}"
    for note in story["notes"]:
        all.call("DELETE", note, status=204)
    all.call("PATCH", path, {"name": "Quite another story"})
    for _ in range(2):
        many = {"items": [_note("London")] * 100}
        all.call("POST", f"{path}/annotations", many, status=201)


def _read(all: Functions, resource: str) -> None:
    path = f"/resources/{resource}"
    since = "changedSince=2026-01-01T00:00:00Z"
    for query in ("", "q=name", "entityType=Book", since, f"after={resource}:9"):
        all.call("GET", "/resources", query=query)
    all.call("GET", path, query="version=1")
    all.call("GET", f"{path}/content", status=307)
    note = all.call("GET", f"{path}/annotations")["items"][0]["id"].removeprefix(URL)
    for each in (note, f"{note}/history", f"{path}/events"):
        all.call("GET", each)
    all.call("GET", f"{path}/events", query="order=newest&limit=1")
    for each in (f"{path}/referenced-by", f"{path}/neighbours", "/graph/stats"):
        all.call("GET", each)
    all.call("GET", "/graph/paths", query={"from": resource, "to": resource})
    for each in (
        "/entity-types",
        "/tag-schemas",
        "/api/health",
        "/api/live",
        "/",
        "/openapi.json",
        "/asyncapi.json",
        "/docs",
        "/context.jsonld",
        "/problems/not-found",
    ):
        all.call("GET", each)


def _mend(all: Functions, resource: str) -> None:
    stream, system = Stream.of_resource(WORKSPACE, resource), all.system("test")
    for consumer in ("view_materializer", "graph_projector"):
        system.views.park(Parked(consumer, stream, 1, "for a test", system.now()))
    rebuild.rebuild_view(system, stream)
    story = _story(all)
    all.call("PATCH", f"/resources/{story['id']}", {"name": "Rung for nobody"})
    _damage(all, story["id"])
    all.fire("mend_graph", "reconcile", ahead_s=3600)
    all.run()
    all.fire("reconcile", ahead_s=7200)
    all.fire("witness_heads")
    for days in (1, 2):
        all.fire("witness_heads", ahead_s=days * 86_400)


def _recover(all: Functions) -> None:
    """A view is behind, a content is gone, the graph was emptied."""
    story = _story(all)
    for note in story["notes"]:
        all.call("DELETE", note, status=204)
    gone = f"{WORKSPACE}/{hashlib.sha256(b'A longer text.').hexdigest()}"
    client("s3").delete_object(Bucket=all.config.content_bucket, Key=gone)
    for command in ("rebuild_views", "rebuild_graph", "verify", "recover"):
        all.empty_graph()
        all.take_turns(command)
    all.run()


def _damage(all: Functions, resource: str) -> None:
    """Put what nobody can read at the end of a stream."""
    log = {"TableName": all.config.log_table}
    pk = Stream.of_resource(WORKSPACE, resource).key
    asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": pk}}}
    (last,) = client("dynamodb").query(**log, **asked, ScanIndexForward=False, Limit=1)["Items"]
    next_ = {"N": str(int(last["sk"]["N"]) + int(last["count"]["N"]))}
    client("dynamodb").put_item(**log, Item={**last, "sk": next_, "body": {"B": b"[{"}})


def _note(exact: str) -> dict[str, Any]:
    body = [{"type": "TextualBody", "value": "Person", "purpose": "tagging"}]
    target = {"selector": {"type": "TextQuoteSelector", "exact": exact}}
    return {"motivation": "linking", "target": target, "body": body}
