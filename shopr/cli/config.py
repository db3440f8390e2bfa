"""`shopr config`: the settings in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.config import Settings

__all__ = ["config"]


@click.group(epilog="Example: SHOPR_CURRENCY=EUR shopr config show")
def config() -> None:
    """Show the settings in force and where each value comes from."""


@config.command(epilog="Example: shopr config show --json")
@json_option
def show(as_json: bool) -> None:
    """Every setting with its value and its origin; passwords are masked."""
    from shopr.config import Settings

    settings = Settings()
    if as_json:
        echo_json({n: {"value": _value(settings, n), "origin": settings.origin(n)} for n in settings.names()})
    else:
        rows = [(name, settings.shown(name), settings.origin(name)) for name in settings.names()]
        echo_table(["setting", "value", "origin"], rows)
    for variable, near in settings.misspelt().items():
        guess = f"; did you mean {near}?" if near else ""
        click.echo(f"warning: {variable} is no setting of Shopr{guess}", err=True)


def _value(settings: Settings, name: str) -> int | str:
    """Numbers stay numbers; everything else is the text that people may read."""
    value = getattr(settings, name)
    return value if isinstance(value, int) else settings.shown(name)
