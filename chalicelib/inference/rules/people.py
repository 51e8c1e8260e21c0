"""People: by title, given name, initials, what they are called or do, and by having been named."""

from __future__ import annotations

from typing import Final

from chalicelib.inference.rules.gazetteer import AMBIGUOUS as AMBIGUOUS_PLACES
from chalicelib.inference.rules.gazetteer import PLACES
from chalicelib.inference.rules.lexicon import (
    ADJECTIVES,
    CALENDAR,
    COMMON_GIVEN,
    EVENT_SUFFIXES,
    FUNCTION,
    GIVEN,
    KNOWN,
    ORGANISATION_NOUNS,
    PARTICLES,
    PLACE_HEADS,
    PLACE_SUFFIXES,
    ROLES,
    SAYING,
    SUFFIXES,
    TITLES,
    TITLES_LOWER,
    listed,
)
from chalicelib.inference.rules.reading import Reading, Span

LABEL: Final = "Person"

_NO_NAME: Final = FUNCTION | CALENDAR | ADJECTIVES
_NOT_PEOPLE: Final = PLACE_HEADS | PLACE_SUFFIXES | ORGANISATION_NOUNS | EVENT_SUFFIXES
_BIOGRAPHY: Final = frozenset(("born", "buried", "baptised", "educated", "murdered", "arrested"))
_DONE_BY: Final = listed("""
written edited translated led run printed painted composed directed discovered invented founded
photographed designed proposed described drawn carved illustrated signed taught trained
succeeded preceded nacido escrita escrito écrit écrite par geschrieben
""")
_DONE_BY_ONE: Final = listed(
    "written painted signed composed drawn crowned killed murdered succeeded taught built"
)
"""After these, a name of one word is a person's, too."""
_AFTER_I: Final = listed(
    "am was have had do did will would can could shall should may might think know saw see believe"
)
_BY: Final = frozenset(("by", "par", "por", "von"))
_MOST: Final = 6


def read(reading: Reading) -> None:
    """Claim the people of a passage."""
    for rule in (_titled, _initialled, _given, _in_a_role, _beside_a_role, _acting):
        reading.each(lambda at, rule=rule: rule(reading, at))  # type: ignore[misc]
    _again(reading)
    reading.each(lambda at: _known(reading, at))
    reading.each(lambda at: _given_alone(reading, at))
    reading.each(lambda at: _beside_another(reading, at))
    _again(reading)


def _name_end(reading: Reading, start: int, *, particles: bool = True, numbers: bool = True) -> int:
    """Return the end of the name that begins at `start`: large words, initials, particles."""
    small = PARTICLES if particles else frozenset[str]()
    if reading.language in ("es", "fr") and particles:
        small = small - {"y", "e", "la", "le", "el", "al", "lo", "du"} | {"de", "du"}
    else:
        small = small - {"y", "e", "af", "st", "la", "el"}
    end = start
    while end < start + _MOST:
        ahead = end
        while (
            end > start
            and ahead - end < 2
            and reading.joined(ahead)
            and (reading.words[ahead].text in small)
        ):
            ahead += 1
        if ahead > start and not reading.joined(ahead):
            break
        number = numbers and end > start and reading.free(ahead) and _first(reading, ahead)
        if not number and (not reading.large(ahead) or reading.plain(ahead) in _NO_NAME):
            break
        end = ahead + 1
    return end


def _first(reading: Reading, at: int) -> bool:
    """Tell whether the word is the number of "Elizabeth I", not the one who speaks."""
    return reading.words[at].text == "I" and reading.lower(at + 1) not in _AFTER_I


def _titled(reading: Reading, at: int) -> int:
    """After a title, which is not part of the name: Dr. Helena Straub, Queen Elizabeth I."""
    start = at
    while reading.large(start) and _title(reading, start):
        start += 1
        if not reading.joined(start) or start - at > _MOST:
            return 0  # of more titles, the last ones are tried in their turn
    if start == at and reading.joined(at) and _small_title(reading, at - 1):
        pass
    elif start == at:
        return 0
    if start < len(reading) and reading.lower(start) in PARTICLES and reading.large(start + 1):
        end = _name_end(reading, start + 1)
        start = start if reading.joined(start + 1) else start + 1
    else:
        end = _name_end(reading, start)
    if end == start:
        return 0
    if end - start == 1 and reading.words[start].text in SUFFIXES:
        return 0
    if all(reading.plain(each) in TITLES for each in range(start, end)):
        return 0
    if all(reading.uses_small(each) for each in range(start, end)):
        return 0  # General Public License
    reading.claim(start, end, LABEL, 0.9)
    return end


def _title(reading: Reading, at: int) -> bool:
    word = reading.words[at]
    if word.plain in ("M", "MM") and reading.language == "fr":
        return True
    if word.plain not in TITLES:
        return word.plain == "Prime" and reading.plain(at + 1) == "Minister"
    if word.plain == "Don" and reading.language not in ("es", "it"):
        return False
    # "General Motors", "King's Cross", "Justice Department" went to organisations before.
    return reading.joined(at + 1)


def _small_title(reading: Reading, at: int) -> bool:
    return reading.lower(at) in TITLES_LOWER.get(reading.language, frozenset())


def _initialled(reading: Reading, at: int) -> int:
    """By initials before a name: J. L. Heiberg."""
    if not reading.words[at].initial:
        return 0
    start = at
    if reading.joined(at + 1) and not reading.words[at + 1].initial and _begins_line(reading, at):
        return 0  # the point "B." of a list
    while reading.large(at) and reading.words[at].initial:
        at += 1
        if not reading.joined(at):
            return 0
    if not reading.large(at) and reading.lower(at) not in PARTICLES:
        return 0
    end = _name_end(reading, start)
    if end <= at or all(reading.words[each].initial for each in range(start, end)):
        return 0
    if reading.joined(start) and reading.large(start - 1) and _plausible(reading, start - 1):
        start -= 1
    reading.claim(start, end, LABEL, 0.9)
    return end


def _begins_line(reading: Reading, at: int) -> bool:
    gap = reading.words[at].gap
    return reading.words[at].first and ("\n" in gap or reading.words[at].start == len(gap))


def _plausible(reading: Reading, at: int) -> bool:
    return reading.plain(at) not in _NO_NAME | TITLES


def _given(reading: Reading, at: int) -> int:
    """By a given name before another name: Maria Delgado, Jean-Luc van der Berg."""
    word = reading.words[at]
    if not _is_given(word.plain):
        return 0
    end = _name_end(reading, at)
    if end - at < 2:
        return _of_a_place(reading, at)
    rest = [reading.plain(each) for each in range(at + 1, end)]
    if (
        word.first
        and word.plain in COMMON_GIVEN
        and (word.plain in ("Will", "May", "Mark", "March") and rest[0] in GIVEN | PLACES)
    ):
        return 0
    if rest[0] in PLACES and rest[0] not in GIVEN and word.plain in PLACES:
        return 0
    start = at
    while reading.joined(start) and reading.large(start - 1) and _plausible(reading, start - 1):
        start -= 1  # Barthold Georg Niebuhr
        if reading.words[start].first and reading.plain(start) not in GIVEN:
            start += 1
            break
    reading.claim(start, end, LABEL, 0.9)
    return end


def _of_a_place(reading: Reading, at: int) -> int:
    """Catherine of Aragon, Joan of Arc."""
    if not (reading.joined(at + 1) and reading.lower(at + 1) == "of" and reading.joined(at + 2)):
        return 0
    if not reading.large(at + 2) or reading.run(at + 2) > at + 3 or not _plausible(reading, at + 2):
        return 0
    if reading.plain(at) in COMMON_GIVEN or (reading.joined(at) and reading.large(at - 1)):
        return 0
    reading.claim(at, at + 3, LABEL, 0.8)
    return at + 3


def _is_given(word: str) -> bool:
    if word in GIVEN or word in COMMON_GIVEN:
        return True
    first, hyphen, second = word.replace("‐", "-").partition("-")
    return bool(hyphen) and first in GIVEN and second in GIVEN


def _in_a_role(reading: Reading, at: int) -> int:
    """After what someone is: "the poet Wisława Szymborska", "her husband Pierre"."""
    before = reading.lower(at - 1)
    if not reading.joined(at):
        return 0
    by = before in _BY and reading.lower(at - 2) in _DONE_BY
    named = before in ("named", "called") and reading.lower(at - 2) in ROLES
    if not (before in ROLES or by or named):
        return 0
    end = _name_end(reading, at)
    if end == at or not all(_plausible(reading, each) for each in (at, end - 1)):
        return 0
    name = " ".join(reading.plain(each) for each in range(at, end))
    one = by and end - at < 2 and reading.lower(at - 2) not in _DONE_BY_ONE
    if name in PLACES or one or reading.term(at, end):
        return 0
    reading.claim(at, end, LABEL, 0.8)
    return end


def _beside_a_role(reading: Reading, at: int) -> int:
    """In commas beside what someone is: "the owner, Ngozi Adichie,", "Tim Cook, a founder"."""
    if reading.joined(at) and reading.large(at - 1):
        return 0
    start = reading.begin(at, reading.run(at))
    end = _name_end(reading, start)
    if end - start < 2 or not all(_plausible(reading, each) for each in range(start, end)):
        return 0
    if " ".join(reading.plain(each) for each in range(start, end)) in PLACES:
        return 0
    closed = reading.text[reading.words[end - 1].end :][:1] in (",", ".", ";", ")")
    before = reading.words[start].gap == ", " and closed and _role_near(reading, start - 1, -1)
    after = end < len(reading) and reading.words[end].gap == ", " and _role_near(reading, end, 1)
    who = reading.joined(start) and reading.lower(start - 1) in ("was", "is", "were")
    who = who and reading.lower(start - 2) == "who"
    if not (before or after or who):
        return 0
    reading.claim(start, end, LABEL, 0.8)
    return end


def _role_near(reading: Reading, at: int, step: int) -> bool:
    """Tell whether one of up to four words from `at` on, with no comma between, is a role."""
    for index in range(at, at + 4 * step, step):
        if reading.lower(index) in ROLES:
            return True
        if not reading.joined(index) and index != (at if step > 0 else None):
            return False
    return False


def _acting(reading: Reading, at: int) -> int:
    """By what someone does: "Tu Youyou wrote", "Wren was born"; by an age or years of life."""
    start = reading.begin(at, reading.run(at))
    end = _name_end(reading, start, numbers=False)
    if end == start or not _plausible(reading, start):
        return 0
    if reading.joined(at) and reading.large(at - 1):
        return 0
    name = " ".join(reading.plain(each) for each in range(start, end))
    if name in PLACES or any(reading.words[each].text in _NOT_PEOPLE for each in range(start, end)):
        return 0
    next_, after = reading.lower(end), reading.lower(end + 1)
    acts = reading.joined(end) and (next_ in SAYING or (next_.endswith("ed") and len(next_) > 4))
    born = reading.joined(end) and next_ in ("was", "is") and after in _BIOGRAPHY
    years = _years_follow(reading, end)
    if not (born or years or (acts and end - start >= 2)) or reading.term(start, end):
        return 0
    if not years and any(reading.uses_small(each) for each in range(start, end)):
        return 0
    if reading.words[start].first and end - start == 1 and not born and not years:
        return 0
    reading.claim(start, end, LABEL, 0.7)
    return end


def _years_follow(reading: Reading, end: int) -> bool:
    """Tell whether years of life stand in brackets after the word before `end`."""
    rest = reading.text[reading.words[end - 1].end :][:14]
    opening = rest.lstrip(" ")
    if not opening.startswith("("):
        return False
    digits = [each for each in opening if each.isdigit()]
    return len(digits) >= 7 and any(each in opening for each in "–-")


def _known(reading: Reading, at: int) -> int:
    """By a name that is known by itself: Archimedes."""
    alone = not (reading.joined(at + 1) and reading.large(at + 1))
    if (
        not alone
        or reading.plain(at) not in KNOWN
        or (reading.joined(at) and reading.large(at - 1))
    ):
        return 0
    reading.claim(at, at + 1, LABEL, 0.8)
    return at + 1


def _given_alone(reading: Reading, at: int) -> int:
    """A given name alone, if it is nothing else."""
    word = reading.words[at]
    if not _is_given(word.plain) or word.plain in PLACES:
        return 0
    if word.plain in COMMON_GIVEN and not _surely(reading, at):
        return 0
    if reading.joined(at) and reading.large(at - 1):
        return 0
    end = _name_end(reading, at, particles=False)
    if end - at != 1:
        return 0
    reading.claim(at, end, LABEL, 0.7)
    return end


def _beside_another(reading: Reading, at: int) -> int:
    """Joined by "and" to someone found: Pierre and Marie Curie; as many words, or more."""
    if not (reading.joined(at) and reading.lower(at - 1) in ("and", "und", "et", "y")):
        return 0
    before = reading.words[at - 2] if at > 1 and reading.joined(at - 1) else None
    other = before and next(
        (each for each in reading.found if each.label == LABEL and each.end == before.end), None
    )
    end = _name_end(reading, at)
    if not other or not all(_plausible(reading, each) for each in range(at, end)):
        return 0
    if " ".join(reading.plain(each) for each in range(at, end)) in PLACES:
        return 0
    if end - at < len(reading.text[other.start : other.end].split()):
        return 0
    reading.claim(at, end, LABEL, 0.6)
    return end


def _surely(reading: Reading, at: int) -> bool:
    """Tell whether a given name that is also a word is meant as a name."""
    word = reading.words[at]
    if reading.joined(at + 1) and reading.lower(at + 1) in SAYING:
        return True
    return not word.first and word.plain not in CALENDAR and reading.language == "en"


def _again(reading: Reading) -> None:
    """Claim the parts of full names where they stand alone: Delgado, after Maria Delgado."""
    parts: set[str] = set()
    for span in reading.found:
        if span.label == LABEL:
            parts |= _parts(reading, span)

    def claims(at: int) -> int:
        word = reading.plain(at)
        family = word[:-1] in parts and word.endswith("s") and reading.lower(at - 1) == "the"
        if not (word in parts or family) or (reading.joined(at + 1) and reading.large(at + 1)):
            return 0
        start = at
        while reading.joined(start) and reading.large(start - 1) and _plausible(reading, start - 1):
            start -= 1
        if at - start > 1 or reading.words[start].text in _NOT_PEOPLE:
            return 0
        reading.claim(start, at + 1, LABEL, 0.7)
        return at + 1

    reading.each(claims)


def _parts(reading: Reading, span: Span) -> set[str]:
    words = reading.text[span.start : span.end].split(" of ")[0].split()
    words = [word for word in words if word not in SUFFIXES and word.casefold() not in PARTICLES]
    names = {words[0], words[-1]} if words else set()
    return {
        name
        for name in names
        if len(name) > 2
        and not name.endswith(".")
        and name not in _NO_NAME | COMMON_GIVEN | AMBIGUOUS_PLACES | PLACES | TITLES
    }
