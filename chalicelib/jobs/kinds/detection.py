"""Detection: annotations for what a detector finds in a resource's text.

::

    params: {"motivation": "linking", "entityTypes": ["Person"]}
            {"motivation": "tagging", "tagSchema": "legal-irac", "tags": ["Issue"]}
            {"motivation": "highlighting", "density": 5, "instructions": "…"}
            {"motivation": "assessing", "tone": "critical", …}, {"motivation": "commenting", …}

A step asks about as many passages as it has time for; the last step holds all answers against the
text and makes the annotations. They are anchored in the content that the first step read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Final, get_args

from chalicelib.domain.anchoring import anchor
from chalicelib.domain.annotation import Annotation, Body, TextPosition, TextualBody
from chalicelib.domain.detected import new_annotations
from chalicelib.domain.detection import (
    MAX_DENSITY,
    Answered,
    Ask,
    Assessments,
    AssessmentTone,
    Comments,
    CommentTone,
    Detection,
    Entities,
    Finding,
    Highlights,
    Tags,
    Usage,
)
from chalicelib.domain.findings import Findings, locate
from chalicelib.domain.ids import derived_id
from chalicelib.domain.job import Job
from chalicelib.domain.passages import Passage, cut
from chalicelib.domain.representation import Representation
from chalicelib.domain.resource import Resource, archived
from chalicelib.domain.text import is_text
from chalicelib.errors import Fault, Invalid
from chalicelib.inference import Inference
from chalicelib.inference.recut import detect
from chalicelib.jobs.commands import batches
from chalicelib.jobs.kinds.kind import Admitted, Json, Kind, Outcome, Reading, Task
from chalicelib.jobs.queue import Lane

GROUP: Final = 4
"""Passages asked about at the same time."""
MAX_TERMS: Final = 500

Signature = tuple[int, int, tuple[str, ...]]


def admit(reading: Reading, inference: Inference, params: Json) -> Admitted:
    """Refuse what cannot be detected, or not here. `params` has the shape of `NewDetection`."""
    resource = reading.resource(params["resource"])
    if refusal := archived(resource):
        raise refusal
    if not is_text(resource.content.format):
        raise Invalid(f"content of type {resource.content.format} has no text to look in")
    said = in_full(params)
    _require_offered(reading, said)
    ask = _ask(said, reading, _terms(reading, inference, said))
    if reason := inference.detector.capabilities.refusal(ask, resource.language):
        raise Invalid(reason, errors=({"pointer": _pointer(said), "detail": reason},))
    return Admitted(said, resource.id)


def step(task: Task) -> Outcome:
    """Ask about the next passages; after the last one, make the annotations."""
    job, detector = task.job, task.inference.detector
    assert job.resource is not None
    resource = task.reading.resource(job.resource)
    first = task.before(0) if task.step else None
    content = resource.content if first is None else Representation.from_json(first["content"])
    text = task.reading.text(content)
    if text is None:
        raise Invalid("the content is not text, or not in the charset that it names, or too large")
    terms = first["terms"] if first else _terms(task.reading, task.inference, job.params)
    ask = _ask(job.params, task.reading, terms)
    passages = cut(text, detector.size)
    begun_at = task.before(task.step - 1)["next"] if task.step else 0
    waiting = [passage for passage in passages if passage.start >= begun_at]
    asked, following = _asked(task, waiting, ask, resource.language)
    answer = {
        "content": content.to_json(),
        "terms": terms,
        "generator": dict(detector.generator),
        "passages": asked,
        "next": following,
    }
    done = sum(following is None or passage.start < following for passage in passages)
    progress: dict[str, Any] = {
        "stage": "reading" if following is not None else "writing",
        "percentage": 5 + 85 * done // max(1, len(passages)),
        "passages": done,
        "ofPassages": len(passages),
    }
    if following is not None:
        return Outcome(answer, progress=progress)
    answers = [*(task.before(number) for number in range(task.step)), answer]
    return _written(task, resource, content, text, ask, answers, progress)


def in_full(params: Json) -> dict[str, Any]:
    """Return the parameters without the resource, and with what is left out said."""
    given = {name: value for name, value in params.items() if name != "resource"}
    return {"motivation": "linking", **given}


def lane(params: Json) -> Lane:
    """Entities are found in seconds, unless a model is asked; all else takes a model."""
    return "quick" if params["motivation"] == "linking" else "slow"


def writes(job: Job) -> tuple[str, ...]:
    """Return the resource: no other is annotated."""
    return (job.resource,) if job.resource is not None else ()


_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 100}
_DENSITY: Final = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_DENSITY,
    "description": "Marks per 2,000 words.",
}
_INSTRUCTIONS: Final = {"type": "string", "maxLength": 2000}


def _case(motivation: str, required: list[str], **properties: Json) -> dict[str, Any]:
    """Return what the parameters must be for one motivation."""
    allowed = {"motivation": True, **properties}
    then = {"properties": allowed, "required": required, "additionalProperties": False}
    given = ["motivation"] if motivation != "linking" else []
    return {
        "if": {"properties": {"motivation": {"const": motivation}}, "required": given},
        "then": then,
    }


SCHEMA: Final[Json] = {
    "type": "object",
    "description": "What to find in a resource's text, by what the annotations are to be for: "
    "`linking` (the default) finds mentions of entities; the others take a model.",
    "properties": {
        "motivation": {
            "enum": ["linking", "tagging", "highlighting", "assessing", "commenting"],
            "default": "linking",
        },
        "entityTypes": {
            "type": "array",
            "items": _NAME,
            "minItems": 1,
            "maxItems": 50,
            "description": "Types that the workspace offers (`GET /entity-types`).",
        },
        "tagSchema": {**_NAME, "description": "Its id (`GET /tag-schemas`)."},
        "tags": {
            "type": "array",
            "items": {**_NAME, "maxLength": 500},
            "minItems": 1,
            "maxItems": 100,
            "description": "Some of the schema's tags; without it, all.",
        },
        "density": _DENSITY,
        "instructions": {**_INSTRUCTIONS, "description": "What to look for, in words."},
        "tone": {"type": "string", "description": "How to speak."},
    },
    "additionalProperties": False,
    "allOf": [
        _case("linking", ["entityTypes"], entityTypes={}),
        _case("tagging", ["tagSchema"], tagSchema={}, tags={}),
        _case("highlighting", [], density={}, instructions={}),
        _case(
            "assessing",
            [],
            density={},
            instructions={},
            tone={"enum": list(get_args(AssessmentTone))},
        ),
        _case(
            "commenting",
            [],
            density={},
            instructions={},
            tone={"enum": list(get_args(CommentTone))},
        ),
    ],
    "examples": [{"entityTypes": ["Person", "Location"]}],
}

KIND: Final = Kind("detection", lane, SCHEMA, True, in_full, admit, step, writes)


def _asked(
    task: Task, waiting: list[Passage], ask: Ask, language: str | None
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the answers, for as many passages as there was time, and where the next one starts."""
    detector = task.inference.detector
    answers: list[dict[str, Any]] = []
    for start in range(0, len(waiting), GROUP):
        if start and task.time_left_s() <= 0:
            return answers, waiting[start].start
        group = waiting[start : start + GROUP]
        calls = [partial(detect, detector, each, ask, language=language) for each in group]
        for found in task.side_by_side(calls):
            answers += [_to_json(part, detection) for part, detection in found]
    return answers, None


def _written(
    task: Task,
    resource: Resource,
    content: Representation,
    text: str,
    ask: Ask,
    answers: list[Json],
    progress: dict[str, Any],
) -> Outcome:
    """Return the last outcome: all that was found as commands, and what became of it."""
    asked = [passage for answer in answers for passage in answer["passages"]]
    findings = locate(text, [_answered(each, text) for each in asked], ask)
    there = set(_there(task.reading, resource, content, ask))
    new, present = [], 0
    generator = answers[-1]["generator"]
    made = new_annotations(
        findings.anchored, text=text, ask=ask, generator=generator, language=resource.language
    )
    for number, annotation in enumerate(made):
        target = anchor(annotation, text=text, checksum=content.checksum)
        if _signature(target.position, annotation.bodies) in there:
            present += 1
            continue
        new.append(
            Annotation(
                derived_id(f"{task.job.id}/annotations", number),
                annotation.motivation,
                target,
                annotation.bodies,
                annotation.generator,
            )
        )
    result = _result(findings, len(new), present, asked, generator)
    progress |= {"found": findings.found, "anchored": len(findings.anchored)}
    return Outcome(answers[-1], tuple(batches(resource.id, new)), progress, result)


def _result(
    findings: Findings, added: int, present: int, asked: list[dict[str, Any]], generator: Json
) -> dict[str, Any]:
    usage = sum((Usage(*each["usage"]) for each in asked), Usage())
    return {
        **findings.counts(),
        "added": added,
        "duplicates": present,
        "unable": sorted({label for each in asked for label in each["unable"]}),
        "usage": usage.to_json(),
        "generator": dict(generator),
    }


def _there(
    reading: Reading, resource: Resource, content: Representation, ask: Ask
) -> Iterator[Signature]:
    """Yield what is annotated already: who detects twice does not want everything twice."""
    for mark, anchored in reading.annotations(resource, ask.motivation):
        target = mark.annotation.target
        position = target.position if target.checksum == content.checksum else anchored.position
        signature = _signature(position, mark.annotation.bodies)
        if signature is not None:
            yield signature


def _signature(position: TextPosition | None, bodies: Iterable[Body]) -> Signature | None:
    if position is None:
        return None
    values = sorted(body.value for body in bodies if isinstance(body, TextualBody))
    return position.start, position.end, tuple(values)


# -- what is asked ------------------------------------------------------------------------------


def _ask(params: Json, reading: Reading, terms: Mapping[str, Any]) -> Ask:
    """Return the question. Raises Invalid for what the workspace's vocabulary does not have."""
    density, instructions = params.get("density"), params.get("instructions", "")
    match params["motivation"]:
        case "linking":
            types = tuple(dict.fromkeys(params["entityTypes"]))
            return Entities(types, {name: tuple(words) for name, words in terms.items()})
        case "tagging":
            return _tags(params, reading)
        case "highlighting":
            return Highlights(density, instructions)
        case "assessing":
            return Assessments(params.get("tone", "balanced"), density, instructions)
        case "commenting":
            return Comments(params.get("tone", "explanatory"), density, instructions)
    raise Invalid(
        f"nothing is detected for {params['motivation']!r}",
        errors=({"pointer": "/motivation", "detail": "is none that can be detected"},),
    )


def _tags(params: Json, reading: Reading) -> Tags:
    schemas = reading.vocabulary().tag_schemas
    schema = schemas.get(params["tagSchema"])
    if schema is None:
        known = ", ".join(schemas)
        fault: Fault = {"pointer": "/tagSchema", "detail": f"must be one of {known}"}
        raise Invalid(f"there is no tag schema {params['tagSchema']!r}", errors=(fault,))
    names = tuple(name for name, _ in schema.tags)
    tags = tuple(dict.fromkeys(params.get("tags", names)))
    _require_known(tags, names, "/tags", f"is no tag of {schema.id}")
    return Tags(schema, tags)


def _terms(reading: Reading, inference: Inference, params: Json) -> dict[str, list[str]]:
    """Return the names that the workspace knows of each entity type: those of its resources."""
    if params["motivation"] != "linking" or not inference.detector.capabilities.terms:
        return {}
    types = dict.fromkeys(params["entityTypes"])
    return {kind: list(reading.names(kind))[:MAX_TERMS] for kind in types}


def _require_offered(reading: Reading, params: Json) -> None:
    """Raise Invalid for entity types that the workspace does not offer."""
    if params["motivation"] == "linking":
        types, known = tuple(params["entityTypes"]), reading.vocabulary().entity_types
        otherwise = "is not offered here; POST /entity-types adds it"
        _require_known(types, known, "/entityTypes", otherwise)


def _require_known(
    asked: tuple[str, ...], known: tuple[str, ...], pointer: str, otherwise: str
) -> None:
    faults: list[Fault] = [
        {"pointer": f"{pointer}/{index}", "detail": otherwise}
        for index, each in enumerate(asked)
        if each not in known
    ]
    if faults:
        raise Invalid(f"{len(faults)} of {pointer[1:]} are unknown", errors=tuple(faults))


def _pointer(params: Json) -> str:
    return "/entityTypes" if params["motivation"] == "linking" else "/motivation"


# -- answers as they are kept -------------------------------------------------------------------


def _to_json(passage: Passage, detection: Detection) -> dict[str, Any]:
    usage = detection.usage
    return {
        "start": passage.start,
        "end": passage.end,
        "found": [asdict(finding) for finding in detection.found],
        "usage": [usage.calls, usage.input_tokens, usage.output_tokens, usage.characters],
        "unable": list(detection.unable),
    }


def _answered(data: Json, text: str) -> Answered:
    passage = Passage(text[data["start"] : data["end"]], data["start"])
    return Answered(passage, tuple(Finding(**found) for found in data["found"]))
