"""ImportRestApi and PutRestApi, which `chalice deploy` makes its REST API with.

ministack 1.5.33 takes the first for CreateRestApi, ignoring the body, and does not know the second:
the deployment succeeds, and every route answers 403. It has an importer of its own for
CloudFormation; this wires it to both calls, and adds what Chalice's document has besides routes.
Derived from ministack, see NOTICE.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1 as v1

_stock = v1.handle_request


def apply() -> None:
    """Answer the two calls; all others are answered as before."""
    v1.handle_request = _handle_request


async def _handle_request(
    method: str, path: str, headers: Any, body: bytes, query_params: dict[str, Any]
) -> Any:
    parts = [part for part in path.strip("/").split("/") if part]
    if parts[:1] == ["restapis"]:
        if method == "POST" and len(parts) == 1 and _one(query_params, "mode") == "import":
            return _import(json.loads(body), query_params)
        if method == "PUT" and len(parts) == 2:
            return _put(parts[1], json.loads(body))
    return await _stock(method, path, headers, body, query_params)


def _import(document: dict[str, Any], query_params: dict[str, Any]) -> Any:
    kind = _one(query_params, "endpointConfigurationTypes")
    api_id = v1._import_rest_api(
        document, {"endpointConfiguration": {"types": [kind]}} if kind else {}
    )
    return _answer(api_id, document, 201)


def _put(api_id: str, document: dict[str, Any]) -> Any:
    """Overwrite an API: routes and gateway responses that the document does not have are gone."""
    if api_id not in v1._rest_apis:
        return v1._v1_error("NotFoundException", "Invalid API identifier specified", 404)
    resources = v1._resources[api_id]
    root = next(key for key, resource in resources.items() if resource["path"] == "/")
    for key in [key for key in resources if key != root]:
        del resources[key]
    resources[root]["resourceMethods"] = {}
    v1._authorizers_v1[api_id].clear()
    v1._gateway_responses[api_id] = {}
    schemes = v1._import_security_schemes(api_id, document)
    for path, item in (document.get("paths") or {}).items():
        v1._import_path_item(api_id, path, item, schemes, document.get("security"))
    return _answer(api_id, document, 200)


def _answer(api_id: str, document: dict[str, Any], status: int) -> Any:
    api = v1._rest_apis[api_id]
    api["name"] = document["info"]["title"]
    api["binaryMediaTypes"] = document.get("x-amazon-apigateway-binary-media-types", [])
    policy = document.get("x-amazon-apigateway-policy")
    if policy is not None:
        api["policy"] = json.dumps(policy)
    for kind, response in document.get("x-amazon-apigateway-gateway-responses", {}).items():
        v1._put_gateway_response(api_id, kind, response)
    return v1._v1_response(v1._rest_api_view(api), status)


def _one(query_params: dict[str, Any], name: str) -> str | None:
    value = query_params.get(name)
    return value[0] if isinstance(value, list) else value
