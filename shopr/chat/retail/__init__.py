"""The retail desk: a deterministic agent for orders under a written policy, and what it understands."""

from __future__ import annotations

from shopr.chat.retail.agent import RetailAgent
from shopr.chat.retail.request import RetailReply, Subject

__all__ = ["RetailAgent", "RetailReply", "Subject"]
