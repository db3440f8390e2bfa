"""States are true before a command shows any: what killed processes left open is ended first.

It costs the listing of one folder unless there is something to end; no database is opened and no store is imported.
"""

from __future__ import annotations

from shopr.errors import ShoprError

__all__ = ["settle"]


def settle() -> None:
    """End what killed processes of this host left open.

    A store that refuses now keeps no command from its work: whoever reads that store hears of it there, and the next
    command tries again.
    """
    from shopr.config import Settings
    from shopr.tracking.witness import left_behind

    try:
        settings = Settings()
        if left_behind(settings.home):
            from shopr.workbench.running.settling import reconcile

            reconcile(settings)
    except ShoprError:
        return
