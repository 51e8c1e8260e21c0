"""Tickets: for who cannot send headers, as browsers' EventSource and WebSocket.

``POST /tickets`` with a token gives 256 random bits that stand for the caller, once, for 30 s. So
no token ever stands in a URL, and what does stand there is spent before any log shows it. The
table holds the ticket's hash alone.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Protocol

from chalicelib.edge.auth import Authenticator
from chalicelib.edge.call import Call, Caller
from chalicelib.errors import Malformed, Unauthenticated

if TYPE_CHECKING:
    from chalicelib.live.connections import Connections

PARAMETER: Final = "ticket"


class System(Protocol):
    """Where tickets are kept."""

    @property
    def connections(self) -> Connections:
        """Return the table."""


class Tickets:
    """Says who calls: whom the ticket stands for where the route takes one, else `others`."""

    def __init__(self, system: System, others: Authenticator) -> None:
        self._system = system
        self._others = others

    def caller(self, call: Call) -> Caller:
        """Return who asks. Raises as `Authenticator.caller`."""
        sent = call.sent.get(PARAMETER)
        if sent is None or all(known.name != PARAMETER for known in call.parameters):
            return self._others.caller(call)
        if len(sent) > 1:
            raise Malformed(f"{PARAMETER} came {len(sent)} times")
        holder = self._system.connections.redeem(sent[0])
        if holder is None:
            raise Unauthenticated("The ticket is unknown, too old, or used", error="invalid_token")
        return Caller(holder.actor, holder.workspace)


def issue(system: System, caller: Caller) -> tuple[str, int]:
    """Return a new ticket for a caller, and when it expires (Unix seconds)."""
    from chalicelib.live.connections import Holder

    ticket = secrets.token_urlsafe(32)
    return ticket, system.connections.put_ticket(ticket, Holder(caller.actor, caller.workspace))
