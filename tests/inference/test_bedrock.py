from __future__ import annotations

import json

import jsonschema_rs
import pytest
from aws_endpoint import endpoint

from chalicelib.domain.detection import (
    Answered,
    Assessments,
    Comments,
    Entities,
    Finding,
    Highlights,
    Tags,
    Usage,
)
from chalicelib.domain.events import TagSchema
from chalicelib.domain.findings import locate
from chalicelib.domain.passages import Passage
from chalicelib.errors import InferenceFailed, Unavailable
from chalicelib.inference import Brief, Source, chosen, prompts
from chalicelib.inference.bedrock import Bedrock

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
TEXT = "Agnes Smith Lewis bought it. In 2010 Westminster College in Cambridge sold it 😀."
PASSAGE = Passage(TEXT)
ASK = Entities(("Person", "Location"))
SCHEMA = TagSchema("irac", "IRAC", "a legal argument", (("Issue", "the question"), ("Rule", "")))


@pytest.fixture(scope="module")
def bedrock():
    with endpoint("converse") as running:
        yield running


def model(bedrock, *answers, tool=False, attempts=1):
    bedrock.asked.clear()
    bedrock.will_answer(*answers)
    return Bedrock(MODEL, lambda service: bedrock.client(service, attempts), tool=tool)


# --- findings


def test_findings_come_as_the_model_gave_them_with_the_tokens_that_they_cost(bedrock):
    answer = model(bedrock, "findings").detect(PASSAGE, ASK)

    assert answer.found[:2] == (
        Finding("Agnes Smith Lewis", "Person"),
        Finding("Cambridge", "Location", before="Westminster College in"),
    )
    assert answer.usage == Usage(calls=1, input_tokens=204, output_tokens=17)


def test_invented_quotes_and_types_are_dropped_with_the_reason_when_located(bedrock):
    answer = model(bedrock, "findings").detect(PASSAGE, ASK)

    result = locate(TEXT, [Answered(PASSAGE, answer.found)], ASK)

    assert [(each.start, each.quote) for each in result.anchored] == [
        (0, "Agnes Smith Lewis"),
        (TEXT.index("Cambridge"), "Cambridge"),
    ]
    assert {each.quote: each.why for each in result.dropped} == {
        "Atlantis": "not-in-text",
        "Westminster College": "unknown-type",
    }


def test_the_schema_of_the_answer_goes_with_the_request(bedrock):
    model(bedrock, "findings").detect(PASSAGE, ASK)

    (asked,) = bedrock.asked
    assert asked["path"] == f"/model/{MODEL.replace(':', '%3A')}/converse"
    shape = asked["body"]["outputConfig"]["textFormat"]
    assert shape["type"] == "json_schema"
    schema = json.loads(shape["structure"]["jsonSchema"]["schema"])
    assert jsonschema_rs.is_valid(
        schema, {"findings": [{"quote": "a", "before": "", "label": "Person"}]}
    )
    assert not jsonschema_rs.is_valid(schema, {"findings": [{"quote": "a"}]})
    assert "“Person”, “Location”" in asked["body"]["system"][0]["text"]
    assert TEXT in asked["body"]["messages"][0]["content"][0]["text"]


def test_a_schema_is_the_same_whatever_types_are_asked_for_so_that_it_is_compiled_once(bedrock):
    sent = []
    for ask in (ASK, Entities(("Ship",), {"Ship": ("Fram",)}), Tags(SCHEMA, ("Issue",))):
        model(bedrock, "findings").detect(PASSAGE, ask)
        sent.append(bedrock.asked[0]["body"]["outputConfig"])

    assert sent[0] == sent[1] == sent[2]


def test_a_model_that_takes_no_schema_is_made_to_call_a_tool(bedrock):
    answer = model(bedrock, "tool", tool=True).detect(PASSAGE, ASK)

    assert answer.found == (Finding("Cambridge", "Location", before="College in"),)
    body = bedrock.asked[0]["body"]
    assert "outputConfig" not in body
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": "labelled_findings"}}
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] == prompts.LABELLED


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (Comments("scholarly", 4, "Only on dates."), ("scholarly", "4 findings", "Only on dates.")),
        (Assessments("critical"), ("critical",)),
    ],
)
def test_notes_are_asked_for_in_tone_density_and_language(bedrock, ask, words):
    answer = model(bedrock, "noted").detect(PASSAGE, ask, language="de")

    assert answer.found == (Finding("sold it", note="To whom is not said.", before="in Cambridge"),)
    system = bedrock.asked[0]["body"]["system"][0]["text"]
    assert all(word in system for word in (*words, "language de"))


def test_highlights_and_tags_are_asked_for_with_what_they_mean(bedrock):
    bedrock_model = model(bedrock, "findings")
    bedrock_model.detect(PASSAGE, Tags(SCHEMA, ("Issue",)))

    system = bedrock.asked[0]["body"]["system"][0]["text"]
    assert "- Issue: the question" in system
    assert "Rule" not in system
    assert prompts.schema(Highlights()) == ("findings", prompts.PLAIN)


# --- documents


def test_a_document_cites_the_sources_that_it_links(bedrock):
    sources = (Source("0192f-a", 'Sinai "A"', TEXT), Source("0192f-b", "Other", "Nothing."))

    draft = model(bedrock, "document").write(Brief("The sale", sources=sources, language="en"))

    assert (draft.title, draft.format, draft.language) == ("The sale", "text/markdown", "en")
    assert draft.sources == ("0192f-a",)
    assert draft.usage == Usage(calls=1, input_tokens=204, output_tokens=17)
    sent = bedrock.asked[0]["body"]["messages"][0]["content"][0]["text"]
    assert '<source id="0192f-a" name="Sinai &quot;A&quot;">' in sent


# --- what is no answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("cut", "truncated"),
        ("cut-json-schema", "truncated"),
        ("prose-cached", "unreadable"),
        ("two-tools", "unreadable"),
        ("guardrail-blocked", "refused"),
        ("guardrail-masked", "refused"),
        ("cut-json", "unreadable"),
        ("other-shape", "unreadable"),
        ("no-list", "unreadable"),
        ("in-words", "unreadable"),
        ("nothing", "unreadable"),
        ("malformed", "unreadable"),
        ("malformed-tool", "unreadable"),
        ("refusal", "refused"),
        ("filtered", "refused"),
        ("window", "too-long"),
    ],
)
def test_an_answer_that_is_none_fails_with_the_reason_and_is_never_empty(bedrock, answer, reason):
    with pytest.raises(InferenceFailed) as caught:
        model(bedrock, answer).detect(PASSAGE, ASK)

    assert caught.value.extra["reason"] == reason
    assert caught.value.extra["usage"]["calls"] == 1
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("shape", "tokens"),
    [
        ("json-schema", (204, 17)),
        ("json-schema-reasoned", (52, 118)),
        ("json-schema-spaced", (41, 26)),
        ("forced-tool", (540, 29)),
        ("text-and-tool", (312, 58)),
    ],
)
def test_json_in_each_way_that_models_give_it_is_read_and_only_then_found_to_lack_the_findings(
    bedrock, shape, tokens
):
    with pytest.raises(InferenceFailed, match="has no list of findings") as caught:
        model(bedrock, shape).detect(PASSAGE, ASK)

    usage = Usage.from_json(caught.value.extra["usage"])
    assert (usage.input_tokens, usage.output_tokens) == tokens


def test_tokens_read_from_a_cache_are_counted_once(bedrock):
    with pytest.raises(InferenceFailed) as caught:
        model(bedrock, "prose-cached").detect(PASSAGE, ASK)

    usage = Usage.from_json(caught.value.extra["usage"])
    assert usage.input_tokens + usage.output_tokens == 1697  # its totalTokens


def test_more_than_one_call_of_the_tool_is_said_to_be_that(bedrock):
    with pytest.raises(InferenceFailed, match="called the tool 2 times"):
        model(bedrock, "two-tools", tool=True).detect(PASSAGE, ASK)


@pytest.mark.parametrize(
    "answer",
    [
        "expired-token",
        "throttled",
        "throttled-tokens",
        "unavailable",
        "not-ready",
        "model-time-out",
        "model-error",
        "internal",
    ],
)
def test_what_a_later_try_may_not_meet_again_is_unavailable(bedrock, answer):
    with pytest.raises(Unavailable) as caught:
        model(bedrock, answer).detect(PASSAGE, ASK)

    assert caught.value.retryable
    assert caught.value.extra["dependency"] == "bedrock"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("invalid-model", "no-model"),
        ("profile-only", "no-model"),
        ("retired", "no-model"),
        ("invalid-token", "denied"),
        ("denied", "denied"),
        ("no-parameter", "rejected"),
        ("model-error-tool", "unreadable"),
        ("too-long", "too-long"),
        ("too-long-prompt", "too-long"),
        ("too-long-with-answer", "too-long"),
        ("too-long-nova", "too-long"),
        ("too-long-llama", "too-long"),
    ],
)
def test_what_no_later_try_can_change_fails_with_the_reason(bedrock, answer, reason):
    with pytest.raises(InferenceFailed) as caught:
        model(bedrock, answer).detect(PASSAGE, ASK)

    assert caught.value.extra["reason"] == reason
    assert not caught.value.retryable


def test_a_throttled_call_is_tried_once_more_at_once(bedrock):
    answer = model(bedrock, "throttled", "findings", attempts=2).detect(PASSAGE, ASK)

    assert len(answer.found) == 4
    assert len(bedrock.asked) == 2


def test_a_service_that_is_not_there_is_unavailable():
    with endpoint("converse") as gone:
        client = gone.client("bedrock-runtime")

    with pytest.raises(Unavailable):
        Bedrock(MODEL, lambda _: client).detect(PASSAGE, ASK)


# --- what it is


def test_a_model_is_named_for_what_it_is():
    inference = chosen(f"bedrock:{MODEL}")

    assert inference.detector is inference.writer
    assert inference.detector.generator == {
        "id": f"urn:palimpsest:bedrock:{MODEL}",
        "type": "Software",
        "name": MODEL,
        "version": prompts.VERSION,
    }
    assert inference.detector.capabilities.refusal(Comments()) is None


@pytest.mark.parametrize("name", ["", "bedrock", "bedrock:", "rules:1", "claude"])
def test_a_setting_that_names_nothing_is_refused(name):
    with pytest.raises(ValueError, match="must be rules"):
        chosen(name)
