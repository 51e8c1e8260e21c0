"""Signed lists of heads, written outside the tables: so that a cut tail is found too.

Nothing in a shorter chain is wrong. So every five minutes a list of the heads that moved is put
where the functions cannot overwrite or delete it (a bucket with Object Lock): each list is signed
(HMAC-SHA256) and names the one before by its hash. One list a day is complete: it carries on the
furthest head ever seen of each stream, so a later list cannot forget what an earlier one saw.

::

    2026-11-23/0935.json    {"list": {"v": 1, "at": "…", "complete": false,
                                      "previous": {"name": "…", "sha256": "…"} | null,
                                      "heads": {"demo/resource#…": [7, "8a…"]}},
                             "signature": "<HMAC of the list in RFC 8785 form>"}

Once a restore has lost what was witnessed, an operator accepts that: by a complete list that begins
anew with what the log has, and says in `accepted` which heads it no longer asks for. The lists that
saw them stay.

A head is read from the view's watermark, which copies version and hash of a commit. What is
appended and cut off again before its view and the next list, nobody has seen: that is the window.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.chain import MAX_EVENTS
from chalicelib.domain.ids import Stream
from chalicelib.errors import Conflict, Contended
from chalicelib.flows.faults import Fault
from chalicelib.system import iso
from chalicelib.upkeep import wire

if TYPE_CHECKING:
    from chalicelib.system import System

EVERY_S: Final = 300
OVERLAP_S: Final = 300
"""The index of what changed is eventual: each list looks back a little over the one before."""
MIN_KEY: Final = 32
TRIES: Final = 3
"""Lists of five minutes each that may be there already when an operator writes one."""

Head = tuple[int, str]
"""Version, and the hash as lower-case hex."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it was read. `fault` says why it is not to be believed, None if it is."""

    name: str
    sha256: str
    at: str
    complete: bool
    previous: str | None
    previous_sha256: str | None
    heads: Mapping[str, Head]
    fault: str | None = None


def configured(system: System) -> bool:
    """Tell whether there is a bucket and a key for lists. Raises Conflict for a short key."""
    key = system.heads_key
    if key and len(key) < MIN_KEY:
        raise Conflict(f"HEADS_KEY has {len(key)} characters; it takes {MIN_KEY}")
    return bool(key and system.config.heads_bucket)


def witness(system: System) -> str | None:
    """Write the list of this five minutes; return its name, None if it is there or not configured.

    The first list, and the first of each day, is complete.
    """
    if not configured(system):
        return None
    now_s = system.now_s()
    name = _name(now_s)
    last = _latest(system, name)
    complete = last is None or last.name[:10] != name[:10]
    if last is not None and last.name >= name:
        return None
    since_s = 0.0 if last is None else datetime.fromisoformat(last.at).timestamp() - OVERLAP_S
    known: dict[str, Head] = {}
    if complete:
        known = _furthest(_chain(system, last))
        since_s = 0.0
    moved = _moved(system, iso(max(0.0, since_s)), known)
    heads = known if complete else {}
    for stream, head in moved.items():
        if head[0] > heads.get(stream, (0, ""))[0]:
            heads[stream] = head
    system.metrics.count("HeadsWitnessed", len(heads))
    data = _list(system, now_s, last, heads, complete=complete)
    return name if system.objects.put_list(name, data) else None


def given_up(system: System) -> dict[str, Head]:
    """Return the furthest heads that were witnessed and that the log has not.

    Raises Conflict if a list is not to be believed: no restore does that.
    """
    lists = [_read(system, name) for name in system.objects.lists(_since(system))]
    for each in lists:
        if each.fault is not None:
            raise Conflict(f"the list of heads {each.name} {each.fault}; look into that first")
    known = _furthest(lists)
    return {key: head for key, head in known.items() if _lost(system, key, head, {})}


def accept(system: System, lost: Mapping[str, Head]) -> str:
    """Write a complete list that no longer asks for `lost`; return its name.

    For those it asks for what the log has. It takes the place of these five minutes, or of the
    next. Raises Contended if others took those.
    """
    now_s = system.now_s()
    for number in range(TRIES):
        name = _name(now_s + number * EVERY_S)
        last = _latest(system, name)
        if last is not None and last.name >= name:
            continue
        known = _furthest(_chain(system, last))
        for key in lost:
            head = system.log.head(Stream.parse(key))
            known.pop(key, None)
            if head.hash is not None:
                known[key] = (head.version, head.hash.hex())
        data = _list(system, now_s, last, known, complete=True, accepted=lost)
        if system.objects.put_list(name, data):
            return name
    raise Contended("others wrote the next lists of heads already; repeat it in five minutes")


def check(
    system: System, ends: Mapping[Stream, Mapping[int, bytes]], workspace: str | None = None
) -> tuple[int, list[Fault]]:
    """Compare the log (the hash of each commit, by its last version) with the lists that count.

    Those are the last complete one and all after it. Returns how many there were, and every fault.
    """
    if not configured(system):
        return 0, []
    faults: list[Fault] = []
    lists = [_read(system, name) for name in system.objects.lists(_since(system))]
    believed: list[Listed] = []
    for each in lists:
        if each.fault is not None:
            faults.append(Fault("heads", each.name, None, each.fault))
        else:
            believed.append(each)
    by_name = {each.name: each for each in lists}
    for each in believed:
        if each.previous is None or each.previous in by_name:
            before = by_name.get(each.previous or "")
            if before is not None and before.sha256 != each.previous_sha256:
                faults.append(Fault("heads", before.name, None, "is not the list that was written"))
        elif not each.complete:
            faults.append(Fault("heads", each.previous, None, "the list is missing"))
    for key, (version, digest) in sorted(_furthest(believed).items()):
        stream = Stream.parse(key)
        if workspace not in (None, stream.workspace):
            continue
        detail = _lost(system, key, (version, digest), ends.get(stream, {}))
        if detail is not None:
            faults.append(Fault("heads", key, version, detail))
    return len(lists), faults


def _lost(system: System, key: str, head: Head, commits: Mapping[int, bytes]) -> str | None:
    """Return why the log is not what was witnessed, None if it is. `commits` are known ends."""
    version, digest = head
    if version not in commits:  # it may have been appended after the log was read
        commits = _ends(system, Stream.parse(key), version)
    if version in commits:
        if commits[version].hex() == digest:
            return None
        return "the commit is another one than was witnessed"
    reaches = max(commits, default=0)
    if reaches < version:
        return f"the tail was cut: version {version} was witnessed, the log ends at {reaches}"
    return f"no commit ends at version {version}, as was witnessed"


def _list(
    system: System,
    now_s: float,
    last: Listed | None,
    heads: Mapping[str, Head],
    *,
    complete: bool,
    accepted: Mapping[str, Head] | None = None,
) -> bytes:
    """Return a signed list, as it is stored."""
    told: dict[str, Any] = {
        "v": 1,
        "at": iso(now_s),
        "complete": complete,
        "previous": None if last is None else {"name": last.name, "sha256": last.sha256},
        "heads": {stream: list(head) for stream, head in sorted(heads.items())},
    }
    if accepted is not None:
        told["accepted"] = {stream: list(head) for stream, head in sorted(accepted.items())}
    signed = {"list": told, "signature": _signature(system, told)}
    return json.dumps(signed, separators=(",", ":")).encode()


def _ends(system: System, stream: Stream, version: int) -> dict[int, bytes]:
    """Return the ends of the commit that reaches `version` and of all after it, or of all."""
    found: dict[int, bytes] = {}
    after = max(0, version - 1 - MAX_EVENTS)
    for item in system.upkeep.log_items(stream.key, after):
        with suppress(wire.NotACommit):
            commit = wire.commit(item)
            found[commit.last] = commit.hash
    return found if found or not after else _ends(system, stream, 0)


def _moved(system: System, since: str, known: Mapping[str, Head]) -> dict[str, Head]:
    """Return the heads that moved since then, and those of every workspace's vocabulary."""
    streams = set(system.upkeep.changed_since(since))
    workspaces = {stream.workspace for stream in streams}
    workspaces |= {Stream.parse(key).workspace for key in known}
    streams |= {Stream.of_system(workspace) for workspace in workspaces}
    return {
        stream.key: (held.version, held.hash.hex())
        for stream, held in system.upkeep.watermarks(sorted(streams, key=lambda s: s.key)).items()
        if held.hash is not None
    }


def _latest(system: System, name: str) -> Listed | None:
    """Return the newest list. Looked for from the day before on, then from the beginning."""
    day_before = (datetime.fromisoformat(name[:10]) - timedelta(days=1)).date().isoformat()
    for after in (day_before, ""):
        names = list(system.objects.lists(after))
        if names:
            return _read(system, names[-1])
    return None


def _since(system: System) -> str:
    """Return the name just below the last complete list."""
    names = list(system.objects.lists())
    for name in reversed(names):
        listed = _read(system, name)
        if listed.complete and listed.fault is None:
            place = names.index(name)
            return names[place - 1] if place else ""
    return ""


def _chain(system: System, last: Listed | None) -> Iterable[Listed]:
    """Return the believed lists from the last complete one on."""
    if last is None:
        return []
    lists = (_read(system, name) for name in system.objects.lists(_since(system)))
    return [each for each in lists if each.fault is None]


def _furthest(lists: Iterable[Listed]) -> dict[str, Head]:
    """Return the furthest head that was seen of each stream; of two at one version, the first."""
    found: dict[str, Head] = {}
    for each in lists:
        for stream, head in each.heads.items():
            if head[0] > found.get(stream, (0, ""))[0]:
                found[stream] = head
    return found


def _read(system: System, name: str) -> Listed:
    data = system.objects.get_list(name)
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        whole = json.loads(data)
        told, signature = whole["list"], whole["signature"]
        previous = told["previous"]
        heads = {key: (int(head[0]), str(head[1])) for key, head in told["heads"].items()}
        listed = Listed(
            name,
            sha256,
            told["at"],
            told["complete"],
            None if previous is None else previous["name"],
            None if previous is None else previous["sha256"],
            heads,
            None
            if hmac.compare_digest(signature, _signature(system, told))
            else "its signature is not right",
        )
        datetime.fromisoformat(listed.at)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return Listed(name, sha256, _at(name), False, None, None, {}, f"cannot be read ({error!r})")
    return listed


def _signature(system: System, told: Mapping[str, Any]) -> str:
    import rfc8785

    key = system.heads_key.encode()
    return hmac.new(key, rfc8785.dumps(dict(told)), hashlib.sha256).hexdigest()


def _name(now_s: float) -> str:
    """Return the name of the list of these five minutes: ``2026-11-23/0935.json``."""
    at = iso(now_s // EVERY_S * EVERY_S)
    return f"{at[:10]}/{at[11:13]}{at[14:16]}.json"


def _at(name: str) -> str:
    return f"{name[:10]}T{name[11:13]}:{name[13:15]}:00.000Z"
