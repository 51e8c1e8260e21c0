"""Who watches what: the table `connections`, read consistently and never through an index.

::

    pk "connection#<id>"       sk "connection"          who: workspace, actor, callback endpoint
    pk "connection#<id>"       sk "topic#<topic>"       what he watches: where to take him from
    pk "demo/resource#<id>"    sk "<connection id>"     a watcher, with his callback endpoint
    pk "demo/all"              sk "<connection id>"     one of everything in the workspace
    pk "demo/job#<id>"         sk "<connection id>"     one of a job
    pk "behind"                sk "<stream>|<conn.>"    a post failed: `version` had got through
    pk "ticket#<sha256>"       sk "ticket"              a ticket that was not used yet
    pk "held"                  sk "<place>"             an event stream that waits

Every item expires by itself: a connection lives two hours at most. A watcher who is behind gets no
more posts until the sweep has brought him up; `known` is the last move that was left out for him,
and his item goes only if none was left out since the sweep looked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.actor import Actor
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import Tables, refusals, refused_by_condition, translated

DEPENDENCY: Final = "connections"
LIVES_S: Final = 2 * 3600 + 600
"""API Gateway ends a connection after 2 h ("Amazon API Gateway quotas", read 2026-11)."""
TICKET_LIVES_S: Final = 30

_BEHIND: Final = "behind"
_HELD: Final = "held"
_CONNECTION: Final = "connection"


@dataclass(frozen=True, slots=True)
class Connection:
    """One websocket: who is at the other end, and where frames for him are posted to."""

    id: str
    endpoint: str
    workspace: str
    actor: Actor
    expires: int


@dataclass(frozen=True, slots=True)
class Watcher:
    """What it takes to post to a connection."""

    connection: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Behind:
    """A watcher to whom a post failed: he has `version`, and was left out up to `known`."""

    stream: Stream
    watcher: Watcher
    version: int
    known: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a ticket stands for."""

    actor: Actor
    workspace: str


def everything(workspace: str) -> str:
    """Return the topic of every resource of a workspace."""
    return f"{workspace}/all"


def of_job(workspace: str, job_id: str) -> str:
    """Return the topic of a job."""
    return f"{workspace}/job#{job_id}"


class Connections:
    """The table. Raises Unavailable when it does not answer. `clock` returns Unix seconds."""

    def __init__(self, tables: Tables, table: str, clock: Callable[[], float]) -> None:
        self._items = _model(tables, table)
        self._clock = clock

    # -- connections and topics ---------------------------------------------------------------

    def open(self, connection: Connection) -> None:
        """Note a new connection."""
        self._put(
            _connection_key(connection.id),
            _CONNECTION,
            expires=connection.expires,
            endpoint=connection.endpoint,
            workspace=connection.workspace,
            body=json.dumps(connection.actor.to_json(), ensure_ascii=False),
        )

    def get(self, connection_id: str) -> Connection | None:
        """Return a connection, None when it is not known or has expired."""
        item = self._get(_connection_key(connection_id), _CONNECTION)
        if item is None or item.expires < self._clock():
            return None
        actor = Actor.from_json(json.loads(item.body))
        return Connection(connection_id, item.endpoint, item.workspace, actor, int(item.expires))

    def close(self, connection_id: str) -> None:
        """Forget a connection and all that it watched; no fault if it is not known."""
        key = _connection_key(connection_id)
        with translated(DEPENDENCY):
            for item in self._items.query(key, consistent_read=True):
                if item.sk.startswith("topic#"):
                    self._items(item.sk.removeprefix("topic#"), connection_id).delete()
                item.delete()

    def watch(self, connection: Connection, topic: str) -> None:
        """Register a watcher. First where it is found again, then where posts look for it."""
        key = _connection_key(connection.id)
        self._put(key, f"topic#{topic}", expires=connection.expires)
        self._put(topic, connection.id, expires=connection.expires, endpoint=connection.endpoint)

    def unwatch(self, connection_id: str, topic: str) -> None:
        """Take a watcher from a topic; no fault if it is not there."""
        with translated(DEPENDENCY):
            self._items(topic, connection_id).delete()
            self._items(_connection_key(connection_id), f"topic#{topic}").delete()

    def topics(self, connection_id: str) -> frozenset[str]:
        """Return what a connection watches."""
        with translated(DEPENDENCY):
            found = self._items.query(
                _connection_key(connection_id),
                self._items.sk.startswith("topic#"),
                consistent_read=True,
            )
            return frozenset(item.sk.removeprefix("topic#") for item in found)

    def watchers(self, topic: str) -> list[Watcher]:
        """Return everyone who watches a topic. One query per MB: some 6,000 watchers."""
        with translated(DEPENDENCY):
            found = self._items.query(topic, consistent_read=True)
            return [Watcher(item.sk, item.endpoint) for item in found]

    # -- who is behind ------------------------------------------------------------------------

    def behind(self, stream: Stream) -> dict[str, Behind]:
        """Return who is behind with a stream, by connection."""
        return {each.watcher.connection: each for each in self._behind(f"{stream.key}|")}

    def all_behind(self) -> list[Behind]:
        """Return everyone who is behind with anything."""
        return self._behind("")

    def fall_behind(self, stream: Stream, watcher: Watcher, version: int, known: int) -> None:
        """Note that `version` was the last that got through, and that `known` was left out."""
        sk = f"{stream.key}|{watcher.connection}"
        while True:
            held = self._get(_BEHIND, sk)
            if held is not None and held.version <= version and held.known >= known:
                return
            condition = self._items.pk.does_not_exist()
            if held is not None:
                version, known = min(version, int(held.version)), max(known, int(held.known))
                condition = self._unchanged(held)
            if self._put(
                _BEHIND,
                sk,
                condition,
                expires=int(self._clock()) + LIVES_S,
                endpoint=watcher.endpoint,
                version=version,
                known=known,
            ):
                return

    def leave_out(self, behind: Behind, version: int, known: int) -> bool:
        """Note that what follows `version` up to `known` was left out, too.

        Returns False if the watcher is no longer behind.
        """
        sk = f"{behind.stream.key}|{behind.watcher.connection}"
        while True:
            held = self._get(_BEHIND, sk)
            if held is None:
                return False
            if held.version <= version and held.known >= known:
                return True
            if self._put(
                _BEHIND,
                sk,
                self._unchanged(held),
                expires=int(held.expires),
                endpoint=held.endpoint,
                version=min(version, int(held.version)),
                known=max(known, int(held.known)),
            ):
                return True

    def caught_up(self, behind: Behind) -> bool:
        """Forget that a watcher was behind; False if more was left out for him meanwhile."""
        item = self._items(_BEHIND, f"{behind.stream.key}|{behind.watcher.connection}")
        condition = (self._items.version == behind.version) & (self._items.known == behind.known)
        with translated(DEPENDENCY):
            try:
                item.delete(condition | self._items.pk.does_not_exist())
            except refusals() as error:
                if refused_by_condition(error):
                    return False
                raise
        return True

    def forget_behind(self, behind: Behind) -> None:
        """Forget that a watcher was behind, whatever else: he is gone."""
        with translated(DEPENDENCY):
            self._items(_BEHIND, f"{behind.stream.key}|{behind.watcher.connection}").delete()

    # -- tickets ------------------------------------------------------------------------------

    def put_ticket(self, ticket: str, holder: Holder) -> int:
        """Keep a ticket, by its hash alone; return when it expires."""
        expires = int(self._clock()) + TICKET_LIVES_S
        self._put(
            _ticket_key(ticket),
            "ticket",
            expires=expires,
            workspace=holder.workspace,
            body=json.dumps(holder.actor.to_json(), ensure_ascii=False),
        )
        return expires

    def redeem(self, ticket: str) -> Holder | None:
        """Use a ticket up and return whom it stands for; None if it is unknown, old or used."""
        item = self._get(_ticket_key(ticket), "ticket")
        if item is None or item.expires < self._clock():
            return None
        with translated(DEPENDENCY):
            try:
                item.delete(self._items.pk.exists())
            except refusals() as error:
                if refused_by_condition(error):
                    return None
                raise
        return Holder(Actor.from_json(json.loads(item.body)), item.workspace)

    # -- places -------------------------------------------------------------------------------

    def taken_places(self) -> set[int]:
        """Return the places that somebody holds."""
        with translated(DEPENDENCY):
            found = self._items.query(_HELD, consistent_read=True)
            return {int(item.sk) for item in found if item.expires >= self._clock()}

    def take_place(self, place: int, lives_s: float) -> bool:
        """Take a place that is free, or whose holder is long gone; False if another was first."""
        now = self._clock()
        free = self._items.pk.does_not_exist() | (self._items.expires < now)
        return self._put(_HELD, str(place), free, expires=int(now + lives_s) + 1)

    def leave_place(self, place: int) -> None:
        """Give a place back."""
        with translated(DEPENDENCY):
            self._items(_HELD, str(place)).delete()

    # -- items --------------------------------------------------------------------------------

    def _behind(self, prefix: str) -> list[Behind]:
        condition = self._items.sk.startswith(prefix) if prefix else None
        with translated(DEPENDENCY):
            found = self._items.query(_BEHIND, condition, consistent_read=True)
            return [_read_behind(item) for item in found]

    def _unchanged(self, held: Any) -> Any:
        return (self._items.version == held.version) & (self._items.known == held.known)

    def _put(self, pk: str, sk: str, condition: Any = None, **attributes: Any) -> bool:
        item = self._items(pk, sk, **attributes)
        with translated(DEPENDENCY):
            try:
                item.save(condition)
            except refusals() as error:
                if refused_by_condition(error):
                    return False
                raise
        return True

    def _get(self, pk: str, sk: str) -> Any | None:
        from pynamodb.exceptions import DoesNotExist

        with translated(DEPENDENCY):
            try:
                return self._items.get(pk, sk, consistent_read=True)
            except DoesNotExist:
                return None


def _connection_key(connection_id: str) -> str:
    return f"connection#{connection_id}"


def _ticket_key(ticket: str) -> str:
    return f"ticket#{hashlib.sha256(ticket.encode()).hexdigest()}"


def _read_behind(item: Any) -> Behind:
    stream, _, connection = item.sk.rpartition("|")
    watcher = Watcher(connection, item.endpoint)
    return Behind(Stream.parse(stream), watcher, int(item.version), int(item.known))


def _model(tables: Tables, table: str) -> Any:
    """Return the table as a PynamoDB model that speaks through the same client as the others."""
    from pynamodb.attributes import NumberAttribute, UnicodeAttribute
    from pynamodb.models import Model

    class ConnectionItem(Model):  # type: ignore[misc]
        """Any item of the table; the module's docstring has each shape."""

        class Meta:
            table_name = table

        pk = UnicodeAttribute(hash_key=True)
        sk = UnicodeAttribute(range_key=True)
        expires = NumberAttribute()
        endpoint = UnicodeAttribute(null=True)
        workspace = UnicodeAttribute(null=True)
        body = UnicodeAttribute(null=True)
        version = NumberAttribute(null=True)
        known = NumberAttribute(null=True)

    own = ConnectionItem._get_connection()
    tables.connection.add_meta_table(own.get_meta_table())
    own.connection = tables.connection
    return ConnectionItem
