"""`shopr promote`, `rollback` and `models`: who serves, and why."""

from __future__ import annotations

from pathlib import Path

import click

from shopr.cli.output import echo, echo_frame, echo_json, json_option

__all__ = ["models", "promote", "rollback"]

_MINUTES = "%Y-%m-%d %H:%M UTC"


@click.command(epilog="Example: shopr promote --explain")
@click.argument("run_id", required=False, metavar="[RUN_ID|best]")
@click.option("--explain", is_flag=True, help="Print every check of the gate with its figures.")
@click.option(
    "--rules", type=click.Path(path_type=Path), metavar="FILE", help="Gate spec (default: experiments/gate.yaml)."
)
@click.option("--shop", metavar="NAME", help="The shop to judge on, instead of the setting.")
@json_option
def promote(run_id: str | None, explain: bool, rules: Path | None, shop: str | None, as_json: bool) -> None:
    """Let the gate judge a candidate (the newest, or a RUN_ID); if it passes, it becomes the champion.

    "best" stands for the candidate on this shop's data with the highest validation nDCG@10.
    The exit status is 0 when it was promoted, 1 when the gate refused it; both are on record.
    """
    from shopr.errors import GateError
    from shopr.progress import step
    from shopr.shop import Shop
    from shopr.tracking.promotion import best_candidate
    from shopr.tracking.promotion import promote as judge
    from shopr.workbench.spec import gate_rules

    opened = Shop.open(shop=shop)
    bounds = gate_rules(rules)
    if run_id == "best":
        run_id = best_candidate(opened.settings, opened.data.manifest.fingerprint)
    with step("Judge the candidate") as judging:
        done = judge(
            opened.settings,
            opened.interactions,
            run_id=run_id,
            rules=bounds,
            catalog=opened.catalog,
            events=opened.data.events,
        )
        judging.note("promoted" if done.version else "refused")
    if as_json:
        echo_json({"promoted": done.version is not None, "version": done.version, **done.evidence})
    else:
        if explain:
            for check in done.decision.reasons:
                echo(check.line())
            for risk in done.decision.risks:
                echo(f"risk    {risk}")
        if done.version is not None:
            echo(f"Version {done.version} is the champion: {done.decision.verdict}")
    if done.version is None:
        hint = "" if explain else "Run 'shopr promote --explain' for every check"
        raise GateError(f"refused: {done.decision.verdict}", hint=hint)


@click.command(epilog="Example: shopr rollback --reason 'conversion fell'")
@click.option("--reason", default="", help="Why, for the record.")
@json_option
def rollback(reason: str, as_json: bool) -> None:
    """Let the version serve again that served before the champion."""
    from shopr.config import Settings
    from shopr.tracking.promotion import rollback as back

    version = back(Settings(), reason=reason)
    if as_json:
        echo_json({"version": version})
    else:
        echo(f"Version {version} is the champion again")


@click.command(epilog="Example: shopr models --json")
@json_option
def models(as_json: bool) -> None:
    """List model versions, which one serves, and every promotion, refusal and rollback."""
    from shopr.config import Settings
    from shopr.tracking.promotion import history, versions

    settings = Settings()
    known, record = versions(settings), history(settings)
    if as_json:
        echo_json({"versions": known, "history": record})
        return
    if known.empty and record.empty:
        echo("No model was promoted yet. Run 'shopr tune' and 'shopr promote'.")
        return
    if not known.empty:
        known["created"] = known["created"].dt.strftime(_MINUTES)
        echo_frame(known[["version", "model", "alias", "created", "run_id"]], title="Versions")
    record["time"] = record["time"].map(lambda moment: moment.strftime(_MINUTES))
    record = record.rename(columns={"previous_version": "before", "actor": "by", "reason": "why"})
    echo_frame(record[["time", "action", "version", "before", "by", "why"]], title="History, newest first")
