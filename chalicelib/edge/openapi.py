"""The OpenAPI 3.1 document, made from the routes and from the schemas that requests are checked by.

Nothing is said twice: the operation's id, summary and description are the view's name and
docstring, the rest is what the route declares, and every problem that the wrapper can answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from chalicelib.edge import problems
from chalicelib.edge.call import MULTIPART
from chalicelib.edge.permissions import NOTHING
from chalicelib.edge.query import Parameter
from chalicelib.edge.route import Route
from chalicelib.edge.schemas.components import SCHEMAS

Json = dict[str, Any]

_SEGMENT: Final = re.compile(r"\{(\w+)\}")
_PATH_PARAMETERS: Final[Mapping[str, Json]] = {
    "resource_id": {"schema": {"type": "string", "format": "uuid"}, "description": "A resource."},
    "annotation_id": {
        "schema": {"type": "string", "format": "uuid"},
        "description": "An annotation of it.",
    },
    "job_id": {"schema": {"type": "string", "format": "uuid"}, "description": "A job."},
    "problem": {"schema": {"type": "string"}, "description": "As in a problem's `type`."},
}
_HEADERS: Final[Mapping[str, Json]] = {
    "X-Correlation-ID": {
        "description": "Under this id the request stands in events and logs.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The version, in quotes; for If-Match and If-None-Match. Of one thing: "
        "not where many were made.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where it is.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "What is asked for.", "schema": {"type": "string"}},
}
_TAGS: Final = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'
_REQUEST_HEADERS: Final[Mapping[str, Json]] = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": 'Versions that were seen, as `"7"`; nothing is done if there is a newer.',
        "schema": {"type": "string", "pattern": _TAGS},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": 'Versions that are held, as `"7"`; 304 if the newest is among them.',
        "schema": {"type": "string", "pattern": _TAGS},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and request give the same answer for 24 hours.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    },
    "CorrelationId": {
        "name": "X-Correlation-ID",
        "in": "header",
        "description": "An id of the client's, to find the request by; any other is ignored.",
        "schema": {"type": "string"},
    },
}
_MEANINGS: Final[Mapping[int, str]] = {
    200: "Done.",
    201: "Made.",
    202: "Asked for; it will be done.",
    204: "Done; there is nothing to say.",
    304: "What the client holds is right.",
    307: "The bytes are there.",
}


def document(routes: Iterable[Route], public_url: str, version: str) -> Json:
    """Return the whole document as JSON data."""
    paths: dict[str, Json] = {}
    failing: set[int] = set()
    for route in routes:
        failing |= _failures(route)
        item = paths.setdefault(route.path, {"parameters": _path_parameters(route.path)})
        item[route.method.lower()] = _operation(route)
        if route.method == "GET":
            item["head"] = _head(item["get"])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Palimpsest",
            "version": version,
            "summary": "A backend for annotated knowledge.",
            "description": "Documents and images, annotations on them, and their history.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": public_url}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "parameters": _REQUEST_HEADERS,
            "headers": _HEADERS,
            "responses": {_named(status): _problem(status) for status in sorted(failing)},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(route: Route) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "description": route.description or route.summary,
        "tags": [_tag(route.path)],
        "x-permission": route.needs.value,
        "parameters": [*map(_query_parameter, route.query), *_request_headers(route)],
        "responses": {
            **{str(status): _answer(route, status) for status in sorted(_statuses(route))},
            **_problems(route),
        },
    }
    if route.needs is NOTHING:
        operation["security"] = []
    if route.body is not None:
        content: Json = {
            media_type: {"schema": _ref(route.body.schema)} for media_type in route.body.media_types
        }
        if route.body.form:
            content[MULTIPART] = {"schema": _ref(route.body.form)}
        operation["requestBody"] = {"required": not route.body.optional, "content": content}
    return operation


def _head(get: Json) -> Json:
    """Return the operation of HEAD: that of GET, with no bodies."""
    responses = {
        status: {name: value for name, value in answer.items() if name != "content"}
        for status, answer in get["responses"].items()
    }
    return {**get, "operationId": f"{get['operationId']}_head", "responses": responses}


def _statuses(route: Route) -> set[int]:
    statuses = set(route.answers)
    if route.etag:
        statuses.add(304)
    return statuses


def _answer(route: Route, status: int) -> Json:
    schema = route.answers.get(status)
    answer: Json = {
        "description": _MEANINGS.get(status, "An answer."),
        "headers": {"X-Correlation-ID": _header("X-Correlation-ID")},
    }
    if status in (201, 307):
        answer["headers"]["Location"] = _header("Location")
    if route.etag or (route.method in ("POST", "PUT", "PATCH") and status in (200, 201)):
        answer["headers"]["ETag"] = _header("ETag")
    if schema is not None:
        answer["content"] = {offer: {"schema": _ref(schema)} for offer in route.offers}
    elif status == 200:
        answer["content"] = {offer: {} for offer in route.offers}
    return answer


def _problems(route: Route) -> Json:
    return {
        str(status): {"$ref": f"#/components/responses/{_named(status)}"}
        for status in sorted(_failures(route))
    }


def _failures(route: Route) -> set[int]:
    """Return the statuses of every problem that the wrapper or the view can answer."""
    statuses = {400, 500, 503} - set(route.answers)
    if route.offers:
        statuses.add(406)
    if route.needs is not NOTHING:
        statuses |= {401, 403}
    if "{" in route.path or any(parameter.required for parameter in route.query):
        statuses.add(404)
    if route.body is not None:
        statuses |= {413, 415, 422}
    if route.method != "GET":
        statuses |= {409, 422}
    if route.condition != "none" or route.etag:
        statuses.add(412)
    if route.condition == "required":
        statuses.add(428)
    return statuses


def _named(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int) -> Json:
    kinds = [kind for kind in problems.kinds().values() if kind.status == status]
    headers = ["X-Correlation-ID"]
    headers += ["WWW-Authenticate"] if status == 401 else []
    headers += ["Retry-After"] if any(kind.retryable for kind in kinds) else []
    names = " or ".join(f"`{problems.name_of(kind)}`" for kind in kinds)
    return {
        "description": f"{kinds[0].title}: {names}.",
        "headers": {name: _header(name) for name in headers},
        "content": {problems.MEDIA_TYPE: {"schema": _ref("Problem")}},
    }


def _path_parameters(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS[name]}
        for name in _SEGMENT.findall(path)
    ]


def _query_parameter(parameter: Parameter) -> Json:
    schema: Any = parameter.schema
    if parameter.many:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        **({"required": True} if parameter.required else {}),
        "schema": schema,
    }


def _request_headers(route: Route) -> list[Json]:
    names = ["CorrelationId"]
    if route.condition != "none":
        names.append("IfMatch")
    if route.etag:
        names.append("IfNoneMatch")
    if route.takes_key:
        names.append("IdempotencyKey")
    parameters: list[Json] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    if route.condition == "required":
        required = {**_REQUEST_HEADERS["IfMatch"], "required": True}
        parameters = [p for p in parameters if not p["$ref"].endswith("/IfMatch")] + [required]
    return parameters


def _tag(path: str) -> str:
    if path.startswith("/jobs") or "-stream" in path:
        return "jobs"
    for part in ("annotations", "events", "content", "entity-types", "tag-schemas", "uploads"):
        if part in path:
            return "vocabulary" if part in ("entity-types", "tag-schemas") else part
    return "resources" if path.startswith("/resources") else "about"


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}
