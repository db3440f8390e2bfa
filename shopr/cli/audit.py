"""`shopr audit`: read the audit log, and prove that nobody changed it."""

from __future__ import annotations

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

__all__ = ["audit"]


@click.group(epilog="Example: shopr audit verify")
def audit() -> None:
    """The audit log: who did what, when and why."""


@audit.command(epilog="Example: shopr audit verify --json")
@json_option
def verify(*, as_json: bool) -> None:
    """Walk along the chain and compare it with its anchor.

    Exit status 1 if an entry was edited, removed or moved, or the end was cut off.
    """
    from shopr.config import Settings
    from shopr.errors import SecurityError
    from shopr.security.audit import AuditLog, anchor_file
    from shopr.storage import Database

    settings = Settings()
    with Database.open(settings) as database:
        found = AuditLog(database, anchor_file(settings)).verify()
    if as_json:
        echo_json(
            {"sound": found.sound, "entries": found.entries, "anchored": found.anchored, "problems": found.problems}
        )
    else:
        for problem in found.problems:
            echo(f"- {problem}")
        if found.sound:
            echo(f"The audit log is sound: {found.entries} entries, {found.anchored} of them anchored.")
    if not found.sound:
        raise SecurityError(
            f"the audit log has {len(found.problems)} problems in {found.entries} entries",
            hint="Compare it with a backup from before, and find out who could write to the database",
        )


@audit.command("list", epilog="Example: shopr audit list --count 50")
@click.option("--count", default=20, show_default=True, type=click.IntRange(1, 10_000), help="The newest so many.")
@click.option("--action", metavar="WORD", help="Only entries of this action, such as rule_added.")
@json_option
def list_(count: int, action: str | None, *, as_json: bool) -> None:
    """List the newest entries."""
    from shopr.config import Settings
    from shopr.security.audit import AuditLog, anchor_file
    from shopr.storage import Database

    settings = Settings()
    with Database.open(settings) as database:
        entries = AuditLog(database, anchor_file(settings)).entries(count, action=action)
    if as_json:
        echo_json(entries)
        return
    rows = [[e.seq, f"{e.time:%Y-%m-%d %H:%M:%S}", e.actor, e.action, e.object, e.reason] for e in entries]
    echo_table(["entry", "time (UTC)", "who", "what", "to what", "why"], rows)
