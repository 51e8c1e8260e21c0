"""Names of things: streams, resources, annotations, cursors.

An id is a UUID. One that nothing determines is version 7 (RFC 9562), so ids sort by the time they
were made; one that an Idempotency-Key or a job determines is version 8, so that a repeated request
makes the same id again.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import Final

WORKSPACE = re.compile(r"[a-z0-9-]{1,40}\Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
CHECKSUM = re.compile(r"[0-9a-f]{64}\Z")

_SYSTEM: Final = "system"
_RESOURCE: Final = "resource#"


@dataclass(frozen=True, slots=True)
class Stream:
    """The consistency boundary: one resource, or what belongs to no resource of a workspace.

    `name` is what the chain's hash covers, so that a stream keeps its chain in another workspace.
    """

    workspace: str
    name: str

    @classmethod
    def of_resource(cls, workspace: str, resource_id: str) -> Stream:
        """Return the stream of one resource."""
        return cls(workspace, _RESOURCE + resource_id)

    @classmethod
    def of_system(cls, workspace: str) -> Stream:
        """Return the stream of the workspace's vocabulary."""
        return cls(workspace, _SYSTEM)

    @classmethod
    def parse(cls, key: str) -> Stream:
        """Read what `key` made: ``demo/resource#0192f…`` or ``demo/system``.

        Raises ValueError for anything else.
        """
        workspace, slash, name = key.partition("/")
        known = name == _SYSTEM or (name.startswith(_RESOURCE) and len(name) > len(_RESOURCE))
        if not slash or not WORKSPACE.match(workspace) or not known:
            raise ValueError(f"{key!r} is not the key of a stream")
        return cls(workspace, name)

    @property
    def key(self) -> str:
        """Return the partition key, in the log and in the views."""
        return f"{self.workspace}/{self.name}"

    @property
    def resource_id(self) -> str | None:
        """Return the resource's id; None for the system stream."""
        return self.name[len(_RESOURCE) :] if self.name.startswith(_RESOURCE) else None


def minted_id(unix_ms: int, random_bits: int) -> str:
    """Return a UUIDv7 from a time in milliseconds and 74 random bits."""
    value = (unix_ms & (1 << 48) - 1) << 80 | 7 << 76 | 0b10 << 62
    value |= (random_bits >> 62 & 0xFFF) << 64 | random_bits & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def derived_id(key: str, index: int) -> str:
    """Return the UUIDv8 number `index` that `key` determines; they sort by index (below 2^32)."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big")
    value = digest & ~0xFFFF_FFFF | index
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return str(uuid.UUID(int=value))
