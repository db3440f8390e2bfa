"""`shopr events key | resolve | unlink`: who may send events, which errors are mended, and which merges were wrong."""

from __future__ import annotations

import getpass

import click

from shopr.cli.output import echo, echo_json, json_option
from shopr.errors import InputError

__all__ = ["key", "resolve", "unlink"]


@click.command(epilog="Example: shopr events key web --origin https://shop.example")
@click.argument("label")
@click.option("--origin", multiple=True, metavar="URL", help="A site whose pages may send: makes a publishable key.")
@click.option("--metrics", is_flag=True, help="A secret key that may read /metrics instead of sending events.")
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650), help="How long it holds.")
@json_option
def key(label: str, *, origin: tuple[str, ...], metrics: bool, days: int, as_json: bool) -> None:
    """Make a key called LABEL for sending events over HTTP: publishable with --origin, else secret.

    The key is shown once. A publishable one may stand in a page; a secret one may say who did what.
    """
    from shopr.shop import Shop

    if origin and metrics:
        raise InputError("--origin and --metrics exclude each other", hint="Make two keys")
    keys, owner = Shop.open().security.api_keys, getpass.getuser()
    if origin:
        text, made = keys.create(owner, label, kind="publishable", origins=origin, days=days)
    else:
        text, made = keys.create(owner, label, scopes=["metrics" if metrics else "events"], days=days)
    if as_json:
        echo_json({"key": text, "id": made.id, "kind": made.kind, "origins": made.origins, "scopes": made.scopes})
        return
    echo(text)
    echo(f"Keep it: it is shown once. It holds for {days} days.")


@click.command(epilog="Example: shopr events resolve 3f2a9c01d4e5b6a7 --release 0.2.0")
@click.argument("fingerprint")
@click.option("--release", metavar="NAME", help="The release that mends it.")
@click.option("--reopen", is_flag=True, help="Take it back.")
def resolve(fingerprint: str, *, release: str | None, reopen: bool) -> None:
    """Call a group of errors resolved; where it comes back in that release or a later one, it is a regression."""
    from shopr.analytics.health.resolutions import Resolutions
    from shopr.analytics.store.event_store import EventStore

    book = Resolutions(EventStore.open())
    if reopen:
        echo("It is open again." if book.reopen(fingerprint) else "It was not resolved.")
        return
    if not release:
        raise InputError("no --release is given", hint="Name the release that mends it, or use --reopen")
    book.resolve(fingerprint, release, actor=getpass.getuser())
    echo(f"Resolved in {release}.")


@click.command(epilog="Example: shopr events unlink ann --device d-71c2")
@click.argument("user")
@click.option("--session", default="", metavar="ID", help="Only in this session.")
@click.option("--device", default="", metavar="ID", help="Only on this device.")
def unlink(user: str, *, session: str, device: str) -> None:
    """Undo merges: what sessions and devices did without a name is no longer USER's. Events stay as they are."""
    from shopr.analytics.store.event_store import EventStore

    gone = EventStore.open().identities.unlink(user, session_id=session, device_id=device)
    echo(f"{gone:,} links forgotten.")
