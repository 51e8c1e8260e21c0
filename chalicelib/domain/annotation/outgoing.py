"""Annotations as clients read them: W3C JSON, with IRIs under today's base.

::

    {"@context": "http://www.w3.org/ns/anno.jsonld",
     "id": "https://api.example/resources/0192f…/annotations/0192e…", "type": "Annotation",
     "motivation": "linking",
     "target": {"source": "https://api.example/resources/0192f…", "selector": [{"type": …}]},
     "body": [{"type": "TextualBody", "value": "Place", "purpose": "tagging"}],
     "creator": {"id": "…", "type": "Person", "name": "…"}, "created": "2026-11-23T09:35:00.123Z",
     "anchor": {"state": "anchored", "checksum": "9f86…"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.domain import iri
from chalicelib.domain.annotation.model import Annotation, Selector, TextPosition
from chalicelib.domain.annotation.stored import encode_body, encode_selector
from chalicelib.domain.text import Offsets, utf16_offset

CONTEXT: Final = "http://www.w3.org/ns/anno.jsonld"


def to_json(
    annotation: Annotation,
    *,
    resource_id: str,
    base_url: str,
    creator: Mapping[str, Any],
    created: str,
    modified: str | None = None,
    anchor: Mapping[str, Any] | None = None,
    text: str | None = None,
    offsets: Offsets = "codepoint",
) -> dict[str, Any]:
    """Return the annotation for a client. What it says can be sent back as it is.

    Selectors are those that were stored, whatever became of the content; `anchor`
    (`anchoring.anchor_json`) says where they stand today. With ``offsets="utf16"`` positions are
    converted by `text`, which is the text that `target.checksum` names: positions of older content
    cannot be counted in newer. Without it the position is left out; the quote stays.
    """
    resource = iri.to_public(f"resource:{resource_id}", base_url)
    target: dict[str, Any] = {"source": resource}
    selectors = [_counted(each, text, offsets) for each in annotation.target.selectors]
    if any(selectors):
        target["selector"] = [
            _public(encode_selector(each), "conformsTo", base_url=base_url)
            for each in selectors
            if each is not None
        ]
    answer: dict[str, Any] = {
        "@context": CONTEXT,
        "id": f"{resource}/annotations/{annotation.id}",
        "type": "Annotation",
        "motivation": annotation.motivation,
        "target": target,
        "body": [
            _public(encode_body(each), "source", base_url=base_url) for each in annotation.bodies
        ],
        "creator": dict(creator),
        "created": created,
    }
    if modified is not None:
        answer["modified"] = modified
    if annotation.generator is not None:
        answer["generator"] = _public(annotation.generator, "id", "homepage", base_url=base_url)
    if anchor is not None:
        answer["anchor"] = dict(anchor)
    return answer


def _counted(selector: Selector, text: str | None, offsets: Offsets) -> Selector | None:
    """Return the selector with its positions in the client's unit, None where that is unknown."""
    if offsets == "codepoint" or not isinstance(selector, TextPosition):
        return selector
    if text is None:
        return None
    return TextPosition(utf16_offset(text, selector.start), utf16_offset(text, selector.end))


def _public(data: Mapping[str, Any], *names: str, base_url: str) -> dict[str, Any]:
    """Return `data` with the IRIs among its members in public form."""
    return {
        name: iri.to_public(value, base_url) if name in names else value
        for name, value in data.items()
    }
