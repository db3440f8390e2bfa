"""Training text of the shipped intent model: the commands of every lexicon, said in many ways, from a seed.

Each phrase of a command stands alone, with a greeting before, a "please" after, a product in its gap or beside it. The
"off_topic" phrases and bare products are classes like others, so that what is neither scores low everywhere.
"""

from __future__ import annotations

import numpy as np

from shopr.chat.fitting.linear import features, fit_linear
from shopr.chat.lexicon import Lexicon, lexicon, spoken
from shopr.chat.linear import LinearText

__all__ = ["LEFT_OUT", "fit_intents", "generate"]

LEFT_OUT = frozenset(
    {"want", "which", "resume", "set_quantity", "gift", "dearest", "cheapest", "double", "fewer", "another"}
)
"""Commands whose words depend on what was said before: not told from one message."""


def generate(seed: int = 0, *, variants: int = 3) -> tuple[list[str], list[str]]:
    """Texts and their intents, in every language that has a lexicon."""
    rng = np.random.default_rng(seed)
    texts, intents = [], []
    for code in spoken():
        words = lexicon(code)
        for intent, phrases in words.commands.items():
            if intent in LEFT_OUT:
                continue
            for phrase in phrases:
                for _ in range(variants):
                    texts.append(_said(phrase, words, rng))
                    intents.append(intent)
        products = [w for ws in words.concepts.values() for w in ws[:2]]
        texts += products
        intents += ["find"] * len(products)
    return texts, intents


def _said(phrase: str, words: Lexicon, rng: np.random.Generator) -> str:
    """One way of saying a phrase."""
    gap = " " if words.spaces else ""
    concepts = list(words.concepts.values())
    product = concepts[int(rng.integers(len(concepts)))][0]
    ordinal = words.ordinals[int(rng.integers(1, 4))][0]
    said = phrase.replace("*", (product, ordinal)[int(rng.integers(2))])
    if rng.random() < 0.3 and "*" not in phrase:
        said = f"{said}{gap}{product}"
    if rng.random() < 0.2:
        said = f"{words.commands['greet'][0]}{gap}{said}"
    if rng.random() < 0.25:
        said = f"{said}{gap}{words.markers['please'][0]}"
    return said


def fit_intents(seed: int = 0, *, kept: int = 30_000, strength: float = 3.0) -> LinearText:
    """The intent model of the package."""
    texts, intents = generate(seed)
    names = sorted(set(intents))
    labels = np.array([[intent == name for name in names] for intent in intents])
    return fit_linear(
        features(texts), labels, names, strength=strength, kept=kept, balanced=False, seed=seed, tolerance=0.1
    )
