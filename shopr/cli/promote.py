"""`shopr promote`, `rollback` and `models`: who serves, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo, echo_frame, echo_json, json_option

if TYPE_CHECKING:
    from shopr.config import Settings
    from shopr.tracking.promotion import Judgement
    from shopr.tracking.rules import RolloutRules, Rules

__all__ = ["models", "promote", "rollback"]

_MINUTES = "%Y-%m-%d %H:%M UTC"


@click.command(epilog="Example: shopr promote --explain")
@click.argument("run_id", required=False, metavar="[RUN_ID|best]")
@click.option("--explain", is_flag=True, help="Print every check of the gate with its figures.")
@click.option(
    "--to", type=click.Choice(["champion", "challenger"]), default="champion", show_default=True,
    help="What it becomes: it serves at once, or goes on from there by --next.",
)  # fmt: skip
@click.option("--next", "next_", is_flag=True, help="Let the version on trial go one stage on, if it did well.")
@click.option(
    "--rules", type=click.Path(path_type=Path), metavar="FILE", help="Gate spec (default: experiments/gate.yaml)."
)
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.html", help="Write the decision as a page.")
@click.option("--shop", metavar="NAME", help="The shop to judge on, instead of the setting.")
@json_option
def promote(
    run_id: str | None, *, explain: bool, to: str, next_: bool, rules: Path | None, report: Path | None,
    shop: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Let the gate judge a candidate (the newest, or a RUN_ID); if it passes, it becomes the champion.

    "best" stands for the candidate on this shop's data with the highest validation nDCG@10.
    The exit status is 0 when it was promoted, 1 when the gate refused it; both are on record.

    The careful way is --to challenger, then --next three times: as shadow it answers unseen, as canary it serves a
    share of the shoppers, at last everybody. It goes on only when it gave enough answers and broke no bound.
    """
    from shopr.workbench.specs.spec import gate_rules

    bounds = gate_rules(rules)
    if next_:
        if run_id is not None or explain or report is not None or to != "champion":
            raise click.UsageError("--next is about the version on trial: give no RUN_ID, --to, --report or --explain")
        _advance(bounds.rollout, as_json=as_json)
        return
    done = _judged(run_id, to, bounds, shop)
    if report is not None:
        from shopr.tracking.gatepage import gate_page, write_gate_page

        write_gate_page(report, gate_page(done.decision, version=done.version, run_id=done.run_id))
    if as_json:
        echo_json({"promoted": done.version is not None, "version": done.version, **done.evidence})
    else:
        if explain:
            for check in done.decision.reasons:
                echo(check.line())
            for risk in done.decision.risks:
                echo(f"risk    {risk}")
        if done.version is not None:
            echo(f"Version {done.version} is the {to}: {done.decision.verdict}")
    if done.version is None:
        from shopr.errors import GateError

        hint = "" if explain else "Run 'shopr promote --explain' for every check"
        raise GateError(f"refused: {done.decision.verdict}", hint=hint)


def _judged(run_id: str | None, to: str, bounds: Rules, shop: str | None) -> Judgement:
    from shopr.progress import step
    from shopr.shop import Shop
    from shopr.tracking.promotion import promote as judge
    from shopr.tracking.registry import best_candidate

    opened = Shop.open(shop=shop)
    if run_id == "best":
        run_id = best_candidate(opened.settings, opened.data.manifest.fingerprint)
    with step("Judge the candidate") as judging:
        done = judge(
            opened.settings,
            opened.interactions,
            run_id=run_id,
            to="challenger" if to == "challenger" else "champion",
            rules=bounds,
            catalog=opened.catalog,
            events=opened.data.events,
        )
        judging.note("promoted" if done.version else "refused")
    return done


def _advance(rules: RolloutRules, *, as_json: bool) -> None:
    from shopr.config import Settings
    from shopr.tracking.rollout import advance

    version, stage = advance(Settings(), rules=rules)
    if as_json:
        echo_json({"version": version, "stage": stage})
        return
    after = {
        "shadow": "it answers along with the champion, unseen",
        "canary": f"it serves {rules.canary_share:.0%} of the shoppers",
        "champion": "it serves everybody",
    }
    echo(f"Version {version} is the {stage}: {after[stage]}")


@click.command(epilog="Example: shopr rollback --reason 'conversion fell'")
@click.option("--reason", default="", help="Why, for the record.")
@click.option(
    "--to", metavar="VERSION", help="Which version that was the champion once; else the one before the present."
)
@click.option("--trial", is_flag=True, help="End the trial of the challenger, shadow or canary instead.")
@json_option
def rollback(reason: str, to: str | None, trial: bool, as_json: bool) -> None:
    """Let the version serve again that served before the champion, or any other that was champion once.

    A version whose files are gone or changed is passed over for the one before it; one that is named by --to is not.
    The app and the gateway follow within seconds; who did it, when and why is on record ('shopr models').
    """
    from shopr.config import Settings

    if trial and to is not None:
        raise click.UsageError("--trial ends a trial and --to names a former champion: give one of them")
    if trial:
        from shopr.tracking.rollout import withdraw

        version = withdraw(Settings(), reason=reason)
        said = f"Version {version} is on trial no more"
    else:
        from shopr.tracking.promotion import rollback as back

        version = back(Settings(), to=to, reason=reason)
        said = f"Version {version} is the champion again"
    if as_json:
        echo_json({"version": version})
    else:
        echo(said)


@click.command(epilog="Example: shopr models --card 3 > card.md")
@click.option("--card", metavar="VERSION", help="Print the model card of a version, in Markdown.")
@click.option(
    "--retire", type=click.IntRange(min=1), metavar="KEEP",
    help="Delete the versions that no alias names, but for the KEEP last ones that served before the champion.",
)  # fmt: skip
@json_option
def models(card: str | None, retire: int | None, as_json: bool) -> None:
    """List model versions, which one serves, and every promotion, refusal and rollback."""
    from shopr.config import Settings
    from shopr.tracking.promotion import history
    from shopr.tracking.registry import versions
    from shopr.tracking.rollout import on_trial

    settings = Settings()
    if card is not None or retire is not None:
        _card_or_retire(settings, card, retire, as_json=as_json)
        return
    known, record, trial = versions(settings), history(settings), on_trial(settings)
    if as_json:
        echo_json({"versions": known, "history": record, "trial": trial})
        return
    if known.empty and record.empty:
        echo("No model was promoted yet. Run 'shopr tune' and 'shopr promote'.")
        return
    if not known.empty:
        known["created"] = known["created"].dt.strftime(_MINUTES)
        echo_frame(known[["version", "model", "alias", "created", "run_id"]], title="Versions")
    if trial is not None:
        tally = trial.tally
        echo(f"Version {trial.version} is {trial.stage}: {tally.answers:,} answers, {tally.errors:,} failed")
    record["time"] = record["time"].map(lambda moment: moment.strftime(_MINUTES))
    record = record.rename(columns={"previous_version": "before", "actor": "by", "reason": "why"})
    echo_frame(record[["time", "action", "version", "before", "by", "why"]], title="History, newest first")


def _card_or_retire(settings: Settings, card: str | None, keep: int | None, *, as_json: bool) -> None:
    if card is not None:
        from shopr.tracking.cards import model_card

        text = model_card(settings, card)
        echo_json({"version": card, "card": text}) if as_json else echo(text)
    if keep is not None:
        from shopr.tracking.retention import retire

        gone = retire(settings, keep)
        told = f"Retired: {', '.join(gone)}" if gone else "Nothing to retire"
        echo_json({"retired": gone}) if as_json else echo(told)
