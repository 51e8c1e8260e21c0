"""docs/inference.md says what is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from bench.detection import RESULT, detector, gold, report
from chalicelib.domain.findings import Why
from chalicelib.inference.comprehend import LANGUAGES, TYPES

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/inference.md").read_text("utf-8")


def test_the_numbers_are_those_that_the_bench_measures():
    detect, generator = detector("rules")

    measured = report(gold(), detect, generator)

    assert RESULT.read_text("utf-8") == measured, "run: python -m bench.detection --write"
    table = measured.partition("By file")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) > 10
    assert "\n".join(rows[1:]) in DOCS
    assert measured.rpartition("scored once:\n\n")[2].strip() in DOCS


def test_every_reason_to_fail_and_to_drop_is_explained():
    code = "".join(path.read_text() for path in (ROOT / "chalicelib/inference").rglob("*.py"))
    raised = set(re.findall(r'reason="([a-z-]+)"', code))
    raised |= set(re.findall(r'": \("([a-z-]+)", "', code))
    raised |= set(re.findall(r'Exception": "([a-z-]+)"', code))

    assert {"truncated", "denied", "unable"} <= raised
    for reason in raised | set(get_args(Why)):
        assert f"`{reason}`" in DOCS, reason


@pytest.mark.parametrize("known", [*TYPES.values(), *LANGUAGES])
def test_what_comprehend_knows_is_listed(known):
    assert known in DOCS.partition("## Comprehend")[2]
