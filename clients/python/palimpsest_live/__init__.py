"""Follow resources live: each event once, in order, across disconnects. See `follow`."""

from palimpsest_live.following import Refused, follow
from palimpsest_live.order import Event, Order

__all__ = ["Event", "Order", "Refused", "follow"]
