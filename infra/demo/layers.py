"""What lies in S3 and DynamoDB, read by AWS's own protocol, as an operator would.

Nothing of the product is imported: the hashes are recomputed from the stored items alone, by what
`docs/event-store.md` says.
"""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.demo.api import Surprise

WAIT_S = 10.0
"""How long a view may stay behind the log before the demo calls it stuck."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One item of the log. `fits`: the stored hash is the one that its facts and body have."""

    first: int
    count: int
    stored_bytes: int
    plain_bytes: int
    encoding: str
    hash: str
    previous: str | None
    at: str
    fits: bool

    def __str__(self) -> str:
        events = "1 event" if self.count == 1 else f"{self.count} events"
        packed = f" (from {self.plain_bytes:,})" if self.encoding != "identity" else ""
        previous = f"previous {self.previous[:8]}…" if self.previous else "no previous"
        return (
            f"sk {self.first}, {events}, body {self.stored_bytes:,} B {self.encoding}{packed}, "
            f"hash {self.hash[:8]}…, {previous}"
        )


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far the view of a resource has got, and when it got there."""

    version: int
    hash: str
    applied: str


class Layers:
    """The tables and the bucket behind an AWS endpoint, for one workspace."""

    def __init__(self, endpoint: str, workspace: str) -> None:
        import boto3

        session: Any = boto3.session.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - nobody checks it
            region_name="us-east-1",
        )
        self._s3 = session.client("s3", endpoint_url=endpoint)
        self._dynamodb = session.client("dynamodb", endpoint_url=endpoint)
        tables = self._dynamodb.list_tables()["TableNames"]
        buckets = [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]
        self.log_table = _named(tables, "-log")
        self.views_table = _named(tables, "-views")
        self.bucket = _named(buckets, "-content-")
        self.workspace = workspace

    def object_size(self, checksum: str) -> int:
        """Return the size of the object that holds this content."""
        key = f"{self.workspace}/{checksum}"
        return int(self._s3.head_object(Bucket=self.bucket, Key=key)["ContentLength"])

    def objects(self) -> tuple[int, int]:
        """Return how many objects of content the workspace holds, and their bytes."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.workspace}/"
        )
        sizes = [item["Size"] for page in pages for item in page.get("Contents", ())]
        return len(sizes), sum(sizes)

    def commits(self, resource_id: str) -> list[Commit]:
        """Return all commits of a resource, oldest first."""
        return [_commit(item) for item in self._stream(resource_id)]

    def watermark(self, resource_id: str) -> Watermark | None:
        """Return where the view of a resource stands."""
        item = self._dynamodb.get_item(
            TableName=self.views_table,
            Key={"pk": {"S": self._key(resource_id)}, "sk": {"S": "resource"}},
            ConsistentRead=True,
        ).get("Item")
        if item is None:
            return None
        return Watermark(
            int(item["version"]["N"]), _bytes(item["hash"]).hex(), item["applied"]["S"]
        )

    def wait_for_view(self, resource_id: str, version: int) -> Watermark:
        """Return the watermark as soon as it has reached `version`."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            mark = self.watermark(resource_id)
            if mark is not None and mark.version >= version:
                return mark
            time.sleep(0.02)
        raise Surprise(
            f"The view of {resource_id} has not reached version {version} within {WAIT_S:.0f} s; "
            "is its pump paused?"
        )

    def _stream(self, resource_id: str) -> Iterator[Mapping[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self.log_table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": self._key(resource_id)}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _key(self, resource_id: str) -> str:
        return f"{self.workspace}/resource#{resource_id}"


def lag_ms(commit_at: str, applied: str) -> int:
    """Return the milliseconds between a commit and the move of its view's watermark."""
    made, moved = datetime.fromisoformat(commit_at), datetime.fromisoformat(applied)
    return max(0, round((moved - made).total_seconds() * 1000))


def _named(names: list[str], part: str) -> str:
    found = [name for name in names if part in name]
    if len(found) != 1:
        raise Surprise(f"The AWS endpoint has {len(found)} names with {part!r}, not one: {names}")
    return found[0]


def _commit(item: Mapping[str, Any]) -> Commit:
    body, encoding = _bytes(item["body"]), item["encoding"]["S"]
    plain = zlib.decompress(body) if encoding == "zlib" else body
    previous = _bytes(item["previous"]).hex() if "previous" in item else None
    stored = _bytes(item["hash"]).hex()
    facts = {
        "stream": item["pk"]["S"].partition("/")[2],
        "sk": int(item["sk"]["N"]),
        "count": int(item["count"]["N"]),
        "id": item["id"]["S"],
        "at": item["at"]["S"],
        "actor": {name: value["S"] for name, value in item["actor"]["M"].items()},
        "correlation": item["correlation"]["S"],
        "encoding": encoding,
    }
    facts |= {"key": item["key"]["S"]} if "key" in item else {}
    facts |= {"previous": previous} if previous else {}
    # RFC 8785 for strings and whole numbers under ASCII names is just this.
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Commit(
        first=facts["sk"],
        count=facts["count"],
        stored_bytes=len(body),
        plain_bytes=len(plain),
        encoding=encoding,
        hash=stored,
        previous=previous,
        at=facts["at"],
        fits=hashlib.sha256(canonical.encode() + b"\0" + body).hexdigest() == stored,
    )


def _bytes(value: Mapping[str, Any]) -> bytes:
    return bytes(value["B"])
