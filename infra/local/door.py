"""The one door into moto, and the repairs without which moto is no store.

moto has no lock: two conditional puts can both win. Here every call, from boto3 in this process and
from the port that speaks AWS's protocol alike, goes through `Door.call`, which holds one re-entrant
lock, and, before the caller gets its answer, hands what the call has changed to the journal.
Readers of streams and queues are woken after that.

Repaired besides (each seen wrong in moto 5.2.5):

* a long poll of SQS gives the lock back while it waits;
* a body that does not have the SHA-256 it was sent with is refused, and the checksum is kept;
* stream iterators are dropped after a while (2 KB each, for ever, otherwise);
* a copied object shares its bytes with the original, and a large one is read in pieces;
* streams forget their oldest records when told to.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import moto

from infra.local import blob, lazybody

MOTO: Final = "5.2.5"
ITERATORS_KEPT: Final = 1000

# What is patched below or called directly elsewhere: where, and the parameters relied upon.
_RELIED_UPON: Final = (
    ("moto.core.botocore_stubber", "BotocoreStubber.process_request", "request"),
    ("moto.dynamodb.models", "DynamoDBBackend.update_item", "table_name key"),
    ("moto.dynamodb.models.table", "Table.put_item", "item_attrs"),
    ("moto.dynamodb.models.table", "Table.delete_item", "hash_key range_key"),
    ("moto.dynamodb.models.table", "Table.get_item", "hash_key range_key"),
    ("moto.dynamodb.models.table", "StreamShard.get", "start quantity"),
    ("moto.dynamodbstreams.models", "DynamoDBStreamsBackend.get_records", "iterator_arn limit"),
    ("moto.sqs.models", "Queue.add_message", "message"),
    ("moto.sqs.models", "Queue.wait_for_messages", "timeout"),
    ("moto.s3.models", "S3Backend.put_object", "bucket_name key_name value checksum_value"),
    ("moto.s3.models", "S3Backend.get_object", "bucket_name key_name"),
    ("moto.s3.models", "S3Backend.delete_object", "bucket_name key_name"),
    ("moto.s3.models", "S3Backend.copy_object", "src_key dest_bucket_name dest_key_name"),
    ("moto.s3.models", "FakeKey.set_metadata", "metadata"),
    ("moto.s3.models", "FakeKey.dispose", ""),
    ("moto.s3.responses", "S3Response.get_object", ""),
    ("moto.s3.responses", "S3Response.put_object", ""),
    ("moto.s3.responses", "S3Response.upload_part", ""),
)


class UnknownMotoError(RuntimeError):
    """The installed moto is not the one that the patches were written for."""


@dataclass(slots=True)
class Touched:
    """What calls have changed since the last commit. `items`: (table, hash key, range key)."""

    items: set[tuple[str, Any, Any]] = field(default_factory=set)
    objects: set[tuple[str, str]] = field(default_factory=set)
    queues: set[str] = field(default_factory=set)

    def sources(self) -> frozenset[str]:
        """Return the names of the tables and queues among it."""
        return frozenset({table for table, _, _ in self.items} | self.queues)

    def keys(self) -> frozenset[str]:
        """Return the partition keys of the items among it."""
        return frozenset(str(getattr(key, "value", key)) for _, key, _ in self.items)


class Journal(Protocol):
    """Keeps what was touched; when `commit` returns, a `kill -9` cannot lose it."""

    def commit(self, touched: Touched) -> None: ...


class Door:
    """Serialises every call into moto. One per process, as moto's state is."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.arrived = threading.Condition(self.lock)  # a message came into some queue
        self.journal: Journal | None = None
        self.listeners: list[Callable[[frozenset[str]], None]] = []
        self.watchers: list[Callable[[frozenset[str]], None]] = []  # of partition keys
        self.touched = Touched()
        self._depth = threading.local()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Hold the lock; on the way out of the outermost call, commit what was touched.

        If the journal fails, the caller gets that error instead of an answer, and what was touched
        is committed with the next call.
        """
        done = Touched()
        with self.lock:
            self._depth.value = getattr(self._depth, "value", 0) + 1
            try:
                yield
            finally:
                self._depth.value -= 1
                if self._depth.value == 0:
                    done = self._commit()
        if sources := done.sources():
            for listen in self.listeners:
                listen(sources)
        if done.items and self.watchers:
            keys = done.keys()
            for watch in self.watchers:
                watch(keys)

    def _commit(self) -> Touched:
        touched = self.touched
        if touched.items or touched.objects:
            if self.journal:
                self.journal.commit(touched)
        elif not touched.queues:
            return Touched()
        self.touched = Touched()
        return touched


DOOR: Final = Door()
_from = threading.local()
_installed = False


def install() -> None:
    """Patch moto, once per process; raises `UnknownMotoError` if it is not what we know."""
    global _installed
    if not _installed:
        check()
        _lock_calls()
        _note_items()
        _note_messages()
        _note_objects()
        _prune_iterators()
        _check_digests()
        _installed = True


def check() -> None:
    """Raise `UnknownMotoError` unless version, names and parameters are those relied upon."""
    if moto.__version__ != MOTO:
        raise UnknownMotoError(f"The local system needs moto {MOTO}, found {moto.__version__}.")
    for module, path, parameters in _RELIED_UPON:
        try:
            owner, name = path.split(".")
            function = getattr(getattr(importlib.import_module(module), owner), name)
            missing = set(parameters.split()) - set(inspect.signature(function).parameters)
        except (ImportError, AttributeError) as error:
            raise UnknownMotoError(f"moto {MOTO} has no {module}.{path}.") from error
        if missing:
            raise UnknownMotoError(f"{module}.{path} takes no {', '.join(sorted(missing))}.")


def _lock_calls() -> None:
    from moto.core.botocore_stubber import BotocoreStubber

    process = BotocoreStubber.process_request

    def process_request(self: Any, request: Any) -> Any:
        with DOOR.call():
            _from.botocore = True
            try:
                return process(self, request)
            finally:
                _from.botocore = False

    BotocoreStubber.process_request = process_request  # type: ignore[method-assign]
    lazybody.install(lambda: getattr(_from, "botocore", False))


def _note_items() -> None:
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.models.table import Table

    put, delete, update = Table.put_item, Table.delete_item, DynamoDBBackend.update_item

    def put_item(self: Any, item_attrs: Any, *args: Any, **kwargs: Any) -> Any:
        item = put(self, item_attrs, *args, **kwargs)
        DOOR.touched.items.add((self.name, item.hash_key, item.range_key))
        return item

    def delete_item(self: Any, hash_key: Any, range_key: Any) -> Any:
        item = delete(self, hash_key, range_key)
        if item is not None:
            DOOR.touched.items.add((self.name, hash_key, range_key))
        return item

    def update_item(self: Any, table_name: str, key: Any, *args: Any, **kwargs: Any) -> Any:
        item = update(self, table_name, key, *args, **kwargs)
        table = self.get_table(table_name)
        range_key = DynamoType(key[table.range_key_attr]) if table.range_key_attr else None
        DOOR.touched.items.add((table.name, DynamoType(key[table.hash_key_attr]), range_key))
        return item

    Table.put_item = put_item  # type: ignore[method-assign]
    Table.delete_item = delete_item  # type: ignore[method-assign]
    DynamoDBBackend.update_item = update_item  # type: ignore[method-assign]


def _note_messages() -> None:
    from moto.sqs.models import Queue

    add = Queue.add_message

    def add_message(self: Any, message: Any) -> None:
        add(self, message)
        with DOOR.lock:
            DOOR.touched.queues.add(self.name)
            DOOR.arrived.notify_all()

    def wait_for_messages(self: Any, timeout: int) -> None:
        with DOOR.lock:  # held already; the wait gives back every level of it
            DOOR.arrived.wait_for(lambda: self.messages, timeout=timeout)

    Queue.add_message = add_message  # type: ignore[method-assign]
    Queue.wait_for_messages = wait_for_messages  # type: ignore[method-assign]


def _note_objects() -> None:
    from moto.s3.models import FakeKey, S3Backend

    put, delete, copy = S3Backend.put_object, S3Backend.delete_object, S3Backend.copy_object

    def put_object(self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        key = put(self, bucket_name, key_name, *args, **kwargs)
        DOOR.touched.objects.add((bucket_name, key_name))
        return key

    def delete_object(self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        answer = delete(self, bucket_name, key_name, *args, **kwargs)
        DOOR.touched.objects.add((bucket_name, key_name))
        return answer

    def copy_object(
        self: Any,
        src_key: Any,
        dest_bucket_name: str,
        dest_key_name: str,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        with blob.emptied(src_key):  # moto would read the whole object into memory
            copy(self, src_key, dest_bucket_name, dest_key_name, *args, **kwargs)
        blob.share(src_key, self.get_object(dest_bucket_name, dest_key_name))

    # moto warns of every object that is overwritten; its file goes with it all the same
    FakeKey.__del__ = FakeKey.dispose  # type: ignore[method-assign]
    S3Backend.put_object = put_object  # type: ignore[method-assign]
    S3Backend.delete_object = delete_object  # type: ignore[method-assign]
    S3Backend.copy_object = copy_object  # type: ignore[method-assign]


def _prune_iterators() -> None:
    from moto.dynamodb.models.table import StreamShard
    from moto.dynamodbstreams.models import DynamoDBStreamsBackend

    get, get_shard = DynamoDBStreamsBackend.get_records, StreamShard.get

    def get_records(self: Any, iterator_arn: str, limit: int) -> Any:
        answer = get(self, iterator_arn, limit)
        iterators = self.shard_iterators  # a dict: the oldest come first
        for old in list(iterators)[: max(0, len(iterators) - ITERATORS_KEPT)]:
            del iterators[old]
        return answer

    def get_from(self: Any, start: int, quantity: int) -> Any:
        return get_shard(self, max(start, self.starting_sequence_number), quantity)

    DynamoDBStreamsBackend.get_records = get_records  # type: ignore[method-assign]
    StreamShard.get = get_from  # type: ignore[method-assign]


def _check_digests() -> None:
    from moto.s3.responses import S3Response

    put, part = S3Response.put_object, S3Response.upload_part

    def put_object(self: Any) -> Any:
        claimed = refuse_wrong_digest(self.headers, self.raw_body, self.body)
        answer = put(self)
        if claimed:  # moto keeps a checksum only if the algorithm is named in a second header
            key = self.backend.get_object(self.bucket_name, self.parse_key_name())
            key.checksum_algorithm, key.checksum_value = "SHA256", claimed
        return answer

    def upload_part(self: Any) -> Any:
        refuse_wrong_digest(self.headers, self.raw_body, self.body)
        return part(self)

    S3Response.put_object = put_object  # type: ignore[method-assign]
    S3Response.upload_part = upload_part  # type: ignore[method-assign]


_TRAILER = re.compile(rb"\r\nx-amz-checksum-sha256:([A-Za-z0-9+/=]+)\r\n")


def refuse_wrong_digest(headers: Any, raw: bytes, body: bytes) -> str | None:
    """Return the SHA-256 that the request claims (base64), or None; raise if the body's is another.

    It stands in a header, or after the body where that is sent in `aws-chunked` encoding.
    """
    from moto.s3.exceptions import S3ClientError

    claimed: str | None = headers.get("x-amz-checksum-sha256")
    if claimed is None and headers.get("x-amz-trailer") == "x-amz-checksum-sha256":
        found = _TRAILER.search(raw[-200:])
        claimed = found[1].decode() if found else None
    if claimed is None:
        return None
    digest = hashlib.sha256(body or b"").digest()
    try:
        right = base64.b64decode(claimed, validate=True) == digest
    except binascii.Error:
        right = False
    if not right:
        raise S3ClientError(
            "BadDigest", "The SHA256 you specified did not match the calculated checksum."
        )
    return claimed
