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
SALE = (  # what `entities` in `shapes/comprehend.json` answers
    "On 29 October 1998 Christie's sold the book in New York for two million dollars."
    " Marie Louis Sirieix had once owned it. William Noel of the Walters Art Museum had it imaged;"
    " the images are kept as ARCH-0001 and ARCH-0002, their proofs as HEIB-1906 and HEIB-1908,"
    " for Reviel Netz. Send readings to Arch@example.org."
)
ASK = Entities(("person", "Location", "Date", "Author"))


@pytest.fixture(scope="module")
def comprehend():
    with endpoint("comprehend") as running:
        yield running


def detector(comprehend, *answers, attempts=1):
    comprehend.asked.clear()
    comprehend.will_answer(*answers)
    return Comprehend(lambda service: comprehend.client(service, attempts))


def test_its_types_have_the_vocabulary_s_names_and_only_those_asked_for_are_found(comprehend):
    answer = detector(comprehend, "entities-astral").detect(PASSAGE, ASK, language="en-GB")

    assert [(each.quote, each.label, each.score) for each in answer.found] == [
        ("Agnes Smith Lewis", "person", 0.9986),
        ("Egypt", "Location", 0.9941),
        ("1895", "Date", 0.9977),
    ]
    assert answer.unable == ("Author",)
    assert answer.usage == Usage(calls=1, characters=len(TEXT))
    assert comprehend.asked[0]["body"] == {"Text": TEXT, "LanguageCode": "en"}


def test_entities_stand_where_comprehend_says(comprehend):
    ask = Entities(("Person", "Organization", "Date", "Location", "Quantity"))
    answer = detector(comprehend, "entities").detect(Passage(SALE), ask, language="en")

    result = locate(SALE, [Answered(Passage(SALE), answer.found)], ask)

    assert [(each.start, each.quote, each.label) for each in result.anchored] == [
        (3, "29 October 1998", "Date"),
        (19, "Christie's", "Organization"),
        (47, "New York", "Location"),
        (60, "two million dollars", "Quantity"),
        (81, "Marie Louis Sirieix", "Person"),
        (120, "William Noel", "Person"),
        (140, "Walters Art Museum", "Organization"),
        (267, "Reviel Netz", "Person"),
    ]
    assert result.dropped == ()
    assert answer.found[0].score == 0.9980999827384949


def test_offsets_are_found_right_beyond_astral_characters_in_whatever_unit_they_are(comprehend):
    answer = detector(comprehend, "entities-astral").detect(PASSAGE, ASK, language="en")

    result = locate(TEXT, [Answered(PASSAGE, answer.found)], ASK)

    assert [TEXT[each.start : each.end] for each in result.anchored] == [
        "Agnes Smith Lewis",
        "Egypt",
        "1895",
    ]
    assert result.dropped == ()


def test_what_is_not_in_the_text_is_dropped_when_located(comprehend):
    ask = Entities(("Event",))
    answer = detector(comprehend, "entities-astral").detect(PASSAGE, ask, language="en")

    result = locate(TEXT, [Answered(PASSAGE, answer.found)], ask)

    assert [(each.quote, each.why) for each in result.dropped] == [("the flood", "not-in-text")]


@pytest.mark.parametrize(
    ("language", "code"),
    [("de-AT", "de"), ("zh-TW", "zh-TW"), ("zh-Hant", "zh-TW"), ("zh", "zh"), ("PT_br", "pt")],
)
def test_a_language_tag_becomes_comprehend_s_code(comprehend, language, code):
    detector(comprehend, "entities-astral").detect(PASSAGE, ASK, language=language)

    assert comprehend.asked[0]["body"]["LanguageCode"] == code


def test_a_language_that_nobody_says_is_guessed(comprehend):
    detector(comprehend, "entities-astral").detect(
        Passage("Der Hund und die Katze sind in Wien."), ASK
    )

    assert comprehend.asked[0]["body"]["LanguageCode"] == "de"


def test_a_language_that_it_does_not_read_is_refused_before_the_call(comprehend):
    with pytest.raises(InferenceFailed) as caught:
        detector(comprehend, "entities-astral").detect(PASSAGE, ASK, language="pl")

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
        detector(comprehend, "entities-astral").detect(Passage("é" * 60_000), ASK, language="fr")

    assert caught.value.extra["reason"] == "too-long"
    assert comprehend.asked == []


@pytest.mark.parametrize("answer", ["throttled", "too-many"])
def test_a_throttled_call_is_tried_once_more_at_once(comprehend, answer):
    found = detector(comprehend, answer, "entities-astral", attempts=2).detect(PASSAGE, ASK).found

    assert len(found) == 3
    assert len(comprehend.asked) == 2


@pytest.mark.parametrize("answer", ["throttled", "too-many", "internal"])
def test_what_a_later_try_may_not_meet_again_is_unavailable(comprehend, answer):
    with pytest.raises(Unavailable):
        detector(comprehend, answer).detect(PASSAGE, ASK, language="en")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("too-long", "too-long"),
        ("too-long-with-namespace", "too-long"),
        ("language", "unsupported-language"),
        ("language-of-the-text", "unsupported-language"),
        ("denied", "denied"),
        ("no-subscription", "denied"),
        ("not-parsed", "rejected"),
    ],
)
def test_what_no_later_try_can_change_fails_with_the_reason(comprehend, answer, reason):
    with pytest.raises(InferenceFailed) as caught:
        detector(comprehend, answer).detect(PASSAGE, ASK, language="en")

    assert caught.value.extra["reason"] == reason


@pytest.mark.parametrize("ask", [Comments(), Entities(("Author", "Concept"))])
def test_what_it_cannot_do_is_refused(comprehend, ask):
    assert Comprehend.capabilities.refusal(ask) is not None
    with pytest.raises(InferenceFailed) as caught:
        detector(comprehend, "entities-astral").detect(PASSAGE, ask)

    assert caught.value.extra["reason"] == "unable"
