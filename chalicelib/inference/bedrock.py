"""A model behind Amazon Bedrock, asked through Converse for an answer in a given shape.

Converse takes the JSON schema of the answer as ``outputConfig.textFormat``; models that do not
know that are made to call a tool with the same schema (`tool`). Either way the answer is read
strictly: one that was cut off, is not of the shape, or is a refusal fails with that reason. It is
never taken for "nothing found".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from chalicelib.domain.detection import Ask, Detection, Finding, Usage
from chalicelib.domain.passages import Passage, Size
from chalicelib.errors import InferenceFailed
from chalicelib.inference import Brief, Capabilities, Draft, prompts
from chalicelib.inference.calls import Clients, clients, translated

T = TypeVar("T")

MAX_TOKENS: Final = 8_192
"""Of an answer. A passage of 6,000 code points with a name in every line needs about 5,000."""

# Stop reasons of Converse (bedrock-runtime 2023-09-30, botocore 1.44.5) that are no answer, and
# "refusal", with which Anthropic's models end by themselves.
_NO_ANSWER: Final = {
    "max_tokens": ("truncated", "the answer was cut off at its longest"),
    "model_context_window_exceeded": ("too-long", "text and answer do not fit the model"),
    "guardrail_intervened": ("refused", "a guardrail intervened"),
    "content_filtered": ("refused", "the answer was filtered"),
    "refusal": ("refused", "the model refused to answer"),
    "malformed_model_output": ("unreadable", "the model gave a malformed answer"),
    "malformed_tool_use": ("unreadable", "the model gave a malformed answer"),
}


class Bedrock:
    """A `Detector` and a `Writer` by the model `model` (an id, a profile or an ARN)."""

    capabilities = Capabilities(entities=None, terms=True, marks=True)
    size = Size(6_000)
    formats = frozenset(("text/markdown", "text/plain", "text/html"))

    def __init__(self, model: str, make: Clients | None = None, *, tool: bool = False) -> None:
        self._model = model
        self._make = make or clients
        self._tool = tool
        self._client: Any = None

    @property
    def generator(self) -> dict[str, Any]:
        """Return the model, named by its id."""
        return {
            "id": f"urn:palimpsest:bedrock:{self._model}",
            "type": "Software",
            "name": self._model.rpartition("/")[2],
            "version": prompts.VERSION,
        }

    def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
        """Ask the model for findings. Their quotes are as it gave them: `locate` looks them up."""
        name, schema = prompts.schema(ask)
        found, usage = self._asked(
            prompts.instructions(ask, language),
            f"<passage>\n{passage.text}\n</passage>",
            name,
            schema,
            lambda answer: _findings(answer, schema),
        )
        return Detection(tuple(found), usage)

    def write(self, brief: Brief) -> Draft:
        """Ask the model for a document."""
        if brief.format not in self.formats:
            detail = f"documents are written as {', '.join(sorted(self.formats))} alone"
            raise InferenceFailed(detail, reason="unable")
        (title, text), usage = self._asked(
            prompts.writing(brief),
            prompts.material(brief),
            "document",
            prompts.DOCUMENT,
            lambda answer: _strings(answer, prompts.DOCUMENT),
        )
        if not text.strip():
            raise InferenceFailed("the model wrote nothing", reason="empty", usage=usage.to_json())
        cited = tuple(each.id for each in brief.sources if f"resource:{each.id}" in text)
        title = brief.title or title.strip() or "Untitled"
        return Draft(title, text, brief.format, brief.language, cited, usage)

    def _asked(
        self,
        instructions: str,
        material: str,
        name: str,
        schema: Mapping[str, Any],
        read: Callable[[Any], T],
    ) -> tuple[T, Usage]:
        """Return what `read` makes of the answer. An answer that fails was paid for, too."""
        with translated("bedrock"):
            if self._client is None:
                self._client = self._make("bedrock-runtime")
            response = self._client.converse(
                modelId=self._model,
                system=[{"text": instructions}],
                messages=[{"role": "user", "content": [{"text": material}]}],
                inferenceConfig={"maxTokens": MAX_TOKENS},
                **self._shape(name, schema),
            )
        usage = _usage(response)
        try:
            return read(_content(response)), usage
        except InferenceFailed as error:
            raise InferenceFailed(error.detail, **error.extra, usage=usage.to_json()) from error

    def _shape(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of the request that make the answer be of the schema."""
        if self._tool:
            spec = {
                "name": name,
                "description": "Gives the answer.",
                "inputSchema": {"json": schema},
            }
            choice = {"tool": {"name": name}}
            return {"toolConfig": {"tools": [{"toolSpec": spec}], "toolChoice": choice}}
        structure = {"jsonSchema": {"name": name, "schema": json.dumps(schema, sort_keys=True)}}
        return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": structure}}}


def _content(response: Mapping[str, Any]) -> Any:
    """Return the answer, decoded. Raises InferenceFailed where there is none."""
    ended = response.get("stopReason", "")
    if ended in _NO_ANSWER:
        reason, detail = _NO_ANSWER[ended]
        raise InferenceFailed(detail, reason=reason)
    blocks = response.get("output", {}).get("message", {}).get("content", [])
    called = [block["toolUse"]["input"] for block in blocks if "toolUse" in block]
    if len(called) > 1:  # some call in parallel; whether the calls add up is not said
        detail = f"the model called the tool {len(called)} times"
        raise InferenceFailed(detail, reason="unreadable")
    if called:
        return called[0]
    text = "".join(block["text"] for block in blocks if "text" in block)
    try:
        return json.loads(text)
    except ValueError as error:
        detail = f"the model's answer is not JSON: {text[:200]!r}"
        raise InferenceFailed(detail, reason="unreadable") from error


def _findings(answer: Any, schema: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of an answer of one of the `prompts` shapes."""
    found = answer.get("findings") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise InferenceFailed("the model's answer has no list of findings", reason="unreadable")
    each = schema["properties"]["findings"]["items"]
    names = each["required"]
    return [Finding(**dict(zip(names, _strings(item, each), strict=True))) for item in found]


def _strings(item: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return the members that the schema requires, all of them text."""
    values = [item.get(name) if isinstance(item, dict) else None for name in schema["required"]]
    if not all(isinstance(value, str) for value in values):
        detail = f"the model's answer is not of the shape asked for: {str(item)[:200]}"
        raise InferenceFailed(detail, reason="unreadable")
    return [str(value) for value in values]


def _usage(response: Mapping[str, Any]) -> Usage:
    tokens = response.get("usage", {})
    cached = tokens.get("cacheReadInputTokens", 0) + tokens.get("cacheWriteInputTokens", 0)
    return Usage(
        calls=1,
        input_tokens=tokens.get("inputTokens", 0) + cached,
        output_tokens=tokens.get("outputTokens", 0),
    )
