"""`shopr app`: the Streamlit app in the foreground."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from shopr.cli.output import echo

__all__ = ["app"]


@click.command(epilog="Example: shopr app --port 8600 --shop demo")
@click.option("--port", type=click.IntRange(0, 65535), help="Port, 0 for any free one; by default 8501 or a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; see SHOPR_REQUIRE_SIGN_IN.")
@click.option("--shop", metavar="NAME", help="The shop to open, instead of the setting.")
@click.option("--check", is_flag=True, help="Start the app, wait until it answers and its script runs, stop it, leave.")
def app(port: int | None, host: str, shop: str | None, check: bool) -> None:
    """Open the app in a browser: the shop, its champion, and what it recommends to whom."""
    from shopr.config import Settings
    from shopr.serving.streamlit_server import launch
    from shopr.workbench.running.settling import watching

    settings = Settings(shop=shop) if shop else Settings()
    # Whoever ends this process by a signal means the app as well: leave through the `with` below.
    signal.signal(signal.SIGTERM, _leave)
    with watching(settings), launch(settings, port, host=host, check=check) as server:
        server.wait_healthy()
        if check:
            echo(f"The app answers at {server.address} and its script runs; stopped again.")
            return
        echo(f"The app is at {server.address}")
        echo(f"Its log is {server.log}. Press Ctrl-C to stop it.")
        sys.stdout.flush()
        status = server.wait()
    if status:
        from shopr.errors import RunError

        raise RunError(f"the app ended with status {status}", hint=f"Read {server.log}")


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
