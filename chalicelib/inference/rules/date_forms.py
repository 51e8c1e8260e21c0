"""How English, German, French and Spanish write dates, as data for `dates`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

YEAR: Final = r"(?:1\d{3}|20\d{2})"
SPACE: Final = r"[ \u00a0\u202f]"
DASH: Final = r"(?:[-–]|\u2011)"


@dataclass(frozen=True, slots=True)
class Forms:
    """How a language writes dates. `months`: twelve tuples of names, in order."""

    months: tuple[tuple[str, ...], ...]
    weekdays: str
    day: tuple[str, ...]  # with {D}, {M}, {Y}, each at most once
    month_year: str
    before_year: str
    before_month: str
    century: str
    decade: str
    era: str = r"(?!)"
    lower: bool = False  # months are written small
    more: tuple[str, ...] = ()


_MONTHS_EN: Final = (
    ("January", "Jan"), ("February", "Feb"), ("March", "Mar"), ("April", "Apr"), ("May",),
    ("June", "Jun"), ("July", "Jul"), ("August", "Aug"), ("September", "Sept", "Sep"),
    ("October", "Oct"), ("November", "Nov"), ("December", "Dec"),
)  # fmt: skip
_MONTHS_DE: Final = (
    ("Januar", "Jänner", "Jan"), ("Februar", "Feber", "Feb"), ("März", "Mrz"), ("April", "Apr"),
    ("Mai",), ("Juni", "Jun"), ("Juli", "Jul"), ("August", "Aug"), ("September", "Sept", "Sep"),
    ("Oktober", "Okt"), ("November", "Nov"), ("Dezember", "Dez"),
)  # fmt: skip
_MONTHS_FR: Final = (
    ("janvier", "janv"), ("février", "févr"), ("mars",), ("avril", "avr"), ("mai",), ("juin",),
    ("juillet", "juil"), ("août", "aout"), ("septembre", "sept"), ("octobre", "oct"),
    ("novembre", "nov"), ("décembre", "déc"),
)  # fmt: skip
_MONTHS_ES: Final = (
    ("enero",), ("febrero",), ("marzo",), ("abril",), ("mayo",), ("junio",), ("julio",),
    ("agosto",), ("septiembre", "setiembre"), ("octubre",), ("noviembre",), ("diciembre",),
)  # fmt: skip
_ORDINAL_EN: Final = (
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth"
    "|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|twenty-first"
    r"|\d{1,2}(?:st|nd|rd|th)"
)

FORMS: Final = {
    "en": Forms(
        _MONTHS_EN,
        "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
        (
            r"{D}(?:st|nd|rd|th)?(?:{S}of)?{S}{M}(?:(?:,|{S}of)?{S}{Y})?",
            r"{M}{S}{D}(?:st|nd|rd|th)?(?!\d)(?:,?{S}{Y})?",
        ),
        r"{M}(?:,|{S}of)?{S}{Y}",
        "in since until till by from before after of during around about circa c. ca. year years"
        " late early mid between to through and or spring summer autumn fall winter under is than",
        "in since until till by from before after of during last next this early late mid between"
        " through to and through every each",
        rf"(?:{_ORDINAL_EN}){SPACE}centur(?:y|ies)",
        r"(?:1\d|20)\d0['’]?s",
        r"\d{1,4}" + SPACE + r"(?:BCE?|CE|AD|B\.C\.(?:E\.)?|A\.D\.)(?!\w)|AD" + SPACE + r"\d{1,4}",
        more=(
            rf"(?:[Ss]pring|[Ss]ummer|[Aa]utumn|[Ff]all|[Ww]inter){SPACE}(?:of{SPACE})?{YEAR}(?!\d)",
            rf"Q[1-4]{SPACE}{YEAR}(?!\d)",
        ),
    ),
    "de": Forms(
        _MONTHS_DE,
        "(?:Mon|Diens|Donners|Frei|Sams|Sonn)tag|Mittwoch|Sonnabend",
        (r"{D}\.{S}?{M}(?:{S}{Y})?",),
        r"{M}{S}{Y}",
        "im in jahr jahre jahren seit bis um ab von nach vor anfang ende mitte gegen zwischen und"
        " winter sommer frühjahr herbst erschien erschienen wurde",
        "im seit bis ab ende anfang mitte letzten nächsten vergangenen",
        r"\d{1,2}\." + SPACE + r"(?:Jahrhunderts?|Jh\.?)",
        r"(?:1\d|20)\d0er" + SPACE + r"Jahren?",
        r"\d{1,4}" + SPACE + r"(?:[vn]\." + SPACE + r"?Chr\.?)",
    ),
    "fr": Forms(
        _MONTHS_FR,
        "lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
        (r"{D}(?:er)?{S}{M}(?:{S}{Y})?",),
        r"{M}{S}{Y}",
        "en de depuis dès vers avant après an année années jusqu'en l'an l'année début fin été"
        " hiver printemps automne entre et",
        "en depuis début fin mi jusqu'en dès d'ici de",
        r"[IVX]{1,5}e(?:r|me)?" + SPACE + r"siècle",
        r"années" + SPACE + r"(?:(?:1\d|20)\d0)(?!\d)",
        r"\d{1,4}" + SPACE + r"(?:av\.|ap\.)" + SPACE + r"J\.-C\.",
        lower=True,
    ),
    "es": Forms(
        _MONTHS_ES,
        "lunes|martes|miércoles|jueves|viernes|sábado|domingo",
        (r"{D}{S}de{S}{M}(?:{S}del?{S}{Y})?",),
        r"{M}(?:{S}del?)?{S}{Y}",
        "en desde hasta de hacia año años del antes después entre y",
        "en desde hasta de a",
        r"siglo" + SPACE + r"[IVX]{1,5}(?!\w)",
        r"años" + SPACE + r"(?:(?:1\d|20)\d0)(?!\d)",
        r"\d{1,4}" + SPACE + r"(?:a\.|d\.)" + SPACE + r"?C\.",
        lower=True,
    ),
}  # fmt: skip
