from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.detection import PARTS, detector, gold, parse, scores
from chalicelib.domain.detection import Comments, Entities
from chalicelib.domain.passages import Passage
from chalicelib.errors import InferenceFailed
from chalicelib.inference.rules import Rules
from chalicelib.inference.rules.addresses import _EMAIL, emails
from chalicelib.inference.rules.amounts import _MONEY, money

ROOT = Path(__file__).parents[2]
TYPES = (
    "Person",
    "Organization",
    "Location",
    "Date",
    "Event",
    "Author",
    "Money",
    "Percent",
    "Email",
    "URL",
)


def found(text, *types, language="en", terms=None):
    ask = Entities(types or TYPES, terms or {})
    return Rules().detect(Passage(text), ask, language=language)


def quotes(text, *types, language="en", terms=None):
    return [each.quote for each in found(text, *types, language=language, terms=terms).found]


def expect(marked, *types, language="en"):
    """Given a marked text, then exactly what is marked is found."""
    item = parse(marked, language)
    answer = found(item.text, *types, language=language).found
    assert {(each.start, each.start + len(each.quote), each.label) for each in answer} == item.spans


# --- people, organisations, places


@pytest.mark.parametrize(
    "marked",
    [
        "Dr. [[Person|Helena Straub]] met Lady [[Person|Ottoline Morrell]].",
        "[[Person|J. L. Heiberg]] wrote to [[Person|Jean-Luc van der Berg]].",
        "Queen [[Person|Elizabeth I]] and [[Person|Martin Luther King Jr.]] never met.",
        "[[Person|Maria Delgado]] came. Then [[Person|Delgado]] left, and [[Person|Maria]] too.",
        "the physicist [[Person|Zhu Wen]] and [[Person|Ibn Sahl]]",
        "the owner, [[Person|Qori Huaman]], and [[Person|Ola Nes]], a surgeon, agreed",
        "[[Person|Tuva Lindseth]] said so; [[Person|Aldous Krone]] ([[Date|1812–1870]]) did not.",
        "the works of [[Organization|Okafor & Sons]] and [[Organization|HelioWind]]",
        "the [[Organization|Bank of England]] and the [[Organization|University of Porto]]",
        "the [[Organization|Federal Court of Australia]], the [[Organization|Brill Trust]]",
        "[[Organization|Borealis Shipping AS]] sank; [[Organization|Borealis Shipping]] paid.",
        "[[Organization|Apple]] shares rose, and [[Organization|NATO]] met in [[Location|Rome]].",
        "[[Location|Lake Baikal]], [[Location|Olduvai Gorge]], [[Location|Gulf of Riga]]",
        "She was born in [[Location|Aracataca]], and buried near [[Location|Leiria]].",
        "the [[Event|Battle of Hastings]] and the [[Event|Thirty Years' War]]",
        "a novel by [[Person+Author|Orhan Veli]]",
        "[[Person|Paris Hilton]] flew to [[Location|Paris]].",
    ],
)
def test_names_are_found_by_their_form_and_by_the_words_around_them(marked):
    expect(marked)


@pytest.mark.parametrize(
    "text",
    [
        "The Corresponding Source conveyed to you is part of the source.",
        "Apple trees grow; May I ask? Will you march on? No: mark my words.",
        "THE ANNUAL REPORT OF THE TREASURER",
        "She speaks English, and some Latin. DNA and RNA are not English.",
        "Objet        Prix        Total",
        "Blue Umbrella Weather",
        "B. List the authors.\nC. State the name.",
    ],
)
def test_what_is_only_written_large_has_no_type(text):
    assert quotes(text) == []


# --- dates, amounts, addresses


@pytest.mark.parametrize(
    ("marked", "language"),
    [
        ("on [[Date|3 May 2021]], [[Date|May 3, 2021]], [[Date|12th of June]]", "en"),
        ("[[Date|2021-05-03]], [[Date|2021-05-03T10:15:00Z]], [[Date|03/05/2021]], [[Date|3.5.2021]]", "en"),
        ("[[Date|Tuesday 4 June]] to [[Date|2–5 July 2018]], in [[Date|1906]], the [[Date|1920s]]", "en"),
        ("[[Date|15 March 44 BC]], the [[Date|third century BC]], [[Date|1914–1918]], [[Date|Q3 2024]]", "en"),
        ("am [[Date|3. Oktober 1990]], im [[Date|19. Jahrhundert]], seit [[Date|Mai 2004]]", "de"),
        ("le [[Date|1er janvier 2002]], en [[Date|1220]], au [[Date|XVIIIe siècle]]", "fr"),
        ("el [[Date|3 de mayo de 1881]], en el [[Date|siglo XVI]], desde [[Date|2009]]", "es"),
        ("[[Money|$1.2 million]], [[Money|€3,500]], [[Money|£20m]], [[Money|USD 6.4 billion]], [[Money|five pounds]]", "en"),
        ("[[Money|1.250,50 €]], [[Money|2,3 Millionen Euro]], [[Percent|4,5 Prozent]]", "de"),
        ("[[Money|1 250 €]], [[Money|3 millions d'euros]], [[Percent|12,5 pour cent]]", "fr"),
        ("[[Money|2,4 millones de euros]], [[Percent|40 por ciento]]", "es"),
        ("write to [[Email|o'brien+news@mail.example.org]], see ([[URL|https://x.example/a_(b)?q=1#f]]).", "en"),
        ("[[URL|www.x.example/y]], and 😀 [[Email|a@b.example]].", "en"),
    ],
)  # fmt: skip
def test_dates_amounts_and_addresses_are_found_in_four_languages(marked, language):
    expect(marked, "Date", "Money", "Percent", "Email", "URL", language=language)


@pytest.mark.parametrize(
    "text",
    [
        "There is no 31 February 2021, and 2021-13-45 is not a date, nor is 31/31/2020.",
        "1808 windows, 2000 of them, 1,204 patients; the number 2021 is 43 times 47.",
        "Version 3.5.2021, section 12.4, page 345, 555-0142, 10-12, 9.58 s, 21 km/s.",
        "March on! May she come? It weighs 5 pounds. Seven of the 9 cost 10.",
    ],
)
def test_a_number_is_not_a_date_nor_an_amount(text):
    assert quotes(text, "Date", "Money", "Percent") == []


# --- what is asked for


def test_types_have_the_names_that_the_vocabulary_gives_them():
    answer = found("Maria Delgado left Lisbon.", "people", "Place")

    assert [(each.quote, each.label) for each in answer.found] == [
        ("Maria Delgado", "people"),
        ("Lisbon", "Place"),
    ]


def test_a_type_that_rules_cannot_find_is_said_to_be_one():
    answer = found("Maria used a sextant.", "Person", "Concept", "Ship")

    assert [each.quote for each in answer.found] == ["Maria"]
    assert answer.unable == ("Concept", "Ship")


def test_terms_of_the_vocabulary_are_found_as_words_whatever_their_type():
    terms = {"Ship": ("Beagle", "Fram"), "Concept": ("natural selection",)}
    text = "The Beagle, the Frame, the beagle; Natural\nselection."

    answer = found(text, "Ship", "Concept", terms=terms)

    assert [(each.quote, each.label) for each in answer.found] == [
        ("Beagle", "Ship"),
        ("Natural\nselection", "Concept"),
    ]
    assert answer.unable == ()


def test_what_takes_a_model_is_refused():
    with pytest.raises(InferenceFailed, match="takes a model"):
        Rules().detect(Passage("Text."), Comments())
    with pytest.raises(InferenceFailed, match="finds none of Concept"):
        Rules().detect(Passage("Text."), Entities(("Concept",)))


def test_the_language_is_told_from_the_text_where_nobody_says_it():
    assert quotes("Der Vertrag ist vom 3. Oktober 1990, und er gilt.", "Date", language=None) == [
        "3. Oktober 1990"
    ]


# --- laws

pieces = st.sampled_from(
    [
        *sorted({word for item in gold()[::4] for word in item.text.split()}),
        "😀",
        "I",
        "&",
        "of",
        "J.",
        "de'",
        "L'",
        "\n\n",
        "—",
        "1999",
        "İ",
        "ß",
        "'s",
    ]
)


@given(
    st.lists(pieces, max_size=30),
    st.sampled_from([" ", "  ", "\n"]),
    st.sampled_from(["en", "de", "fr", "es", None, "ja"]),
)
def test_every_find_is_exact_and_the_answer_always_the_same(words, space, language):
    text = space.join(words)

    answer = found(text, language=language)

    for each in answer.found:
        assert text[each.start : each.start + len(each.quote)] == each.quote
        assert each.quote == each.quote.strip() != ""
    assert found(text, language=language) == answer


def test_nothing_heavy_is_loaded_before_the_first_detection():
    script = (
        "import sys; import chalicelib.inference; from chalicelib.inference import chosen;"
        "chosen('rules');"
        "print({'dateutil', 'boto3', 'botocore', 'chalicelib.inference.rules.gazetteer'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.strip() == "set()", done.stderr


# --- what a text can cost: whoever may add one, may add any


def calls(text):
    """Return how many functions of Python are called to read a text."""
    count = 0

    def counts(frame, event, argument):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counts)
    try:
        found(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "words",
    ["Aa and ", "Maria and ", "Bank of ", "Mr. ", "Queen ", "Prime Minister ", "Aa & ", "Aa "],
)
def test_four_times_the_text_takes_about_four_times_the_steps(words):
    calls(words)  # word lists are read once

    assert calls(words * 400) < 6 * calls(words * 100)


def test_titles_before_a_name_may_be_many():
    expect("Mr. " * 20 + "[[Person|Helena Straub]] came.", "Person")


@pytest.mark.parametrize("run", ["$" * 50, "$1" * 25, "a!" * 25, "1/" * 25])
def test_what_begins_no_address_is_gone_through_once_not_from_each_character(run):
    assert len(list(_EMAIL.finditer(run))) == 1
    assert list(emails(run)) == []
    assert quotes(f"{run} or {run}a@example.org", "Email") == [f"{run}a@example.org"]


@pytest.mark.parametrize("gap", [" ", "'", ","])
def test_a_number_has_no_more_groups_of_digits_than_an_amount(gap):
    text = gap.join(["111"] * 9) + " dollars"

    assert [text[each.start : each.end] for each in money(text)] == [text]
    assert _MONEY.match(gap.join(["111"] * 10) + " dollars") is None


# --- quality, as docs/inference.md states it


@pytest.mark.parametrize(
    ("part", "precision", "recall"), [("dev", 0.97, 0.92), ("held-out", 0.9, 0.8)]
)
def test_detection_is_as_good_as_the_documentation_says(part, precision, recall):
    detect, _ = detector("rules")

    score = scores((item for item in gold() if item.part == part), detect)["all"]

    assert score.precision >= precision
    assert score.recall >= recall


def test_the_gold_file_is_large_enough_and_its_offsets_are_exact():
    items = gold()

    assert len(items) >= 200
    assert {item.part for item in items} == set(PARTS)
    for item in items:
        for start, end, _ in item.spans:
            assert item.text[start:end].strip() == item.text[start:end] != ""
