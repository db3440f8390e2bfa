"""`shopr demo`: the main job, end to end, then the app."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.demo import DemoResult

__all__ = ["demo"]


@click.command(epilog="Example: shopr demo --data online_retail.parquet --no-app")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="PATH", help="Real data instead of the simulated shop."
)
@click.option(
    "--budget",
    default=45.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Wall time of the search.",
)
@click.option(
    "--preset", default="demo", show_default=True, help="Size of the simulated shop: tiny, small, demo, large."
)
@click.option("--fresh", is_flag=True, help="Do every step again, also those that are finished.")
@click.option("--app/--no-app", "with_app", default=True, help="Start the app at the end.")
@click.option("--port", type=click.IntRange(0, 65535), help="The app's port; 8501 or a free one by default.")
@json_option
def demo(
    *, data: Path | None, budget: float, preset: str, fresh: bool, with_app: bool, port: int | None, as_json: bool
) -> None:
    """Simulate a shop (or read PATH), describe it, tune, compare with baselines, promote, and start the app.

    On a terminal the app stays open until Ctrl-C. In a pipe or in CI it is started, asked whether it is well, and
    stopped again. Finished steps are kept: a second demo is quick.
    """
    from shopr.config import Settings
    from shopr.demo import run_demo
    from shopr.progress import show

    show(True)
    settings = Settings()
    result = run_demo(
        settings,
        data=data,
        budget_seconds=budget,
        preset=preset,
        fresh=fresh,
        say=lambda line: echo(line) if not as_json else None,
    )
    if as_json:
        echo_json(
            {
                "shop": result.shop.name,
                "model": result.model,
                "run_id": result.run_id,
                "promoted": result.promoted,
                "version": result.version,
                "verdict": result.verdict,
                "comparison": result.comparison,
                "reused": result.reused,
            }
        )
    else:
        _report(result)
    if with_app:
        _open(result, port, quiet=as_json)


def _report(result: DemoResult) -> None:
    table = result.comparison
    rows = []
    for row in table.to_dict("records"):
        name = f"{result.model} (tuned)" if row["model"] == "tuned" else row["model"]
        rows.append([name, _span(row, "ndcg", "lo", "hi"), _span(row, "lead", "lead_lo", "lead_hi", sign=True),
                     f"{row['recall']:.3f}", f"{row['coverage']:.1%}", f"{row['fit_s']:.1f}"])  # fmt: skip
    shoppers = int(table["shoppers"].iloc[0])
    echo_table(
        ["model", "nDCG@10 [95 %]", "lead of the tuned model [95 %]", "recall@10", "coverage", "fit s"],
        rows,
        title=f"{result.shop.name}: the latest tenth of the purchases, {shoppers:,} shoppers, all products ranked",
    )
    word = "Promoted" if result.promoted else "Not promoted"
    echo(f"{word}: {result.verdict}")


def _span(row: dict[str, float], mean: str, low: str, high: str, *, sign: bool = False) -> str:
    import pandas as pd

    if pd.isna(row.get(mean)):
        return "–"
    form = "+.4f" if sign else ".4f"
    return f"{row[mean]:{form}} [{row[low]:{form}}, {row[high]:{form}}]"


def _open(result: DemoResult, port: int | None, *, quiet: bool) -> None:
    """The app in the foreground on a terminal; else started, asked for its health, and stopped."""
    from shopr.progress import step
    from shopr.serving.streamlit_server import launch

    stays = sys.stdin.isatty() and sys.stdout.isatty()
    signal.signal(signal.SIGTERM, _leave)
    with launch(result.shop.settings, port) as server:
        with step("Start the app"):
            server.wait_healthy()
        if not quiet:
            echo(f"The app is at {server.address}")
        if stays:
            echo("Press Ctrl-C to stop it.")
            with suppress(KeyboardInterrupt):  # how one ends a demo is no failure
                server.wait()
        elif not quiet:
            echo("It answered, and was stopped again: open it with 'shopr app'.")


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
