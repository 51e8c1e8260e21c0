"""What lies in the log is read for ever: each type's stored bytes are kept in `tests/golden/events`.

A golden file is never edited. A payload that changes shape gets a new `v` and a new file, and an
entry in `UPCASTS`; the old file stays and must still be read. To write the file of a new type:
``python -m tests.domain.test_events``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

import pytest
import rfc8785

from chalicelib.domain import events
from chalicelib.domain.annotation import (
    Annotation,
    Fragment,
    SpecificResource,
    Svg,
    Target,
    TextPosition,
    TextQuote,
    TextualBody,
)
from chalicelib.domain.events import (
    AnnotationAdded,
    AnnotationBodyUpdated,
    AnnotationRemoved,
    EntityTagAdded,
    EntityTagRemoved,
    EntityTypeAdded,
    Event,
    RepresentationAdded,
    ResourceArchived,
    ResourceCloned,
    ResourceCreated,
    ResourceUnarchived,
    ResourceUpdated,
    TagSchema,
    TagSchemaAdded,
    UnknownEvent,
    decode,
    encode,
)
from chalicelib.domain.representation import Representation

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "events"
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
CONTENT = Representation("9f86d081884c7d65" * 4, "text/markdown", 1234, "Überblick.md")
BODIES = (
    TextualBody("Österreich – \U0001f5fa", "tagging", "text/plain", "de"),
    SpecificResource(f"resource:{ID}", "linking"),
)
SELECTORS = (
    TextPosition(3, 9),
    TextQuote("Vienna", "in ", ", "),
    Fragment("xywh=0,0,9,9", "http://www.w3.org/TR/media-frags/"),
    Svg('<svg xmlns="http://www.w3.org/2000/svg"><rect width="3" height="9"/></svg>'),
)
GENERATOR = {"name": "rules", "type": "Software"}

EXAMPLES: tuple[Event, ...] = (
    ResourceCreated("A page — “old”", CONTENT, ("Person", "Place"), "about it", "de"),
    ResourceCloned("A copy", CONTENT, ID, 7, ("Person",), None, None),
    ResourceUpdated((("name", "Another name"), ("description", None))),
    ResourceArchived(),
    ResourceUnarchived(),
    RepresentationAdded(CONTENT),
    EntityTagAdded("Person"),
    EntityTagRemoved("Person"),
    AnnotationAdded(
        Annotation(ID, "linking", Target(CONTENT.checksum, SELECTORS), BODIES, GENERATOR)
    ),
    AnnotationBodyUpdated(ID, BODIES),
    AnnotationRemoved(ID),
    EntityTypeAdded("Ship"),
    TagSchemaAdded(TagSchema("mine", "Mine", "of my own", (("A", "first"), ("B", "")))),
)


def golden(event: Event) -> Path:
    return GOLDEN / f"{event.type}.v{event.v}.json"


def test_every_type_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES} == set(get_args(Event))
    assert set(events.TYPES) == {example.type for example in EXAMPLES}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_a_type_is_stored_as_its_golden_file_says(event: Event) -> None:
    assert rfc8785.dumps(encode(event)) == golden(event).read_bytes()


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert decode(json.loads(rfc8785.dumps(encode(event)))) == event


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_golden_file_of_any_version_is_still_read(path: Path) -> None:
    stored = json.loads(path.read_bytes())

    event = decode(stored)

    assert path.name == f"{stored['type']}.v{stored['v']}.json"
    assert event.type == stored["type"]


@pytest.mark.parametrize("field", ["description", "language"])
def test_what_may_be_absent_may_be_absent(field: str) -> None:
    bare = ResourceCreated("A page", Representation("0" * 64, "text/plain", 0))

    assert field not in encode(bare)["data"]
    assert decode(encode(bare)) == bare


# -- newer and older ones -------------------------------------------------------------------------


def test_a_type_or_a_version_of_newer_code_is_not_guessed() -> None:
    with pytest.raises(UnknownEvent, match=r"'resource\.renamed' is not known"):
        decode({"type": "resource.renamed", "v": 1, "data": {}})
    with pytest.raises(UnknownEvent, match=r"resource\.archived v2 is newer than v1"):
        decode({"type": "resource.archived", "v": 2, "data": {}})


@dataclass(frozen=True)
class Tagged:
    """An event in its third shape: once a name, then a list of them, now with a language."""

    type: ClassVar[str] = "entitytag.added"
    v: ClassVar[int] = 3
    names: tuple[str, ...]
    language: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Tagged:
        return cls(tuple(data["names"]), data["language"])


UPCASTS: events.Upcasts = {
    ("entitytag.added", 1): lambda data: {"names": [data["entityType"]]},
    ("entitytag.added", 2): lambda data: {**data, "language": "en"},
}


@pytest.mark.parametrize(
    ("v", "data"),
    [
        (1, {"entityType": "Person"}),
        (2, {"names": ["Person"]}),
        (3, {"names": ["Person"], "language": "en"}),
    ],
)
def test_older_shapes_are_brought_up_step_by_step(
    v: int, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(events.TYPES, "entitytag.added", Tagged)  # type: ignore[arg-type]
    stored = {"type": "entitytag.added", "v": v, "data": data}
    before = json.dumps(stored)

    event: Any = decode(stored, UPCASTS)

    assert event == Tagged(("Person",), "en")
    assert json.dumps(stored) == before, "what is stored stays as it is"


def test_an_old_shape_without_a_step_is_an_error_and_not_a_guess(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(events.TYPES, "entitytag.added", Tagged)  # type: ignore[arg-type]

    with pytest.raises(KeyError):
        decode({"type": "entitytag.added", "v": 1, "data": {"entityType": "Person"}}, {})


def write_missing() -> None:
    """Write the golden files that are not there yet."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for event in EXAMPLES:
        if not golden(event).exists():
            golden(event).write_bytes(rfc8785.dumps(encode(event)))


if __name__ == "__main__":
    write_missing()
