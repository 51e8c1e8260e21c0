"""Dates: days, months, years, decades, centuries, in English, German, French and Spanish.

Expressions find what looks like a date; whether it is one, the calendar of python-dateutil says
(there is no 31 February). A number is a year only where the words around it say so: 1808 windows
are no date. Libraries that search a text for dates by themselves take "seven of the 9" for one:
`docs/inference.md` has the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final

from chalicelib.inference.rules.date_forms import DASH, FORMS, SPACE, YEAR, Forms
from chalicelib.inference.rules.lexicon import listed
from chalicelib.inference.rules.reading import Span

_ISO: Final = re.compile(
    r"(?<![\w.-])\d{4}-\d{2}-\d{2}"
    r"(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w-]|\.\d)"
)
_NUMERIC: Final = re.compile(
    r"(?<![\w./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|[.]\d)"
)
_NOT_A_DATE: Final = re.compile(
    r"(?:versions?|release|v|sections?|clauses?|chapters?|no|nr|§|pages?|pp?|line|article|kapitel)"
    r"\.?[ \u00a0]?\Z",
    re.IGNORECASE,
)
_RANGE: Final = re.compile(rf"(?<![\w.,/-])({YEAR}){DASH}({YEAR}|\d\d)(?![\w/-]|[.,]\d)")
_BARE: Final = re.compile(rf"(?<![\w.,/:$€£#+-]){YEAR}(?![\w/:%€£$-]|[.,]\d|['’]s)")
_WORD_BEFORE: Final = re.compile(r"([\w.'’]+),?[ \u00a0\n]+\Z")
_WORD_AFTER: Final = re.compile(r"[ \u00a0\n]([^\W\d_]+)")
# What counts something, after a number: "2000 of them", "1999 more".
_COUNTED: Final = listed("""
of more men women people times miles feet metres meters years days hours pages copies or km kg m
cm mm tonnes tons pounds dollars euros francs marks per percent million thousand hundred soldiers
children words books voters votes jobs acres hectares degrees
""")
_NOT_PLURAL: Final = listed(
    "was is has his its this as does us thus perhaps always les des dans costs looks remains"
)
_DATED: Final = listed("""
paper report study law film election edition act season war treaty census budget novel book survey
agreement convention constitution revolution article exhibition album speech crisis reform
earthquake flood coup strike tour championship olympics world winter summer
""")
"""After a year that follows an article: "a 2015 paper"."""


def dates(text: str, language: str) -> Iterator[Span]:
    """Yield the dates of a text, none within another."""
    taken: list[tuple[int, int]] = []
    for start, end, score in _candidates(text, language):
        if any(start < other_end and other_start < end for other_start, other_end in taken):
            continue
        taken.append((start, end))
        if score > 0:
            yield Span(start, end, "Date", score)


def _candidates(text: str, language: str) -> Iterator[tuple[int, int, float]]:
    """Yield candidates, the most telling forms first; of no score: what is none, nor holds one."""
    written = _written(language if language in FORMS else "en")
    for match in _ISO.finditer(text):
        if _iso_exists(match[0]):
            yield match.start(), match.end(), 0.95
    for match in _NUMERIC.finditer(text):
        if _numeric_exists(match) and not _NOT_A_DATE.search(text[: match.start()][-12:]):
            yield match.start(), match.end(), 0.9
    for kind, pattern in written.patterns:
        for match in pattern.finditer(text):
            exists = kind != "day" or written.exists(match)
            yield match.start(), match.end(), 0.95 if exists else 0.0
    for match in _RANGE.finditer(text):
        first, second = match[1], match[2]
        second = first[: 4 - len(second)] + second
        if int(first) < int(second) and not _NOT_A_DATE.search(text[: match.start()][-12:]):
            yield match.start(), match.end(), 0.9
    for match in _BARE.finditer(text):
        if _is_year(text, match, language, written.before_year):
            yield match.start(), match.end(), 0.8
    for match in written.month_alone.finditer(text):
        yield match.start("month"), match.end("month"), 0.7


def _is_year(text: str, match: re.Match[str], language: str, telling: frozenset[str]) -> bool:
    """Tell whether the words around a number of four digits make it a year."""
    before_at, after_at = match.start(), match.end()
    after = _WORD_AFTER.match(text, after_at)
    counted = after is not None and _counts(after[1], language)
    if text[before_at - 1 : before_at] == "(" and text[after_at : after_at + 1] in (
        ")",
        ",",
        "–",
        "-",
        ";",
    ):
        return True
    word = _WORD_BEFORE.search(text, max(0, before_at - 24), before_at)
    if word is None:
        return False
    last = word[1].casefold()
    if last in ("a", "the", "an", "its", "his", "her", "their") and after is not None:
        return after[1].casefold() in _DATED
    if counted or _NOT_A_DATE.search(text[: match.start()][-12:]):
        return False
    if language == "de" and last not in telling:
        return after is None or after[1][0].islower()
    return last.removeprefix("l'").removeprefix("l’") in telling


def _counts(word: str, language: str) -> bool:
    """Tell whether the word after a number is what it counts."""
    if word.casefold() in _COUNTED:
        return True
    if language == "de":
        return word[0].isupper()
    plural = word.endswith("s") and len(word) > 3 and word[0].islower()
    return plural and word.casefold() not in _NOT_PLURAL


# --- how a language writes them, as expressions


class _Written:
    def __init__(self, language: Forms) -> None:
        self._language = language
        names = [name for month in language.months for name in month]
        names.sort(key=len, reverse=True)
        short = {month[at] for month in language.months for at in range(1, len(month))}
        month = (
            "(?:"
            + "|".join(re.escape(name) + (r"\b\.?" if name in short else r"\b") for name in names)
            + ")"
        )
        flags = re.IGNORECASE if language.lower else 0
        era = rf"(?:{SPACE}(?:BCE?|CE|AD)(?!\w))" if language is FORMS["en"] else r"(?!)"
        parts = {
            "S": SPACE,
            "D": rf"(?:(?P<from>\d{{1,2}})\.?{SPACE}?{DASH}{SPACE}?)?(?P<d>\d{{1,2}})",
            "M": rf"(?P<m>{month})",
            "Y": rf"(?:(?P<y>\d{{4}})(?!\d){era}?|\d{{1,3}}{era})",
        }
        weekday = rf"(?:(?:{language.weekdays})(?:,|\.|,?{SPACE}the|,?{SPACE}den)?{SPACE})?"
        early = r"(?<![\w.,/-])"
        self.patterns = [
            *(
                ("day", re.compile(rf"{early}{weekday}{_filled(each, parts)}", flags))
                for each in language.day
            ),
            ("month", re.compile(rf"{early}{_filled(language.month_year, parts)}", flags)),
            ("century", re.compile(rf"{early}(?:{language.century}){era}?")),
            ("decade", re.compile(rf"{early}(?:{language.decade})(?!\w)")),
            ("era", re.compile(rf"{early}(?:{language.era})")),
            *(("more", re.compile(rf"{early}(?:{each})")) for each in language.more),
        ]
        self.before_year = frozenset(language.before_year.split())
        preposition = "|".join(map(re.escape, language.before_month.split()))
        full = "|".join(re.escape(each[0]) for each in language.months)
        self.month_alone = re.compile(
            rf"(?<!\w)(?i:{preposition}){SPACE}(?:the{SPACE}end{SPACE}of{SPACE}|the{SPACE})?"
            rf"(?P<month>{full})(?!\w|{SPACE}\d|[-'’])",
        )

    def exists(self, match: re.Match[str]) -> bool:
        """Tell whether the calendar has the day of a match."""
        for day in (match["from"], match["d"]):
            if day is not None and not _exists(
                f"{day} {match['m'].rstrip('.')}", match["y"], self._language
            ):
                return False
        return True


def _filled(template: str, parts: dict[str, str]) -> str:
    return re.sub(r"\{([SMYD])\}", lambda match: parts[match[1]], template)


@cache
def _written(language: str) -> _Written:
    return _Written(FORMS[language])


# --- the calendar


@cache
def _parser(language: Forms) -> Any:
    """Return python-dateutil's parser, which botocore brings, for the months of a language."""
    from dateutil.parser import parser, parserinfo

    info = type(
        "Info",
        (parserinfo,),
        {"MONTHS": [tuple(m.lower() for m in month) for month in language.months]},
    )
    return parser(info())


def _exists(day_month: str, year: str | None, language: Forms) -> bool:
    try:
        _parser(language).parse(f"{day_month} {year or '2000'}", default=datetime(2000, 1, 1))
    except (ValueError, OverflowError):
        return False
    return True


def _iso_exists(text: str) -> bool:
    from dateutil.parser import isoparse

    try:
        isoparse(text)
    except ValueError:
        return False
    return True


def _numeric_exists(match: re.Match[str]) -> bool:
    """Tell whether 12/04/2017 is a day, in either order of day and month."""
    from dateutil.parser import parse

    if len(match[4]) == 2 and match[2] != "/":
        return False  # 1.2.34 is a version, 10-12-20 anything
    try:
        parse("/".join((match[1], match[3], match[4])), default=datetime(2000, 1, 1))
    except (ValueError, OverflowError):
        return False
    return True
