"""A workspace out and in again, bytes that nobody names, a folder of files; and the command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import bagit
import pytest

from chalicelib.config import Config
from chalicelib.domain import chain
from chalicelib.domain.actor import Actor
from chalicelib.domain.events import AnnotationAdded, ResourceCreated
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import MAX_ITEM_BYTES, item_bytes
from chalicelib.errors import Conflict, Invalid, LogDamaged, NotFound
from chalicelib.flows import archive, read, write
from chalicelib.flows.content import store
from chalicelib.flows.load import load
from chalicelib.flows.project import materialize
from chalicelib.flows.recover import rebuild_views
from chalicelib.flows.unnamed import remove_unnamed
from chalicelib.flows.verify import verify
from chalicelib.system import System
from chalicelib.upkeep import wire
from infra.ops.__main__ import main
from tests.recovery import scene


@pytest.fixture
def stream(system: System) -> Stream:
    other, stream = scene.create(system, "Another page"), scene.create(system)
    first, _ = scene.annotate(system, stream, 2, to=other, key="k" * 64)
    scene.rewrite(system, stream, first, "changed")
    write.seed_vocabulary(system, scene.request())
    materialize(system, Stream.of_system("demo"))
    return stream


def _commits(system: System, workspace: str) -> dict[tuple[str, str], Any]:
    """Return a workspace's items of the log, but for the workspace."""
    return {
        (pk.partition("/")[2], sk): {k: v for k, v in item.items() if k != "pk"}
        for (pk, sk), item in scene.items(system.config.log_table).items()
        if pk.startswith(f"{workspace}/")
    }


# -- archives -------------------------------------------------------------------------------------


def test_what_is_imported_elsewhere_is_the_same_to_the_byte_and_its_links_work(
    system: System, stream: Stream, tmp_path: Path
) -> None:
    out = archive.export(system, "demo", tmp_path / "bag")
    into = archive.restore(system, "elsewhere", tmp_path / "bag")

    assert (out.streams, out.commits, out.contents) == (3, 5, 1)
    assert (into.commits, into.present) == (5, 0)
    assert _commits(system, "elsewhere") == _commits(system, "demo")
    assert rebuild_views(system, workspace="elsewhere").failed == []
    assert verify(system).faults == []
    assert stream.resource_id is not None
    page = read.annotation_page(system, "elsewhere", stream.resource_id, limit=10)
    sources = [
        body.source for m in page.marks for body in m.annotation.bodies if hasattr(body, "source")
    ]
    assert [read.resource(system, "elsewhere", source.partition(":")[2]).name for source in sources]


def test_an_import_may_be_repeated_and_goes_on_where_it_ended(
    system: System, stream: Stream, tmp_path: Path
) -> None:
    archive.export(system, "demo", tmp_path / "bag")
    archive.restore(system, "elsewhere", tmp_path / "bag")
    table = system.config.log_table
    last = scene.items(table)[f"elsewhere/{stream.name}", "4"]
    scene.delete(table, last)

    again = archive.restore(system, "elsewhere", tmp_path / "bag")

    assert (again.commits, again.present) == (1, 4)
    assert _commits(system, "elsewhere") == _commits(system, "demo")


def test_another_history_is_refused_before_anything_is_written(
    system: System, stream: Stream, tmp_path: Path
) -> None:
    archive.export(system, "demo", tmp_path / "bag")
    write.seed_vocabulary(system, scene.request("elsewhere"))
    before = _commits(system, "elsewhere")

    with pytest.raises(Conflict, match="--keep-vocabulary"):
        archive.restore(system, "elsewhere", tmp_path / "bag")
    assert _commits(system, "elsewhere") == before
    kept = archive.restore(system, "elsewhere", tmp_path / "bag", keep_vocabulary=True)
    assert kept.kept == ("elsewhere/system",)
    assert kept.commits == 4


def test_a_damaged_bag_is_refused_and_says_where(
    system: System, stream: Stream, tmp_path: Path
) -> None:
    bag = tmp_path / "bag"
    archive.export(system, "demo", bag)
    events = next((bag / "data/events").glob("*.ndjson"))
    content = next((bag / "data/content").iterdir())
    for file in (events, content, bag / "bag-info.txt"):
        whole = file.read_bytes()
        file.write_bytes(whole[:-2] + b"?\n")
        with pytest.raises(Invalid, match=file.name):
            archive.restore(system, "elsewhere", bag)
        file.write_bytes(whole)
    (bag / "data/content/more").write_bytes(b"")
    with pytest.raises(Invalid, match="data/content/more"):
        archive.restore(system, "elsewhere", bag)
    (bag / "data/content/more").unlink()
    manifest = bag / "manifest-sha256.txt"
    manifest.write_text(manifest.read_text() + f"{'0' * 64}  data/../../outside\n")
    with pytest.raises(Invalid, match="outside"):
        archive.restore(system, "elsewhere", bag)
    assert _commits(system, "elsewhere") == {}


def test_a_commit_that_does_not_fit_under_a_longer_name_is_refused_before_anything_is_written(
    system: System, stream: Stream, tmp_path: Path
) -> None:
    """Else other streams are written by then, and this one never."""
    full = Stream.of_resource("demo", system.mint())
    kept = store(system, "demo", b"A text.", "text/plain", None)
    id_, now = system.mint(), system.now()

    def sealed(correlation: str) -> chain.Commit:
        return chain.seal(
            full.name,
            chain.EMPTY,
            [ResourceCreated("A page", kept)],
            id=id_,
            key=None,
            now=now,
            actor=scene.ACTOR,
            correlation=correlation,
            smaller=lambda packed, plain: False,
        )

    assert system.upkeep.put_commit(full, sealed("x")) is None
    bag = tmp_path / "bag"
    archive.export(system, "demo", bag)
    # moto's tables take 405,000 bytes at most: so what just fits into the log is put into the bag.
    room = MAX_ITEM_BYTES - item_bytes(wire.encoded(full, sealed("x")))
    largest = sealed("x" * (1 + room))
    path = bag / f"data/events/{full.resource_id}.ndjson"
    told = {"correlation": largest.correlation, "hash": largest.hash.hex()}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | told) + "\n", "utf-8")
    _list_anew(bag)

    with pytest.raises(Invalid, match=f"would take {MAX_ITEM_BYTES + 5} bytes in the log"):
        archive.restore(system, "elsewhere", bag)

    assert _commits(system, "elsewhere") == {}


def _list_anew(bag: Path) -> None:
    """Write the manifests of a bag that was changed."""
    tags = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")
    for name, paths in (
        ("manifest-sha256.txt", [p for p in sorted((bag / "data").rglob("*")) if p.is_file()]),
        ("tagmanifest-sha256.txt", [bag / tag for tag in tags]),
    ):
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(bag)}\n"
            for path in paths
        ]
        (bag / name).write_text("".join(lines), "utf-8")


def test_other_programs_take_the_archive_for_a_bag(
    system: System, stream: Stream, tmp_path: Path
) -> None:
    archive.export(system, "demo", tmp_path / "bag")

    assert bagit.Bag(str(tmp_path / "bag")).is_valid()


def test_a_damaged_log_is_not_exported(system: System, stream: Stream, tmp_path: Path) -> None:
    table = system.config.log_table
    scene.put(table, scene.items(table)[stream.key, "1"] | {"correlation": {"S": "forged"}})

    with pytest.raises(LogDamaged):
        archive.export(system, "demo", tmp_path / "bag")
    with pytest.raises(NotFound):
        archive.export(system, "nobody", tmp_path / "other")
    with pytest.raises(Conflict):
        archive.export(system, "demo", tmp_path)


# -- bytes that nobody names ----------------------------------------------------------------------


def test_unnamed_bytes_are_moved_aside_then_purged_and_named_ones_come_back(
    system: System, stream: Stream, clock: Any
) -> None:
    clock.now_s = __import__("time").time()  # the bucket's clock is the machine's
    loose, taken = system.content.put("demo", b"loose"), system.content.put("demo", b"taken")
    with pytest.raises(Invalid):
        remove_unnamed(system, age_s=60)
    assert remove_unnamed(system, age_s=86_400).removed == ()

    clock.now_s += 2 * 86_400
    first = remove_unnamed(system, age_s=86_400)
    assert {each.checksum for each in first.removed} == {loose, taken}
    assert system.content.size("demo", loose) is None
    scene.create(system, "Named after all", "taken")  # puts the bytes again, and names them
    system.objects.purge("demo", taken)
    system.objects.remove("demo", taken)  # as if it had been moved between put and append
    second = remove_unnamed(system, age_s=86_400)
    assert [each.checksum for each in second.restored] == [taken]
    assert second.left == 1
    third = remove_unnamed(system, age_s=86_400, purge=True)
    assert [each.checksum for each in third.purged] == [loose]
    assert verify(system).unnamed == []
    assert [f for f in verify(system).faults if f.kind == "content"] == []


# -- files ----------------------------------------------------------------------------------------


def test_a_folder_is_loaded_with_the_annotations_beside_and_again_without_a_change(
    system: System, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "notes.md").write_text("# Notes\nOn the palimpsest.", "utf-8")
    (tmp_path / "sub/leaf.txt").write_text("A leaf.", "utf-8")
    (tmp_path / ".hidden").write_text("no", "utf-8")
    (tmp_path / "notes.md.jsonld").write_text(
        json.dumps(
            {
                "@context": "http://www.w3.org/ns/anno.jsonld",
                "type": "AnnotationPage",
                "items": [
                    {
                        "type": "Annotation",
                        "motivation": "linking",
                        "target": {
                            "source": "notes.md",
                            "selector": {"type": "TextQuoteSelector", "exact": "palimpsest"},
                        },
                        "body": {
                            "type": "SpecificResource",
                            "source": "sub/leaf.txt",
                            "purpose": "linking",
                        },
                    }
                ],
            }
        ),
        "utf-8",
    )
    (tmp_path / "wrong.txt").write_text("Wrong.", "utf-8")
    (tmp_path / "wrong.txt.jsonld").write_text('[{"type": "Annotation"}]', "utf-8")

    done = load(system, "demo", tmp_path, Actor("ada", "Person", "Ada"))
    again = load(system, "demo", tmp_path, Actor("ada", "Person", "Ada"))

    assert (done.resources, done.annotations, [name for name, _ in done.failed]) == (
        2,
        1,
        ["wrong.txt"],
    )
    assert (again.resources, again.annotations, again.known) == (0, 0, 2)
    assert again.known_annotations == 1
    names = {}
    for each in system.log.streams():
        materialize(system, each)
        assert each.resource_id is not None
        names[read.resource(system, "demo", each.resource_id).name] = each.resource_id
    assert sorted(names) == ["notes.md", "sub/leaf.txt"]
    (mark,) = read.annotation_page(system, "demo", names["notes.md"], limit=10).marks
    assert mark.annotation.bodies[0].source == f"resource:{names['sub/leaf.txt']}"  # type: ignore[union-attr]


def _folder(folder: Path, notes: list[str]) -> Path:
    """One text with an annotation for each note."""
    told = [
        {
            "type": "Annotation",
            "motivation": "commenting",
            "target": {"selector": {"type": "TextQuoteSelector", "exact": "leaf"}},
            "body": {"type": "TextualBody", "value": note},
        }
        for note in notes
    ]
    (folder / "leaf.txt").write_text("A leaf.", "utf-8")
    (folder / "leaf.txt.jsonld").write_text(json.dumps(told), "utf-8")
    return folder


def _shown(system: System) -> list[str]:
    """Return the notes that a reader sees."""
    (stream,) = system.log.streams()
    assert stream.resource_id is not None
    materialize(system, stream)
    marks = read.annotation_page(system, "demo", stream.resource_id, limit=1000).marks
    return [mark.annotation.bodies[0].value for mark in marks]  # type: ignore[union-attr]


def test_loading_again_undoes_no_edit_after_tombstones_and_keys_are_gone(
    system: System, environment: dict[str, str], clock: Any, tmp_path: Path
) -> None:
    folder = _folder(tmp_path, ["removed", "rewritten", "kept"])
    load(system, "demo", folder, scene.ACTOR)
    (stream,) = system.log.streams()
    removed, rewritten, _ = _ids(system, stream)
    scene.remove(system, stream, removed)
    scene.rewrite(system, stream, rewritten, "by hand")
    clock.now_s += 3 * 86_400
    for item in scene.items(system.config.views_table).values():
        if "expires" in item and float(item["expires"]["N"]) < clock.now_s:
            scene.delete(system.config.views_table, item)

    again = load(System(Config.from_env(environment), clock=clock), "demo", folder, scene.ACTOR)

    assert (again.annotations, again.known, again.known_annotations) == (0, 1, 3)
    assert sorted(_shown(system)) == ["by hand", "kept"]
    assert verify(system).faults == []


def test_what_is_new_in_an_edited_list_is_added_and_the_rest_is_known(
    system: System, tmp_path: Path
) -> None:
    notes = [f"note {number}" for number in range(100)]
    load(system, "demo", _folder(tmp_path, notes), scene.ACTOR)

    notes = ["new", *notes, "note 0"]
    again = load(system, "demo", _folder(tmp_path, notes), scene.ACTOR)

    assert (again.annotations, again.known_annotations, again.failed) == (2, 100, [])
    assert sorted(_shown(system)) == sorted(notes)


def test_two_that_load_at_once_add_each_annotation_once(
    system: System, environment: dict[str, str], clock: Any, tmp_path: Path
) -> None:
    folder = _folder(tmp_path, [f"note {number}" for number in range(101)])
    other, told = System(Config.from_env(environment), clock=clock), list[Any]()

    def other_first(params: dict[str, Any], **_: Any) -> None:
        if params["Item"]["sk"]["N"] == "2" and not told:
            told.append(None)
            told.append(load(other, "demo", folder, scene.ACTOR))

    events = system.tables.connection.client.meta.events
    events.register("provide-client-params.dynamodb.PutItem", other_first)
    try:
        done = load(system, "demo", folder, scene.ACTOR)
    finally:
        events.unregister("provide-client-params.dynamodb.PutItem", other_first)

    (stream,) = system.log.streams()
    assert (told[-1].annotations, done.annotations, done.failed) == (101, 0, [])
    assert len(_ids(system, stream)) == len(set(_ids(system, stream))) == 101


def _ids(system: System, stream: Stream) -> list[str]:
    """Return the ids of annotations that the log adds, in order."""
    return [
        stored.event.annotation.id
        for stored in system.log.events(stream)
        if isinstance(stored.event, AnnotationAdded)
    ]


# -- the command line -----------------------------------------------------------------------------


@pytest.fixture
def ops(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command as an operator does; return its exit code and output."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return main


def test_commands_tell_people_and_programs_what_was_done(
    ops: Any, system: System, stream: Stream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops(["verify"]) == 0
    assert "no fault(s)" in capsys.readouterr().out
    assert ops(["rebuild-views", f"demo/{stream.resource_id}"]) == 0
    assert ops(["export", "--workspace", "demo", str(tmp_path / "demo.tar.gz")]) == 0
    assert ops(["import", "--workspace", "copy", str(tmp_path / "demo.tar.gz")]) == 0
    assert ops(["recover", "--workspace", "copy"]) == 0
    assert ops(["reconcile"]) == 0
    assert ops(["witness-heads"]) == 0
    assert ops(["remove-unnamed", "--older-than", "30d"]) == 0
    capsys.readouterr()
    scene.delete(
        system.config.log_table, scene.items(system.config.log_table)[f"copy/{stream.name}", "4"]
    )

    assert ops(["verify", "--json"]) == 1

    out, err = capsys.readouterr()
    faults = json.loads(out)["faults"]
    assert {fault["kind"] for fault in faults} == {"heads", "view"}
    assert {fault["where"] for fault in faults} == {f"copy/{stream.name}"}
    assert "streams 6/6" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rebuild-views", "nowhere"], "rebuild-views: 'nowhere' names no stream"),
        (["rebuild-views", "--resume", "noon"], "'noon' is no time"),
        (
            ["export", "--workspace", "nobody", "/tmp/nobody"],
            "export: there is no workspace nobody",
        ),
        (["import", "--workspace", "demo", "/nowhere"], "No such file or directory"),
        (["verify", "--local", "http://127.0.0.1:9"], "No local system answers at"),
    ],
)
def test_what_cannot_be_carried_out_is_one_sentence_and_exit_code_2(
    ops: Any, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops(arguments) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert out == ""
    assert err.count("\n") == 1
