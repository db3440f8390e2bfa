"""Which items of an order somebody speaks of, and into which variants they are to be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shopr.chat.reading.phrases import Match, PhraseBook
from shopr.chat.reading.tokens import tokenise
from shopr.chat.retail.options import OptionSense, options_said
from shopr.chat.retail.words import Part
from shopr.commerce import Commerce, Order

__all__ = ["Mention", "Products", "SwapSense"]

_STEMMER = "english"
_BEFORE = 6  # tokens before a name in which the item's own options may stand
_ARTICLES = frozenset({"the", "my", "that", "this", "a", "an", "one", "and", "to", "for", "into", "with", "of", "me"})


@dataclass(frozen=True, slots=True)
class Mention:
    """Products named at one place.

    Attributes:
        groups: the groups of variants it can mean; a head noun may mean several.
        start, end: token positions.
        words: how many words were named: more is surer.
    """

    groups: frozenset[str]
    start: int
    end: int
    words: int


@dataclass(slots=True)
class SwapSense:
    """What a message says of changing items.

    Attributes:
        swaps: old product id -> new one.
        open: items whose new variant is not clear, and the variants that fit what was said.
        unavailable: variants that were asked for and cannot be had.
        foreign: names of products that are none of the order's.
    """

    swaps: dict[str, str] = field(default_factory=dict)
    open: dict[str, list[str]] = field(default_factory=dict)
    unavailable: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


class Products:
    """The names and options of a shop's products."""

    def __init__(self, commerce: Commerce) -> None:
        self._commerce, self._variants = commerce, commerce.variants
        frame = commerce.snapshot().catalog.frame
        self._names: dict[str, str] = {}
        self._book = PhraseBook(_STEMMER)
        values: set[str] = set()
        for product_id, title in zip(frame["product_id"], frame["title"], strict=True):
            group = self._variants.group(product_id) or product_id
            values |= {*self._variants.options(product_id).values(), *self._variants.options(product_id)}
            if group not in self._names:
                self._names[group] = title
                words = [t.text for t in tokenise(title) if t.key != "-"]
                for start in range(len(words)):
                    self._book.add(" ".join(words[start:]), "product", group)
        self.words = {*self._names.values(), *values}

    def title(self, group: str) -> str:
        """The name of a group of variants."""
        return self._names.get(group, group)

    def describe(self, product_id: str) -> str:
        """A product with its options, for people."""
        options = ", ".join(f"{name}: {value}" for name, value in self._variants.options(product_id).items())
        name = self.title(self._variants.group(product_id) or product_id)
        return f"{name} ({options})" if options else name

    def mentions(self, part: Part) -> list[Mention]:
        """The products named, longest names first where they overlap, in order of place."""
        taken: list[Mention] = []
        found: dict[tuple[int, int], list[Match]] = {}
        for match in self._book.find(part.tokens):
            found.setdefault((match.start, match.end), []).append(match)
        for (start, end), matches in sorted(found.items(), key=lambda f: (f[0][0] - f[0][1], f[0][0])):
            if all(end <= other.start or start >= other.end for other in taken):
                taken.append(Mention(frozenset(m.key for m in matches), start, end, end - start))
        return sorted(taken, key=lambda m: m.start)

    def located(self, part: Part) -> tuple[list[Mention], list[Mention]]:
        """The mentions that only say which order is meant ("the order with the lamp"), and the others."""
        cues = [m for m in part.every if (m.table, m.key) == ("scope", "one")]
        telling: list[Mention] = []
        others: list[Mention] = []
        for mention in self.mentions(part):
            near = any(0 <= mention.start - cue.end <= 3 for cue in cues)
            (telling if near else others).append(mention)
        return telling, others

    def items(self, part: Part, order: Order, mentions: Sequence[Mention]) -> tuple[list[str], list[list[str]]]:
        """The items of an order that are named, and, where a name fits several, those that it fits."""
        chosen: list[str] = []
        unclear: list[list[str]] = []
        for mention in mentions:
            fitting = self._fitting(part, order, mention)
            fitting = [i for i in fitting if i not in chosen]
            plural = part.tokens[mention.end - 1].key.endswith("s") and mention.words >= 1
            if len(fitting) == 1 or (fitting and len(set(fitting)) == 1):
                chosen.append(fitting[0])
            elif fitting and plural and part.has("scope", "all"):
                chosen += fitting
            elif fitting:
                unclear.append(fitting)
        return chosen, unclear

    def _fitting(self, part: Part, order: Order, mention: Mention) -> list[str]:
        """The order's items that a mention can mean, by name and by the options that stand before it."""
        held = [i for i in order.product_ids if self._variants.group(i) in mention.groups]
        if len(set(held)) < 2:
            return held
        own = self._own_options(part, mention, held)
        best = max((self._agreement(i, own) for i in held), default=0)
        return [i for i in held if self._agreement(i, own) == best] if best else held

    def _own_options(self, part: Part, mention: Mention, held: Sequence[str]) -> list[OptionSense]:
        start = max(mention.start - _BEFORE, 0)
        tokens = part.tokens[start : mention.start]
        return options_said(tokens, [self._variants.options(i) for i in held])

    def _agreement(self, product_id: str, said: Sequence[OptionSense]) -> int:
        options = self._variants.options(product_id)
        return sum(any(options.get(name) == sense.value for name in sense.options) for sense in said)

    def named(self, product_id: str, part: Part) -> list[Mention]:
        """A mention of a product at the beginning of a message that need not name it: the answer to a question."""
        group = self._variants.group(product_id)
        return [] if group is None else [Mention(frozenset({group}), 0, 0, 0)]

    # -- variants -----------------------------------------------------------------------------------------------------

    def swaps(self, part: Part, order: Order, mentions: Sequence[Mention]) -> SwapSense:
        """What a message says of changing items of an order into other variants."""
        sense = SwapSense()
        held = {self._variants.group(i) for i in order.product_ids}
        mine = [m for m in mentions if m.groups & held]
        regions = self._regions(part, order, mine)
        for item, (start, end, before) in regions.items():
            self._resolve(part, item, (start, end), before, sense)
        spoken = bool(sense.swaps or sense.unavailable or any(sense.open.values()))
        for mention in mentions:
            if not mention.groups & held and not spoken and mention.words >= 1:
                sense.foreign += [self.title(g) for g in sorted(mention.groups)][:1]
        return sense

    def _regions(self, part: Part, order: Order, mine: Sequence[Mention]) -> dict[str, tuple[int, int, int]]:
        """Item -> where the words about its new variant stand, and where the words before its name begin."""
        placed: list[tuple[str, Mention]] = []
        for mention in mine:
            fitting = self._fitting(part, order, mention)
            known = [i for i, _ in placed]
            fresh = [i for i in fitting if i not in known]
            again = bool(set(fitting) & set(known))
            if again and (len(set(fitting)) == 1 or self._partial(mention)):
                continue  # the name of the same item again, within what is said of it
            if placed and self._partial(mention) and self._of_options(part, placed[-1], mention):
                continue  # a word of the options of the item before, such as a backpack's camera compartment
            if fresh:
                placed.append((fresh[0], mention))
        regions = {}
        for number, (item, mention) in enumerate(placed):
            end = len(part.tokens)
            if number + 1 < len(placed):
                end = self._cut(part, mention.end, placed[number + 1][1].start)
            begin = self._cut(part, placed[number - 1][1].end, mention.start) if number else 0
            regions[item] = (mention.end, end, begin)
        return regions

    def _partial(self, mention: Mention) -> bool:
        """Whether only the last words of a name were said."""
        return all(len(self.title(g).replace("-", " ").split()) > mention.words for g in mention.groups)

    def _of_options(self, part: Part, before: tuple[str, Mention], mention: Mention) -> bool:
        item, named = before
        group = self._variants.group(item)
        siblings = [self._variants.options(i) for i in (self._variants.of(group) if group else [])]
        said = options_said(part.tokens[named.end :], siblings)
        return any(s.start + named.end <= mention.start < s.end + named.end for s in said)

    def _cut(self, part: Part, start: int, end: int) -> int:
        """Where the words about one item end and those about the next begin: the last "and" or pause between."""
        for place in range(end - 1, start - 1, -1):
            if part.tokens[place].key == "and" or part.tokens[place].kind == "pause":
                return place
        return end

    def _resolve(self, part: Part, item: str, region: tuple[int, int], before: int, sense: SwapSense) -> None:
        group = self._variants.group(item)
        siblings = self._variants.of(group) if group else []
        named = [i for i in siblings if i != item and any(t.key == i for t in part.tokens)]
        if named:
            self._choose(item, named, sense)
            return
        every = [self._variants.options(i) for i in siblings]
        said = options_said(part.tokens[region[0] : region[1]], every)
        if not said:
            said = options_said(part.tokens[before : region[0]], every)
            old = self._variants.options(item)
            said = [s for s in said if all(old.get(name) != s.value for name in s.options)]
        if not said:
            sense.open.setdefault(item, [])
            return
        unsure = any(len(s.options) > 1 for s in said)
        self._choose(item, self._meant(item, siblings, said), sense, unsure=unsure)

    def _meant(self, item: str, siblings: Sequence[str], said: Sequence[OptionSense]) -> list[str]:
        """The variants that agree with all that was said; among them the one that keeps the item's other options."""
        fitting = [i for i in siblings if i != item and self._agreement(i, said) == len(said)]
        old = self._variants.options(item)
        changed = {name for sense in said for name in sense.options}
        keeping = [
            i for i in fitting if all(v == old.get(n) for n, v in self._variants.options(i).items() if n not in changed)
        ]
        if len(keeping) > 1:  # a value of two options: of the one in which it is new
            least = min(self._differences(i, old) for i in keeping)
            keeping = [i for i in keeping if self._differences(i, old) == least]
        return keeping if len(keeping) == 1 else fitting

    def _differences(self, product_id: str, old: dict[str, str]) -> int:
        return sum(old.get(name) != value for name, value in self._variants.options(product_id).items())

    def _choose(self, item: str, fitting: Sequence[str], sense: SwapSense, *, unsure: bool = False) -> None:
        """One variant is taken; of several the only one that is available, unless a value may be of two options."""
        available = [i for i in fitting if self._commerce.stock.covers(i)]
        if len(available) == 1 and (len(fitting) == 1 or not unsure):
            sense.swaps[item] = available[0]
        elif len(fitting) == 1:
            sense.unavailable.append(fitting[0])
            sense.open[item] = []
        else:
            sense.open[item] = available

    def alternatives(self, item: str) -> list[str]:
        """The variants into which an item could be changed now."""
        group = self._variants.group(item)
        siblings = self._variants.of(group) if group else []
        return [i for i in siblings if i != item and self._commerce.stock.covers(i)]
