"""Price bounds of a message: patterns of the language over amounts, ranges, and words that name a limit."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal

from shopr.chat.reading.amounts import Amount, reduced
from shopr.chat.reading.phrases import Match
from shopr.chat.reading.tokens import Token
from shopr.chat.reading.vocabulary import AMOUNT, Vocabulary

__all__ = ["PriceBound", "find_prices"]

_CONTENT = ("concepts", "colours", "materials", "brand")
_OPPOSITE = {"min": "max", "max": "min"}
_REACH = 5
_LEAST = 2
_VERBS = 3
"""Words between a bound and the "nicht" that denies it."""
_SIGNS = 3
"""Signs between a bound and the word that denies it, in languages without spaces: 200以上のはなしで."""
_LEAST_DENIED = 10
"""From which an amount that something denied does not reach bounds; below it are pieces."""
_LEAST_INSTEAD = 5
"""From which an amount may take the place of the one that bounds."""
_TIMES = 4
"""How much larger or smaller than the amount that bounds the one said instead of it may be."""
_PUTTING_RIGHT = frozenset({"correction", "slip"})
_TURNS = _PUTTING_RIGHT | {"yes", "no", "so_then", "cancel", "also", "filler", "particle", "negation_before", "hold_on"}
"""Marks and commands that lead from one amount to another, said instead."""
_FILLERS = 3
"""Small words that may stand between a word such as "limit" and the amount: "my limit would be 60"."""


@dataclass(frozen=True, slots=True)
class PriceBound:
    """A price that bounds or centres what is wanted: kind max, min, between or around."""

    kind: str
    low: Decimal | None
    high: Decimal | None
    currency: str
    start: int
    end: int


def find_prices(
    tokens: Sequence[Token],
    amounts: Sequence[Amount],
    matches: Sequence[Match],
    vocabulary: Vocabulary,
    makers: Set[int] = frozenset(),
) -> list[PriceBound]:
    """The price bounds of a message; ranges first, then the longest pattern; a denial before one turns it round.

    Args:
        makers: positions of tokens that name a maker, beyond which a denial does not reach.
    """
    if not amounts:
        return []
    finder = _Finder(tokens, amounts, matches, vocabulary, makers)
    out = finder.patterns(finder.fillers)  # "under about 50" bounds as "under 50" does
    left = [a for a in amounts if not any(b.start <= a.start < b.end for b in out)]
    if left:
        taken = {i for b in out for i in range(b.start, b.end)}
        out += [b for b in finder.patterns(frozenset()) if not taken & set(range(b.start, b.end))]
        left = [a for a in left if not any(b.start <= a.start < b.end for b in out)]
    if not any(b.high is not None for b in out):
        out += [b for a in left if (b := finder.limit(a) or finder.denied(a)) is not None][:1]
    out = [finder.put_right(b, [a for a in left if a.start >= b.end]) for b in out]
    firm = [b for b in out if b.kind != "around"]  # "I've got about 20, so nothing over 20"
    return sorted(firm or out, key=lambda b: b.start)


class _Finder:
    """Looks for bounds in one clause."""

    def __init__(
        self,
        tokens: Sequence[Token],
        amounts: Sequence[Amount],
        matches: Sequence[Match],
        vocabulary: Vocabulary,
        makers: Set[int],
    ) -> None:
        self._tokens, self._amounts, self._words = tokens, amounts, vocabulary
        marks = [m for m in matches if m.table == "markers"]
        self._turns = {i: m.key for m in matches if m.key in _TURNS for i in range(m.start, m.end)}
        self._pieces = {i for m in marks if m.key in ("of", "quantity") for i in range(m.start, m.end)}
        self._denials = {m.end: m.start for m in marks if m.key in ("negation_before", "negation_aux")}
        self._behind = {m.start for m in marks if m.key == "negation_after"}
        self._before = {m.start for m in marks if m.key == "negation_before" and m.end - m.start == 1}
        # A denial reaches no further than a product or maker named, or another part of the sentence.
        self._wanted = {i for m in matches if m.table in _CONTENT for i in range(m.start, m.end)}
        self._named = self._wanted | set(makers)
        self._wanted |= {i for m in marks if m.key == "and" for i in range(m.start, m.end)} | set(makers)
        named = {m.start for m in marks if m.key == "price_word" and m.end - m.start == 1}
        small = {i for m in marks if m.key == "filler" for i in range(m.start, m.end)}
        self.fillers: frozenset[int] = frozenset()
        for amount in amounts:
            place = amount.start - 1
            while place >= 0 and (place in small or (place in named and place == amount.start - 1)):
                self.fillers |= {place}
                place -= 1

    def patterns(self, dropped: Set[int]) -> list[PriceBound]:
        """The bounds that patterns find, without the tokens that are dropped."""
        short, positions = reduced(self._tokens, [(a.start, a.end) for a in self._amounts], AMOUNT, dropped)
        at = {a.start: a for a in self._amounts}
        out = []
        for match in _ranges_first(self._words.prices.find(short)):
            held = [at[positions[i]] for i in range(match.start, match.end) if positions[i] in at]
            if len(held) == 1 and held[0].value < _LEAST and not held[0].currency:
                continue  # "I have one already"
            start, end = positions[match.start], positions[match.end]
            kind, start = self._turned(match.key, start, end)
            bound = _bound(kind, held, start, end)
            if bound is not None:
                out.append(bound)
        return out

    def _turned(self, kind: str, start: int, end: int) -> tuple[str, int]:
        """The kind that a bound has with the denial around it, and where it begins with that."""
        denied = _denied_at(self._tokens, start, self._denials, self._wanted)
        if denied is not None and kind in _OPPOSITE:  # "not more expensive than", "nothing costing more than"
            return _OPPOSITE[kind], denied
        reach = 1 if self._words.lexicon.spaces else _SIGNS
        after = (i for i in self._behind if 0 <= i - end <= reach)
        if kind == "min" and any(_free(self._tokens, end, i, self._wanted) for i in after):
            return "max", start  # verbs last: "30 eurodan pahalı olmasın"
        if kind == "min" and any(self._closing(end, i) for i in self._before):
            return "max", start  # "mehr als 50 wollte ich nicht ausgeben"
        return kind, start

    def _closing(self, end: int, place: int) -> bool:
        """Whether a denial soon behind a bound denies it, and nothing that comes after it."""
        if not 0 <= place - end <= _VERBS or not _free(self._tokens, end, place, self._wanted):
            return False
        return _free(self._tokens, place + 1, len(self._tokens), self._wanted)

    def denied(self, amount: Amount) -> PriceBound | None:
        """A bound by an unknown verb that is denied: "que no se me vaya de 200", "must not smash 200"."""
        if amount.value < _LEAST_DENIED:
            return None
        start = _denied_at(self._tokens, amount.start, self._denials, self._wanted)
        if start is None:
            return None
        said = [t for t in self._tokens[start + 1 : amount.start] if t.kind == "word"]
        verb = any(not self._words.knows(t.key) and t.key not in self._words.stopwords for t in said)
        return _bound("max", [amount], start, amount.end) if verb else None

    def put_right(self, bound: PriceBound, later: Sequence[Amount]) -> PriceBound:
        """A bound with the amount that is said instead of its own: "50 at most, well, 60", "两百以内,算了三百也行"."""
        old = bound.high if bound.kind == "max" else bound.low if bound.kind == "min" else None
        if old is None or len(later) != 1 or later[0].value < _LEAST_INSTEAD:
            return bound
        new = later[0]
        between, behind = range(bound.end, new.start), range(new.end, len(self._tokens))
        near = old <= _TIMES * new.value and new.value <= _TIMES * old
        turned = {self._turns[i] for i in between if i in self._turns}
        paused = any(self._tokens[i].kind in ("pause", "end") or self._tokens[i].key == "-" for i in between)
        plain = all(self._slight(i) for i in (*between, *behind))
        if not (near and plain and (turned & _PUTTING_RIGHT or (turned and paused))):
            return bound
        currency = new.currency or bound.currency
        if bound.kind == "max":
            return replace(bound, high=new.value, currency=currency, end=new.end)
        return replace(bound, low=new.value, currency=currency, end=new.end)

    def _slight(self, place: int) -> bool:
        """Whether a token says nothing of what is wanted, nor of how many."""
        token = self._tokens[place]
        if place in self._named or place in self._pieces or token.kind == "number":
            return False
        small = token.key in self._words.stopwords or len(token.key) < _LEAST or token.key in self._words.limits.words
        return token.kind != "word" or place in self._turns or small

    def limit(self, amount: Amount) -> PriceBound | None:
        """A bound by a word that names a limit, on either side: "60 is the most I can spend", "spend limit: 60"."""
        if amount.value < _LEAST and not amount.currency:
            return None  # "spend it on a monitor"
        for match in self._words.limits.find(self._tokens):
            gap = (match.end, amount.start) if match.end <= amount.start else (amount.end, match.start)
            near = 0 <= gap[1] - gap[0] <= _FILLERS
            if near and _small(self._tokens[gap[0] : gap[1]], self._wanted, gap[0]):
                start, end = min(match.start, amount.start), max(match.end, amount.end)
                return _bound("max", [amount], start, end)
        return None


def _small(between: Sequence[Token], wanted: Set[int], start: int) -> bool:
    kinds = {t.kind for t in between if t.key != ":"}
    return not kinds & {"number", "end"} and not any(start + i in wanted for i in range(len(between)))


def _ranges_first(matches: Sequence[Match]) -> list[Match]:
    """The matches that do not overlap: those of two amounts before others, then the longest."""
    taken: list[Match] = []
    for match in sorted(matches, key=lambda m: (m.key != "between", -(m.end - m.start), m.start)):
        if all(match.end <= other.start or match.start >= other.end for other in taken):
            taken.append(match)
    return sorted(taken, key=lambda m: m.start)


def _denied_at(tokens: Sequence[Token], start: int, denials: dict[int, int], wanted: Set[int]) -> int | None:
    """Where a denial begins that holds for a bound at `start`: "mustn't cost me more than", no product between."""
    for end in range(start, max(-1, start - _REACH), -1):
        if end in denials:
            return denials[end] if _free(tokens, end, start, wanted) else None
    return None


def _free(tokens: Sequence[Token], start: int, end: int, wanted: Set[int]) -> bool:
    """Whether only small words stand between two places."""
    return not any(i in wanted or tokens[i].kind in ("end", "pause", "number") for i in range(start, end))


def _bound(kind: str, held: Sequence[Amount], start: int, end: int) -> PriceBound | None:
    if not held:
        return None
    currency = next((a.currency for a in held if a.currency), "")
    values = sorted(a.value for a in (_alike(held) if kind == "between" else held))
    if kind == "between":
        return PriceBound(kind, values[0], values[-1], currency, start, end) if len(held) > 1 else None
    if kind == "min":
        return PriceBound(kind, values[0], None, currency, start, end)
    if kind == "max":
        return PriceBound(kind, None, values[0], currency, start, end)
    value = values[0]
    return PriceBound(kind, (value * Decimal("0.8")), (value * Decimal("1.2")), currency, start, end)


def _alike(held: Sequence[Amount]) -> list[Amount]:
    """Both ends of a range in the same scale: "between 3 and 5 hundred" begins at 300."""
    first, last = held[0], held[-1]
    if last.scale > 1 and first.scale == 1 and not first.currency and first.value < last.value / last.scale:
        return [replace(first, value=first.value * last.scale), *held[1:]]
    return list(held)
