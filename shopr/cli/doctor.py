"""`shopr doctor`: what may be wrong with this machine."""

from __future__ import annotations

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

__all__ = ["doctor"]


@click.command(epilog="Example: shopr doctor --json")
@json_option
def doctor(as_json: bool) -> None:
    """Check Python, packages, settings, storage, disk and extras; exit status 1 if something is broken."""
    from shopr.operate.doctor import examine

    findings = examine()
    broken = [finding for finding in findings if finding.verdict == "broken"]
    if as_json:
        echo_json({"ok": not broken, "findings": findings})
    else:
        rows = [(f.name, f.verdict, f.detail + (f". {f.fix}" if f.fix else "")) for f in findings]
        echo_table(["what", "verdict", "found"], rows)
        echo(f"{len(broken)} broken" if broken else "All is well.")
    if broken:
        raise click.exceptions.Exit(1)
