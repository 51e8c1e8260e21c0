"""The flows' fixtures: moto for the module, a cold system for each test."""

from __future__ import annotations

from tests.flows.conftest import environment, shared, system

__all__ = ["environment", "shared", "system"]
