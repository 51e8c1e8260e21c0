"""What each command of an operator does, over the flows, and how it is told to a person."""

from __future__ import annotations

import argparse
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from chalicelib.domain.actor import Actor
from chalicelib.domain.ids import UUID, Stream
from chalicelib.flows import (
    accept,
    archive,
    graph_check,
    graph_rebuild,
    heads,
    load,
    recover,
    restore,
    semiont,
    unnamed,
)
from chalicelib.flows.verify import Verified, summary, verify
from chalicelib.system import System
from infra.ops import tables
from infra.ops.progress import Bar

Answer = tuple[dict[str, Any], str, bool]
"""The report as JSON, the same in words, and whether all is well."""
Command = Callable[[System, argparse.Namespace, Bar], Answer]

SHOWN: Final = 50
"""Lines of a kind that are shown to a person; --json has them all."""


class UsageError(Exception):
    """The command cannot be carried out as it was given; the message is one sentence."""


def rebuild_views(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Make the views of all streams, or of those named, anew."""
    streams = [_stream(text) for text in asked.stream] or None
    since_ms = None if asked.resume is None else _moment_ms(asked.resume)
    done = recover.rebuild_views(
        system,
        streams,
        workspace=asked.workspace,
        since_ms=since_ms,
        at_once=asked.at_once,
        progress=bar,
    )
    return done.to_json(), _of_rebuild(done), not (done.failed or done.stopped)


def rebuild_graph(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Make the graph, or the part of those streams that are named, equal the log."""
    streams = [_stream(text) for text in asked.stream]
    if streams:
        done = graph_rebuild.rebuild_graph(system, streams, at_once=asked.at_once, progress=bar)
    else:
        every = recover.streams_of(system, asked.workspace)
        done = graph_rebuild.rebuild_whole_graph(
            system, every, asked.workspace, at_once=asked.at_once, progress=bar
        )
    report = done.to_json()
    return report, _of_graph(done), report["ok"]


def verify_all(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Name every fault; changes nothing."""
    found = verify(
        system,
        workspace=asked.workspace,
        content=not asked.no_content,
        heads=heads.check,
        graph=graph_check.faults,
        progress=bar,
    )
    return summary(found), _of_verify(system, found), not found.faults


def recover_all(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Rebuild views and graph, then verify."""
    done = recover.recover(system, workspace=asked.workspace, progress=bar)
    words = [_of_rebuild(done.views)]
    words += [] if done.graph is None else [_of_graph(done.graph)]
    words.append(_of_verify(system, done.verified))
    return done.to_json(), "\n".join(words), done.ok


def reconcile_some(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Mend what lost records of the stream left behind, in a part of the log."""
    done = recover.reconcile(system, pages=asked.megabytes)
    words = (
        f"Looked at {done.looked_at} stream(s): {done.behind} behind, {done.mended} mended, "
        f"{done.unparked} unparked; deleted {done.items_deleted} item(s) that were due."
    )
    return done.to_json(), words, done.mended == done.behind


def witness_heads(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Write the list of heads of these five minutes, if it is not there."""
    if not heads.configured(system):
        raise UsageError("HEADS_BUCKET and HEADS_KEY are not set")
    name = heads.witness(system)
    words = f"Wrote {name}." if name else "The list of these five minutes is there already."
    return {"name": name}, words, True


def restore_log(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Put back what the log has lost, from a table restored beside it."""
    done = restore.restore_log(
        system, asked.table, workspace=asked.workspace, try_only=asked.dry_run, progress=bar
    )
    words = (
        f"{'Would put' if asked.dry_run else 'Put'} back {done.commits} commit(s) of "
        f"{len(done.mended)} stream(s); {done.present} were there already, {done.newer} are in the "
        f"log alone. Looked at {done.streams} stream(s)."
    )
    refused = [
        f"{key}{'' if version is None else f' at {version}'}: {why}"
        for key, version, why in sorted(done.refused, key=lambda each: each[0])
    ]
    return done.to_json(), words + _listed("Left as they are:", refused), not done.refused


def accept_loss(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Tell what was seen beyond the log; with --yes, no longer ask for it."""
    lost = (accept.accept_loss if asked.yes else accept.loss)(system, progress=bar)
    lines = [
        f"{key}: the view showed {lost.views[key][0]}, the log ends at {lost.views[key][1]}"
        if key in lost.views
        else f"{key}: {lost.heads[key][0]} was witnessed, and is gone"
        for key in lost.streams
    ]
    words = f"{len(lines) or 'No'} stream(s) have been further than the log is"
    words += "." if asked.yes or not lines else "; nothing was changed (--yes accepts that)."
    if lost.list_name is not None:
        words += f" {lost.list_name} witnesses from here on."
    if lost.answers:
        words += (
            f" {lost.answers} kept answer(s) were forgotten: clients may repeat their requests."
        )
    if not heads.configured(system):
        words += "\nNo lists of heads are configured: what only they have seen is not told."
    words += _listed("Accepted:" if asked.yes else "Lost:", lines)
    return lost.to_json(), words, asked.yes or not lines


def mend_tables(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Give restored tables what a restore leaves out."""
    if asked.stack is None:
        raise UsageError("a deployed stage has such tables: say --stack NAME")
    done = tables.mend(asked.stack)
    words = f"{len(done.changed) or 'No'} setting(s) were changed."
    words += _listed("Changed:", done.changed) + _listed("Not right yet:", done.wrong)
    return done.to_json(), words, not done.wrong


def remove_unnamed(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Move aside bytes that no commit names, or delete those moved aside before."""
    swept = unnamed.remove_unnamed(
        system, age_s=asked.older_than, workspace=asked.workspace, purge=asked.purge, progress=bar
    )
    words = (
        f"Moved {len(swept.removed)} object(s) aside, {len(swept.restored)} back; deleted "
        f"{len(swept.purged)} for good; {swept.left} lie in _removed/."
    )
    return swept.to_json(), words, True


def export_workspace(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Write a workspace as an archive."""
    packed = asked.target.name.endswith((".tar.gz", ".tgz", ".tar"))
    if packed and asked.target.exists():
        raise UsageError(f"{asked.target} exists already")
    if not packed:
        moved = archive.export(system, asked.workspace, asked.target, bar)
    else:
        with tempfile.TemporaryDirectory(dir=asked.target.absolute().parent) as folder:
            bag = Path(folder) / "bag"
            moved = archive.export(system, asked.workspace, bag, bar)
            mode: Any = "w" if asked.target.name.endswith(".tar") else "w:gz"
            with tarfile.open(asked.target, mode) as tar:
                tar.add(bag, arcname=f"palimpsest-{asked.workspace}")
    words = (
        f"Wrote {moved.streams} stream(s), {moved.commits} commit(s) and {moved.contents} "
        f"content(s) of {asked.workspace} to {asked.target}."
    )
    return moved.to_json(), words, True


def import_archive(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Bring an archive, or another system's folder, into a workspace."""
    if asked.of == "semiont":
        return from_semiont(system, asked, bar)
    with _bag(asked.source) as folder:
        moved = archive.restore(
            system,
            asked.workspace,
            folder,
            keep_vocabulary=asked.keep_vocabulary,
            progress=bar,
        )
    words = (
        f"Imported {moved.commits} commit(s) of {moved.streams} stream(s) and {moved.contents} "
        f"content(s) into {asked.workspace}; {moved.present} commit(s) were there already."
    )
    return moved.to_json(), words, True


def from_semiont(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Bring the event folders of Semiont into a workspace."""
    if not asked.source.is_dir():
        raise UsageError(f"{asked.source} is not a folder")
    done = semiont.bring(system, asked.workspace, asked.source, bar)
    words = (
        f"Imported {done.commits} event(s) of {done.streams} stream(s) and {done.contents} "
        f"content(s) into {asked.workspace}; {done.present} event(s) were there already."
    )
    left = [f"{count} {kind}" for kind, count in sorted(done.left_out.items())]
    words += f"\nNo facts, and left out: {', '.join(left)}." if left else ""
    words += _listed("Broken there:", [f"{where}: {what}" for where, what in done.faults])
    return done.to_json(), words, not done.faults


def load_folder(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    """Make resources of a folder's files."""
    actor = Actor(asked.actor, "Person", asked.actor)
    done = load.load(system, asked.workspace, asked.folder, actor, bar)
    words = (
        f"Loaded {done.resources} file(s) and {done.annotations} annotation(s) into "
        f"{asked.workspace}; {done.known} file(s) and {done.known_annotations} annotation(s) were "
        "there already."
    )
    words += _listed("Not loaded:", [f"{name}: {why}" for name, why in done.failed])
    return done.to_json(), words, not done.failed


# -- words ----------------------------------------------------------------------------------------


def _of_rebuild(done: recover.Rebuild) -> str:
    began = done.to_json()["began"]
    words = (
        f"Rebuilt {done.rebuilt} view(s) from {done.events} event(s), with {done.annotations} "
        f"annotation(s); {done.skipped} left out. (Go on after a break: --resume {began})"
    )
    words += _listed("Not rebuilt:", [f"{key}: {why}" for key, why in done.failed])
    words += _listed("Rebuilt in part:", [f"{key}: {why}" for key, why in done.stopped])
    return words + _listed("Views of streams that the log does not have:", done.strays)


def _of_graph(done: graph_rebuild.GraphRebuild) -> str:
    words = f"Compared {done.streams} stream(s) of the graph with the log"
    words += " after filling it" if done.filled else ""
    words += f": {done.vertices or 'no'} vertex/vertices mended."
    words += _listed("Not rebuilt:", [f"{key}: {why}" for key, why in done.failed])
    words += _listed("Rebuilt in part:", [f"{key}: {why}" for key, why in done.stopped])
    return words + _listed("Vertices of no stream:", done.strays)


def _of_verify(system: System, found: Verified) -> str:
    words = (
        f"Looked at {found.streams} stream(s), {found.commits} commit(s), {found.events} event(s), "
        f"{found.items} view item(s), {found.contents} content(s), {found.lists} list(s) of heads: "
        f"{len(found.faults) or 'no'} fault(s)."
    )
    if not heads.configured(system):
        words += "\nNo lists of heads are configured: a cut tail would not be found."
    if system.graph is None:
        words += "\nNo graph is known here (GRAPH): if there is one, nobody has looked at it."
    words += _listed("Faults:", [str(fault) for fault in found.faults])
    names = [f"{each.workspace}/{each.checksum}  {each.size} bytes" for each in found.unnamed]
    return (
        words
        + _listed("Bytes that no commit names:", names)
        + "".join(f"\n{note}" for note in found.notes)
    )


def _listed(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    more = [f"  … and {len(lines) - SHOWN} more (--json)"] if len(lines) > SHOWN else []
    return "\n".join(["", title, *(f"  {line}" for line in lines[:SHOWN]), *more])


# -- arguments ------------------------------------------------------------------------------------


@contextmanager
def _bag(source: Path) -> Iterator[Path]:
    """Give the folder of a bag that may be packed."""
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(source) as tar:
                tar.extractall(folder, filter="data")
        except tarfile.TarError as error:
            raise UsageError(f"{source} is neither a folder nor an archive ({error})") from error
        bags = [path.parent for path in Path(folder).glob("*/bagit.txt")]
        if len(bags) != 1:
            raise UsageError(f"{source} holds {len(bags) or 'no'} bags")
        yield bags[0]


def _stream(text: str) -> Stream:
    """Read ``demo/resource#<id>``, ``demo/<id>`` or ``demo/system``."""
    workspace, _, name = text.partition("/")
    if UUID.match(name):
        name = f"resource#{name}"
    try:
        return Stream.parse(f"{workspace}/{name}")
    except ValueError:
        raise UsageError(f"{text!r} names no stream; one is demo/<resource id>") from None


def _moment_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise UsageError(f"{text!r} is no time, as 2026-11-23T09:35:00.000Z is") from None
