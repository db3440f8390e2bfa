"""What a text may mean to whoever decodes it: every distinct reading, in bounded time and memory."""

from shopr.security.canonical.views import MAX_ROUNDS, MAX_VIEWS, SIDE_VIEWS, View, canonical, views

__all__ = ["MAX_ROUNDS", "MAX_VIEWS", "SIDE_VIEWS", "View", "canonical", "views"]
