"""How many of the examples' requests are understood: by rules, by the trained guess, and by both as the assistant does.

    python benchmarks/understanding.py --data FOLDER [--part held|fitted] [--wrong FILE] [--out FILE]

FOLDER holds `search/chorus_products.parquet`. The messages are those of `shopr/chat/examples`: `held` are the lines
that no model was fitted on and no lexicon was written from; `fitted` the others, whose figures say little. A message is
put into a scene in which it is likely: after a search with products shown, with something in the cart where it is about
the cart, with a question open where it answers one. It is understood where a command of `MEANT` is among those read.
`--wrong` writes the fitted lines that are not understood, to read; those of the held-out part are never written.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shopr.chat.examples import MEANT, read_examples  # noqa: E402 - the folder must be on the path first
from shopr.chat.guessing import guess_request  # noqa: E402
from shopr.chat.lexicon import LANGUAGES  # noqa: E402
from shopr.chat.need import Need  # noqa: E402
from shopr.chat.reading.reader import Reader  # noqa: E402
from shopr.chat.shelf import Shelf  # noqa: E402
from shopr.chat.state import State  # noqa: E402
from shopr.chat.text import clean  # noqa: E402
from shopr.chat.understanding.interpreter import Interpreter  # noqa: E402
from shopr.data.sources.catalog_file import read_catalog  # noqa: E402

BEFORE = [
    {"rules": 0.4449, "messages": 1742, "commit": "4191c97"},
    {"rules": 0.4439, "guess": 0.607, "both": 0.5253, "messages": 3415, "commit": "1f0e21d"},
]
"""First looks at the held-out messages: by the rules as they were when the first examples were written, and before
anything was fitted on or changed for those of the second writer, when these were added."""
OF_CART = frozenset("remove clear_cart show_cart checkout".split())
OF_PRODUCT = frozenset("details price stock delivery good_price similar add".split())
EARLIER = ("laptop", "shoes", "tv", "jacket", "coffee_machine", "phone", "chair", "tent")


@dataclass(frozen=True)
class Stage:
    """Where messages are said: readers of one range, and products of it that were shown."""

    reader: Reader
    rules: Interpreter
    shown: tuple[str, ...]
    other: str

    @classmethod
    def of(cls, data: Path) -> Stage:
        """A stage over the shared catalogue."""
        catalog, _ = read_catalog(data / "search" / "chorus_products.parquet", currency="EUR")
        shelf = Shelf(catalog)
        ids = catalog.frame["product_id"].astype(str).tolist()
        shown = tuple(ids[row] for row in shelf.kinds.rows["headphones"][:3])
        other = ids[int(shelf.kinds.rows["laptop"][0])]
        return cls(Reader(lambda: shelf), Interpreter(shelf, "EUR", None), shown, other)

    def scene(self, request: str, language: str) -> tuple[State, list[str]]:
        """A state and a cart in which a message of this request is likely."""
        if request == "search":
            return State(language=language, turn=1), []
        first = [self.shown[0]]
        state = State(
            language=language, turn=3, topic="search", listed="search", shown=list(self.shown),
            need=Need(concepts=("headphones",)),
        )  # fmt: skip
        if request in {"set_quantity", "correct_item"}:
            return replace(state, topic="cart", touched=first, before={first[0]: 0}, focus=first), first
        if request in OF_CART:
            last = [self.shown[1]]
            return replace(state, topic="cart", touched=last, focus=last), [self.other, *self.shown[:2]]
        if request in OF_PRODUCT:
            return replace(state, topic="product", focus=first), []
        if request in {"confirm", "deny"}:
            asked = {"kind": "cancel_order", "order": "A1001"}
            return replace(state, topic="order", order="A1001", pending=asked), []
        if request == "resume":
            return replace(state, topics=[Need(concepts=(name,)) for name in EARLIER]), []
        return state, []

    def heard(self, text: str, request: str, language: str) -> dict[str, list[str]]:
        """What each way of understanding makes of a message."""
        readings = self.reader.read(clean(text).text, language)
        prices = dict.fromkeys((*self.shown, self.other), 2999)
        out = {"guess": [guess_request(readings, language).request]}
        for name, interpreter in (("rules", self.rules), ("both", replace(self.rules, guess=guess_request))):
            state, cart = self.scene(request, language)
            out[name] = [c.name for c in interpreter.commands(readings, state, cart=cart, prices=prices)]
        return out


def understood(way: str, commands: list[str], request: str) -> bool:
    """Whether what was made of a message is what it asks for; of no request, that nothing is done."""
    if way == "guess":
        return commands == ["search" if request == "refine" else request]
    return set(commands) <= MEANT["other"] if request == "other" else bool(set(commands) & MEANT[request])


@dataclass
class Tally:
    """Messages understood and heard, by way and by language or request; what the guess changed; what is not."""

    counts: dict[tuple[str, str], list[int]]
    mended: int = 0
    spoilt: int = 0
    wrong: tuple[str, ...] = ()

    def add(self, language: str, request: str, text: str, heard: dict[str, list[str]]) -> None:
        """One message."""
        right = {way: understood(way, commands, request) for way, commands in heard.items()}
        for way, ok in right.items():
            for key in ("all", language, request):
                self.counts[way, key][0] += ok
                self.counts[way, key][1] += 1
        self.mended += right["both"] and not right["rules"]
        self.spoilt += right["rules"] and not right["both"]
        if not right["both"]:
            self.wrong += (f"{language}\t{request}\t{'+'.join(heard['both'])}\t{text}",)

    def shares(self) -> dict[str, dict[str, float]]:
        """The shares understood, in all, by language and by request."""
        ways = ("rules", "guess", "both")
        keys = ("all", *LANGUAGES, *MEANT)
        return {k: {way: round(self.counts[way, k][0] / self.counts[way, k][1], 4) for way in ways} for k in keys}


def tally(stage: Stage, *, held_out: bool) -> Tally:
    """Every message of a part."""
    out = Tally(defaultdict(lambda: [0, 0]))
    for language in LANGUAGES:
        for request, texts in read_examples(language, held_out=held_out).items():
            for text in texts:
                out.add(language, request, text, stage.heard(text, request, language))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SHOPR_SHARED_DATA", ".")))
    parser.add_argument("--part", choices=("held", "fitted"), default="held")
    parser.add_argument("--wrong", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    held_out = given.part == "held"
    found = tally(Stage.of(given.data), held_out=held_out)
    for key, row in found.shares().items():
        share = "  ".join(f"{way} {value:.3f}" for way, value in row.items())
        print(f"{key:16} {found.counts['rules', key][1]:5} messages  {share}")
    print(f"the guess mended {found.mended} and spoilt {found.spoilt}")
    if given.wrong is not None and not held_out:
        given.wrong.write_text("\n".join(found.wrong) + "\n", encoding="utf-8")
    if given.out is not None:
        out = {"part": given.part, "messages": found.counts["rules", "all"][1], "before": BEFORE}
        out |= {"mended": found.mended, "spoilt": found.spoilt, "share": found.shares()}
        given.out.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
