"""A passage that an answer has no room for is cut in two, as often as it takes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from aws_endpoint import endpoint

from chalicelib.domain.detection import Answered, Detection, Entities, Finding, Usage
from chalicelib.domain.findings import locate
from chalicelib.domain.passages import OVERLAP, Passage
from chalicelib.errors import InferenceFailed, Unavailable
from chalicelib.inference.bedrock import Bedrock
from chalicelib.inference.recut import SHORTEST, detect

ASK = Entities(("Person",))


@dataclass
class Terse:
    """Finds each word like P42; an answer has room for `most` of them."""

    most: int
    reason: str = "truncated"
    asked: list[int] = field(default_factory=list)

    def detect(self, passage, ask, *, language=None):
        self.asked.append(len(passage.text))
        words = [word for word in passage.text.replace(".", " ").split() if word[0] == "P"]
        if len(words) > self.most:
            usage = Usage(calls=1, output_tokens=100).to_json()
            raise InferenceFailed("cut off", reason=self.reason, usage=usage)
        found = tuple(Finding(word, "Person") for word in words)
        return Detection(found, Usage(calls=1, output_tokens=10))


def text_of(persons: int) -> str:
    return "".join(f"Then P{number:03} came to the meeting. " for number in range(persons))


def quotes(text, answers):
    pieces = [Answered(passage, detection.found) for passage, detection in answers]
    return [each.quote for each in locate(text, pieces, ASK).anchored]


def test_what_fits_is_asked_once():
    detector = Terse(most=100)
    (answer,) = detect(detector, Passage(text_of(50)), ASK, language=None)
    assert answer[1].usage == Usage(calls=1, output_tokens=10)


@pytest.mark.parametrize("reason", ["truncated", "too-long"])
@pytest.mark.parametrize("most", [30, 60, 119])
def test_all_is_found_in_the_parts_each_mention_once_and_where_it_stands(reason, most):
    document = "Nobody here. " * 20 + text_of(120)
    start = document.index("Then P000")
    detector = Terse(most, reason)

    answers = detect(detector, Passage(document[start:], start), ASK, language=None)

    assert quotes(document, answers) == [f"P{number:03}" for number in range(120)]
    assert all(document[part.start : part.end] == part.text for part, _ in answers)
    assert answers[0][0].start == start
    assert answers[-1][0].end == len(document)


def test_what_the_useless_answers_cost_is_counted():
    detector = Terse(most=60)
    answers = detect(detector, Passage(text_of(100)), ASK, language=None)
    usage = sum((detection.usage for _, detection in answers), Usage())
    assert usage == Usage(calls=len(detector.asked), output_tokens=100 + 10 * len(answers))


def test_it_ends_where_there_is_no_less_to_ask():
    detector = Terse(most=0)
    with pytest.raises(InferenceFailed):
        detect(detector, Passage(text_of(200)), ASK, language=None)
    assert min(detector.asked) <= SHORTEST
    assert min(detector.asked) > OVERLAP


def test_other_failures_are_not_asked_again():
    detector = Terse(most=0, reason="refused")
    with pytest.raises(InferenceFailed):
        detect(detector, Passage(text_of(200)), ASK, language=None)
    assert len(detector.asked) == 1


def test_a_model_whose_answer_is_cut_off_is_asked_about_each_half():
    text = ("Cambridge is a town. " * 50).strip()
    with endpoint("converse") as bedrock:
        bedrock.will_answer("cut", "findings")
        model = Bedrock("a.model", lambda service: bedrock.client(service))
        answers = detect(model, Passage(text), ASK, language="en")
    parts = [each["body"]["messages"][0]["content"][0]["text"] for each in bedrock.asked]
    assert len(answers) == len(parts) - 1
    assert all(len(part) < len(parts[0]) for part in parts[1:])


def test_one_that_does_not_answer_is_left_to_the_queue():
    with endpoint("converse") as bedrock:
        bedrock.will_answer("throttled")
        model = Bedrock("a.model", lambda service: bedrock.client(service))
        with pytest.raises(Unavailable):
            detect(model, Passage(text_of(60)), ASK, language="en")
