"""The processes that execute functions: as bare as Lambda's, and started quickly.

* A function finds its package and the standard library, nothing of the emulator's environment:
  what the package lacks is missing here too. (AWS adds a boto3; ours is in the package.)
* A layer is unpacked once for all functions, not once for each process.
* The emulator waits 50 ms for output after each invocation that prints nothing; 2 ms do.
* Logs are written in the role's name, and only if it may; those of websockets' functions too, which
  the emulator forgets. Their messages no longer wait for one another, either.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from infra.emulator.inside import calls

_stock_detect = lambda_runtime._detect_runtime_binary
_stock_logs = lambda_svc._emit_lambda_logs
_unpacking = threading.Lock()


def apply(directory: Path) -> None:
    """Patch what starts functions; `directory` is where packages are unpacked."""
    interpreter, base = directory / "python", Path(sys.executable).resolve()  # not the venv's
    interpreter.write_text(f'#!/bin/sh\nexec {shlex.quote(str(base))} -I -S "$@"\n')
    interpreter.chmod(0o755)

    def detect(runtime: str) -> tuple[str, str]:
        binary, script = _stock_detect(runtime)
        return (str(interpreter), script) if runtime.startswith("python") else (binary, script)

    lambda_runtime._detect_runtime_binary = detect
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.002, 0.001, 0.25)
    lambda_svc._emit_lambda_logs = _emit_lambda_logs
    lambda_runtime.get_or_create_worker = _Invoked  # only websockets ask for one like this
    lambda_runtime.zipfile = _Unpacking(directory / "unpacked")


class _Unpacking:
    """Stands for the module `zipfile` there: equal archives are unpacked once, and linked to."""

    BadZipFile = zipfile.BadZipFile
    LargeZipFile = LargeFileError = zipfile.LargeZipFile

    def __init__(self, directory: Path) -> None:
        class Archive(zipfile.ZipFile):
            def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
                digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
                unpacked = directory / digest
                with _unpacking:
                    if not unpacked.exists():
                        partial = directory / f"{digest}.partial"
                        super().extractall(partial, members, pwd)
                        partial.rename(unpacked)
                os.rmdir(path)
                os.symlink(unpacked, path)

        self.ZipFile = Archive


class _Invoked:
    """A function that a websocket's route invokes, in a process that nobody else is using."""

    def __init__(
        self, name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST"
    ) -> None:
        self._config = config
        self._wanted = name, config, code, qualifier

    def invoke(self, event: Any, request_id: str) -> dict[str, Any]:
        """Run one invocation and write its logs."""
        began = time.monotonic()
        *wanted, qualifier = self._wanted
        worker, _ = lambda_runtime.acquire_worker(*wanted, qualifier=qualifier)
        try:
            result: dict[str, Any] = worker.invoke(event, request_id)
        finally:
            lambda_runtime.release_worker(worker)
        took_ms = int((time.monotonic() - began) * 1000)
        failed = result.get("status") == "error"
        said = "\n".join(filter(None, (result.get("log"), result.get("trace"))))
        _emit_lambda_logs({"config": self._config}, request_id, said, failed, took_ms)
        return result


def _emit_lambda_logs(func: dict[str, Any], *arguments: Any, **named: Any) -> None:
    from ministack.services import cloudwatch_logs

    config = func.get("config") or func
    name = (config.get("LoggingConfig") or {}).get("LogGroup")
    name = name or f"/aws/lambda/{config['FunctionName']}"
    arn = f"{cloudwatch_logs._make_group_arn(name).removesuffix(':*')}:log-stream:"
    needed = ["logs:CreateLogStream", "logs:PutLogEvents"]
    if name not in cloudwatch_logs._log_groups:
        needed.insert(0, "logs:CreateLogGroup")
    if all(calls.permitted(config, "logs", action, arn) for action in needed):
        _stock_logs(func, *arguments, **named)
