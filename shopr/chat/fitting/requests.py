"""Fits the guess of a request: on the examples that are not held out, the phrases of the lexicons, and word vectors.

Every example counts twice, with what the rules found in it and without: lexicons grow from these very examples, and
what they find there says more than what they will find in a message that nobody has read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shopr.chat.examples import read_examples
from shopr.chat.fitting.linear import packed, sparse
from shopr.chat.fitting.words import WordVectors
from shopr.chat.guessing import request_blocks
from shopr.chat.lexicon import Lexicon, lexicon, spoken
from shopr.chat.linear import LinearText
from shopr.chat.reading.phrases import PhraseBook
from shopr.chat.reading.reader import Reader
from shopr.chat.text import clean

__all__ = ["Lesson", "NoRange", "fit_requests", "fit_shipped", "lessons", "phrases"]

Lesson = tuple[list[list[int]], str, float]
"""Features of a text, what it asks for, and how much it counts."""

_MEANS = {
    "find": "search", "arrival": "order_status", "late": "order_status", "price_of": "price", "total": "show_cart",
    "discount": "refuse_discount", "gift": "recommend", "another": "set_quantity", "fewer": "set_quantity",
    "double": "set_quantity",
}  # fmt: skip
"""Commands of the lexicons by another name."""
_NOT_LEARNT = frozenset("want which cheapest dearest memory_show memory_forget memory_allow".split())
_OF_PHRASE, _WITHOUT_ASKS = 0.5, 0.5
"""How much a lexicon's phrase counts, and an example without what the rules found; the example itself counts 1."""

_LEARNT = 3
"""Blocks of features whose weights are learnt one by one; those of the block after them come from vectors."""
_STEP, _MOST = 4, 124
"""Weights of words are rounded to multiples of this, for the file's size, up to this."""


class NoRange:
    """A shop that sells nothing, so that what is learnt does not depend on a catalogue."""

    brands = PhraseBook()

    def has_id(self, product_id: str) -> bool:
        """No product has an id."""
        return False

    def word_count(self, word: str) -> int:
        """No title holds a word."""
        return 0


def lessons(examples: Sequence[tuple[str, str, str]]) -> list[Lesson]:
    """What examples (language, request, text) teach; a narrowed search is a search."""
    reader = Reader(NoRange)
    out: list[Lesson] = []
    for language, request, text in examples:
        readings = reader.read(clean(text).text, language)
        name = "search" if request == "refine" else request
        out.append((request_blocks(readings, language), name, 1.0))
        out.append((request_blocks(readings, language, asks=False), name, _WITHOUT_ASKS))
    return out


def phrases() -> list[Lesson]:
    """What the phrases of the lexicons teach, in every language."""
    reader = Reader(NoRange)
    out: list[Lesson] = []
    for language in spoken():
        for name, text in _said(lexicon(language)):
            readings = reader.read(text, language)
            out.append((request_blocks(readings, language, asks=False), name, _OF_PHRASE))
    return out


def _said(words: Lexicon) -> list[tuple[str, str]]:
    """Requests and phrases, a product in the place of the gap."""
    product = next(iter(words.concepts.values()))[0]
    pairs = [(_MEANS.get(n, n), p) for n, ps in words.commands.items() if n not in _NOT_LEARNT for p in ps]
    pairs += [(name, p) for mark, name in (("yes", "confirm"), ("no", "deny")) for p in words.markers.get(mark, ())]
    return [(name, phrase.replace("*", product)) for name, phrase in pairs]


def fit_requests(
    taught: Sequence[Lesson],
    vectors: WordVectors | None = None,
    *,
    strength: float = 0.5,
    least: int = 2,
    kept: int = 40_000,
    size: int = 128,
    seed: int = 0,
) -> LinearText:
    """A linear support vector machine, one class against the rest, pruned and rounded to int8.

    Args:
        taught: the lessons; those of requests that no whole lesson is of are left out.
        vectors: of words; without them a word counts only as far as lessons hold it.
        strength: inverse regularisation (scikit-learn's C).
        least: in how many whole lessons a feature must occur.
        kept: how many features stay beside the words of `vectors`.
        size: numbers of a word's vector that count.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.svm import LinearSVC

    known = {name for _, name, weight in taught if weight == 1.0}
    taught = [lesson for lesson in taught if lesson[1] in known]
    rows = [found[:_LEARNT] for found, _, _ in taught]
    whole_rows = [row for row, (_, _, weight) in zip(rows, taught, strict=True) if weight == 1.0]
    found = np.array([key for row in whole_rows for block in row for key in block], np.uint32)
    keys, times = np.unique(found, return_counts=True)
    keys = keys[times >= least]
    matrix = whole = sparse(rows, keys)
    spoken_of = [found[_LEARNT] for found, _, _ in taught]
    if vectors is not None:
        vectors = vectors.reduced(spoken_of, size)
        whole = hstack([matrix, csr_matrix(vectors.pooled(spoken_of))]).tocsr()
    model = LinearSVC(C=strength, random_state=seed, tol=3e-3)
    model.fit(whole, [name for _, name, _ in taught], sample_weight=[weight for _, _, weight in taught])
    weights: npt.NDArray[np.float32] = model.coef_.T.astype(np.float32)
    classes = [str(name) for name in model.classes_]
    bias = model.intercept_.astype(np.float32)
    learnt = packed(classes, keys, weights[: len(keys)], bias, matrix=matrix, kept=kept)
    return learnt if vectors is None else _with_words(learnt, vectors, weights[len(keys) :])


def _with_words(model: LinearText, vectors: WordVectors, weights: npt.NDArray[np.float32]) -> LinearText:
    """The model with a row for every word of the vectors."""
    rows = np.clip(np.round(vectors.values @ weights / model.scales / _STEP) * _STEP, -_MOST, _MOST).astype(np.int8)
    keys, first = np.unique(np.concatenate([model.keys, vectors.keys]), return_index=True)
    return LinearText(model.classes, keys, np.concatenate([model.weights, rows])[first], model.scales, model.bias)


def fit_shipped(vectors: WordVectors | None, seed: int = 0) -> LinearText:
    """The model of the package: of every language's examples but the held-out ones."""
    examples = [
        (code, name, text) for code in spoken() for name, texts in read_examples(code).items() for text in texts
    ]
    return fit_requests(lessons(examples) + phrases(), vectors, seed=seed)
