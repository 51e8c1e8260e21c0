"""What ends a command. The message is one sentence, for a person, without a traceback."""

from __future__ import annotations


class DeployError(Exception):
    """A step cannot be carried out; nothing after it was begun."""
