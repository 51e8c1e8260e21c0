"""References to our own resources, free of any host.

Our own host never enters the log: what names a resource or an annotation of ours, under whatever
base a client reached us by, is stored as ``resource:<uuid>`` and rendered under today's base when
it is read. Whatever else stands in an IRI is the client's and stays as it is.

::

    https://api.example/dev/resources/0192F…           resource:0192f…
    /resources/0192f…#xywh=0,0,9,9                     resource:0192f…#xywh=0,0,9,9
    https://api.example/resources/0192f…/annotations/0192e…?version=3
                                                       resource:0192f…/annotations/0192e…?version=3
    https://api.example/resources/0192f…/content       stays: it names neither of the two

Any http(s) base counts, since a deployment cannot list the names it was once reached by. So a
reference to another deployment's resource reads as one of ours; ids being UUIDs, it dangles
instead of naming something wrong.
"""

from __future__ import annotations

import re
from typing import Final

_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAME: Final = rf"(?P<resource>{_UUID})(?:/annotations/(?P<annotation>{_UUID}))?"
_TAIL: Final = r"(?P<tail>(?:\?[^#\s]*)?(?:#\S*)?)"

# `//host` without a scheme and `/stage/resources/…` are relative references (RFC 3986, 4.2).
_OWN: Final = re.compile(
    rf"(?:(?:(?:(?i:https?):)?//[^/?#\s]+)?/(?:[^?#\s]*/)?)?resources/{_NAME}/?{_TAIL}", re.ASCII
)
_STORED: Final = re.compile(rf"resource:{_NAME}{_TAIL}", re.ASCII)


def to_stored(iri: str) -> str:
    """Return the form for the log: ``resource:<uuid>…`` for what is ours, else `iri` unchanged.

    UUIDs are lower-cased and a closing slash is dropped; query and fragment stay, for they change
    what the IRI means. Applied twice, it changes nothing more.
    """
    found = _OWN.fullmatch(iri) or _STORED.fullmatch(iri)
    if found is None:
        return iri
    annotation = found["annotation"]
    path = f"/annotations/{annotation.lower()}" if annotation else ""
    return f"resource:{found['resource'].lower()}{path}{found['tail']}"


def to_public(stored: str, base: str) -> str:
    """Return the IRI for clients: ``<base>/resources/<uuid>…`` for what is ours, else `stored`."""
    if _STORED.fullmatch(stored) is None:
        return stored
    return f"{base.rstrip('/')}/resources/{stored.removeprefix('resource:')}"


def resource_of(stored: str) -> str | None:
    """Return the id of the resource that a stored reference of ours names or lies in, else None."""
    found = _STORED.fullmatch(stored)
    return found["resource"].lower() if found else None
