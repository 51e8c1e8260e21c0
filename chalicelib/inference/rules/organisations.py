"""Organisations: by their form (Ltd), their noun (University of …), by name, by what they do."""

from __future__ import annotations

from functools import cache
from typing import Final

from chalicelib.inference.rules.gazetteer import COUNTRIES, PLACES, WITHIN
from chalicelib.inference.rules.lexicon import (
    ADJECTIVES,
    AMBIGUOUS_ORGANISATIONS,
    CALENDAR,
    COMPANY_FORMS,
    FUNCTION,
    GIVEN,
    NOT_HEADED,
    ORGANISATION_HEADS,
    ORGANISATION_NOUNS,
    ORGANISATIONS,
    PLACE_OF,
    TITLES,
    listed,
)
from chalicelib.inference.rules.reading import Reading, phrases

LABEL: Final = "Organization"

_OF: Final = listed("of de del della di der des für du d' d’ degli")
_THE: Final = listed("the la las le les l' l’ los el der die das")
_IN_NAMES: Final = _OF | _THE | {"and", "&", "for", "y", "et", "und"}
_MORE_THAN_ONE: Final = listed("and & y et und")
_WITH_AND: Final = listed(
    "Ministry Department Institute Faculty School Laboratory Office Academy Museum Society"
)
_BEFORE_OF: Final = ORGANISATION_HEADS | ORGANISATION_NOUNS | PLACE_OF
_MOST_PARTS: Final = 8
"""Parts of a name that "and" or "of" joins. More are a list: each would go through all of it."""

COMPANY_VERBS: Final = listed("""
acquired announced bought buys closed cut employs filed hired invested launched makes
manufactures merged owns paid pays posted recalled reported sells shares shipped sold stock
sued unveiled employees executives shareholders staff activists engineers officials investors
""")
"""After a name, these speak for an organisation."""

_OWNING: Final = listed("""
company firm group bank publisher employer subsidiary rival startup manufacturer carmaker
airline brewery retailer
""")
"""Right before a name: "the publisher Suhrkamp"."""

_OF_COMPANIES: Final = listed("""
shares shareholders employees executive president chairman chairwoman spokesman spokeswoman
director board head founder subsidiary unit ceo chief sales profit profits revenue boss
headquarters factory products results stock
""")
"""Before "of", "in", "for" or "at" and a name: "the chief executive of Apple"."""


def read(reading: Reading) -> None:
    """Claim the organisations of a passage."""
    for rule in (_known, _headed, _ending, _pair, _camel, _by_evidence):
        reading.each(lambda at, rule=rule: rule(reading, at))  # type: ignore[misc]
    _again(reading)


@cache
def _phrases() -> dict[str, list[tuple[str, ...]]]:
    return phrases(ORGANISATIONS)


def _known(reading: Reading, at: int) -> int:
    """By name, unless the name is only the beginning of a longer one."""
    end = reading.phrase(at, _phrases())
    if end == at:
        return 0
    more = reading.joined(end) and reading.large(end) and not reading.words[end].first
    if more and reading.plain(end) in ORGANISATION_NOUNS | COMPANY_FORMS:
        return 0
    if end - at == 1 and more and end - at == 1 and reading.plain(end) not in CALENDAR:
        return 0  # Samsung Electronics, Tesla Turbine: not the one that is known
    if reading.joined(end) and reading.lower(end) in _OF and reading.large(end + 1):
        return 0  # Supreme Court of Canada
    name = " ".join(reading.plain(each) for each in range(at, end))
    if name in AMBIGUOUS_ORGANISATIONS and not _evident(reading, at, end):
        return 0
    reading.claim(at, end, LABEL, 0.9)
    return end


def _headed(reading: Reading, at: int) -> int:
    """By its noun before "of": Bank of England, Federal Court of Australia."""
    start = reading.begin(at, reading.run(at))
    stop = reading.run(start)
    for head in range(start, stop):
        noun = reading.words[head].text
        if noun not in ORGANISATION_HEADS:
            continue
        end = _object(reading, head)
        if end is None:
            continue
        if noun in NOT_HEADED and head == start and reading.plain(end - 1) not in COUNTRIES:
            continue
        reading.claim(start, end, LABEL, 0.9)
        return end
    return 0


def _object(reading: Reading, head: int) -> int | None:
    """Return the end of "… of the Name" after the noun at `head`; None where there is none."""
    at = head + 1
    if not (reading.joined(at) and reading.lower(at) in _OF):
        if reading.language == "de" and reading.joined(at) and reading.plain(at) in _places():
            return at + 1  # Universität Heidelberg
        return None
    at += 1
    while reading.joined(at) and reading.lower(at) in _THE and not reading.large(at):
        at += 1
    if not (reading.joined(at) and reading.large(at)):
        if reading.joined(at) and reading.lower(at) in _THE and reading.large(at + 1):
            at += 1
        else:
            return None
    small = _IN_NAMES if reading.words[head].text in _WITH_AND else _IN_NAMES - _MORE_THAN_ONE
    end = reading.run(at, small)
    campus = reading.words[head].text in ("University", "College")
    if campus and end < len(reading) and reading.words[end].gap == ", ":
        alone = reading.large(end) and reading.run(end) == end + 1
        closed = reading.text[reading.words[end].end :][:1] == ","
        if reading.plain(end - 1) in WITHIN and alone and not closed:
            end += 1  # University of California, Berkeley
    return end


@cache
def _places() -> frozenset[str]:
    from chalicelib.inference.rules.gazetteer import EXONYMS

    return PLACES | EXONYMS["de"]


def _ending(reading: Reading, at: int) -> int:
    """By its last noun or form: Northwind Energy, Halvorsen Shipping Ltd, Whitfield & Marsh LLP."""
    start = reading.begin(at, reading.run(at))
    stop = _stop(reading, start)
    if start == stop:
        return 0
    end = None
    for last in range(start, stop):
        word = reading.words[last].text
        if word in COMPANY_FORMS and last > start:
            end = last + 1
            if not (reading.joined(end) and reading.words[end].text in COMPANY_FORMS | {"&"}):
                break
        elif (last > start or "-" in word) and _is_noun(reading, last):
            end = end if _and_within(reading, start, last) else last + 1
    comma = stop < len(reading) and reading.words[stop].gap == ", "
    if comma and reading.free(stop) and reading.words[stop].text in COMPANY_FORMS:
        end = stop + 1  # Acme, Inc.
    if end is None or (
        all(reading.plain(each) in ADJECTIVES for each in range(start, end - 1))
        and (reading.plain(end - 1) in ("Times", "Army", "Office"))
    ):
        return 0
    small = all(reading.words[each].text not in COMPANY_FORMS for each in range(start, end))
    if small and all(reading.uses_small(each) for each in range(start, end)):
        return 0  # the System Library, in a text on libraries
    reading.claim(start, end, LABEL, 0.8)
    return end


def _stop(reading: Reading, start: int) -> int:
    """Return how far a name that begins at `start` may go: over "&", over "of" after its noun."""
    stop = reading.run(start, frozenset("&"))
    for _ in range(_MOST_PARTS - 1):
        if not (stop > start and reading.joined(stop)):
            break
        small = reading.lower(stop)
        noun = reading.words[stop - 1].text in _BEFORE_OF
        if not (small in ("and", "und", "et", "y") or (small in _OF and noun)):
            break
        further = stop + 1
        while reading.joined(further) and reading.lower(further) in _THE:
            further += 1
        if not (reading.joined(further) and reading.large(further)):
            break
        stop = reading.run(further, frozenset("&"))
    return stop


def _is_noun(reading: Reading, at: int) -> bool:
    """Tell whether the word, or the last part of a compound, is what organisations are called."""
    word = reading.words[at].text
    last = word.rpartition("-")[2]
    return last in ORGANISATION_NOUNS or reading.plain(at) in ORGANISATION_NOUNS


def _and_within(reading: Reading, start: int, last: int) -> bool:
    """Tell whether "and" stands within: "Peter and the Bank" is not one name."""
    return any(reading.words[each].text in _MORE_THAN_ONE - {"&"} for each in range(start, last))


def _pair(reading: Reading, at: int) -> int:
    """Two names and "&": Okafor & Sons."""
    middle = reading.run(at)
    if not (reading.joined(middle) and reading.lower(middle) == "&" and reading.large(middle + 1)):
        return 0
    start = reading.begin(at, middle)
    end = reading.run(middle + 1)
    if start == middle:
        return 0
    reading.claim(start, end, LABEL, 0.8)
    return end


def _camel(reading: Reading, at: int) -> int:
    """By its spelling: HashiCorp, and not McDonald or DiCaprio."""
    word = reading.words[at].text
    inner = [
        each for each in range(2, len(word)) if word[each].isupper() and word[each - 1].islower()
    ]
    alone = reading.run(at) == at + 1 and not (reading.joined(at) and reading.large(at - 1))
    if word in ADJECTIVES:
        return 0
    if not inner or not alone or len(word) < 5 or "-" in word or "'" in word or "’" in word:
        return 0
    if word.startswith(
        ("Mc", "Mac", "De", "Di", "Du", "La", "Le", "Van", "Fitz", "O", "Von", "St")
    ):
        return 0
    reading.claim(at, at + 1, LABEL, 0.6)
    return at + 1


def _by_evidence(reading: Reading, at: int) -> int:
    """By what stands around an unknown name of one or two words: what it does, or has."""
    if reading.joined(at) and reading.large(at - 1):
        return 0
    start = reading.begin(at, reading.run(at))
    end = reading.run(start)
    if not 1 <= end - start <= 2 or any(
        reading.plain(each) in CALENDAR | ADJECTIVES | TITLES | COUNTRIES
        for each in range(start, end)
    ):
        return 0
    name = " ".join(reading.plain(each) for each in range(start, end))
    if reading.plain(start) in GIVEN or (name in PLACES and name not in AMBIGUOUS_ORGANISATIONS):
        return 0
    if reading.term(start, end) or not _evident(reading, start, end):
        return 0
    reading.claim(start, end, LABEL, 0.5)
    return end


def _evident(reading: Reading, start: int, end: int) -> bool:
    """Tell whether the words around speak for an organisation."""
    if reading.joined(end) and reading.lower(end) in COMPANY_VERBS:
        return True
    if reading.joined(end) and reading.lower(end) in ("said", "says", "will") and end - start == 1:
        return reading.plain(start) in AMBIGUOUS_ORGANISATIONS
    ambiguous = reading.plain(start) in AMBIGUOUS_ORGANISATIONS and end - start == 1
    if ambiguous and reading.text[reading.words[start].end :].startswith(("'s ", "’s ")):
        return any(reading.lower(each) in _OF_COMPANIES for each in range(end, end + 3))
    article = reading.lower(start - 1) == "the" and reading.joined(start)
    if article and reading.plain(start) in ("Guardian", "Economist", "Treasury", "Senate"):
        return True
    if reading.plain(start) in ("Parliament", "Congress", "Senate", "Treasury"):
        return not (reading.joined(end) and reading.lower(end) == "of")
    before = start - 1
    if reading.joined(start) and reading.lower(before) in _OWNING:
        return True
    if reading.joined(start) and reading.lower(before) in ("of", "in", "for", "at"):
        return reading.joined(before) and reading.lower(before - 1) in _OF_COMPANIES
    return False


def _again(reading: Reading) -> None:
    """Claim what is a name found before without its form: Borealis Shipping (AS)."""
    known = set()
    for span in reading.found:
        if span.label == LABEL:
            words = reading.text[span.start : span.end].split()
            while len(words) > 1 and words[-1].rstrip(",") in COMPANY_FORMS:
                words.pop()
                known.add(" ".join(words).rstrip(","))
            known.add(" ".join(words))
    names = phrases(sorted(each for each in known if each and each not in FUNCTION))

    def claims(at: int) -> int:
        end = reading.phrase(at, names)
        if end == at:
            return 0
        reading.claim(at, end, LABEL, 0.8)
        return end

    reading.each(claims)
