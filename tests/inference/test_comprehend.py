from __future__ import annotations

import pytest
from aws_endpoint import endpoint

from chalicelib.domain.detection import Answered, Comments, Entities, Usage
from chalicelib.domain.findings import locate
from chalicelib.domain.passages import Passage, cut
from chalicelib.errors import InferenceFailed, Unavailable
from chalicelib.inference.comprehend import MAX_BYTES, Comprehend

TEXT = "😀 Agnes Smith Lewis took twelve leaves Egypt in 1895."
PASSAGE = Passage(TEXT)
ASK = Entities(("person", "Location", "Date", "Author"))


@pytest.fixture(scope="module")
def comprehend():
    with endpoint("comprehend") as running:
        yield running


def detector(comprehend, *answers):
    comprehend.asked.clear()
    comprehend.will_answer(*answers)
    return Comprehend(comprehend.client)


def test_its_types_have_the_vocabulary_s_names_and_only_those_asked_for_are_found(comprehend):
    answer = detector(comprehend, "entities").detect(PASSAGE, ASK, language="en-GB")

    assert [(each.quote, each.label, each.score) for each in answer.found] == [
        ("Agnes Smith Lewis", "person", 0.9986),
        ("Egypt", "Location", 0.9941),
        ("1895", "Date", 0.9977),
    ]
    assert answer.unable == ("Author",)
    assert answer.usage == Usage(calls=1, characters=len(TEXT))
    assert comprehend.asked[0]["body"] == {"Text": TEXT, "LanguageCode": "en"}


def test_offsets_are_found_right_beyond_astral_characters_in_whatever_unit_they_are(comprehend):
    answer = detector(comprehend, "entities").detect(PASSAGE, ASK, language="en")

    result = locate(TEXT, [Answered(PASSAGE, answer.found)], ASK)

    assert [TEXT[each.start : each.end] for each in result.anchored] == [
        "Agnes Smith Lewis",
        "Egypt",
        "1895",
    ]
    assert result.dropped == ()


def test_what_is_not_in_the_text_is_dropped_when_located(comprehend):
    ask = Entities(("Event",))
    answer = detector(comprehend, "entities").detect(PASSAGE, ask, language="en")

    result = locate(TEXT, [Answered(PASSAGE, answer.found)], ask)

    assert [(each.quote, each.why) for each in result.dropped] == [("the flood", "not-in-text")]


@pytest.mark.parametrize(
    ("language", "code"),
    [("de-AT", "de"), ("zh-TW", "zh-TW"), ("zh-Hant", "zh-TW"), ("zh", "zh"), ("PT_br", "pt")],
)
def test_a_language_tag_becomes_comprehend_s_code(comprehend, language, code):
    detector(comprehend, "entities").detect(PASSAGE, ASK, language=language)

    assert comprehend.asked[0]["body"]["LanguageCode"] == code


def test_a_language_that_nobody_says_is_guessed(comprehend):
    detector(comprehend, "entities").detect(Passage("Der Hund und die Katze sind in Wien."), ASK)

    assert comprehend.asked[0]["body"]["LanguageCode"] == "de"


def test_a_language_that_it_does_not_read_is_refused_before_the_call(comprehend):
    with pytest.raises(InferenceFailed) as caught:
        detector(comprehend, "entities").detect(PASSAGE, ASK, language="pl")

    assert caught.value.extra["reason"] == "unsupported-language"
    assert comprehend.asked == []
    assert "pl" in Comprehend.capabilities.refusal(ASK, "pl")


def test_passages_cut_to_its_size_are_within_its_limit_in_bytes(comprehend):
    text = "東京は大きい。" * 20_000

    passages = cut(text, Comprehend.size)

    assert len(passages) > 1
    assert all(len(each.text.encode()) <= MAX_BYTES for each in passages)


def test_a_longer_passage_is_refused_before_the_call(comprehend):
    with pytest.raises(InferenceFailed) as caught:
        detector(comprehend, "entities").detect(Passage("é" * 60_000), ASK, language="fr")

    assert caught.value.extra["reason"] == "too-long"
    assert comprehend.asked == []


@pytest.mark.parametrize("recorded", ["throttled", "too-many", "internal"])
def test_what_a_later_try_may_not_meet_again_is_unavailable(comprehend, recorded):
    with pytest.raises(Unavailable):
        detector(comprehend, recorded).detect(PASSAGE, ASK, language="en")


@pytest.mark.parametrize(
    ("recorded", "reason"),
    [("too-long", "too-long"), ("language", "unsupported-language"), ("denied", "denied")],
)
def test_what_no_later_try_can_change_fails_with_the_reason(comprehend, recorded, reason):
    with pytest.raises(InferenceFailed) as caught:
        detector(comprehend, recorded).detect(PASSAGE, ASK, language="en")

    assert caught.value.extra["reason"] == reason


@pytest.mark.parametrize("ask", [Comments(), Entities(("Author", "Concept"))])
def test_what_it_cannot_do_is_refused(comprehend, ask):
    assert Comprehend.capabilities.refusal(ask) is not None
    with pytest.raises(InferenceFailed) as caught:
        detector(comprehend, "entities").detect(PASSAGE, ask)

    assert caught.value.extra["reason"] == "unable"
