"""JSON Schema validation with faults that a person can read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from chalicelib.errors import Fault

MAX_FAULTS: Final = 100

Path = Sequence[str | int]


class Validator:
    """Validates against schemas that share one set of named components. Compiled at first use."""

    def __init__(self, components: Mapping[str, Mapping[str, Any]]) -> None:
        self._components = components
        self._compiled: dict[str, tuple[Any, _Faults]] = {}
        self._lock = threading.Lock()

    def faults(self, schema: Mapping[str, Any], document: Any) -> list[Fault]:
        """Return what is wrong, sorted by place, at most `MAX_FAULTS`; empty if nothing is."""
        validator, faults = self._validator(schema)
        if validator.is_valid(document):
            return []
        found: dict[tuple[str, str], Fault] = {}
        for error in validator.iter_errors(document):
            for fault in faults.of(error):
                found.setdefault((fault["pointer"], fault["detail"]), fault)
            if len(found) >= MAX_FAULTS:
                break
        return sorted(found.values(), key=lambda fault: fault["pointer"])[:MAX_FAULTS]

    def _validator(self, schema: Mapping[str, Any]) -> tuple[Any, _Faults]:
        import jsonschema_rs

        key = json.dumps(schema, sort_keys=True)
        with self._lock:
            if key not in self._compiled:
                root: dict[str, Any] = {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    **schema,
                }
                if "$ref" in schema:
                    root["components"] = {"schemas": self._components}
                # `mask`: a fault says what is expected; what came may be long, or not for logs.
                compiled = jsonschema_rs.validator_for(
                    root, validate_formats=True, mask="it", offline=True
                )
                self._compiled[key] = compiled, _Faults(root)
            return self._compiled[key]


class _Faults:
    """Turns errors of jsonschema_rs into faults; `root` is the schema they come from."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def of(self, error: Any) -> Iterable[Fault]:
        """Return an error's faults; of alternatives, those of the one that came nearest."""
        path, kind = list(error.instance_path), error.kind
        match kind.name:
            case "required":
                yield _fault([*path, kind.property], "is required")
            case "additionalProperties":
                for name in kind.unexpected:
                    yield _fault([*path, name], "is not known here")
            case "oneOf" | "anyOf":
                yield from self._of_alternatives(error, path)
            case "const":
                yield _fault(path, f"must be {_shown(kind.expected_value)}")
            case "enum":
                yield _fault(path, "must be one of " + ", ".join(map(_shown, kind.options)))
            case "type":
                yield _fault(path, "must be of type " + " or ".join(kind.types))
            case "maxLength":
                yield _fault(path, f"must have at most {kind.limit} characters")
            case "minLength":
                yield _fault(path, f"must have at least {kind.limit} character(s)")
            case "maxItems":
                yield _fault(path, f"must have at most {kind.limit} items")
            case "minItems":
                yield _fault(path, f"must have at least {kind.limit} item(s)")
            case "minimum":
                yield _fault(path, f"must be {kind.limit} or more")
            case "maximum":
                yield _fault(path, f"must be {kind.limit} or less")
            case "pattern":
                title = self._schema_of(error).get("title")
                yield _fault(path, f"must be {title}" if title else f"must match {kind.pattern}")
            case "format":
                yield _fault(path, f"must be a {kind.format}")
            case _:
                yield _fault(path, str(error.message))

    def _of_alternatives(self, error: Any, path: Path) -> Iterable[Fault]:
        alternatives = error.kind.context
        schemas = self._schema_of(error)[error.kind.name]
        if all(list(schema) == ["required"] for schema in schemas):
            names = ", ".join(schema["required"][0] for schema in schemas)
            yield _fault(path, f"must have exactly one of {names}")
        elif not all(alternatives):
            yield _fault(path, "fits more than one of the alternatives")
        else:
            tags = [_tag(errors) for errors in alternatives if not _wrong_type(errors, path)]
            if tags and all(tags):  # told apart by a member such as `type`, which fits none
                expected = ", ".join(_shown(tag.kind.expected_value) for tag in tags if tag)
                place = next(list(tag.instance_path) for tag in tags if tag)
                yield _fault(place, f"must be one of {expected}")
                return
            for nearest in min(alternatives, key=lambda errors: _distance(errors, path)):
                yield from self.of(nearest)

    def _schema_of(self, error: Any) -> Mapping[str, Any]:
        """Return the schema whose keyword failed."""
        node: Any = self._root
        for step in list(error.schema_path)[:-1]:
            node = node[step]
        return node  # type: ignore[no-any-return]


def _distance(errors: Sequence[Any], path: Path) -> tuple[bool, bool, int]:
    return _wrong_type(errors, path), _tag(errors) is not None, len(errors)


def _wrong_type(errors: Sequence[Any], path: Path) -> bool:
    """Say whether an alternative is for another JSON type than what stands at `path`."""
    for error in errors:
        if list(error.instance_path) != path:
            continue
        if error.kind.name == "type":
            return True
        if error.kind.name in ("anyOf", "oneOf") and error.kind.context:
            return all(_wrong_type(inner, path) for inner in error.kind.context)
    return False


def _tag(errors: Sequence[Any]) -> Any:
    """Return the error that says an alternative is for another class, if one does."""
    for error in errors:
        if error.kind.name == "const" and list(error.instance_path)[-1:] in (["type"], ["op"]):
            return error
    return None


def _fault(path: Path, detail: str) -> Fault:
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return {"pointer": pointer, "detail": detail}


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
