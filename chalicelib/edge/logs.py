"""What is logged on AWS: one JSON line each, as Powertools' Logger writes them.

Whatever `chalicelib` logs goes there, warnings and errors too. One id leads from a request to all
that came of it: it stands as `correlation` on the line of the request, and of a job that it began,
and among the `correlations` of each move of a view and each push that its events are in. What a job
writes is found likewise under `job:<its id>`.

Locally this is silent, and what is logged goes wherever the process sends it.
"""

from __future__ import annotations

import logging
from typing import Final

from chalicelib.config import LOCAL, SERVICE

_ROOT: Final = logging.getLogger("chalicelib")


class _Stdout(logging.Handler):
    """Writes to what is standard output at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        print(self.format(record), flush=True)


def attach(stage: str, service: str = SERVICE) -> None:
    """Log as JSON from now on, unless this is done already or the stage is local."""
    if stage == LOCAL or any(isinstance(each, _Stdout) for each in _ROOT.handlers):
        return
    from aws_lambda_powertools.logging import Logger

    handler = _Stdout()
    handler.setFormatter(Logger(service=service, stage=stage).registered_formatter)
    _ROOT.addHandler(handler)
    _ROOT.setLevel(logging.INFO)
    _ROOT.propagate = False  # Lambda's own handler would write all of it again


def detach() -> None:
    """Undo it."""
    for handler in [each for each in _ROOT.handlers if isinstance(each, _Stdout)]:
        _ROOT.removeHandler(handler)
    _ROOT.setLevel(logging.NOTSET)
    _ROOT.propagate = True
