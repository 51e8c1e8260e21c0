"""Every schema by its name: the `components/schemas` of the OpenAPI and AsyncAPI documents.

Loaded with the first body to check, not with the app: it knows all kinds of jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.edge.schemas.annotations import ANNOTATION_SCHEMAS
from chalicelib.edge.schemas.common import COMMON_SCHEMAS
from chalicelib.edge.schemas.jobs import JOB_SCHEMAS
from chalicelib.edge.schemas.live import LIVE_SCHEMAS, SOCKET_SCHEMAS
from chalicelib.edge.schemas.relations import RELATION_SCHEMAS
from chalicelib.edge.schemas.resources import RESOURCE_SCHEMAS
from chalicelib.edge.schemas.vocabulary import VOCABULARY_SCHEMAS

SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    **COMMON_SCHEMAS,
    **RESOURCE_SCHEMAS,
    **ANNOTATION_SCHEMAS,
    **VOCABULARY_SCHEMAS,
    **RELATION_SCHEMAS,
    **JOB_SCHEMAS,
    **LIVE_SCHEMAS,
}

COMPONENTS: Final[Mapping[str, Mapping[str, Any]]] = {**SCHEMAS, **SOCKET_SCHEMAS}
"""Those of the HTTP API, and those of the websocket's frames."""
