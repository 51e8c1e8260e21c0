"""A workspace from Semiont's event folders: ids and times stay, and what is broken there is told.

The folders are made here, after the format as its sources and published knowledge bases have it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.commands import CreateResource, UpdateResource
from chalicelib.domain.ids import Stream
from chalicelib.errors import Invalid
from chalicelib.flows import read, semiont, write
from chalicelib.flows.content import store
from chalicelib.flows.verify import verify
from chalicelib.system import System
from infra.ops.__main__ import main
from tests.recovery import scene

TEXT = "In the beginning 𝔒uranos and Gaia held sway over Heaven and Earth."
ONE, TWO = "e7b5463024ce0bfc7d8c59f32d1aec11", "1aac0df775eac54965ad2eace503e682"
OURS = "e7b54630-24ce-0bfc-7d8c-59f32d1aec11"
ADDED, REMOVED, ANCHORED = "SSP8cmHKM21F6CYr1ZMuZ", "_2FAgdjFY3bInpVaTpts2", "l8WRZ6cKmiTf6RBKmiKnl"
LATER_NAMES = {
    "resource.created": "yield:created",
    "annotation.added": "mark:added",
    "annotation.removed": "mark:removed",
    "annotation.body.updated": "mark:body-updated",
    "entitytag.added": "mark:entity-tag-added",
    "entitytype.added": "frame:entity-type-added",
    "resource.archived": "mark:archived",
    "job.started": "job:started",
    "embedding.computed": "embedding:computed",
}


def line(number: int, kind: str, payload: Any, stream: str | None = ONE) -> dict[str, Any]:
    told = {"type": kind, "resourceId": stream, "userId": "did:web:example.com:users:ada"}
    if stream is None:
        del told["resourceId"]
    digest = hashlib.sha256(f"{stream} {number}".encode()).hexdigest()
    name = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    at = f"2026-03-26T01:25:{number:02}.826Z"
    return {**told, "version": 1, "payload": payload, "id": name, "timestamp": at}


def annotation(name: str, exact: str = "Gaia", start: int | None = None) -> dict[str, Any]:
    # Positions are JavaScript's: the letter 𝔒 counts two.
    at = len(TEXT[: TEXT.index(exact)].encode("utf-16-le")) // 2 if start is None else start
    selectors = [
        {"type": "TextPositionSelector", "start": at, "end": at + len(exact)},
        {"type": "TextQuoteSelector", "exact": exact, "prefix": "", "suffix": ""},
    ]
    return {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "type": "Annotation",
        "id": name,
        "motivation": "linking",
        "creator": {"type": "Person", "id": "did:web:example.com:users:bo", "name": "Bo"},
        "generator": {"@type": "SoftwareAgent", "name": "A worker", "model": "m", "worker": "w"},
        "created": "2026-03-26T01:29:12.390Z",
        "modified": "2026-03-26T01:29:12.390Z",
        "target": {"source": ONE, "selector": selectors},
        "body": [{"type": "TextualBody", "value": "Person", "purpose": "tagging"}],
    }


def content(text: str) -> dict[str, Any]:
    return {
        "name": "Argument",
        "format": "text/plain",
        "contentChecksum": hashlib.sha256(text.encode()).hexdigest(),
        "contentByteSize": len(text.encode()),
        "storageUri": "file://authors/Argument.txt",
        "creationMethod": "api",
        "entityTypes": ["Play"],
    }


def events() -> list[dict[str, Any]]:
    link = {"type": "SpecificResource", "source": TWO, "purpose": "linking"}
    return [
        line(1, "resource.created", content(TEXT)),
        line(2, "job.started", {"jobId": "job-1", "jobType": "reference-annotation"}),
        line(3, "annotation.added", {"annotation": annotation(ADDED)}),
        line(4, "annotation.added", {"annotation": annotation(REMOVED, "Heaven")}),
        line(5, "embedding.computed", {"vector": [5.1501327e-05]}),
        line(
            6,
            "annotation.body.updated",
            {"annotationId": ADDED, "operations": [{"op": "add", "item": link}]},
        ),
        line(7, "annotation.removed", {"annotationId": REMOVED}),
        line(8, "entitytag.added", {"entityType": "Myth"}),
        line(9, "resource.archived", {"reason": "done"}),
    ]


def types() -> list[dict[str, Any]]:
    return [line(n, "entitytype.added", {"entityType": kind}, None) for n, kind in enumerate("AB")]


def nested(told: list[dict[str, Any]]) -> list[str]:
    """Lines of the first format: an envelope round the event, and a chain of checksums."""
    lines, before = [], None
    for number, event in enumerate(told, 1):
        text = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        text = text.replace("5.1501327e-05", "0.000051501327")  # as JavaScript writes it
        checksum = hashlib.sha256(text.encode()).hexdigest()
        metadata = {"sequenceNumber": number, "streamPosition": 0, "timestamp": event["timestamp"]}
        metadata |= {} if before is None else {"prevEventHash": before}
        metadata["checksum"] = before = checksum
        written = json.dumps(metadata, separators=(",", ":"))
        lines.append(f'{{"event":{text},"metadata":{written}}}')
    return lines


def flat(told: list[dict[str, Any]]) -> list[str]:
    """Lines of the last format: no envelope, other names, no chain."""
    return [
        json.dumps(
            {
                **event,
                "type": LATER_NAMES[event["type"]],
                "metadata": {"sequenceNumber": number, "streamPosition": 0},
            }
        )
        for number, event in enumerate(told, 1)
    ]


def renamed(told: list[dict[str, Any]]) -> list[str]:
    """Lines of the time between: the envelope, with the new names and so a wrong checksum."""
    found = [json.loads(each) for each in nested(told)]
    for each in found:
        each["event"]["type"] = LATER_NAMES[each["event"]["type"]]
    return [json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in found]


def written(folder: Path, lines: list[str], stream: str = ONE) -> Path:
    """Lay a stream's lines where Semiont lays them, with the text that they are about."""
    at = folder / ".semiont" / "events" / "91" / "20" / stream
    at.mkdir(parents=True)
    (at / "events-000001.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "authors").mkdir(exist_ok=True)
    (folder / "authors" / "Argument.txt").write_text(TEXT, "utf-8")
    return folder


def faults(done: semiont.Brought) -> list[str]:
    return [what for _, what in done.faults]


@pytest.mark.parametrize("how", [nested, flat])
def test_facts_come_with_their_ids_and_times(system: System, tmp_path: Path, how: Any) -> None:
    written(tmp_path, how(events()))
    written(tmp_path, how(types()), "__system__")

    done = semiont.bring(system, "demo", tmp_path)

    assert faults(done) == ["the job job-1 never ended"]
    assert (done.streams, done.commits, done.contents) == (2, 9, 1)
    assert done.left_out == {"job.started": 1, "embedding.computed": 1}
    resource = read.resource(system, "demo", OURS)
    assert (resource.name, resource.entity_types) == ("Argument", ("Play", "Myth"))
    assert resource.archived
    assert resource.created == "2026-03-26T01:25:01.826Z"
    (mark,) = read.annotation_page(system, "demo", OURS, limit=10).marks
    assert mark.annotation.id == done.ids[ADDED]
    assert mark.created == "2026-03-26T01:25:03.826Z"
    assert mark.creator.name == "Bo"
    position = mark.annotation.target.position
    assert position is not None
    assert TEXT[position.start : position.end] == "Gaia"
    assert mark.annotation.bodies[1].source == f"resource:{semiont.resource_id(TWO)}"  # type: ignore[union-attr]
    vocabulary = system.log.head(Stream.of_system("demo"))
    assert vocabulary.version == 2
    assert verify(system).faults == [f for f in verify(system).faults if f.kind == "view"]


def test_an_import_may_be_repeated_and_goes_on_where_it_ended(
    system: System, tmp_path: Path
) -> None:
    lines = nested(events())
    written(tmp_path / "first", lines[:4])
    written(tmp_path / "all", lines)
    first = semiont.bring(system, "demo", tmp_path / "first")
    rest = semiont.bring(system, "demo", tmp_path / "all")
    again = semiont.bring(system, "demo", tmp_path / "all")

    assert (first.commits, first.present) == (3, 0)
    assert (rest.commits, rest.present) == (4, 3)
    assert (again.commits, again.present, again.contents) == (0, 7, 0)
    assert again.ids == rest.ids


def test_what_is_broken_there_is_named_and_the_rest_is_brought(
    system: System, tmp_path: Path
) -> None:
    told = events()
    told[3:3] = [
        line(21, "annotation.added", {"annotation": annotation("twin")}),
        line(22, "annotation.added", {"annotation": annotation("astray", start=2)}),
        line(23, "annotation.added", {"annotation": annotation(ADDED, "Earth")}),
        line(24, "annotation.removed", {"annotationId": "nobody"}),
        line(25, "annotation.added", {"annotation": {"id": "empty"}}),
    ]
    told.append(line(26, "annotation.added", {"annotation": annotation("late")}))
    lines = nested(told)
    lines[1], lines[2] = lines[2], lines[1]
    lines[7] = lines[7].replace('"empty"', '"other"')
    lines.insert(4, '{"event": {"id"')
    written(tmp_path, lines)

    done = semiont.bring(system, "demo", tmp_path)

    found = " | ".join(faults(done))
    for expected in (
        "line 2: sequence number 3 follows 1",
        "line 2: the chain does not name the line before",
        "line 3: sequence number 2 follows 3",
        "line 5 cannot be read",
        "line 9: the checksum is not that of the event",
        "the annotation twin says the same as SSP8cmHKM21F6CYr1ZMuZ",
        "the selectors of the annotation astray do not match the text",
        "an annotation of this id is there already",
        "is not as it should be (KeyError('motivation'))",
        "archived",
    ):
        assert expected in found, (expected, found)
    assert read.resource(system, "demo", OURS).archived
    assert not [fault for fault in verify(system).faults if fault.kind in ("chain", "content")]


def test_names_that_were_rewritten_break_the_checksums_and_nothing_else(
    system: System, tmp_path: Path
) -> None:
    done = semiont.bring(system, "demo", written(tmp_path, renamed(events())))

    broken = [fault for fault in faults(done) if "checksum" in fault]
    assert len(broken) == len(events())
    assert done.commits == 7


def test_bytes_that_changed_are_told_and_a_resource_without_bytes_stays_out(
    system: System, tmp_path: Path
) -> None:
    written(tmp_path, nested([line(1, "resource.created", content("An older text."))]))
    gone = {**content("Gone."), "storageUri": "file://authors/Gone.txt"}
    written(tmp_path, nested([line(1, "resource.created", gone, TWO)]), TWO)

    done = semiont.bring(system, "demo", tmp_path)

    assert done.commits == 1
    assert any("has other bytes than the event names" in fault for fault in faults(done))
    assert any("are not in the folder" in fault for fault in faults(done))
    assert read.resource(system, "demo", OURS).content.size == len(TEXT.encode())


def spaced(told: list[dict[str, Any]]) -> list[str]:
    """Lines of the first format with white space, as json.dumps writes it unasked."""
    lines = []
    for number, event in enumerate(told, 1):
        text = json.dumps(event)
        metadata = {"sequenceNumber": number, "checksum": hashlib.sha256(text.encode()).hexdigest()}
        if lines:
            metadata["prevEventHash"] = json.loads(lines[-1])["metadata"]["checksum"]
        lines.append(f' {{ "event": {text}, "metadata": {json.dumps(metadata)}}}')
    return lines


def test_white_space_in_a_line_is_no_fault(system: System, tmp_path: Path) -> None:
    done = semiont.bring(system, "demo", written(tmp_path, spaced(events())))

    assert (faults(done), done.commits) == (["the job job-1 never ended"], 7)


def test_a_mark_of_the_byte_order_is_no_fault(system: System, tmp_path: Path) -> None:
    lines = nested(events())

    done = semiont.bring(system, "demo", written(tmp_path, ["\ufeff" + lines[0], *lines[1:]]))

    assert (faults(done), done.commits) == (["the job job-1 never ended"], 7)


@pytest.mark.parametrize(
    "broken",
    [
        b'{"event":\xff\xfe}',
        b'{"event":{"id":"i","type":7,"timestamp":"t"}}',
        b"[" * 100_000,
        b'{"event": {',
    ],
)
def test_a_line_that_cannot_be_read_costs_nothing_but_itself(
    system: System, tmp_path: Path, broken: bytes
) -> None:
    written(tmp_path, nested(events()))
    for path in tmp_path.rglob("events-*.jsonl"):
        path.write_bytes(path.read_bytes() + broken)

    done = semiont.bring(system, "demo", tmp_path)

    told, job = faults(done)
    assert "line 10 cannot be read" in told
    assert (job, done.commits) == ("the job job-1 never ended", 7)


def test_a_sequence_number_that_is_none_is_told_once(system: System, tmp_path: Path) -> None:
    lines = nested(events())
    lines[2] = lines[2].replace('"sequenceNumber":3', '"sequenceNumber":null')

    done = semiont.bring(system, "demo", written(tmp_path, lines))

    told, _ = faults(done)
    assert told == "events-000001.jsonl line 3: sequence number None follows 2"
    assert done.commits == 7


def test_whoever_writes_meanwhile_is_heard_and_the_import_goes_on(
    system: System, cold: System, tmp_path: Path
) -> None:
    written(tmp_path, nested(events()))
    renamed_by_client: list[None] = []

    def rename_first(params: dict[str, Any], **_: Any) -> None:
        if params["Item"]["sk"]["N"] == "2" and not renamed_by_client:
            renamed_by_client.append(None)
            scene.rename(cold, Stream.of_resource("demo", OURS), "By a client")

    with before_puts(system, rename_first):
        done = semiont.bring(system, "demo", tmp_path)

    assert (faults(done), done.commits) == (["the job job-1 never ended"], 7)
    assert read.resource(system, "demo", OURS).name == "By a client"
    assert len(list(system.log.read(Stream.of_resource("demo", OURS)))) == 8


def test_a_resource_that_somebody_began_meanwhile_is_left_alone(
    system: System, cold: System, tmp_path: Path
) -> None:
    written(tmp_path, nested(events()))
    kept = store(cold, "demo", b"Another text.", "text/plain", None)

    def create_first(params: dict[str, Any], **_: Any) -> None:
        if not list(cold.log.read(Stream.of_resource("demo", OURS))):
            write.create(cold, scene.request(), OURS, CreateResource("By a client", kept))

    with before_puts(system, create_first):
        done = semiont.bring(system, "demo", tmp_path)

    assert faults(done)[1:] == ["a resource of this id is there already, with another history"]
    assert len(list(system.log.read(Stream.of_resource("demo", OURS)))) == 1


def test_an_import_that_always_loses_ends(system: System, cold: System, tmp_path: Path) -> None:
    written(tmp_path, nested(events())[:1])
    semiont.bring(system, "demo", tmp_path)
    written(tmp_path / "more", nested(events())[:3])
    names = iter(range(1000))

    def rename_first(params: dict[str, Any], **_: Any) -> None:
        command = UpdateResource((("name", f"By a client {next(names)}"),))
        write.change(cold, scene.request(), OURS, command)

    with before_puts(system, rename_first):
        done = semiont.bring(system, "demo", tmp_path / "more")

    assert faults(done)[-1].endswith("other writers kept winning")
    assert done.commits == 0


@contextmanager
def before_puts(system: System, call: Callable[..., None]) -> Iterator[None]:
    """Call before each put of this system into the log."""

    def told(params: dict[str, Any], **_: Any) -> None:
        if params["TableName"] == system.config.log_table:
            call(params)

    events = system.tables.connection.client.meta.events
    events.register("provide-client-params.dynamodb.PutItem", told)
    try:
        yield
    finally:
        events.unregister("provide-client-params.dynamodb.PutItem", told)


def test_a_folder_without_events_is_refused(system: System, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"holds no events-\*\.jsonl"):
        semiont.bring(system, "demo", tmp_path)


def test_the_command_tells_what_was_brought_and_what_is_broken(
    system: System,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    tmp_path: Path,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    written(tmp_path, flat(events()))

    code = main(["import", "--workspace", "demo", "--from", "semiont", str(tmp_path)])

    told = capsys.readouterr().out
    assert code == 1
    assert "Imported 7 event(s) of 1 stream(s) and 1 content(s) into demo" in told
    assert "1 embedding.computed, 1 job.started" in told
    assert f"{ONE}: the job job-1 never ended" in told
