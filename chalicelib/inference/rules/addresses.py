"""E-mail addresses and URLs, without what closes the sentence around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from chalicelib.inference.rules.reading import Span

# RFC 5322's dot-atom before the @, and a name with a top-level domain behind it (no IP addresses).
# A dot-atom without them matches, too, with no `address`: none that begins within it has them.
_EMAIL: Final = re.compile(
    r"(?<![\w.+%'@-])[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++)*+"
    r"(?P<address>@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}(?![\w@]))?"
)
_URL: Final = re.compile(
    r"""(?<![\w@./])(?:(?:https?|ftp)://|www\.)[^\s<>"“”„«»]+""", re.IGNORECASE
)
_CLOSING: Final = ".,;:!?'’…*_"
_BRACKETS: Final = {")": "(", "]": "[", "}": "{"}


def emails(text: str) -> Iterator[Span]:
    """Yield the e-mail addresses."""
    for match in _EMAIL.finditer(text):
        if match["address"] is None:
            continue
        start = match.start() + (match[0][0] == "'")
        yield Span(start, match.end(), "Email", 0.95)


def urls(text: str) -> Iterator[Span]:
    """Yield the URLs, also those that begin with ``www.``."""
    for match in _URL.finditer(text):
        url = match[0]
        while url and (url[-1] in _CLOSING or _unopened(url)):
            url = url[:-1]
        if len(url) > len("www.") and not url.endswith("//"):
            yield Span(match.start(), match.start() + len(url), "URL", 0.95)


def _unopened(url: str) -> bool:
    """Tell whether the URL ends in a bracket that was opened before it."""
    opening = _BRACKETS.get(url[-1])
    return opening is not None and url.count(url[-1]) > url.count(opening)
