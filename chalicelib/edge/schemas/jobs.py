"""Jobs: what may be asked for, kind by kind, and how a job stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.domain.job import STATES
from chalicelib.edge.schemas.common import ID, IRI, TIME, VERSION, Schema, page_of
from chalicelib.jobs.kinds import KINDS
from chalicelib.jobs.kinds.kind import Kind

_RESOURCE: Final[Schema] = {**ID, "description": "The resource that the job is about."}


def params_name(kind: str) -> str:
    """Return the name of the schema of a kind's parameters: ``DetectionParams``."""
    return f"{kind.capitalize()}Params"


def _case(kind: Kind) -> dict[str, Any]:
    """Return what else a new job of this kind must be."""
    params = {"$ref": f"#/components/schemas/{params_name(kind.name)}"}
    then: dict[str, Any] = {"properties": {"params": params}}
    if kind.needs_resource:
        then["required"] = ["resource", "params"]
    else:
        prompted = {"properties": {"params": {"required": ["prompt"]}}, "required": ["params"]}
        then["anyOf"] = [{"required": ["resource"]}, prompted]
    return {"if": {"properties": {"kind": {"const": kind.name}}}, "then": then}


def _with_resource(kind: Kind) -> Schema:
    """Return the parameters with the resource among them, and any IRI for an annotation."""
    annotation = {**IRI, "description": "A reference: its IRI, or its id beside `resource`."}
    properties = {
        **kind.schema["properties"],
        "resource": _RESOURCE,
        "annotation": annotation,
    }
    about = [{"required": [name]} for name in ("prompt", "resource", "annotation")]
    return {**kind.schema, "properties": properties, "anyOf": about}


def _without(kind: Kind, name: str) -> Schema:
    properties = {key: value for key, value in kind.schema["properties"].items() if key != name}
    return {**kind.schema, "properties": properties}


JOB_SCHEMAS: Final[Mapping[str, Schema]] = {
    **{params_name(name): kind.schema for name, kind in KINDS.items()},
    "NewGeneration": _with_resource(KINDS["generation"]),
    "ReferenceParams": _without(KINDS["generation"], "annotation"),
    "NewJob": {
        "type": "object",
        "description": "A job to begin. Its parameters depend on its kind.",
        "required": ["kind"],
        "properties": {
            "kind": {"enum": list(KINDS)},
            "resource": _RESOURCE,
            "params": {"type": "object", "default": {}},
        },
        "additionalProperties": False,
        "allOf": [_case(kind) for kind in KINDS.values()],
        "examples": [
            {
                "kind": "detection",
                "resource": "0192f0c1-0000-7000-8000-000000000001",
                "params": {"entityTypes": ["Person"]},
            }
        ],
    },
    "Job": {
        "type": "object",
        "description": "A job, as it is after its change number `version`.",
        "required": [
            "id",
            "kind",
            "state",
            "version",
            "cursor",
            "params",
            "creator",
            "created",
            "modified",
            "attempts",
            "cancelRequested",
            "progress",
        ],
        "properties": {
            "id": ID,
            "kind": {"type": "string"},
            "state": {"enum": list(STATES)},
            "version": VERSION,
            "cursor": {"type": "string", "description": "`<id>:<version>`"},
            "resource": ID,
            "params": {"type": "object"},
            "creator": {"$ref": "#/components/schemas/Actor"},
            "created": TIME,
            "modified": TIME,
            "attempts": {
                "type": "integer",
                "minimum": 0,
                "description": "Times that a worker began and came no further; after 5, it fails.",
            },
            "cancelRequested": {"type": "boolean"},
            "progress": {
                "type": "object",
                "description": "How far it has come, as the kind tells it.",
                "properties": {"percentage": {"type": "integer", "minimum": 0, "maximum": 100}},
            },
            "result": {"$ref": "#/components/schemas/JobResult"},
            "error": {
                "$ref": "#/components/schemas/Problem",
                "description": "Why it failed; of a pending job, why it is tried again.",
            },
        },
    },
    "JobResult": {
        "type": "object",
        "description": "What a job that is over has done.",
        "required": ["cursors"],
        "properties": {
            "cursors": {
                "type": "array",
                "items": {"type": "string"},
                "description": "`<resource id>:<version>` for each resource that it wrote: a read "
                "from there on shows all of it.",
            },
            "resource": {**ID, "description": "The document that was written."},
            "found": {"type": "integer", "description": "Findings that the detector gave."},
            "anchored": {"type": "integer", "description": "Those that have a place in the text."},
            "added": {"type": "integer", "description": "Annotations that were made of them."},
            "duplicates": {"type": "integer", "description": "Those that were there already."},
            "dropped": {
                "type": "object",
                "description": "Findings without a place of their own: how many, by reason.",
                "additionalProperties": {"type": "integer"},
            },
            "unable": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Types asked for that this detector cannot find.",
            },
            "usage": {"type": "object", "description": "What the service bills by."},
            "generator": {"type": "object", "description": "Who found, or wrote."},
        },
    },
    "Jobs": page_of("Job", "A page of jobs, newest first."),
}
