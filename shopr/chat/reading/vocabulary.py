"""A language ready for reading: its lexicon as phrase books, its speller, and the names every language shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from threading import Lock

import yaml

from shopr.chat.lexicon import Lexicon, lexicon
from shopr.chat.reading.phrases import PhraseBook
from shopr.chat.reading.sounds import latin_form, latin_sound
from shopr.chat.reading.spelling import Speller, distance
from shopr.chat.reading.tokens import fold, stemmed

__all__ = ["AMOUNT", "CONTENT", "Names", "Vocabulary", "names", "vocabulary"]

AMOUNT = "amountslot"
"""Stands for an amount of money in the patterns of prices."""
NUMBER = "numberslot"
"""Stands for a number in the phrases of ordinals."""
_LIKELIER = 50
"""Phrases that a word for a kind, a colour or a material outweighs when a typing error could be either."""
_LEAST_STEM = 4
"""Letters of a word without an ending, at least."""
_GLUING = frozenset({"turkish", "arabic", ""})
"""Stemmers of languages that glue their small words to words of any length; there two letters are enough."""
_LONGEST_ELIDED = 2
"""Letters before the apostrophe of an elision."""
_CLEAR = 3
"""Consonants beyond which an English word is known by them alone."""
_DRAWN = re.compile(r"(\D)\1{2,}")
"""A letter three times or more, as nobody spells."""
CONTENT = ("concepts", "colours", "materials", "attributes", "units", "groups", "recipients")
"""Tables that say what is wanted, rather than what is to be done."""


@dataclass(frozen=True)
class Names:
    """Names of products and makers that every language writes alike."""

    products: dict[str, str]
    brands: tuple[str, ...]
    written: dict[str, tuple[str, ...]]
    ordinary: frozenset[str]
    pairs: dict[tuple[str, str], str]
    hints: dict[str, frozenset[str]]
    describing: frozenset[str]
    wider: dict[str, tuple[str, ...]]
    parts: dict[str, str]


@cache
def names() -> Names:
    """The shared names."""
    data = yaml.safe_load(files("shopr.chat").joinpath("locales", "names.yaml").read_text(encoding="utf-8"))
    return Names(
        products=dict(data["products"]),
        brands=tuple(map(str, data["brands"])),
        written={str(brand): tuple(map(str, forms)) for brand, forms in data["written"].items()},
        ordinary=frozenset(map(str, data["ordinary"])),
        pairs={(first, second): concept for first, second, concept in data["pairs"]},
        hints={concept: frozenset(map(str, words)) for concept, words in data["hints"].items()},
        describing=frozenset(map(str, data["describing"])),
        parts=dict(data["parts"]),
        wider={concept: tuple(narrower) for concept, narrower in data["wider"].items()},
    )


class Vocabulary:
    """What reading asks of a language. Read-only once made: threads share one.

    Attributes:
        lexicon: the words.
        book: commands, markers, anaphora and content.
        prices: patterns of price bounds over `AMOUNT`. limits: words that name a highest price.
        scales: word -> what it multiplies the number before it with. number_joints: "and" inside numbers.
        groups: phrases of ordinal groups over `NUMBER`. pairs: those of two without a number ("die ersten beiden").
    """

    def __init__(self, words: Lexicon) -> None:
        self.lexicon, self.language = words, words.language
        stem = words.stemmer
        self.book = PhraseBook(stem, [fold(w) for w in words.markers.get("particle", ())])
        for table in (
            *CONTENT,
            "currencies",
            "numbers",
            "ordinals",
            "commands",
            "markers",
            "anaphora",
            "languages",
            "tone",
        ):
            self.book.add_table(table, getattr(words, table))
        self.book.add_table("cents", {"cents": words.cents})
        self.book.add_table("language_switch", {"switch": words.language_switch})
        self.book.add_table("injection", {"injection": words.injection})
        self.prices, self.groups, self.pairs = PhraseBook(stem), PhraseBook(stem), PhraseBook(stem)
        for kind in ("max", "min", "between", "around"):
            for pattern in getattr(words.prices, kind):
                self.prices.add(pattern.replace("{p}", f" {AMOUNT} ").replace("{q}", f" {AMOUNT} "), "prices", kind)
        for pattern in _ranges(words):
            self.prices.add(pattern, "prices", "between")
        self.limits = PhraseBook(stem)
        self.limits.add_table("limits", {"limit": words.prices.limits})
        self.scales = {fold(w): value for value, forms in words.scales.items() for w in forms}
        self.number_joints = frozenset(fold(w) for w in words.markers.get("number_and", ()))
        for kind in ("first", "last"):
            for pattern in getattr(words.ordinal_groups, kind):
                book = self.groups if "{n}" in pattern else self.pairs
                book.add(pattern.replace("{n}", f" {NUMBER} "), "ordinal_groups", kind)
        small = _function_words().get(words.language, "").split()
        self.stopwords = frozenset(fold(w) for phrase in (*words.stopwords, *small) for w in phrase.split())

    @cached_property
    def number_parts(self) -> dict[str, int]:
        """The words of one word each of which numbers are made."""
        words = self.lexicon
        plain = {fold(w): n for n, forms in words.numbers.items() for w in forms if fold(w).isalpha() and len(w) > 1}
        joints = dict.fromkeys(self.number_joints, 0)
        return {**plain, **{w: n for w, n in self.scales.items() if len(w) > 1}, **joints}

    @cached_property
    def known(self) -> frozenset[str]:
        """Every word of the lexicon, folded."""
        books = (self.book, self.prices, self.groups, self.pairs, self.limits)
        return frozenset({*self.scales, *self.stopwords, *(w for book in books for w in book.words)})

    @cached_property
    def _stems(self) -> frozenset[str]:
        """Stems of words that mean something alone, and of small words."""
        small = {stemmed(w, self.lexicon.stemmer) for w in (*self.prices.words, *self.stopwords)}
        return frozenset(self.book.stems | small)

    @cached_property
    def speller(self) -> Speller:
        """Mends towards the lexicon's words; kinds, colours and those of many commands are likelier than others."""
        words_of, weights = self.lexicon, dict.fromkeys(self.stopwords, 1)
        for book in (self.book, self.prices, self.groups):
            for word, count in book.words.items():
                weights[word] = weights.get(word, 0) + count
        foreign = PhraseBook()
        foreign.add_table("commands", {"off_topic": words_of.commands["off_topic"]})
        for word, count in foreign.words.items():
            if weights.get(word) == count:
                del weights[word]  # nobody is refused for a slip: "mandato" is not "malato"
        places = {fold(w) for table in (words_of.ordinals, words_of.numbers) for forms in table.values() for w in forms}
        for word in (self._content_words | set(self.prices.words) | places) & weights.keys():
            weights[word] += _LIKELIER
        for word in {fold(forms[0]) for forms in (*words_of.colours.values(), *words_of.materials.values()) if forms}:
            weights[word] = weights.get(word, 0) + _LIKELIER  # "wite" is white before it is wine
        return Speller(weights)

    @cached_property
    def bound_speller(self) -> Speller:
        """Mends towards the words of price bounds alone, for words that stand beside a number."""
        return Speller({w: n for w, n in {**self.prices.words, **self.limits.words}.items() if w != AMOUNT})

    @cached_property
    def content_speller(self) -> Speller:
        """Mends towards the words of what is wanted alone, for words among those of another script."""
        return Speller({w: n for w, n in self.book.words.items() if w in self._content_parts})

    @cached_property
    def _content_parts(self) -> frozenset[str]:
        phrases = (p for key in CONTENT for words in getattr(self.lexicon, key).values() for p in words)
        return frozenset(fold(w) for p in phrases for w in p.split())

    @cached_property
    def _sounds(self) -> dict[str, list[str]]:
        """Sound -> words of Hindi in Latin letters, and English ones for what is sold; empty for other languages."""
        if self.lexicon.stemmer != "hindi":
            return {}
        held = {w for w in (*self.book.words, *self.prices.words) if w.isascii() and w.isalpha() and len(w) > 2}
        out: dict[str, list[str]] = {}
        english = {w for w in vocabulary("en")._content_parts if w.isascii() and w.isalpha()}
        for word in sorted(held | {w for w in english if len(latin_sound(w)) > _CLEAR}):  # "scene" is no skin
            out.setdefault(latin_sound(word), []).append(word)
        return out

    def sounding(self, word: str) -> str | None:
        """The word of Hindi in Latin letters that an unknown one spells without its vowels: "vla", "andr"."""
        sound = latin_sound(word)
        found = self._sounds.get(sound, ()) if len(sound) > 1 else ()
        form, bound = latin_form(word), max(1, len(sound) - 1)
        near = [(distance(form, latin_form(w), bound), w[-1] != word[-1], w) for w in found]
        return min((n for n in near if n[0] <= bound), default=(0, False, None))[2]

    def drawn(self, word: str) -> str | None:
        """The known word that an unknown one is with letters drawn out: "sooo", "pleaaase"."""
        if not _DRAWN.search(word):
            return None
        return next((w for n in (r"\1\1", r"\1") if self.knows(w := _DRAWN.sub(n, word))), None)

    def knows(self, word: str) -> bool:
        """Whether a folded word, or its stem, is the lexicon's."""
        return word in self.known or stemmed(word, self.lexicon.stemmer) in self._stems

    def unglued(self, word: str) -> str | None:
        """The known word that an unknown one is with a suffix, or whose last part it has as a compound."""
        bare, _, tail = word.partition("'")
        elided = len(bare) <= _LONGEST_ELIDED and self.lexicon.stemmer not in _GLUING
        if tail and elided and self.knows(tail):
            return tail  # "l'ajoutez"
        if tail and self.knows(bare):
            return bare
        for suffix, instead in self._suffixes:
            bare = word.removesuffix(suffix) + instead
            least = _LEAST_STEM if instead or self.lexicon.stemmer not in _GLUING else 2
            if word.endswith(suffix) and len(bare) >= least and bare in self.known:
                return bare
        for prefix in self._prefixes:
            if len(word) - len(prefix) > 2 and word.startswith(prefix) and self.knows(word[len(prefix) :]):
                return word[len(prefix) :]
        return None

    def conjoined(self, word: str, *, first: bool) -> str | None:
        """The word of the lexicon that stands behind a prefix in a word which is not: وتحت, "and under"."""
        whole = word in self.book.words or word in self.stopwords
        if word in self.known and (whole or not first):
            return None  # a phrase of amounts that begins a message has no amount before it
        bare = (word[len(p) :] for p in self._prefixes if word.startswith(p))
        return next((w for w in bare if w in self.known and (len(w) > 2 or w in self.stopwords)), None)

    @cached_property
    def _suffixes(self) -> tuple[tuple[str, str], ...]:
        """Endings, the longest first, and what stands instead of each: "ito=o" makes "tecladito" a "teclado"."""
        pairs = {(fold(a.lstrip("'")), fold(b)) for s in self.lexicon.suffixes for a, _, b in [s.partition("=")]}
        return tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair)))

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(sorted({fold(p) for p in self.lexicon.prefixes}, key=len, reverse=True))

    def parts(self, word: str) -> list[str]:
        """An unknown compound as known words, the last one its head; empty if it is none."""
        if not self.lexicon.decompound or len(word) < 7:
            return []
        for cut in range(3, len(word) - 2):
            head = word[cut:]
            if len(head) < 3 or not self.is_content(head):
                continue
            left = word[:cut]
            for joint in ("", "s", "n", "en", "e"):
                stem = left[: -len(joint)] if joint and left.endswith(joint) else left if not joint else ""
                if len(stem) >= 3 and (self.knows(stem)):
                    return [stem, head]
        return []

    def is_content(self, word: str) -> bool:
        """Whether a folded word alone says what is wanted."""
        return word in self._content_words

    @cached_property
    def _content_words(self) -> frozenset[str]:
        phrases = (p for key in CONTENT for words in getattr(self.lexicon, key).values() for p in words)
        return frozenset(fold(p) for p in phrases if " " not in p)


@cache
def _function_words() -> dict[str, str]:
    """Small words of many languages, by which a language is told; none of them is a typing error."""
    text = files("shopr.chat").joinpath("models", "function_words.yaml").read_text(encoding="utf-8")
    return {str(code): str(held) for code, held in yaml.load(text, Loader=yaml.BaseLoader).items()}


def _ranges(words: Lexicon) -> list[str]:
    """Patterns of ranges by what stands between two amounts alone, as in "for 40 up to 90"."""
    joints = {fold(w) for key in ("and", "or") for w in words.markers.get(key, ())}
    middles = {p.partition("{p}")[2].partition("{q}")[0].strip() for p in words.prices.between}
    return [f" {AMOUNT} {m} {AMOUNT} " for m in sorted(middles) if m and fold(m) not in joints]


_MADE: dict[str, Vocabulary] = {}
_LOCK = Lock()


def vocabulary(language: str) -> Vocabulary:
    """The vocabulary of a language, made on first use.

    Raises:
        UnknownNameError: if the assistant does not speak it.
    """
    found = _MADE.get(language)
    if found is None:
        with _LOCK:
            found = _MADE.get(language) or Vocabulary(lexicon(language))
            _MADE[language] = found
    return found
