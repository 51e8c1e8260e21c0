"""What API Gateway answers by itself, as problem documents: one shape for all that goes wrong.

The same shape as `problems.py` makes, with the id of the request as correlation. No function loads
this: it is for whoever deploys. Chalice's definition of the REST API carries the answers
(`into_the_definition`), for importing one without them drops them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, Final

from chalicelib import errors
from chalicelib.edge.problems import MEDIA_TYPE, RETRY_AFTER_S, name_of

EXTENSION: Final = "x-amazon-apigateway-gateway-responses"
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/
api-gateway-swagger-extensions-gateway-responses.html (2026-11)"""

# Response types: https://docs.aws.amazon.com/apigateway/latest/developerguide/
# supported-gateway-responses.html (2026-11). An address that no route has is "missing a token", or,
# where the client sent one, "signed wrongly": no route of ours takes a signature.
_TABLE: Final[Mapping[str, tuple[int, type[errors.AppError] | None, str]]] = {
    "MISSING_AUTHENTICATION_TOKEN": (404, errors.NotFound, "There is nothing at this address"),
    "INVALID_SIGNATURE": (404, errors.NotFound, "There is nothing at this address"),
    "RESOURCE_NOT_FOUND": (404, errors.NotFound, "There is nothing at this address"),
    "BAD_REQUEST_BODY": (400, errors.Malformed, "The body cannot be read"),
    "BAD_REQUEST_PARAMETERS": (400, errors.Malformed, "The parameters cannot be read"),
    "REQUEST_TOO_LARGE": (413, errors.TooLarge, "A request has 10 MB at most"),
    "UNSUPPORTED_MEDIA_TYPE": (415, errors.UnsupportedMedia, "This media type is not taken"),
    "ACCESS_DENIED": (403, errors.Forbidden, "This is not allowed"),
    "WAF_FILTERED": (403, errors.Forbidden, "The firewall does not let this through"),
    "THROTTLED": (429, None, "Too many requests at once; try again a little later"),
    "QUOTA_EXCEEDED": (429, None, "The quota is used up"),
    "INTEGRATION_FAILURE": (503, errors.Unavailable, "The request could not be handed on"),
    "INTEGRATION_TIMEOUT": (
        504,
        None,
        "No answer within 29 s; the request may yet be carried out: repeat it with its "
        "Idempotency-Key",
    ),
    "DEFAULT_4XX": (400, errors.Malformed, "The request cannot be understood"),
    "DEFAULT_5XX": (500, errors.AppError, "The request failed"),
}
_RETRYABLE: Final = (429, 503, 504)


def into_the_definition(responses: Mapping[str, Any]) -> None:
    """Have the definition of the REST API that Chalice makes from now on carry these responses.

    Chalice 1.34 has no way to add to its definition, but each is a copy of one template. Where a
    later version has no such template, this fails, and the deploy fails before it changes anything.
    """
    from chalice.deploy.swagger import SwaggerGenerator

    SwaggerGenerator._BASE_TEMPLATE[EXTENSION] = dict(responses)


def responses(public_url: str, origins: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Return every gateway response by its type, as `put_gateway_response` takes it.

    Pages of `origins` may read them.
    """
    shared = readable_by(origins)
    return {kind: _response(public_url, shared, *told) for kind, told in _TABLE.items()}


def readable_by(origins: Collection[str]) -> dict[str, str]:
    """Return the headers that let pages of these origins read an answer of the gateway's own.

    API Gateway can say a fixed text there, or give back the request's own `Origin`, but not look it
    up in a list. So one origin is named. Where there are several, every page may read it, and `*`
    says so as openly as it is: there is nothing in it but what anybody is told who asks, and no
    cookie lets anybody in here.
    """
    if not origins:
        return {}
    return {
        "Access-Control-Allow-Origin": next(iter(origins)) if len(origins) == 1 else "*",
        "Access-Control-Expose-Headers": "Retry-After",
    }


def _response(
    public_url: str,
    shared: Mapping[str, str],
    status: int,
    kind: type[errors.AppError] | None,
    detail: str,
) -> dict[str, Any]:
    body = {
        # RFC 9457, 4.2.1: a problem that says no more than its status.
        "type": "about:blank" if kind is None else f"{public_url}/problems/{name_of(kind)}",
        "title": HTTPStatus(status).phrase if kind is None else kind.title,
        "status": status,
        "detail": detail,
        "instance": "urn:correlation:$context.requestId",
    }
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **({"Retry-After": str(RETRY_AFTER_S)} if status in _RETRYABLE else {}),
        **shared,
    }
    return {
        "statusCode": str(status),
        "responseParameters": {
            f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()
        },
        "responseTemplates": {"application/json": json.dumps(body)},
    }
