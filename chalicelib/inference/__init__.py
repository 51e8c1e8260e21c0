"""Who finds and who writes: one contract, four that keep it.

::

    rules       Detector            rules and word lists: offline, free, the same answer every time
    extractive  Writer              puts sentences of the sources together: likewise
    comprehend  Detector            Amazon Comprehend: entities
    bedrock     Detector, Writer    a model behind Amazon Bedrock: everything

What answers says what it is: its `generator` stands in every annotation and document made from the
answer. What it cannot do it refuses, or names in `Detection.unable`; it never guesses. An answer
that cannot be used raises `InferenceFailed` with the reason, and is never taken for an empty one.
`Unavailable` is raised where trying again later can help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

from chalicelib.domain.detection import (
    Ask,
    Assessments,
    Comments,
    Detection,
    Entities,
    Highlights,
    Tags,
    Usage,
)
from chalicelib.domain.passages import Passage, Size

Generator = Mapping[str, Any]
"""A W3C agent: ``{"id": "urn:…", "type": "Software", "name": "rules", "version": "1.0"}``."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a detector can be asked.

    `entities`: the entity types that it can find, as the vocabulary names them; None: whatever it
    is asked for. `terms`: whether it finds given words of any type. `marks`: whether it can judge a
    text, that is tag, highlight, assess and comment, which takes a model. `languages`: None is any.
    """

    entities: frozenset[str] | None = frozenset()
    terms: bool = False
    marks: bool = False
    languages: frozenset[str] | None = None

    def unable(self, ask: Entities) -> tuple[str, ...]:
        """Return those of the types asked for that cannot be found."""
        if self.entities is None:
            return ()
        able = {each.casefold() for each in self.entities}
        if self.terms:
            able |= {each.casefold() for each, terms in ask.terms.items() if terms}
        return tuple(each for each in ask.types if each.casefold() not in able)

    def refusal(self, ask: Ask, language: str | None = None) -> str | None:
        """Return why nothing of `ask` can be answered; None where something can be."""
        if language is not None and self.languages is not None:
            primary = language.casefold().partition("-")[0]
            if not {language.casefold(), primary} & {each.casefold() for each in self.languages}:
                return f"this detector does not read {language!r}"
        match ask:
            case Entities():
                unable = self.unable(ask)
                if len(unable) == len(ask.types):
                    can = ", ".join(sorted(self.entities or ()))
                    return f"this detector finds none of {', '.join(unable)}; it finds {can}"
                return None
            case Tags() | Highlights() | Assessments() | Comments():
                return None if self.marks else f"{ask.motivation} takes a model; none is configured"
            case _:
                assert_never(ask)


class Detector(Protocol):
    """Finds in a passage what is asked for. The passages' bound is `size`."""

    @property
    def generator(self) -> Generator:
        """Return what it is, for the annotations made from its findings."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what it can be asked."""

    @property
    def size(self) -> Size:
        """Return how long a passage may be; `passages.cut` keeps to it."""

    def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
        """Return everything asked for that it finds in the passage.

        `language` is a tag like ``de-AT``; None: not known. Raises Unavailable where a later try
        may succeed, InferenceFailed where it will not.
        """


@dataclass(frozen=True, slots=True)
class Source:
    """A text to write from. `id` is the resource's."""

    id: str
    name: str
    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """What to write. `prompt` says on what, `title` is kept as it is given.

    `format` is a media type; `language` that of the text to write, None: that of the sources.
    """

    prompt: str = ""
    title: str = ""
    sources: tuple[Source, ...] = ()
    format: str = "text/markdown"
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What was written. `sources` are the ids of those that were used."""

    title: str
    text: str
    format: str
    language: str | None
    sources: tuple[str, ...]
    usage: Usage = field(default_factory=Usage)


class Writer(Protocol):
    """Writes a document from sources."""

    @property
    def generator(self) -> Generator:
        """Return what it is, for the document."""

    @property
    def formats(self) -> frozenset[str]:
        """Return the media types that it writes."""

    def write(self, brief: Brief) -> Draft:
        """Return a document. Raises Unavailable or InferenceFailed, as `Detector.detect`."""


@dataclass(frozen=True, slots=True)
class Inference:
    """Who detects and who writes, as configured."""

    detector: Detector
    writer: Writer


def chosen(name: str, *, client: Callable[[str], Any] | None = None) -> Inference:
    """Return the inference that a setting names.

    ``rules``; ``comprehend``; ``bedrock:<model id>``, or ``bedrock-tool:<model id>`` for a model
    that takes no schema for its answer. `client` makes the boto client of a service; it is called
    at the first use. Raises ValueError for another name.
    """
    from chalicelib.inference.extractive import Extractive

    match name.partition(":"):
        case ("rules", "", _):
            from chalicelib.inference.rules import Rules

            return Inference(Rules(), Extractive())
        case ("comprehend", "", _):
            from chalicelib.inference.comprehend import Comprehend

            return Inference(Comprehend(client), Extractive())
        case ("bedrock" | "bedrock-tool" as kind, ":", model) if model:
            from chalicelib.inference.bedrock import Bedrock

            bedrock = Bedrock(model, client, tool=kind == "bedrock-tool")
            return Inference(bedrock, bedrock)
        case _:
            detail = "must be rules, comprehend, bedrock:<model id> or bedrock-tool:<model id>"
            raise ValueError(f"inference {name!r} is unknown: {detail}")
