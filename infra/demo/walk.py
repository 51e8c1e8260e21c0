"""What the walk knows: the library, the ids it got, and the three ways to look at the system."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from infra.demo.api import Api, Surprise
from infra.demo.layers import Layers, lag_ms
from infra.demo.voice import Voice
from infra.library import HERE, Document


@dataclass(slots=True)
class Walk:
    """One run of the demo. `layers` is None where no AWS endpoint is to be had."""

    api: Api
    voice: Voice
    layers: Layers | None
    workspace: str
    local: bool  # the system is `infra.local`: it has pumps to pause
    documents: tuple[Document, ...]
    ids: dict[str, str] = field(default_factory=dict)  # catalogue key -> resource id
    iris: dict[str, str] = field(default_factory=dict)  # catalogue key -> the resource's IRI
    annotations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # as answered

    def document(self, key: str) -> Document:
        """Return a document of the library by its key."""
        return next(document for document in self.documents if document.key == key)

    def path(self, key: str, *rest: str) -> str:
        """Return the path of a document's resource: ``/resources/0192…/annotations``."""
        return "/".join(("/resources", self.ids[key], *rest))

    def contents(self, document: Document) -> tuple[bytes, ...]:
        """Return the editions of a document, the first one first."""
        if document.second_edition is None:
            return (document.content,)
        return (document.content, (HERE / document.second_edition).read_bytes())

    def show_layers(self, key: str, *, last: int = 1, content: bool = False) -> None:
        """Tell what the layers hold of a document: the last commits, the view and its lag."""
        if self.layers is None:
            return
        id_ = self.ids[key]
        resource = self.api.get(f"/resources/{id_}")
        if content:
            checksum = resource["representations"][-1]["checksum"]
            size = self.layers.object_size(checksum)
            self.voice.layer("content", f"S3 key {self.workspace}/{checksum[:16]}…, {size:,} B")
        commits = self.layers.commits(id_)
        for commit in commits[-last:]:
            self.voice.layer("log", str(commit))
        wrong = [commit.first for commit in commits if not commit.fits]
        if wrong:
            raise Surprise(f"The log of {id_} has commits whose hash does not fit: {wrong}")
        mark = self.layers.wait_for_view(id_, resource["version"])
        lag = lag_ms(commits[-1].at, mark.applied)
        told = f"watermark {mark.version}, hash {mark.hash[:8]}…, moved {lag} ms after the commit"
        self.voice.layer("view", told)


def key_for(name: str, *parts: object) -> dict[str, str]:
    """Return an Idempotency-Key header that is the same whenever the same is asked for.

    It holds a digest of what is asked: a changed catalogue asks for something else, and a key must
    not be used for two things.
    """
    told = json.dumps([part.hex() if isinstance(part, bytes) else part for part in parts])
    return {"Idempotency-Key": f"demo-{name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"}
