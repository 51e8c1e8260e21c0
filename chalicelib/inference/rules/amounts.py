"""Money and percentages: a number with its unit, however it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from chalicelib.inference.rules.reading import Span

_SPACE: Final = r"[ \u00a0\u2009\u202f]"
# Up to nine groups, more than any amount has: else "111 111 111 …" is read on from each of them.
_NUMBER: Final = (
    rf"(?:\d{{1,3}}(?:[.,'’]\d{{3}}){{1,8}}(?:[.,]\d{{1,2}})?(?!\d)"  # 1,250.50 and 1.250,50
    rf"|\d{{1,3}}(?:{_SPACE}\d{{3}}){{1,8}}(?:,\d{{1,2}})?(?!\d)"  # 1 250,50
    r"|\d+(?:[.,]\d+)?)"
)
_WORDS: Final = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety|a hundred|a thousand|a million|half a million"
    r"|(?:two|three|four|five|six|seven|eight|nine) hundred"
    r"|(?:two|three|four|five|six|ten|twenty|fifty) thousand)"
)
_MAGNITUDE: Final = (
    rf"(?:{_SPACE}?(?:k|m|mn|bn|tn|M|B|K)\b"
    rf"|{_SPACE}(?:hundred|thousand|million|billion|trillion|lakh|crore"
    r"|Millionen|Million|Milliarden|Milliarde|Billionen|Tausend"
    rf"|millions?|milliards?|mille|mil millones|millones|millón|mil)\b|{_SPACE}(?:Mio|Mrd)\b\.?)"
)
_SYMBOL: Final = r"(?:(?:US|U\.S\.|A|AU|C|CA|HK|NZ|S|R)?\$|[€£¥₹₽₩₪₺฿₴₫₦])"
# ISO 4217, those in common use.
_CODE: Final = (
    r"(?:USD|EUR|GBP|JPY|CHF|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|BRL|MXN|ZAR|SGD"
    r"|HKD|KRW|ILS|AED|SAR|NGN|DM)"
)
_CURRENCY: Final = (
    r"(?:(?:US|Swiss|Belgian|French|Canadian|Australian|Hong Kong|New Zealand|Danish|Swedish"
    r"|Norwegian|Czech|Mexican|Argentine|Indian|Turkish|Egyptian|gold) )?"
    r"(?:dollars?|euros?|pounds?(?: sterling)?|francs?|yen|yuan|rupees?|roubles?|rubles?|pesos?"
    r"|lira|lire|marks?|guilders?|florins?|ducats?|crowns?|kronor|kroner|krona|krone|zlotys?"
    r"|shillings?|pence|cents|guineas|sovereigns|drachmas?|pesetas?|reais|dinars?|dirhams?|shekels?"
    r"|dólares|dólar|Euro|Cent|Dollar|Mark|Reichsmark|Franken|Pfund|Gulden|Taler|Kronen)"
)
_OF: Final = rf"(?:{_SPACE}(?:de{_SPACE}|d['’]))"

_MONEY: Final = re.compile(
    rf"(?<![\w$€£.,]){_SYMBOL}{_SPACE}?{_NUMBER}{_MAGNITUDE}?(?![\w])"
    rf"|(?<![\w]){_CODE}{_SPACE}?{_NUMBER}{_MAGNITUDE}?(?!\w)"
    rf"|(?<![\w.,$€£]){_NUMBER}{_MAGNITUDE}?{_SPACE}?(?:[€£¥₹₽]|{_CODE}(?!\w))"
    rf"|(?<![\w.,$€£]){_NUMBER}{_MAGNITUDE}?(?:{_SPACE}|{_OF})(?P<unit>{_CURRENCY})(?!\w)"
    rf"|(?<![\w-])(?P<words>{_WORDS}){_MAGNITUDE}?{_SPACE}(?P<unit2>{_CURRENCY})(?!\w)"
    r"|(?<![\w.,$€£])\d+(?:\.\d+)?p(?!\w)",
)
# A pound is a weight, a mark is for schoolwork, a crown is worn, a yen is a wish.
_WEIGHT: Final = re.compile(
    r"\b(?:weigh\w*|weight|lost|gained|heavier|lighter|lifted)\b[^.]{0,12}\Z", re.I
)
_UNSURE: Final = re.compile(r"\A(?:pounds?|marks?|crowns?|yen)\Z", re.I)
_WEIGHED: Final = re.compile(r"\A(?: of (?!gold|silver)[a-z]| overweight| lighter| heavier)")

_PERCENT: Final = re.compile(
    rf"(?<![\w.,])(?:{_NUMBER}|{_WORDS})(?:{_SPACE}?(?:-|–|to|bis|à|a){_SPACE}?{_NUMBER})?"
    rf"(?:{_SPACE}?[%‰]|{_SPACE}(?:per{_SPACE}?cent|percent|Prozent|pour{_SPACE}cent"
    rf"|por{_SPACE}ciento|v\.H\.)(?!\w))"
)


def money(text: str) -> Iterator[Span]:
    """Yield amounts of money with their currency."""
    for match in _MONEY.finditer(text):
        unit = match["unit"] or match["unit2"]
        if unit is not None and _UNSURE.match(unit):
            before = text[max(0, match.start() - 40) : match.start()]
            if _WEIGHT.search(before) or _WEIGHED.match(text[match.end() : match.end() + 12]):
                continue
        yield Span(match.start(), match.end(), "Money", 0.9)


def percentages(text: str) -> Iterator[Span]:
    """Yield percentages."""
    for match in _PERCENT.finditer(text):
        yield Span(match.start(), match.end(), "Percent", 0.95)
