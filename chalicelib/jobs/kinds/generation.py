"""Generation: a new document, written from a resource, from a prompt, or for a reference.

::

    params: {"resource": "0192f…", "annotation": "0192e…", "prompt": "…", "title": "…",
             "format": "text/markdown", "language": "en"}

At least one of resource, annotation (which takes its resource) and prompt. What is written becomes
a resource; the annotation that asked for it, a reference that was not resolved, refers to it then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from chalicelib.domain.annotation import SpecificResource, TextualBody
from chalicelib.domain.ids import derived_id
from chalicelib.domain.job import Job
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource, archived
from chalicelib.domain.text import is_text
from chalicelib.errors import Conflict, Invalid
from chalicelib.inference import Brief, Inference, Source
from chalicelib.jobs.commands import Command, Create, Link
from chalicelib.jobs.kinds.kind import Admitted, Json, Kind, Outcome, Reading, Task

MAX_SOURCES: Final = 6
"""The resource itself, and resources that it is linked with."""
AROUND: Final = 2000
"""Code points on each side of a reference that say what it is about."""
DEFAULT_FORMAT: Final = "text/markdown"
MAX_NAME: Final = 200


def admit(reading: Reading, inference: Inference, params: Json) -> Admitted:
    """Refuse what cannot be written, or not here. `params` has the shape of `NewGeneration`."""
    said = in_full(params)
    if not any(said.get(name) for name in ("prompt", "resource", "annotation")):
        raise Invalid("one of prompt, resource and annotation is needed: on what is it to be?")
    formats = inference.writer.formats
    if said["format"] not in formats:
        detail = f"must be {' or '.join(sorted(formats))}"
        raise Invalid(
            f"nothing is written as {said['format']}",
            errors=({"pointer": "/format", "detail": detail},),
        )
    if "annotation" in said and "resource" not in said:
        fault = {"pointer": "/resource", "detail": "is needed: the one that the annotation is on"}
        raise Invalid("an annotation is named with its resource", errors=(fault,))  # type: ignore[arg-type]
    if "resource" not in said:
        _require_something(reading, inference, said["prompt"])
    else:
        resource = reading.resource(said["resource"])
        if "annotation" in said:
            if refusal := archived(resource):
                raise refusal
            _require_unresolved(reading.annotation(resource.id, said["annotation"]))
        _require_text(reading, inference, resource, said.get("prompt"))
    return Admitted(said, said.get("resource"))


def step(task: Task) -> Outcome:
    """Gather the context, let the writer write, and say what becomes of it. The only step."""
    job, params = task.job, task.job.params
    mark = None
    if job.resource is None:
        sources = _texts(task.reading, task.reading.about(params["prompt"]))
    else:
        resource = task.reading.resource(job.resource)
        if "annotation" in params:
            mark = task.reading.annotation(resource.id, params["annotation"])
        sources = _sources(task.reading, resource, mark)
    brief = Brief(
        prompt=params.get("prompt", "") or _about(mark),
        title=params.get("title", ""),
        sources=tuple(sources),
        format=params["format"],
        language=params.get("language"),
    )
    draft = task.inference.writer.write(brief)
    generator = dict(task.inference.writer.generator)
    made = _made(job)
    commands: list[Command] = [
        Create(
            made,
            draft.title[:MAX_NAME],
            draft.text,
            draft.format,
            draft.language,
            _entity_types(mark),
            f"Written by {generator.get('name', 'a program')}, not by a person.",
        )
    ]
    if job.resource is not None and mark is not None:
        commands.append(Link(job.resource, mark.annotation.id, made))
    result: dict[str, Any] = {
        "resource": made,
        "title": draft.title,
        "sources": list(draft.sources),
        "usage": draft.usage.to_json(),
        "generator": generator,
    }
    answer = {"title": draft.title, "text": draft.text, "sources": list(draft.sources)}
    progress = {"stage": "writing", "percentage": 80}
    return Outcome(answer, tuple(commands), progress, result)


def in_full(params: Json) -> dict[str, Any]:
    """Return the parameters, and what is left out."""
    return {"format": DEFAULT_FORMAT, **params}


def writes(job: Job) -> tuple[str, ...]:
    """Return the document, and the resource whose annotation is to refer to it."""
    linked = (job.resource,) if job.resource is not None and "annotation" in job.params else ()
    return (_made(job), *linked)


SCHEMA: Final[Json] = {
    "type": "object",
    "description": "A document to write: on the job's resource, on a prompt, or for a reference "
    "that is not resolved yet, which then refers to it. At least one of them.",
    "properties": {
        "prompt": {"type": "string", "minLength": 1, "maxLength": 10_000},
        "title": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_NAME,
            "pattern": "^[^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f\\s][^\\x00-\\x1f\\x7f]*$",
        },
        "annotation": {
            "type": "string",
            "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
            "title": "a UUID in lower case",
            "description": "A reference (motivation `linking`) on the job's resource.",
        },
        "format": {
            "type": "string",
            "minLength": 3,
            "maxLength": 200,
            "default": DEFAULT_FORMAT,
            "description": "The media type; every deployment writes text/markdown and text/plain.",
        },
        "language": {
            "type": "string",
            "maxLength": 35,
            "pattern": "^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$",
            "title": "a language tag (BCP 47), as en or de-AT",
        },
    },
    "additionalProperties": False,
    "examples": [{"prompt": "How palimpsests are read today", "language": "en"}],
}

KIND: Final = Kind("generation", lambda params: "slow", SCHEMA, False, in_full, admit, step, writes)


def _made(job: Job) -> str:
    return derived_id(f"{job.id}/resource", 0)


def _require_something(reading: Reading, inference: Inference, prompt: str) -> None:
    """Raise Invalid where nobody can write without a source, and there is none."""
    if not _has_model(inference) and not reading.about(prompt):
        detail = "no resource here has a name like this, and to write without one takes a model"
        raise Invalid(detail, errors=({"pointer": "/prompt", "detail": detail},))


def _require_text(
    reading: Reading, inference: Inference, resource: Resource, prompt: str | None
) -> None:
    """Raise Invalid where there is no text to write from, nor a model that needs none."""
    if is_text(resource.content.format) or (prompt and _has_model(inference)):
        return
    if not any(is_text(each.content.format) for each in reading.neighbours(resource.id)):
        raise Invalid(
            f"content of type {resource.content.format} has no text to write from, and the "
            "resource is linked with none that has"
        )


def _has_model(inference: Inference) -> bool:
    """Tell whether more than rules is at work: who can judge a text can also write one."""
    return bool(inference.detector.capabilities.marks)


def _require_unresolved(mark: Mark) -> None:
    if mark.annotation.motivation != "linking":
        raise Invalid(
            "the annotation is no reference: its motivation is not linking",
            errors=({"pointer": "/annotation", "detail": "must be of motivation linking"},),
        )
    if any(isinstance(body, SpecificResource) for body in mark.annotation.bodies):
        raise Conflict("the annotation refers to a resource already")


def _sources(reading: Reading, resource: Resource, mark: Mark | None) -> list[Source]:
    """Return the resource, for a reference what stands around it, and what it is linked with."""
    first = _texts(reading, [resource])
    if mark is not None:
        first = [replace(each, text=_around(each.text, mark, resource)) for each in first]
    return (first + _texts(reading, reading.neighbours(resource.id)))[:MAX_SOURCES]


def _texts(reading: Reading, resources: Iterable[Resource]) -> list[Source]:
    sources: list[Source] = []
    for each in resources:
        text = reading.text(each.content) if len(sources) < MAX_SOURCES else None
        if text is not None:
            sources.append(Source(each.id, each.name, text, each.language))
    return sources


def _around(text: str, mark: Mark, resource: Resource) -> str:
    target = mark.annotation.target
    if target.position is None or target.checksum != resource.content.checksum:
        return text
    return text[max(0, target.position.start - AROUND) : target.position.end + AROUND]


def _about(mark: Mark | None) -> str:
    quote = mark.annotation.target.quote if mark is not None else None
    return "" if quote is None else quote.exact


def _entity_types(mark: Mark | None) -> tuple[str, ...]:
    if mark is None:
        return ()
    bodies = mark.annotation.bodies
    return tuple(b.value for b in bodies if isinstance(b, TextualBody) and b.purpose == "tagging")
