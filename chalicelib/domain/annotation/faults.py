"""Reading a client's JSON: each value with its pointer, each fault noted, all raised at the end.

A reader asks a `Node` for what it needs and gets None for what is absent or wrong; `collected`
raises all that was noted as one Invalid. So a client mends everything at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from chalicelib import errors
from chalicelib.domain import iri
from chalicelib.domain.annotation.model import MAX_IRI, MOTIVATIONS

MAX_FAULTS: Final = 100
"""Reported at once; a thousand say no more."""

_MAX_INT: Final = 2**53 - 1  # beyond it, JSON numbers differ between readers (RFC 8259, 6)
# What RFC 3987, 2.2 leaves out is in none; a bracket opens an address of IPv6, which ends.
_IRI: Final = re.compile(r"(?:[^\x00-\x20\x7f-\x9f<>\"{}|\\^`%]|%[0-9A-Fa-f]{2})+")
_NO_HOST: Final = re.compile(
    r"https?:(?!//(?:[^/?#\[\]@]*@)?(?:\[[0-9A-Fa-fv:.]+\]|[^/?#\[\]@]+))", re.I
)
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+")
_SCRIPT: Final = re.compile(r"(?:javascript|vbscript|data):", re.IGNORECASE)


class Unreadable(Exception):
    """A fault was noted, and nothing more can be said of this request."""


@contextmanager
def collected(what: str) -> Iterator[list[errors.Fault]]:
    """Give a list to note faults in; raise Invalid at the end if there are any."""
    found: list[errors.Fault] = []
    try:
        yield found
    except Unreadable:
        assert found
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        first = f"{found[0]['pointer']} {found[0]['detail']}".strip()
        raise errors.Invalid(f"the {what} is not valid: {first}{more}", errors=tuple(found))


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the request, where it stands, and the faults found so far in all of it."""

    value: Any
    pointer: str
    faults: list[errors.Fault]

    def fault(self, detail: str) -> None:
        """Note what is wrong with this value."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append({"pointer": self.pointer, "detail": shown(detail, 1_000)})

    def at(self, name: str | int) -> Node:
        """Return a member or an item; its value is None where it is absent."""
        token = shown(str(name)).replace("~", "~0").replace("/", "~1")  # RFC 6901, 3
        value = self.value[name] if isinstance(name, int) else self.value.get(name)
        return Node(value, f"{self.pointer}/{token}", self.faults)

    def has(self, name: str) -> bool:
        """Tell whether the object has this member."""
        return name in self.value

    def items(self) -> list[Node]:
        """Return the list's items, or the value itself where it is not a list: JSON-LD's set."""
        if not isinstance(self.value, list):
            return [self]
        return [self.at(index) for index in range(len(self.value))]

    def is_object(self, *known: str, else_: str) -> bool:
        """Tell whether this is an object; note that it is not, and each member not in `known`."""
        if not isinstance(self.value, Mapping):
            self.fault(else_)
            return False
        for name in self.value:
            if name == "refinedBy":
                self.at(name).fault("is not supported: name the part by one selector")
            elif name not in known:
                self.at(name).fault(f"is not a member known here: {', '.join(known)}")
        return True

    def string(
        self,
        name: str,
        *,
        at_most: int,
        required: bool = False,
        empty: bool = False,
        like: re.Pattern[str] | None = None,
        meaning: str = "a string",
    ) -> str | None:
        """Return a member that is a string of 1 (`empty`: 0) to `at_most` characters."""
        if not self.has(name):
            if required:
                self.at(name).fault(f"is required: {meaning}")
            return None
        member = self.at(name)
        text = member._text(at_most, meaning)
        if text == "" and not empty:
            member.fault("must not be empty")
            return None
        if text and like is not None and not like.fullmatch(text):
            member.fault(f"must be {meaning}")
            return None
        return text

    def integer(self, name: str) -> int | None:
        """Return a member that is an integer of 0 or more; true and 3.0 are none."""
        value = self.at(name).value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INT:
            return value
        self.at(name).fault("must be an integer of 0 or more")
        return None

    def iri(self) -> str | None:
        """Return this value, an IRI, in stored form."""
        text = self._text(MAX_IRI, "an IRI")
        if text is None:
            return None
        stored = iri.to_stored(text)
        names = _ABSOLUTE.fullmatch(stored) and not _NO_HOST.match(stored)
        if not names or not _IRI.fullmatch(text):
            self.fault("must be an absolute IRI, or name a resource as /resources/<id>")
        elif _SCRIPT.match(stored):
            self.fault("must name something, which a script or inline data does not")
        else:
            return stored
        return None

    def motivation(self) -> str | None:
        """Return this value, one of W3C's motivations, alone or in a list of one."""
        value = self.value
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str) and value in MOTIVATIONS:
            return value
        self.fault(f"must be one of {', '.join(MOTIVATIONS)}")
        return None

    def _text(self, at_most: int, meaning: str) -> str | None:
        if not isinstance(self.value, str):
            self.fault(f"must be {meaning}")
        elif len(self.value) > at_most:
            self.fault(f"has {len(self.value)} characters, at most {at_most} are allowed")
        elif not _encodable(self.value):
            self.fault("has half of a surrogate pair, which is not a character")
        else:
            return self.value
        return None


def shown(text: str, length: int = 100) -> str:
    """Return a client's words so that they can stand in an answer: short, and encodable."""
    return text[:length].encode("utf-8", "backslashreplace").decode()


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
