"""Who each event is of, in SQL: the rule of `EventLog`, for queries that join and group before arrays are made."""

from __future__ import annotations

from typing import Any

__all__ = ["with_persons"]

_SEEN = (
    "SELECT session_id, CASE WHEN count(DISTINCT user_id) = 1 THEN any_value(user_id) ELSE '' END AS owner "
    "FROM {events} WHERE user_id IS NOT NULL AND session_id IS NOT NULL GROUP BY session_id"
)
_LINKED = (
    "SELECT session_id, CASE WHEN l.session_id IS NULL OR (NOT l.direct AND s.owner IS NOT NULL) THEN s.owner "
    "WHEN l.user_id = '' THEN '' WHEN s.owner IS NULL OR s.owner = l.user_id THEN l.user_id ELSE '' END AS owner "
    "FROM ({seen}) AS s FULL JOIN linked AS l USING (session_id)"
)


def with_persons(connection: Any, events: str = "events") -> str:
    """Add to a connection the view `acts`: the events with the `person` each is of; returns its name.

    What a session did before its user logged in is the user's, also by the links of `linked` where the source has
    them. A session that several users were in is nobody's but its own.

    Args:
        events: the view to begin with.
    """
    seen = _SEEN.format(events=events)
    known = connection.execute("SELECT count(*) FROM duckdb_views() WHERE view_name = 'linked'").fetchall()[0][0]
    connection.execute(f"CREATE TEMP TABLE owners AS {_LINKED.format(seen=seen) if known else seen}")
    connection.execute(
        "CREATE TEMP VIEW acts AS SELECT e.*, coalesce(e.user_id, nullif(o.owner, ''), e.session_id) AS person "
        f"FROM {events} AS e LEFT JOIN owners AS o ON o.session_id = e.session_id"
    )
    return "acts"
