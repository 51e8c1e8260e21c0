"""Annotations as clients send them, and what is said of their faults."""

from __future__ import annotations

import json

import pytest

from chalicelib.domain.annotation import (
    parse,
)
from chalicelib.errors import Invalid

R = "0192f000-aaaa-7000-8000-000000000001"
OTHER = "0192f000-aaaa-7000-8000-000000000009"
SURROGATE = "\ud83d"
TAG = {"type": "TextualBody", "value": "Place", "purpose": "tagging"}
LINK = {"type": "SpecificResource", "source": f"/resources/{OTHER}", "purpose": "linking"}
QUOTE = {"type": "TextQuoteSelector", "exact": "Vienna"}
POSITION = {"type": "TextPositionSelector", "start": 3, "end": 9}


def read(**members):
    return parse({"motivation": "linking", **members}, resource_id=R)


def faults_of(call) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        call()
    json.dumps(caught.value.extra["errors"], ensure_ascii=False).encode()  # can be answered
    return {fault["pointer"]: fault["detail"] for fault in caught.value.extra["errors"]}


def faults(**members) -> dict[str, str]:
    return faults_of(lambda: read(**members))
