"""What every detector and every writer keeps, whoever it is."""

from __future__ import annotations

import pytest

from chalicelib.config import Config, Misconfigured
from chalicelib.domain.annotation import parse
from chalicelib.domain.detection import (
    Answered,
    Assessments,
    Comments,
    Entities,
    Highlights,
    Tags,
)
from chalicelib.domain.events import TagSchema
from chalicelib.domain.findings import locate
from chalicelib.domain.passages import cut
from chalicelib.inference import Capabilities, chosen
from infra.local.aws import names

NAMES = ("rules", "comprehend", "bedrock:eu.amazon.nova-pro-v1:0", "bedrock-tool:x")
SCHEMA = TagSchema("irac", "IRAC", "", (("Issue", ""),))
MARKS = (Tags(SCHEMA, ("Issue",)), Highlights(), Assessments(), Comments())


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_is_as_a_w3c_agent_that_a_client_may_send_back(name):
    inference = chosen(name)

    for agent in (inference.detector.generator, inference.writer.generator):
        assert agent.keys() == {"id", "type", "name", "version"}
        assert agent["type"] == "Software"
        sent = {"motivation": "linking", "generator": dict(agent)}
        assert parse(sent, resource_id="r").generator == agent


@pytest.mark.parametrize("name", NAMES)
def test_each_says_how_long_a_passage_it_takes(name):
    size = chosen(name).detector.size

    assert cut("A sentence of some words. " * 3_000, size)


@pytest.mark.parametrize("name", ["rules", "comprehend"])
def test_who_has_no_model_refuses_what_takes_one(name):
    can = chosen(name).detector.capabilities

    for ask in MARKS:
        assert "takes a model" in can.refusal(ask)


def test_a_model_refuses_nothing():
    can = chosen("bedrock:x").detector.capabilities

    assert all(can.refusal(ask) is None for ask in (*MARKS, Entities(("Anything",))))
    assert can.unable(Entities(("Anything",))) == ()


def test_types_are_refused_only_if_none_of_them_can_be_found():
    can = Capabilities(entities=frozenset(("Person",)), terms=True)
    some, none = Entities(("person", "Ship")), Entities(("Ship",))

    assert can.refusal(some) is None
    assert can.unable(some) == ("Ship",)
    assert can.refusal(none) == "this detector finds none of Ship; it finds Person"
    assert can.refusal(Entities(("Ship",), {"Ship": ("Fram",)})) is None


def test_a_whole_document_goes_from_text_to_places():
    text = "Maria Delgado joined Northwind Energy on 3 May 2021. 😀 " * 900
    ask = Entities(("Person", "Organization", "Date"))
    rules = chosen("rules").detector

    passages = cut(text, rules.size)
    result = locate(text, [Answered(p, rules.detect(p, ask).found) for p in passages], ask)

    assert len(passages) > 1
    assert len(result.anchored) == 3 * 900
    assert set(result.counts()["dropped"]) == {"duplicate"}
    assert {text[each.start : each.end] for each in result.anchored} == {
        "Maria Delgado",
        "Northwind Energy",
        "3 May 2021",
    }


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("rules", True),
        ("comprehend", True),
        ("bedrock:eu.anthropic.claude-x", True),
        ("bedrock-tool:mistral.large", True),
        ("bedrock:", False),
        ("bedrock-tool:", False),
        ("bedrock", False),
        ("comprehend:x", False),
        ("openai", False),
    ],
)
def test_the_configuration_takes_what_can_be_chosen_and_nothing_else(name, known):
    environ = {
        **names("test"),
        "PUBLIC_URL": "https://api.example",
        "JWT_ISSUER": "https://issuer.example",
        "JWT_AUDIENCE": "a",
        "JWT_JWKS_URL": "https://issuer.example/keys",
        "INFERENCE": name,
    }
    if known:
        assert Config.from_env(environ).inference == name
        chosen(name)
    else:
        with pytest.raises(Misconfigured, match="INFERENCE"):
            Config.from_env(environ)
        with pytest.raises(ValueError, match="inference"):
            chosen(name)
