"""One form for singular and plural, by the language of the text: an s-stemmer for English, Snowball for the others.

A full stemmer harms English product search ("printer" and "printing paper" would meet), so English loses its plural
only. A query is stemmed by every language of the catalogue, since its own is not known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["primary", "stem"]

_SNOWBALL = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
_IRREGULAR = {
    "mice": "mouse",
    "women": "woman",
    "men": "man",
    "tvs": "tv",
    "pcs": "pc",
    "cds": "cd",
    "mens": "man",
    "womens": "woman",
    "childrens": "child",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "shelves": "shelf",
    "knives": "knife",
    "scarves": "scarf",
    "leaves": "leaf",
    "people": "person",
    "geese": "goose",
    "wolves": "wolf",
    "loaves": "loaf",
    "halves": "half",
    "movies": "movie",
    "cookies": "cookie",
    "selfies": "selfie",
    "hoodies": "hoodie",
    "beanies": "beanie",
    "brownies": "brownie",
    "smoothies": "smoothie",
    "caches": "cache",
    "axes": "axe",
    "shoes": "shoe",
    "canoes": "canoe",
    "toes": "toe",
}
_KEEP = frozenset(
    "lens series species news bus gas plus canvas atlas atlanta jeans trousers glasses always this his its gps ups os "
    "ios dos sms mms gbps mbps bias iris basis chassis abs pos dns https tennis chess christmas swiss".split()
)


def primary(language: str) -> str:
    """The language of a BCP 47 tag without its region, `de` of `de-AT`; what is undetermined counts as English."""
    first = language.partition("-")[0].lower()
    return first if first in _SNOWBALL else "en"


@lru_cache(maxsize=200_000)
def stem(word: str, language: str = "en") -> str:
    """The index form of a folded word; words with digits and of other scripts stay as they are."""
    if len(word) < 3 or not word.isalpha():
        return word
    if language == "en":
        return _english(word)
    stemmed: str = _stemmer(language).stemWord(word)
    return stemmed if len(stemmed) > 1 else word


def _english(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _KEEP or word[-1] != "s" or len(word) < 4 or not word.isascii():
        return word
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word[:-1]


@lru_cache(maxsize=16)
def _stemmer(language: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(_SNOWBALL[language])
