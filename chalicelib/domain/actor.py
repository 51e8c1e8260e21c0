"""Who did something, as it stands in the log: a snapshot, never looked up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ActorType = Literal["Person", "Software"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is the issuer's subject; `type` is the W3C agent class."""

    id: str
    type: ActorType
    name: str

    def to_json(self) -> dict[str, Any]:
        """Return ``{"id": "…", "type": "Person", "name": "…"}``."""
        return {"id": self.id, "type": self.type, "name": self.name}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Actor:
        """Read what `to_json` made."""
        return cls(data["id"], data["type"], data["name"])


SYSTEM = Actor("palimpsest", "Software", "Palimpsest")
