"""Reads `infra/core.yaml`: as much of CloudFormation as that file uses, and no more.

`!Ref x`, `!Sub x` and `!GetAtt x.y` become the JSON forms that CloudFormation has for them
(`{"Ref": "x"}` …); `resolve` replaces those by values.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CORE = Path(__file__).resolve().parent.parent / "core.yaml"

Lookup = Callable[[str, str | None], str]
"""(logical id, attribute or None for `!Ref`) → value; raises KeyError for what it does not know."""


@dataclass(frozen=True, slots=True)
class Template:
    """A CloudFormation template as read, nothing resolved."""

    parameters: Mapping[str, Any]
    resources: Mapping[str, Any]
    outputs: Mapping[str, Any]


class _Loader(yaml.SafeLoader):
    """SafeLoader that knows CloudFormation's short forms."""


_Loader.add_constructor("!Ref", lambda loader, node: {"Ref": node.value})
_Loader.add_constructor("!Sub", lambda loader, node: {"Fn::Sub": node.value})
_Loader.add_constructor("!GetAtt", lambda loader, node: {"Fn::GetAtt": node.value.split(".", 1)})


@functools.cache
def load(path: Path = CORE) -> Template:
    """Read a template; it is not to be changed."""
    document = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    return Template(
        document.get("Parameters", {}), document["Resources"], document.get("Outputs", {})
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


def _substitute(expression: str, lookup: Lookup) -> str:
    name, dot, attribute = expression.partition(".")
    return lookup(name, attribute if dot else None)


def variable(output: str) -> str:
    """Return the environment variable of an output: LogStreamArn → LOG_STREAM_ARN."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()
