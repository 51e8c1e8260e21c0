"""What is asked of a detector, and what it answers.

An `Ask` is one of five, each with its own motivation: the entities of a text, its parts by a tag
schema, what is worth highlighting, assessing, commenting; `noted` are those whose findings say
something in words. The answer is `Finding`s: quotes, each
with a label. Where in the text a quote stands is not the detector's to say: `findings.locate`
looks it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

from chalicelib.domain.events import TagSchema
from chalicelib.domain.passages import Passage

MAX_DENSITY: Final = 15
"""Marks per 2,000 words that may be asked for: more is not a selection."""

AssessmentTone = Literal["analytical", "critical", "balanced", "constructive"]
CommentTone = Literal["scholarly", "explanatory", "conversational", "technical"]


@dataclass(frozen=True, slots=True)
class Entities:
    """Mentions of these entity types. `terms` are words that always are of a type, if known.

    ``Entities(("Person", "Ship"), terms={"Ship": ("Beagle", "Fram")})``
    """

    motivation: ClassVar[str] = "linking"
    noted: ClassVar[bool] = False
    types: tuple[str, ...]
    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Return the labels that an answer may have; None: any."""
        return self.types


@dataclass(frozen=True, slots=True)
class Tags:
    """The parts of the text that are what these tags of a schema mean."""

    motivation: ClassVar[str] = "tagging"
    noted: ClassVar[bool] = False
    schema: TagSchema
    tags: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...] | None:
        return self.tags


@dataclass(frozen=True, slots=True)
class Highlights:
    """The passages that matter. `density` is marks per 2,000 words."""

    motivation: ClassVar[str] = "highlighting"
    noted: ClassVar[bool] = False
    density: int | None = None
    instructions: str = ""

    @property
    def labels(self) -> tuple[str, ...] | None:
        return None


@dataclass(frozen=True, slots=True)
class Assessments:
    """Judgements on passages, each a finding's `note`."""

    motivation: ClassVar[str] = "assessing"
    noted: ClassVar[bool] = True
    tone: AssessmentTone = "balanced"
    density: int | None = None
    instructions: str = ""

    @property
    def labels(self) -> tuple[str, ...] | None:
        return None


@dataclass(frozen=True, slots=True)
class Comments:
    """Remarks on passages, each a finding's `note`."""

    motivation: ClassVar[str] = "commenting"
    noted: ClassVar[bool] = True
    tone: CommentTone = "explanatory"
    density: int | None = None
    instructions: str = ""

    @property
    def labels(self) -> tuple[str, ...] | None:
        return None


Ask = Entities | Tags | Highlights | Assessments | Comments


@dataclass(frozen=True, slots=True)
class Finding:
    """A quote that a detector found, and what it says of it.

    `label` is an entity type or a tag, empty where the ask has none. `score` is from 0 to 1, and
    None where the detector has none. `before` is text that stands right before the quote, to tell
    equal quotes apart. `start` is where in the passage the detector believes it to stand: a hint.
    """

    quote: str
    label: str = ""
    score: float | None = None
    note: str = ""
    before: str = ""
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What answers cost: calls of a service, and what it bills by."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    characters: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.characters + other.characters,
        )

    def to_json(self) -> dict[str, int]:
        """Return ``{"calls": 1, "inputTokens": 812, "outputTokens": 96}``: what is not zero."""
        members = {
            "calls": self.calls,
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
            "characters": self.characters,
        }
        return {name: value for name, value in members.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, int]) -> Usage:
        """Read what `to_json` wrote."""
        names = ("calls", "inputTokens", "outputTokens", "characters")
        return cls(*(data.get(name, 0) for name in names))


@dataclass(frozen=True, slots=True)
class Detection:
    """The answer for one passage. `unable` are labels asked for that this detector cannot find."""

    found: tuple[Finding, ...]
    usage: Usage = field(default_factory=Usage)
    unable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """A passage with what was found in it."""

    passage: Passage
    found: tuple[Finding, ...]
