"""Reads the templates in `infra/`: as much of CloudFormation as `core.yaml` uses, and no more.

`!Ref x`, `!Sub x`, `!GetAtt x.y`, `!If [x, y, z]` … become the JSON forms that CloudFormation has
for them (`{"Ref": "x"}` …); `resolve` replaces those by values, `created` tells which resources a
stack with certain parameters has.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

CORE = Path(__file__).resolve().parent.parent / "core.yaml"

_NOTHING: Final = {"Ref": "AWS::NoValue"}

Lookup = Callable[[str, str | None], str]
"""(logical id, attribute or None for `!Ref`) → value; raises KeyError for what it does not know."""


@dataclass(frozen=True, slots=True)
class Template:
    """A CloudFormation template as read, nothing resolved."""

    parameters: Mapping[str, Any]
    resources: Mapping[str, Any]
    outputs: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def created(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return the resources of a stack with these parameters, every `!If` decided."""
        parameters = {
            **{name: str(told.get("Default", "")) for name, told in self.parameters.items()},
            **given,
        }
        holds = {name: _holds(told, parameters) for name, told in self.conditions.items()}
        return {
            name: _decided(resource, holds)
            for name, resource in self.resources.items()
            if holds.get(resource.get("Condition", ""), True)
        }


class _Loader(yaml.SafeLoader):
    """SafeLoader that knows CloudFormation's short forms."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case _:
            raise ValueError(f"!{name} of what is no value")
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


@functools.cache
def load(path: Path = CORE) -> Template:
    """Read a template; it is not to be changed."""
    document = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    return Template(
        document.get("Parameters", {}),
        document["Resources"],
        document.get("Outputs", {}),
        document.get("Conditions", {}),
    )


def resolve(value: Any, lookup: Lookup) -> Any:
    """Return `value` with every reference in it replaced by what `lookup` says."""
    match value:
        case {"Ref": name}:
            return lookup(name, None)
        case {"Fn::GetAtt": [name, attribute]}:
            return lookup(name, attribute)
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: _substitute(found[1], lookup), text)
        case dict():
            return {key: resolve(item, lookup) for key, item in value.items()}
        case list():
            return [resolve(item, lookup) for item in value]
        case _:
            return value


def _holds(condition: Any, parameters: Mapping[str, str]) -> bool:
    match condition:
        case {"Fn::Equals": [left, right]}:
            return bool(_given(left, parameters) == _given(right, parameters))
        case {"Fn::Not": [inner]}:
            return not _holds(inner, parameters)
    raise ValueError(f"The local system does not know the condition {condition}.")


def _given(value: Any, parameters: Mapping[str, str]) -> Any:
    return parameters[value["Ref"]] if isinstance(value, dict) else value


def _decided(value: Any, holds: Mapping[str, bool]) -> Any:
    match value:
        case {"Fn::If": [condition, yes, no]}:
            return _decided(yes if holds[condition] else no, holds)
        case dict():
            decided = {key: _decided(item, holds) for key, item in value.items()}
            return {key: item for key, item in decided.items() if item != _NOTHING}
        case list():
            return [each for each in (_decided(item, holds) for item in value) if each != _NOTHING]
        case _:
            return value


def _substitute(expression: str, lookup: Lookup) -> str:
    name, dot, attribute = expression.partition(".")
    return lookup(name, attribute if dot else None)


def variable(output: str) -> str:
    """Return the environment variable of an output: LogStreamArn → LOG_STREAM_ARN."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()
