"""Passages whose answer does not fit: cut in two, and asked about again.

How long a model's answer will be is not known before it is asked. A dense passage, an index say,
can have more names than an answer has room for; its halves have half as many.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chalicelib.domain.detection import Ask, Detection, Usage
from chalicelib.domain.passages import OVERLAP, Passage, Size, cut
from chalicelib.errors import InferenceFailed
from chalicelib.inference import Detector

CURABLE: Final = frozenset(("truncated", "too-long"))
"""Reasons for which less text helps."""
SHORTEST: Final = 4 * OVERLAP
"""A passage that is not longer is not cut: hardly anything would be left beside the overlap."""

Answers = list[tuple[Passage, Detection]]


def detect(detector: Detector, passage: Passage, ask: Ask, *, language: str | None) -> Answers:
    """Return the detector's answers: one, or those of parts that together are the passage.

    What the answers cost that were of no use is counted with the first. Raises what
    `Detector.detect` raises; InferenceFailed also for an answer that the shortest passage is too
    long for.
    """
    try:
        return [(passage, detector.detect(passage, ask, language=language))]
    except InferenceFailed as failed:
        length = len(passage.text)
        if failed.extra.get("reason") not in CURABLE or length <= SHORTEST:
            raise
        lost = Usage.from_json(failed.extra.get("usage", {}))
    answers: Answers = []
    for part in cut(passage.text, Size(length // 2 + OVERLAP)):
        there = Passage(part.text, passage.start + part.start)
        answers += detect(detector, there, ask, language=language)
    first, found = answers[0]
    return [(first, replace(found, usage=found.usage + lost)), *answers[1:]]
