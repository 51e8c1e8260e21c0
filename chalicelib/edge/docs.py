"""What the API says of itself: where to go, the contract, a page to try it, what errors mean."""

from __future__ import annotations

import hashlib
import inspect
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from chalicelib.edge import problems, strict_json
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import JSON_LD, Call
from chalicelib.edge.http import System
from chalicelib.edge.route import Route
from chalicelib.errors import AppError, NotFound

VERSION: Final = "0.1.0"  # as in pyproject.toml, which is not deployed; a test compares them

HTML: Final = "text/html"

_PAGE: Final = Path(__file__).with_name("docs.html")
_PUBLIC: Final = {"Cache-Control": "public, max-age=300"}

CONTEXT: Final = {
    "@context": {
        "@version": 1.1,
        "schema": "https://schema.org/",
        "prov": "http://www.w3.org/ns/prov#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "CreativeWork": "schema:CreativeWork",
        "name": "schema:name",
        "description": "schema:description",
        "id": "schema:identifier",
        "entityTypes": {"@id": "schema:keywords", "@container": "@set"},
        "language": "schema:inLanguage",
        "version": "schema:version",
        "created": {"@id": "schema:dateCreated", "@type": "xsd:dateTime"},
        "modified": {"@id": "schema:dateModified", "@type": "xsd:dateTime"},
        "source": {"@id": "prov:wasDerivedFrom", "@type": "@id"},
        "creator": {
            "@id": "schema:creator",
            "@context": {
                "type": "@type",
                "Person": "schema:Person",
                "Software": "schema:SoftwareApplication",
            },
        },
        "representations": {
            "@id": "schema:encoding",
            "@container": "@list",
            "@context": {
                "checksum": "schema:sha256",
                "format": "schema:encodingFormat",
                "size": "schema:contentSize",
                "filename": "schema:name",
            },
        },
        "content": {
            "@id": "schema:hasPart",
            "@context": {
                "text": "schema:text",
                "href": {"@id": "schema:contentUrl", "@type": "@id"},
            },
        },
    }
}
"""What the members of a resource mean, so that it reads as linked data (JSON-LD 1.1)."""


def home(system: System, call: Call) -> Answer:
    """Return where to go from here, and who is asking."""
    base = system.config.public_url
    who = call.caller_if_any
    body = {
        "name": "Palimpsest",
        "version": VERSION,
        "links": {
            "resources": f"{base}/resources",
            "uploads": f"{base}/uploads",
            "jobs": f"{base}/jobs",
            "stats": f"{base}/graph/stats",
            "entityTypes": f"{base}/entity-types",
            "tagSchemas": f"{base}/tag-schemas",
            "health": f"{base}/api/health",
            "openapi": f"{base}/openapi.json",
            "asyncapi": f"{base}/asyncapi.json",
            "docs": f"{base}/docs",
            "problems": f"{base}/problems/internal-error",
        },
        "caller": who and {"actor": who.actor.to_json(), "workspace": who.workspace},
    }
    return Answer(200, body)


def contract(system: System, routes: Iterable[Route]) -> Answer:
    """Return the OpenAPI document."""
    from chalicelib.edge import openapi

    text = strict_json.dumps(openapi.document(list(routes), system.config.public_url, VERSION))
    return Answer(200, text, _PUBLIC, etag=_digest(text), media_type="application/json")


def live_contract(system: System) -> Answer:
    """Return the AsyncAPI document."""
    from chalicelib.edge import asyncapi

    config = system.config
    opened_at = config.sockets_url or config.sockets_endpoint_url
    told = asyncapi.document(config.public_url, opened_at, VERSION)
    text = strict_json.dumps(told)
    return Answer(200, text, _PUBLIC, etag=_digest(text), media_type="application/json")


def page() -> Answer:
    """Return the page that lists the operations and lets one try them."""
    text, policy = _page()
    headers = {**_PUBLIC, "Content-Security-Policy": policy}
    return Answer(200, text, headers, etag=_digest(text), media_type=f"{HTML}; charset=utf-8")


def context() -> Answer:
    """Return the JSON-LD context of resources."""
    return Answer(200, CONTEXT, _PUBLIC, media_type=JSON_LD)


def problem(system: System, call: Call) -> Answer:
    """Return what a kind of problem means, as JSON or for people."""
    name = call.params["problem"]
    kind = problems.kinds().get(name)
    if kind is None:
        raise NotFound("There is no such kind of problem")
    meaning = _meaning(kind)
    if call.accepted == HTML:
        import html

        body = _PROBLEM.format(
            title=html.escape(kind.title), status=kind.status, meaning=html.escape(meaning)
        )
        return Answer(200, body, _PUBLIC, media_type=f"{HTML}; charset=utf-8")
    told = {
        "type": f"{system.config.public_url}/problems/{name}",
        "title": kind.title,
        "status": kind.status,
        "meaning": meaning,
        "retryable": kind.retryable,
    }
    return Answer(200, told, _PUBLIC)


_PROBLEM: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
    "<h1>{title}</h1><p>HTTP status {status}</p><p>{meaning}</p></html>"
)


def _meaning(kind: type[AppError]) -> str:
    if kind is AppError:
        return "Something went wrong that nobody foresaw. The log knows it under `instance`."
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


@cache
def _page() -> tuple[str, str]:
    """Return the page, and a policy that lets run its own script and style alone."""
    text = _PAGE.read_text("utf-8")
    script, style = _hash_of(text, "script"), _hash_of(text, "style")
    return text, (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash_of(text: str, element: str) -> str:
    inside = text.partition(f"<{element}>")[2].partition(f"</{element}>")[0]
    return "sha256-" + b64encode(hashlib.sha256(inside.encode()).digest()).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
