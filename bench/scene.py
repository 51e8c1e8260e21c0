"""What the benches stand on: a system on moto, and resources with as many annotations as wanted.

The material is real text from the library's book, so that what compresses here does so elsewhere.
Names in it are tagged, about 0.5 KB as an event; where it is asked for, linked to a resource too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from bench.meter import Meter
from chalicelib.config import Config
from chalicelib.content import Content
from chalicelib.domain import chain
from chalicelib.domain.actor import Actor
from chalicelib.domain.anchoring import anchor
from chalicelib.domain.annotation import (
    Annotation,
    NewAnnotation,
    SpecificResource,
    TextPosition,
    TextQuote,
    TextualBody,
)
from chalicelib.domain.chain import Head
from chalicelib.domain.commands import AddAnnotations, CreateResource
from chalicelib.domain.detection import Ask, Detection, Finding
from chalicelib.domain.events import AnnotationAdded
from chalicelib.domain.ids import Stream, minted_id
from chalicelib.domain.passages import Passage, Size
from chalicelib.domain.representation import Representation
from chalicelib.flows import project, write
from chalicelib.flows.content import store
from chalicelib.inference import Capabilities, Detector, Inference
from chalicelib.inference.extractive import Extractive
from chalicelib.log import Intent, Log
from chalicelib.system import System
from chalicelib.views import Views
from infra.library import HERE
from infra.local import door
from infra.local.aws import ACCOUNT, REGION, aws

WORKSPACE: Final = "bench"
ACTOR: Final = Actor("3f0c1f2e-8a53-4c7e-9d2b-6f1a0d9b7c11", "Person", "Marie Curie")
TEXT: Final = (HERE / "gospels.txt").read_text("utf-8")[:100_000]
STARTED_S: Final = 1_795_426_500.0  # 2026-11-23T09:35:00Z
CONTEXT: Final = 32

_NAME: Final = re.compile(r"[A-Z][a-z]{3,}(?: [A-Z][a-z]+)*")


class Scene:
    """A system, its meter, and a clock that gains a millisecond each time it is read."""

    def __init__(self, config: Config) -> None:
        self._ticks = itertools.count()
        self._ids = itertools.count(1)
        self.config = config
        self.system = System(config, clock=self.clock)
        self.meter = Meter(self.system.tables.connection.client)
        self._metered(self.system)

    def clock(self) -> float:
        """Return Unix seconds."""
        return STARTED_S + next(self._ticks) / 1000

    def cold(self, *, content: bool = False) -> System:
        """Return a system that has cached nothing, on the same clients; counted likewise.

        With `content`, the bytes that the first system has cached are still there: what is left is
        the database alone.
        """
        tables = self.system.tables
        system = System(
            self.config,
            clock=self.clock,
            log=Log(tables),
            views=Views(tables),
            content=self.system.content if content else Content(self.config),
        )
        if not content:
            self._metered(system)
        return system

    def with_detector(self, detector: Detector) -> System:
        """Return a cold system that finds by this detector; counted likewise."""
        system = System(self.config, clock=self.clock, inference=Inference(detector, Extractive()))
        self.meter.attach(system.tables.connection.client)
        self._metered(system)
        return system

    def waiting(self) -> System:
        """Return a cold system that waits without taking time; counted likewise."""
        system = _Waiting(self.config, clock=self.clock)
        self.meter.attach(system.tables.connection.client)
        return system

    def request(self, key: str | None = None) -> write.Request:
        """Return on whose behalf to write; `key` makes it append-once."""
        return write.Request(WORKSPACE, ACTOR, "request:3c1f0b52-7be7-4d0e-8a53-0d9b7c116f1a", key)

    def id(self) -> str:
        """Return a new id: the size and shape of a minted one, but the same in every run."""
        number = next(self._ids)
        return minted_id(int(STARTED_S * 1000) + number, number * 0x2545F4914F6CDD1D % (1 << 74))

    def create(
        self,
        name: str = "The Gospels, after the manuscript",
        kinds: Sequence[str] = ("Document",),
        *,
        show: bool = True,
        system: System | None = None,
    ) -> Stream:
        """Make a resource on the book; `show` brings its view up to it."""
        system, resource_id = system or self.system, self.id()
        kept = store(system, WORKSPACE, TEXT.encode(), "text/plain;charset=utf-8", "gospels.txt")
        command = CreateResource(name, kept, tuple(kinds), language="en")
        stream = write.create(system, self.request(), resource_id, command).stream
        if show:
            project.materialize(system, stream)
        return stream

    def annotations(self, count: int, start: int = 0, *, linked: bool = False) -> AddAnnotations:
        """Return the command that adds `count` annotations; `start` chooses others of the text.

        A `linked` one refers to a resource besides.
        """
        return AddAnnotations(
            tuple(_asked(start + index, linked) for index in range(count)),
            tuple(self.id() for _ in range(count)),
            tuple(f"/items/{index}" for index in range(count)),
        )

    def fill(self, stream: Stream, count: int) -> None:
        """Add `count` annotations, a hundred per commit, and bring the view up to them, quickly.

        Log and watermark go the way of the product; the annotations' items are put into moto's
        table without AWS's protocol between. What is stored is the same.
        """
        tables = self.system.tables
        log, views = self.system.log, _Straight(tables, self.config.views_table)
        view = self.system.views.get(stream)
        assert view is not None
        head, left = view.head, count
        content = view.state.content  # type: ignore[union-attr]
        while left:
            size = min(left, chain.MAX_EVENTS)
            head = self._append(log, stream, head, content, count - left, size)
            left -= size
        project.materialize(System(self.config, clock=self.clock, log=log, views=views), stream)
        self.system.heads.forget(stream)
        self.system.watermarks.take(stream, self.clock())
        project.materialize(self.system, stream)  # finds nothing, and remembers how far it is

    def filled(self, count: int) -> Stream:
        """Make a resource with `count` annotations, all of them in its view."""
        stream = self.create()
        self.fill(stream, count)
        return stream

    def _append(
        self, log: Log, stream: Stream, head: Head, content: Representation, start: int, size: int
    ) -> Head:
        intent = Intent(self.id(), None, self.system.now(), ACTOR, self.request().correlation)
        new = [_added(self.id(), start + index, content.checksum) for index in range(size)]
        return log.append(stream, head, new, intent).head

    def _metered(self, system: System) -> None:
        self.meter.attach(system.content._s3)


@contextmanager
def scene() -> Iterator[Scene]:
    """A scene of its own, on moto with everything of `infra/core.yaml`."""
    with aws(stage="bench") as names:
        yield Scene(configured(names))


def configured(names: dict[str, str]) -> Config:
    """Return the settings that name those resources."""
    return Config.from_env(
        {
            **names,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "LOCAL_USER": "marie",
            "LOCAL_WORKSPACE": WORKSPACE,
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }
    )


class _Waiting(System):
    """A system whose seconds are those that it has slept."""

    slept_s = 0.0

    def monotonic_s(self) -> float:
        """Return them."""
        return self.slept_s

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.slept_s += seconds


class Hundred:
    """A detector that finds the first hundred names of the text."""

    generator: Mapping[str, Any] = {"id": "urn:bench", "type": "Software", "name": "bench"}
    capabilities = Capabilities(frozenset({"Person"}))
    size = Size(1_000_000)

    def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
        """Return them, each where it stands."""
        spans = _SPANS[:100]
        return Detection(tuple(Finding(TEXT[s:e], "Person", start=s) for s, e in spans))


class _Straight(Views):
    """Views whose annotation items go into moto's table directly: 0.1 ms each instead of 3."""

    def __init__(self, tables: Any, name: str) -> None:
        super().__init__(tables)
        self._name = name

    def _put(self, item: Any, condition: Any) -> bool:
        if not item.sk.startswith("annotation#"):
            return super()._put(item, condition)
        from moto.dynamodb.models import dynamodb_backends

        wire = item.serialize()
        with door.DOOR.call():
            dynamodb_backends[ACCOUNT][REGION].tables[self._name].put_item(wire, overwrite=True)
        return True


_SPANS: Final = [match.span() for match in _NAME.finditer(TEXT)]


def _asked(number: int, linked: bool = False) -> NewAnnotation:
    """Return the annotation of the text's name of that number, counted round and round."""
    start, end = _SPANS[number % len(_SPANS)]
    quote = TextQuote(
        TEXT[start:end], TEXT[max(0, start - CONTEXT) : start], TEXT[end : end + CONTEXT]
    )
    tag = TextualBody("Person", "tagging")
    other = SpecificResource(f"resource:{minted_id(1_790_000_000_000 + number % 97, 1)}", "linking")
    return NewAnnotation(
        "linking" if linked else "tagging",
        (TextPosition(start, end), quote),
        (tag, other) if linked else (tag,),
    )


def _added(annotation_id: str, number: int, checksum: str) -> AnnotationAdded:
    asked = _asked(number)
    target = anchor(asked, text=TEXT, checksum=checksum)
    return AnnotationAdded(Annotation(annotation_id, asked.motivation, target, asked.bodies))
