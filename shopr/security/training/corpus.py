"""The rows a detector learns from: texts from the grammars, plain, disguised and inside a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from shopr.security.training.disguise import disguise
from shopr.security.training.grammar import Grammar, read_grammar

__all__ = ["Row", "carry", "embed", "embedded", "generated"]

DISGUISED, EMBEDDED = 0.25, 0.3
"""Shares of the generated attacks that are disguised, and that stand inside a sentence."""

LED = 0.25
"""Share of the harmless texts inside a sentence: else its words would seem to be what attacks are made of."""

WORDY = 0.15
"""Share of those inside a sentence that stand between paragraphs."""

CARRIED = 0.25
"""Share of the attacks inside something that stand in a record, an address or a letter rather than in a sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """One text to learn from or to measure on.

    Attributes:
        text: what it says.
        attack: whether it is one.
        kind: class of the attack, or kind of harmless text.
        source: where it comes from; `family` of sources that share texts is left out together.
        group: rows that are near copies of each other share it; -1 for generated ones.
    """

    text: str
    attack: bool
    kind: str
    source: str
    group: int = -1


def generated(attacks: int, harmless: int, *, seed: int) -> list[Row]:
    """So many attacks of every class and harmless texts of every kind, each text once."""
    generator = np.random.default_rng(seed)
    rows = [*_attacks(attacks, generator), *_harmless(harmless, generator)]
    unique = {row.text: row for row in reversed(rows)}  # an attack that a harmless text also spells stays an attack
    return list(unique.values())[::-1]


def _attacks(count: int, generator: np.random.Generator) -> Iterator[Row]:
    grammar, talk = read_grammar("attacks"), read_grammar("harmless")
    for kind in grammar.starts:
        for _ in range(count):
            text = grammar.draw(kind, generator)
            if generator.random() < DISGUISED:
                text = disguise(text, generator)
            if generator.random() < EMBEDDED:
                carried = generator.random() < CARRIED
                text = carry(text, generator) if carried else embed(text, talk, generator)
            yield Row(text, True, kind, "generated")


def _harmless(count: int, generator: np.random.Generator) -> Iterator[Row]:
    talk = read_grammar("harmless")
    for grammar in (talk, read_grammar("formats")):
        yield from _harmless_of(grammar, talk, count, generator)


def _harmless_of(grammar: Grammar, talk: Grammar, count: int, generator: np.random.Generator) -> Iterator[Row]:
    for kind in grammar.starts:
        for _ in range(count):
            text = grammar.draw(kind, generator)
            if kind != "encoded" and generator.random() < LED:
                text = embed(text, talk, generator)
            if kind in ("chat", "hard") and generator.random() < 0.1:
                text = disguise(text, generator)
                yield Row(text, False, "encoded", "generated")
            else:
                yield Row(text, False, kind, "generated")


def embed(text: str, talk: Grammar, generator: np.random.Generator) -> str:
    """`text` in the middle of what a shopper might write: mostly a sentence, sometimes whole paragraphs."""
    said = talk.draw("chatty_lead", generator) + text + talk.draw("chatty_tail", generator)
    if generator.random() < WORDY:
        said = f"{talk.draw('prose', generator)} {said} {talk.draw('prose', generator)}"
    return said


def carry(text: str, generator: np.random.Generator) -> str:
    """`text` in a record, an address, a letter or a list."""
    carrier = read_grammar("formats").draw("carrier", generator)
    return carrier.replace("«escaped»", json.dumps(text, ensure_ascii=False)[1:-1]).replace("«payload»", text)


def embedded(rows: Iterable[Row], share: float, *, seed: int) -> list[Row]:
    """A share of the attacks among `rows`, each inside a sentence."""
    generator = np.random.default_rng(seed)
    talk = read_grammar("harmless")
    return [
        Row(embed(row.text, talk, generator), True, row.kind, row.source, row.group)
        for row in rows
        if row.attack and generator.random() < share
    ]
