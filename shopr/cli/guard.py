"""`shopr guard`: the guard's detector on a file of texts, or on one text with the reasons."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from shopr.cli.output import echo, echo_json, echo_table, json_option

if TYPE_CHECKING:
    from shopr.security.detectors.detector import Detection, Detector

__all__ = ["guard"]

MAX_LINE = 8 << 20
"""Bytes of one line; a longer one is a bad line."""


@click.group(epilog="Example: shopr guard scan texts.jsonl --out verdicts.jsonl")
def guard() -> None:
    """Read texts as the shop's guard reads them: attacks, and what only looks like one."""


@guard.command(epilog="Example: shopr guard scan texts.jsonl --out verdicts.jsonl --json")
@click.argument("texts", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out",
    "out_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the verdicts go, one line each, in the same order; without it they are printed.",
)
@json_option
def scan(texts: Path, out_path: Path | None, as_json: bool) -> None:
    """A verdict for every line {"text": …} of TEXTS. A line that cannot be read is flagged, and named at the end."""
    from shopr.errors import InputError
    from shopr.progress import track
    from shopr.security.detectors.detector import Detector

    if out_path is not None and out_path.exists() and out_path.samefile(texts):
        raise InputError(f"--out names the texts themselves: {out_path}", hint="Name another file")
    if out_path is None and as_json:
        raise InputError("--json prints a summary, and the verdicts are printed too", hint="Name a file with --out")
    detector, told = Detector(), Counter[str]()
    bad: list[int] = []
    with ExitStack() as stack:
        lines = stack.enter_context(texts.open("rb"))
        out = sys.stdout if out_path is None else stack.enter_context(out_path.open("w", encoding="utf-8"))
        for number, line in track(_numbered(lines), description="Scan"):
            verdict = _verdict(detector, number, line)
            told[verdict["decision"]] += 1
            if "error" in verdict:
                bad.append(number)
            _write(out, verdict)
    _conclude(told, bad, out_path, as_json)


@guard.command(epilog='Example: shopr guard check "\' or 1=1 --"')
@click.argument("text")
@json_option
def check(text: str, as_json: bool) -> None:
    """Explain the verdict on one TEXT: its readings, the rules that matched, and what each weighed."""
    from shopr.security.detectors.detector import Detector
    from shopr.security.detectors.explain import explain

    told = explain(Detector(), text)
    if as_json:
        echo_json(told)
        return
    found = told.detection
    echo(f"{found.decision}   score {found.score:.4f} (flag from {told.flag:.4f}, block from {told.block:.4f})")
    echo(found.reason or ("It left at the gate: plain text." if told.plain else "No rule matched."))
    if told.views:
        echo_table(["reading", "text"], told.views)
    if told.parts:
        echo_table(["evidence", "log-odds", "where"], told.parts)


def _numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    yield from enumerate(lines, 1)


def _verdict(detector: Detector, number: int, line: bytes) -> dict[str, Any]:
    """The verdict on one line; a bad one is flagged, since nobody knows what it holds."""
    try:
        if len(line) > MAX_LINE:
            raise ValueError(f"longer than {MAX_LINE:,} bytes")
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        text = row["text"]
        if not isinstance(text, str):
            raise TypeError(f"text is {type(text).__name__}, not a string")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        what = "no key text" if isinstance(error, KeyError) else str(error).split(": line 1")[0] or "too deeply nested"
        unread = {"decision": "flag", "score": detector.model.flag, "rules": ["input"], "view": "raw", "span": None}
        return {**unread, "error": f"line {number}: {what}"}
    return _row(detector.detect(text))


def _row(found: Detection) -> dict[str, Any]:
    span = list(found.span) if found.span else None
    return {
        "decision": found.decision,
        "score": round(found.score, 6),
        "rules": list(found.rules),
        "view": found.view,
        "span": span,
    }


def _write(out: TextIO, verdict: dict[str, Any]) -> None:
    out.write(json.dumps(verdict, ensure_ascii=True) + "\n")


def _conclude(told: Counter[str], bad: list[int], out_path: Path | None, as_json: bool) -> None:
    if bad:
        shown = ", ".join(map(str, bad[:10])) + (", …" if len(bad) > 10 else "")
        click.echo(f"warning: {len(bad)} of {told.total()} lines could not be read and are flagged: {shown}", err=True)
    if as_json:
        summary = {name: told[name] for name in ("allow", "flag", "block")}
        echo_json({"lines": told.total(), **summary, "bad_lines": bad, "out": out_path})
    elif out_path is not None:
        rows = [
            (name, told[name], f"{100 * told[name] / max(told.total(), 1):.2f} %")
            for name in ("allow", "flag", "block")
        ]
        echo_table(["decision", "texts", "share"], rows)
