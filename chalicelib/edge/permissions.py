"""What a route may need, and who has it: the one table of authorisation.

Each route in `app.py` names one `Permission`. Workspaces are no part of this: a caller is in one
workspace, and nothing can name what lies in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from chalicelib.edge.call import Caller
from chalicelib.errors import Forbidden


class Permission(Enum):
    """What a call needs. The value is what the OpenAPI document and the docs call it."""

    NOTHING = "nothing"  # not even a caller
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"  # the workspace's vocabulary, and what else concerns all of its users


NOTHING, READ, WRITE, ADMIN = Permission

# role -> what it may do. Everybody in a workspace is a member so far; roles come with their claim.
GRANTS: Final[Mapping[str, frozenset[Permission]]] = {
    "member": frozenset({READ, WRITE, ADMIN}),
}


def require(caller: Caller, needed: Permission) -> None:
    """Raise `Forbidden` unless this caller has the permission."""
    if needed not in GRANTS[_role(caller)]:
        raise Forbidden(f"This needs the permission {needed.value!r}", permission=needed.value)


def _role(caller: Caller) -> str:
    return "member"
