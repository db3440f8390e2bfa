"""What a shelf reads from a catalogue once, as arrays that can be kept: rows by concept, word of title and colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shopr.chat.lexicon import spoken
from shopr.chat.reading.tokens import fold, tokenise
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.shelving import Kinds, Shelving, kinds_of
from shopr.data.catalog import Catalog
from shopr.data.fingerprint import fingerprint_frame, fingerprint_parts
from shopr.errors import DataError
from shopr.search.catalogue import storing
from shopr.search.searching.keeping import code_of, kept

__all__ = ["Grouped", "ShelfRows", "shelf_rows"]

_READ = ["title", "category", "attributes", "language", "colour"]
_NONE = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Grouped:
    """Key -> rows, ascending.

    Attributes:
        place: key -> its number. start: where each key's rows begin, and the end. rows: those of all keys.
    """

    place: dict[str, int]
    start: NDArray[np.int64]
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, int]]) -> Self:
        """Group (key, row) pairs, of which the rows come in ascending order."""
        out: dict[str, list[int]] = {}
        for key, row in pairs:
            out.setdefault(key, []).append(row)
        lengths = [0, *map(len, out.values())]
        rows = np.fromiter((row for rows in out.values() for row in rows), np.int32, sum(lengths))
        return cls({key: i for i, key in enumerate(out)}, np.cumsum(lengths, dtype=np.int64), rows)

    def get(self, key: str) -> NDArray[np.int32]:
        """The rows of a key; none where it is unknown."""
        place = self.place.get(key, -1)
        return _NONE if place < 0 else self.rows[int(self.start[place]) : int(self.start[place + 1])]

    def count(self, key: str) -> int:
        """How many rows a key has."""
        place = self.place.get(key, -1)
        return 0 if place < 0 else int(self.start[place + 1] - self.start[place])


@dataclass(frozen=True)
class ShelfRows:
    """Concepts, words of titles and colours of a catalogue."""

    kinds: Kinds
    words: Grouped
    colours: Grouped

    @classmethod
    def of(cls, catalog: Catalog) -> Self:
        """Read a catalogue."""
        frame = catalog.frame
        languages = {str(v).split("-")[0] for v in frame["language"].unique()} & set(spoken()) | {"en"}
        shelvings = {language: Shelving(vocabulary(language)) for language in languages}
        columns = (frame[name].tolist() for name in ("title", "category", "attributes", "language"))
        kinds = kinds_of(zip(*columns, strict=True), shelvings)
        titles = frame["title"].tolist()
        words = Grouped.of((word, i) for i, title in enumerate(titles) for word in _title_words(title))
        return cls(kinds, words, _colours(frame["colour"].tolist()))

    def parts(self) -> storing.Parts:
        """What a folder keeps of it."""
        kinds, names, blocks = self.kinds, list[str](), [np.zeros((3, 0), np.int32)]
        for concept, rows in kinds.rows.items():
            called, codes = np.unique(kinds.phrase[concept].astype(str), return_inverse=True)
            blocks.append(np.stack([rows, kinds.sure[concept], codes + len(names)]).astype(np.int32))
            names += called.tolist()
        arrays: dict[str, NDArray[Any]] = {
            "kinds": np.concatenate(blocks, axis=1),
            "kinds_start": np.cumsum([block.shape[1] for block in blocks], dtype=np.int64),
        }
        for name, held in (("words", self.words), ("colours", self.colours)):
            arrays |= {f"{name}_start": held.start, f"{name}_rows": held.rows}
        facts = {
            "concepts": list(kinds.rows),
            "names": names,
            "words": list(self.words.place),
            "colours": list(self.colours.place),
        }
        return arrays, {}, facts

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what was kept.

        Raises:
            DataError: if there is nothing, or it is damaged.
        """
        arrays, _, facts = storing.read(folder)
        try:
            names = np.array(facts["names"] or [""], dtype=object)
            start = arrays["kinds_start"].tolist()
            rows, sure, called = arrays["kinds"]
            cuts = {concept: slice(start[i], start[i + 1]) for i, concept in enumerate(facts["concepts"])}
            kinds = Kinds(
                {concept: rows[cut] for concept, cut in cuts.items()},
                {concept: sure[cut].astype(np.int8) for concept, cut in cuts.items()},
                {concept: names[called[cut]] for concept, cut in cuts.items()},
            )
            words, colours = (
                Grouped({key: i for i, key in enumerate(facts[name])}, arrays[f"{name}_start"], arrays[f"{name}_rows"])
                for name in ("words", "colours")
            )
        except (LookupError, ValueError, TypeError) as error:
            raise DataError(f"the shelf in {folder} is damaged: {error}", hint="It is made again") from error
        return cls(kinds, words, colours)


def shelf_rows(catalog: Catalog, folder: Path | None) -> ShelfRows:
    """The rows of a catalogue; from `folder` if they are kept there, else read and kept; only read without a folder."""
    if folder is None:
        return ShelfRows.of(catalog)
    parts = {
        "catalogue": fingerprint_frame(catalog.frame[_READ]),
        "code": code_of(Path(__file__).parent),
    }
    key = fingerprint_parts(parts)
    return kept(folder, key, load=ShelfRows.load, make=lambda: ShelfRows.of(catalog), parts=ShelfRows.parts)


def _title_words(title: str) -> set[str]:
    """Folded words; part numbers also without their separators."""
    words = {t.key for t in tokenise(title)}
    return words | {re.sub(r"[-./]", "", fold(w)) for w in title.split() if any(c in "-./" for c in w)}


def _colours(said: Sequence[str]) -> Grouped:
    """Colour key -> rows, each distinct text of the column read once."""
    books = [vocabulary(code) for code in spoken()]
    keys: dict[str, set[str]] = {}
    for text in {c for c in said if c}:
        tokens = tokenise(text)
        keys[text] = {m.key for b in books for m in b.book.find(tokens) if m.table == "colours"} | {fold(text)}
    return Grouped.of((key, i) for i, text in enumerate(said) if text for key in keys[text])
