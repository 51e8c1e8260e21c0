"""Each call that a function's role makes is checked by its policies, and written down once.

Who deletes the file has them written down anew.

A line is ``{"function": "palimpsest-dev-pusher", "role": "palimpsest-dev-pusher", "action":
"dynamodb:Query", "resource": "arn:aws:dynamodb:…:table/palimpsest-dev-log", "allowed": true,
"by": "function"}``. `by` is `function` for what the code asks, `lambda` for what the Lambda service
does in the role's name: reading a stream or queue, writing logs, reporting failures. The emulator
leaves the latter unchecked; `permitted` checks them as AWS does.
"""

from __future__ import annotations

import json
import threading
from contextvars import Context
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import _request_account_id, _request_region

_stock_enforce = iam_evaluator.enforce
_lock = threading.Lock()
_seen: set[tuple[str, str, str, bool, str]] = set()
_file: Path | None = None


def write_to(file: Path) -> None:
    """Write calls to `file` from now on."""
    global _file
    _file = file
    iam_evaluator.enforce = _enforce


def permitted(config: dict[str, Any], service: str, action: str, resource: str) -> bool:
    """Tell whether a function's role may do what Lambda is about to do in its name."""
    from ministack import app

    if not app.AUTH:
        return True
    account, region = config["FunctionArn"].split(":")[4], config["FunctionArn"].split(":")[3]

    def ask() -> bool:
        _request_account_id.set(account)
        _request_region.set(region)
        key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        return _stock_enforce(key, action, service, region, resource) is None

    # In a context of its own: who happens to be asking in this thread is none of its business.
    allowed = Context().run(ask)
    role = str(config.get("Role", "")).rsplit("/", 1)[-1]
    _write(config["FunctionName"], role, action, resource, allowed, "lambda")
    return allowed


def _enforce(
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> Any:
    refused = _stock_enforce(
        access_key_id, iam_action, service, region, resource_arn, service_context
    )
    role, function = _role_of(access_key_id)
    if role:
        _write(function, role, iam_action, resource_arn, refused is None, "function")
    return refused


def _role_of(access_key_id: str) -> tuple[str, str]:
    """Return the role and the function of a session, empty for callers of other kinds."""
    from ministack.services import sts

    arn = str((sts._sessions.get(access_key_id) or {}).get("Arn", ""))
    # arn:aws:sts::000000000000:assumed-role/<role>/<function>
    kind, _, rest = arn.partition(":assumed-role/")
    role, _, function = rest.partition("/")
    return (role, function) if kind else ("", "")


def _write(function: str, role: str, action: str, resource: str, allowed: bool, by: str) -> None:
    distinct = (function, action, resource, allowed, by)
    with _lock:
        if _file is None:
            return
        if not _file.exists():
            _seen.clear()
        if distinct in _seen:
            return
        _seen.add(distinct)
        line = {
            "function": function,
            "role": role,
            "action": action,
            "resource": resource,
            "allowed": allowed,
            "by": by,
        }
        with _file.open("a") as out:
            out.write(json.dumps(line) + "\n")
