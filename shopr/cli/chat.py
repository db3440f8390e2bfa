"""`shopr chat`: talk to the assistant in the terminal, or replay scripted dialogues and score them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.chat.replay import Played, Summary
    from shopr.chat.reply import Reply

__all__ = ["chat"]


@click.command(epilog="Example: shopr chat --replay dialogues.json --catalog products.parquet --out turns.jsonl")
@click.option(
    "--replay",
    "replay_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Scripted dialogues (JSON) to play and score.",
)
@click.option(
    "--catalog",
    "catalog_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Products of the replay: CSV, Excel or Parquet. Needed with --replay.",
)
@click.option(
    "--out",
    "out_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where one JSON line a turn goes.",
)
@click.option("--track", is_flag=True, help="Log the scores of a replay to MLflow.")
@click.option("--shop", metavar="NAME", help="The shop to talk to; by default the one of the settings.")
@click.option("--user", metavar="ID", help="Who is signed in; nobody by default.")
@click.option("--language", metavar="TAG", help="Language of the first reply, such as de; messages decide afterwards.")
@click.option("--conversation", metavar="ID", help="Go on with a conversation; a new one by default.")
@json_option
def chat(
    *,
    replay_path: Path | None,
    catalog_path: Path | None,
    out_path: Path | None,
    track: bool,
    shop: str | None,
    user: str | None,
    language: str | None,
    conversation: str | None,
    as_json: bool,
) -> None:
    """Talk to the shop's assistant, or replay scripted dialogues.

    A replay ends with status 1 if a turn fails. In the terminal an empty line or Ctrl-D ends the conversation.
    """
    from shopr.errors import InputError

    if replay_path is None:
        if catalog_path is not None or out_path is not None or track:
            raise InputError(
                "--catalog, --out and --track belong to a replay", hint="Name the dialogues with --replay FILE"
            )
        _talk(shop, user, language, conversation or uuid4().hex, as_json=as_json)
        return
    if catalog_path is None:
        raise InputError("--replay needs the products", hint="Name them with --catalog FILE")
    _replay(replay_path, catalog_path, out_path, track=track, as_json=as_json)


# -- replay -----------------------------------------------------------------------------------------------------------


def _replay(replay_path: Path, catalog_path: Path, out_path: Path | None, *, track: bool, as_json: bool) -> None:
    from shopr.chat.replay import play, read_script, summary
    from shopr.data.sources.catalog_file import read_catalog
    from shopr.progress import step
    from shopr.search import ProductSearch

    script = read_script(replay_path)
    with step("Read the catalogue") as reading:
        catalog, _ = read_catalog(catalog_path, currency=script.fixtures.currency)
        reading.note(f"{len(catalog):,} products")
    with step("Index the products"):
        search = ProductSearch.build(catalog)
    played: list[Played] = []
    lines: list[str] = []
    with step("Play the dialogues") as playing:
        for one in play(script, catalog, search=search):
            played.append(one)
            lines += [json.dumps(line, ensure_ascii=False) for line in one.lines]
        playing.note(f"{len(played):,} dialogues")
    if out_path is not None:
        _write(out_path, lines)
    found = summary(played)
    if track:
        _track(found, replay_path, catalog_path)
    if as_json:
        echo_json({**found.as_dict(), "failures": _failures(played)})
    else:
        _print(found, played)
    if found.turns_passed < found.turns:
        sys.exit(1)


def _track(found: Summary, replay_path: Path, catalog_path: Path) -> None:
    """The scores as an MLflow run of the experiment `chat`, with the counts by capability."""
    from shopr.config import Settings
    from shopr.data.fingerprint import fingerprint_file
    from shopr.tracking.runs import run

    settings = Settings()
    params = {"dialogues": replay_path.name, "script": fingerprint_file(replay_path), "catalog": catalog_path.name}
    with run("replay", settings=settings, experiment="chat", params=params, seed=settings.seed) as made:
        made.metrics({"turns_passed": found.turn_accuracy, "dialogues_passed": found.dialogue_success})
        made.metrics({"invented": found.invented, "first_p95_ms": found.first_p95, "later_p95_ms": found.later_p95})
        made.json(found.as_dict(), "replay.json")


def _write(path: Path, lines: list[str]) -> None:
    """Write the lines whole or not at all: a file that was there stays until the new one is complete."""
    from shopr.data.folders import replaced_file

    with replaced_file(path) as fresh:
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _failures(played: list[Played]) -> list[dict[str, Any]]:
    return [
        {
            "dialogue": line["dialogue"],
            "turn": line["turn"],
            "said": one.dialogue.steps[line["turn"]].user,
            "why": line["failures"],
        }
        for one in played
        for line in one.lines
        if line["failures"]
    ]


def _print(found: Summary, played: list[Played]) -> None:
    for failure in _failures(played):
        echo(f"{failure['dialogue']} turn {failure['turn']}: {'; '.join(failure['why'])}")
    echo_table(("capability", "passed", "dialogues"), [(k, p, n) for k, (p, n) in found.capabilities.items()])
    echo(
        f"{found.turns_passed} of {found.turns} turns pass ({found.turn_accuracy:.1%}), "
        f"{found.dialogues_passed} of {found.dialogues} dialogues ({found.dialogue_success:.1%}); "
        f"{found.invented} invented facts"
    )
    echo(
        f"processor time of a reply: first {found.first_p50} ms (p95 {found.first_p95}), "
        f"later {found.later_p50} ms (p95 {found.later_p95})"
    )


# -- terminal ---------------------------------------------------------------------------------------------------------


def _talk(shop: str | None, user: str | None, language: str | None, conversation: str, *, as_json: bool) -> None:
    from shopr.progress import step
    from shopr.shop import Shop

    opened = Shop.open(shop=shop)
    with step("Open the shop"):
        assistant = opened.assistant
        assistant.warm([language] if language else ["en"])
    asked = sys.stdin.isatty() and not as_json
    while True:
        said = _line("you> " if asked else "")
        if not said:
            return
        reply = assistant.reply(said, conversation_id=conversation, user_id=user, language=language)
        if as_json:
            echo(json.dumps(reply.as_dict(), ensure_ascii=False))
        else:
            _say(reply)


def _line(prompt: str) -> str:
    """What was typed; "" at the end of it."""
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


def _say(reply: Reply) -> None:
    echo(reply.text)
    if reply.quick_replies:
        echo(f"  [{' | '.join(reply.quick_replies)}]")
    echo()
