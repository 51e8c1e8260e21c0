"""Whose recording an answer has its shape from is said, and where it has it from none."""

from __future__ import annotations

import pytest
from aws_endpoint import HERE, kept

SERVICES = ("converse", "comprehend")
README = (HERE / "shapes/README.md").read_text("utf-8")
SHAPES = [(service, name) for service in SERVICES for name in kept("shapes", service)]
MADE = [(service, name) for service in SERVICES for name in kept("made", service)]


@pytest.mark.parametrize(("service", "name"), SHAPES)
def test_each_shape_is_named_with_the_recording_that_it_comes_from(service, name):
    assert f"| `{name}` |" in README.partition("## Shapes")[2].partition("## Made")[0]


@pytest.mark.parametrize(("service", "name"), MADE)
def test_each_answer_that_was_made_is_named_as_such(service, name):
    assert f"`{name}`" in README.partition("## Made")[2]
