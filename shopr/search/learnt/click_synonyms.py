"""Synonyms learnt from clicks: words of shoppers that mean what the catalogue calls otherwise.

A phrase of queries is tied to a word of the catalogue where those who clicked after searching for it clicked products
that bear the word far more often than others do (binomial tail; all pairs judged together, Benjamini & Hochberg 1995),
and often enough (Wilson's lower bound). Words of the query itself explain nothing, and a phrase that the clicked
products bear themselves needs no synonym. That is only a proposal: a rule is switched on where, for people who took no
part in finding it, what they clicked rises (one value a person, interval above 0, Bonferroni over the proposals).
Everything is counted by person, so that one shopper, or one script, proves nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shopr.errors import SpecError
from shopr.randomness import DEFAULT_SEED, generator
from shopr.search.learnt.journal import SearchJournal
from shopr.search.searching.engine import ProductSearch
from shopr.search.text.lexicon import listed
from shopr.search.text.masking import MASK, masked
from shopr.search.text.synonyms import Synonyms
from shopr.search.text.tokens import JOINED, STOP_WORDS, Token, tokenise

__all__ = ["LearntRule", "learn_synonyms"]

LEAST_PEOPLE = 8
"""People who must have clicked after searching for a phrase, among those who propose and again among the others."""
_SHARE = 0.4
"""Share of them that must click products with the word, at Wilson's lower bound."""
_LIFT = 3.0
"""Times as often as everybody else."""
_FALSE = 0.01
"""Expected share of false pairs among the proposals (false discovery rate)."""
_LEVEL = 0.95
_TRIED = 3
"""Words that are tried for one phrase; the best, by those who propose, is proved."""
_DEPTH = 50
_TITLE = (0, 1)
"""Fields in which a product's own words stand: title and type."""
Phrase = tuple[str, ...]


@dataclass(frozen=True)
class LearntRule:
    """One rule and what speaks for it.

    Attributes:
        phrase: words of shoppers. words: of the catalogue.
        people: who clicked after searching for the phrase. share: of them who clicked products with the words.
        lift: how many times as often as everybody else. p: of so many by chance.
        proved: people who took no part in that. gain: change of the discounted worth of what they clicked, by person;
            low, high: its interval. on: whether the rule holds.
    """

    phrase: str
    words: str
    people: int
    share: float
    lift: float
    p: float
    proved: int
    gain: float
    low: float
    high: float
    on: bool


@dataclass(frozen=True)
class _Record:
    """One person, one query, and the catalogue rows that were clicked."""

    who: int
    query: str
    rows: tuple[int, ...]


def learn_synonyms(
    search: ProductSearch, journal: SearchJournal, *, seed: int = DEFAULT_SEED
) -> tuple[LearntRule, ...]:
    """The rules that people's clicks propose, those that hold first, each with its proof.

    Args:
        search: of the catalogue as it is, without learnt rules.
    """
    records = _records(search, journal)
    people = np.unique([record.who for record in records])
    half = set(generator(seed, "search-synonyms").permutation(people)[: (len(people) + 1) // 2].tolist())
    finding = [record for record in records if record.who in half]
    proving = _Judge(search, [record for record in records if record.who not in half])
    proposed = _proposed(search, finding)
    rules = [_proved(proving, rule, len(proposed)) for rule in proposed]
    return tuple(sorted(rules, key=lambda rule: (not rule.on, -rule.people, rule.phrase)))


def _records(search: ProductSearch, journal: SearchJournal) -> list[_Record]:
    """What each person clicked for each query; queries with masked parts are nobody's rule."""
    known = {name: row for row, name in enumerate(search.index.ids.ids.tolist())}
    rows = [known.get(name, -1) for name in journal.products]
    clicked: dict[tuple[int, str], set[int]] = defaultdict(set)
    for at, product in zip(journal.click_search.tolist(), journal.click_product.tolist(), strict=True):
        if rows[product] >= 0:
            clicked[int(journal.person[at]), journal.queries[at]].add(rows[product])
    return [
        _Record(who, query, tuple(sorted(found)))
        for (who, query), found in sorted(clicked.items())
        if MASK not in masked(query)
    ]


# -- proposing --------------------------------------------------------------------------------------------------------


def _proposed(search: ProductSearch, records: Sequence[_Record]) -> list[LearntRule]:
    bears = _Bearing(search)
    base: Counter[Phrase] = Counter()
    having: dict[Phrase, set[int]] = defaultdict(set)
    borne: Counter[Phrase] = Counter()
    pairs: dict[tuple[Phrase, Phrase], set[int]] = defaultdict(set)
    for record in records:
        terms, units = _units(record.query)
        words = {word for word in bears.most(record.rows) if not set(word) <= terms}
        base.update(words)
        for unit, stems in units.items():
            having[unit].add(record.who)
            borne[unit] += bears.all(record.rows, stems)
            for word in words:
                pairs[unit, word].add(record.who)
    asked = Counter(unit for record in records for unit in _units(record.query)[1])
    from scipy.stats import binom  # heavy, and what was learnt is read without it

    judged = []
    for (unit, word), who in pairs.items():
        n, k = len(having[unit]), len(who)
        if n < LEAST_PEOPLE or borne[unit] > 0.5 * asked[unit]:
            continue
        usual = (base[word] - k + 1) / (len(records) - n + 2)
        judged.append((float(binom.sf(k - 1, n, min(max(usual, 1e-9), 1.0))), unit, word, n, k / n, usual))
    best: dict[Phrase, list[LearntRule]] = defaultdict(list)
    for p, unit, word, n, share, usual in _significant(judged):
        if _wilson(share, n) >= _SHARE and share >= _LIFT * usual:
            rule = LearntRule(" ".join(unit), bears.said(word), n, share, share / usual, p, 0, 0.0, 0.0, 0.0, False)
            best[unit].append(rule)
    judge = _Judge(search, records)
    chosen = (_best(judge, rules[:_TRIED]) for rules in best.values())
    return _shortest([rule for rule in chosen if rule is not None])


@lru_cache(maxsize=50_000)
def _units(query: str) -> tuple[set[str], dict[Phrase, Phrase]]:
    """The index forms of a query, and its words and pairs of words with theirs."""
    tokens = [token for token in tokenise(query) if not token.flags & JOINED and token.word not in STOP_WORDS]
    tokens = [token for token in tokens if token.word not in listed("filler")]
    runs = [tokens[i : i + width] for width in (1, 2) for i in range(len(tokens) - width + 1)]
    told = [run for run in runs if all(_wordy(token) for token in run)]
    units = {tuple(t.word for t in run): tuple(t.term for t in run) for run in told}
    return {token.term for token in tokens}, units


def _wordy(token: Token) -> bool:
    return len(token.word) >= 2 and token.word.isalpha()


class _Bearing:
    """The words that stand in products' titles and types, and the kinds that they are."""

    def __init__(self, search: ProductSearch) -> None:
        self._index = search.index
        self._said: dict[Phrase, str] = {}
        self.of = lru_cache(maxsize=20_000)(self._read)

    def _read(self, row: int) -> frozenset[Phrase]:
        index, found = self._index, set[Phrase]()
        term, word, flags, part = index.forward.segment(row)
        names, spoken = index.forward.terms.names, index.forward.words.names
        by_term = {}
        for code, said, flag, field in zip(term.tolist(), word.tolist(), flags.tolist(), part.tolist(), strict=True):
            if field in _TITLE and not flag & JOINED and spoken[said].isalpha() and len(spoken[said]) >= 3:
                by_term[names[code]] = spoken[said]
        for name, said in by_term.items():
            if said not in STOP_WORDS:
                found.add((name,))
                self._said.setdefault((name,), said)
        main = int(index.kinds.main[row])
        kind = index.kinds.phrases[main] if main >= 0 else ()
        if kind:
            found.add(kind)
            self._said.setdefault(kind, " ".join(by_term.get(name, name) for name in kind))
        return frozenset(found)

    def said(self, word: Phrase) -> str:
        """A word of the catalogue as it is written there."""
        return self._said[word]

    def most(self, rows: Sequence[int]) -> list[Phrase]:
        """What half the products or more bear."""
        counts = Counter(word for row in rows for word in self.of(row))
        return [word for word, count in counts.items() if 2 * count >= len(rows)]

    def all(self, rows: Sequence[int], stems: Phrase) -> bool:
        """Whether most of the products bear a phrase of shoppers themselves."""
        own = sum(all((stem,) in self.of(row) for stem in stems) for row in rows)
        return 2 * own > len(rows)


Judged = tuple[float, Phrase, Phrase, int, float, float]


def _significant(judged: list[Judged]) -> list[Judged]:
    """Benjamini & Hochberg's step-up, then the most telling first: by likelihood, which weighs share and rarity."""
    ordered = sorted(judged)
    passed = [i for i, one in enumerate(ordered, 1) if one[0] <= _FALSE * i / len(ordered)]
    return ordered[: max(passed, default=0)]


def _wilson(share: float, n: int, z: float = 1.645) -> float:
    middle, spread = share + z * z / (2 * n), z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return (middle - spread) / (1 + z * z / n)


def _best(judge: _Judge, rules: list[LearntRule]) -> LearntRule | None:
    gains = [float(judge.changes(rule).mean()) for rule in rules]
    at = int(np.argmax(gains)) if gains else -1
    return rules[at] if at >= 0 and gains[at] > 0 else None


def _shortest(rules: list[LearntRule]) -> list[LearntRule]:
    """Without pairs of words of which one is tied to something alone."""
    single = {rule.phrase for rule in rules if " " not in rule.phrase}
    return [rule for rule in rules if " " not in rule.phrase or single.isdisjoint(rule.phrase.split())]


# -- proving ----------------------------------------------------------------------------------------------------------


def _proved(judge: _Judge, rule: LearntRule, proposals: int) -> LearntRule:
    from scipy.stats import t as student

    changes = judge.changes(rule)
    n = len(changes)
    if n < 2:
        return LearntRule(*_told(rule), n, 0.0, 0.0, 0.0, False)
    mean, error = float(changes.mean()), float(changes.std(ddof=1) / np.sqrt(n))
    reach = float(student.ppf(1 - (1 - _LEVEL) / (2 * proposals), n - 1)) * error
    return LearntRule(*_told(rule), n, mean, mean - reach, mean + reach, n >= LEAST_PEOPLE and mean - reach > 0)


def _told(rule: LearntRule) -> tuple[str, str, int, float, float, float]:
    return rule.phrase, rule.words, rule.people, rule.share, rule.lift, rule.p


class _Judge:
    """Tells by some people's clicks how far a rule raises what was clicked."""

    def __init__(self, search: ProductSearch, records: Iterable[_Record]) -> None:
        self._search = search
        self._of: dict[Phrase, list[_Record]] = defaultdict(list)
        for record in records:
            for unit in _units(record.query)[1]:
                self._of[unit].append(record)
        self._lists: dict[str, dict[int, float]] = {}

    def changes(self, rule: LearntRule) -> NDArray[np.float64]:
        """By person: the change of the mean discount of what was clicked."""
        try:
            rewriting = Synonyms().with_rule(rule.phrase, rule.words)
        except SpecError:
            return np.zeros(1)
        changes: dict[int, list[float]] = defaultdict(list)
        for record in self._of[tuple(rule.phrase.split())]:
            new, old = (
                sum(self._discounts(text).get(row, 0.0) for row in record.rows) / len(record.rows)
                for text in (rewriting.rewrite(record.query), record.query)
            )
            changes[record.who].append(new - old)
        return np.array([float(np.mean(many)) for many in changes.values()])

    def _discounts(self, text: str) -> dict[int, float]:
        """Row -> 1 / log2(place + 1) in the list of a text."""
        if text not in self._lists:
            found = self._search.search(text, _DEPTH)
            rows = found.rows.tolist() or self._search.index.ids.encode(list(found.alternatives)).tolist()
            self._lists[text] = {int(row): float(1 / np.log2(place + 2)) for place, row in enumerate(rows)}
        return self._lists[text]
