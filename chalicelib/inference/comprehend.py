"""Amazon Comprehend: entities, in the languages that it reads.

It has types of its own; they are given the vocabulary's names where they mean the same. ``OTHER``
has no meaning and is left out. A type asked for that it does not have is in `Detection.unable`.
"""

from __future__ import annotations

from typing import Any, Final

from chalicelib.domain.detection import Ask, Detection, Entities, Finding, Usage
from chalicelib.domain.passages import Passage, Size
from chalicelib.domain.text import code_point_offset
from chalicelib.errors import InferenceFailed, Invalid
from chalicelib.inference import Capabilities
from chalicelib.inference.calls import Clients, clients, translated

# EntityType and LanguageCode of DetectEntities (comprehend 2017-11-27, botocore 1.44.5).
TYPES: Final = {
    "PERSON": "Person",
    "LOCATION": "Location",
    "ORGANIZATION": "Organization",
    "COMMERCIAL_ITEM": "Product",
    "EVENT": "Event",
    "DATE": "Date",
    "QUANTITY": "Quantity",
    "TITLE": "Title",
}
LANGUAGES: Final = ("en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW")

MAX_BYTES: Final = 100_000
""""The maximum string size is 100 KB", of UTF-8 (the same). Taken as thousands to be sure."""


class Comprehend:
    """A `Detector` by Amazon Comprehend's standard model."""

    generator: dict[str, Any] = {  # noqa: RUF012 a constant of the class
        "id": "urn:palimpsest:comprehend:2017-11-27",
        "type": "Software",
        "name": "Amazon Comprehend",
        "version": "2017-11-27",
    }
    capabilities = Capabilities(entities=frozenset(TYPES.values()), languages=frozenset(LANGUAGES))
    size = Size(50_000, bytes=MAX_BYTES)

    def __init__(self, make: Clients | None = None) -> None:
        self._make = make or clients
        self._client: Any = None

    def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
        """Return the entities of the types asked for, with Comprehend's offsets as hints.

        Where the language is not known it is guessed among English, German, French and Spanish.
        """
        why = self.capabilities.refusal(ask)
        if why is not None or not isinstance(ask, Entities):
            raise InferenceFailed(why or "Comprehend finds entities alone", reason="unable")
        size_bytes = len(passage.text.encode())
        if size_bytes > MAX_BYTES:
            detail = f"the passage has {size_bytes} bytes, Comprehend takes {MAX_BYTES}"
            raise InferenceFailed(detail, reason="too-long")
        code = _code(passage.text, language)
        with translated("comprehend"):
            if self._client is None:
                self._client = self._make("comprehend")
            response = self._client.detect_entities(Text=passage.text, LanguageCode=code)
        wanted = {each.casefold(): each for each in ask.types}
        found = [
            _finding(passage.text, entity, wanted[TYPES[entity["Type"]].casefold()])
            for entity in response.get("Entities", [])
            if TYPES.get(entity.get("Type", ""), "").casefold() in wanted
        ]
        usage = Usage(calls=1, characters=len(passage.text))
        return Detection(tuple(found), usage, self.capabilities.unable(ask))


def _finding(text: str, entity: dict[str, Any], label: str) -> Finding:
    quote, start = entity.get("Text", ""), entity.get("BeginOffset")
    if start is not None and not text.startswith(quote, start):
        try:
            start = code_point_offset(text, start)  # counted as UTF-16, beyond a character of two
        except Invalid:
            start = None
    return Finding(quote, label, entity.get("Score"), start=start)


def _code(text: str, language: str | None) -> str:
    """Return Comprehend's code of the language. Raises InferenceFailed for one it does not read."""
    if language is None:
        from chalicelib.inference.rules.language import language_of

        return language_of(text, None)
    tag = language.casefold().replace("_", "-")
    if tag in ("zh-tw", "zh-hk", "zh-mo") or tag.startswith("zh-hant"):
        return "zh-TW"
    primary = tag.partition("-")[0]
    if primary not in LANGUAGES:
        detail = f"Comprehend does not read {language!r}, it reads {', '.join(LANGUAGES)}"
        raise InferenceFailed(detail, reason="unsupported-language")
    return primary
