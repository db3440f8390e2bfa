"""One state of a catalogue as an index: everything that a search reads, never changed once made."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.data.ids import IdMap
from shopr.errors import DataError
from shopr.search.asking.config import SearchConfig
from shopr.search.catalogue import storing
from shopr.search.catalogue.columns import Columns, Names
from shopr.search.catalogue.filtering import Shelf
from shopr.search.catalogue.forward import Forward, Vocabulary
from shopr.search.catalogue.kinds import Kinds
from shopr.search.catalogue.postings import Postings
from shopr.search.query.compounds import Compounds
from shopr.search.query.refusals import Refusals
from shopr.search.query.spelling import Speller
from shopr.search.query.suggesting import Offers, Suggestions
from shopr.search.query.understanding import Query, Reader
from shopr.search.searching.confidence import shipped
from shopr.search.text.deletes import Deletes
from shopr.search.text.lexicon import phrase

__all__ = ["Index"]

_FORWARD = ("term", "word", "flags", "part", "start", "content")
_POSTINGS = ("start", "rows", "impacts", "fields", "idf", "count")
_COLUMNS = ("price", "stock", "colour", "colour_said", "material", "released", "popularity")


class Index:
    """The parts of an index, and what is made of them when it is built or loaded.

    Attributes:
        ids: product ids in catalogue order. forward: the tokens. columns: facts. kinds: kinds of things.
        postings: impacts. config: the settings that the impacts were made with. reader: reads queries.
        shelf: filters and facets. refusals: what queries rule out.
    """

    def __init__(
        self,
        ids: IdMap,
        forward: Forward,
        *,
        columns: Columns,
        kinds: Kinds,
        postings: Postings,
        compounds: Compounds,
        speller: Speller,
        config: SearchConfig,
    ) -> None:
        self.ids, self.forward, self.columns, self.kinds, self.postings = ids, forward, columns, kinds, postings
        self.config = config
        self.confidence = shipped()
        self.compounds, self.speller = compounds, speller
        self.reader = Reader(
            forward.terms,
            kinds=kinds,
            postings=postings,
            compounds=compounds,
            speller=speller if config.spelling else None,
            languages=forward.languages,
            brands=frozenset(map(phrase, columns.brand.names)),
        )
        self.shelf = Shelf(ids, forward.terms, columns=columns, kinds=kinds, postings=postings)
        self.refusals = Refusals(self.shelf, compounds, self.reader.heads, self.reader.code)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def build(cls, catalog: Catalog, config: SearchConfig, *, before: Index | None = None) -> Index:
        """The index of a catalogue; what `before` read of products that did not change is used again."""
        frame = catalog.frame
        forward = Forward.of(frame, None if before is None else before.forward)
        columns = Columns.of(frame)
        kinds = Kinds.build(frame, forward, columns.brand.codes)
        compounds = Compounds.learn(forward)
        postings = _postings(forward, compounds, config)
        speller = Speller.learn(forward, kinds.vocabulary().union(*map(phrase, columns.brand.names)))
        return cls(
            catalog.product_ids,
            forward,
            columns=columns,
            kinds=kinds,
            postings=postings,
            compounds=compounds,
            speller=speller,
            config=config,
        )

    def save(self, folder: Path | str) -> Path:
        """Write the index."""
        return storing.write(folder, *self.parts())

    def parts(self) -> storing.Parts:
        """What a saved index consists of."""
        arrays: dict[str, NDArray[Any]] = {f"forward_{name}": getattr(self.forward, name) for name in _FORWARD}
        arrays |= {f"postings_{name}": getattr(self.postings, name) for name in _POSTINGS}
        arrays |= {f"columns_{name}": getattr(self.columns, name) for name in _COLUMNS}
        arrays |= {"brand": self.columns.brand.codes, "category": self.columns.category.codes}
        arrays |= {"kinds_main": self.kinds.main, "kinds_other": self.kinds.other}
        arrays |= self.compounds.arrays()
        arrays |= {"speller_count": self.speller.count, "speller_hashes": self.speller.deletes.hashes}
        arrays |= {"speller_word": self.speller.deletes.word, "speller_names": self.speller.names}
        lists = {
            "ids": [str(i) for i in self.ids.ids],
            "terms": self.forward.terms.names,
            "words": self.forward.words.names,
            "kinds": [" ".join(p) for p in self.kinds.phrases],
            "speller": self.speller.words,
        }
        facts = {
            "config": self.config.model_dump(mode="json"),
            "languages": list(self.forward.languages),
            "brands": list(self.columns.brand.names),
            "categories": list(self.columns.category.names),
        }
        return arrays, lists, facts

    @classmethod
    def load(cls, folder: Path | str) -> Index:
        """Read an index that `save` wrote.

        Raises:
            DataError: if the folder holds none, one of another layout, or a damaged one.
        """
        mapped, lists, facts = storing.read(folder)
        # The same memory as plain arrays: to cut a piece from a `memmap` costs several times as much.
        arrays = {name: array.view(np.ndarray) for name, array in mapped.items()}
        try:
            forward = Forward(
                Vocabulary(lists["terms"]),
                Vocabulary(lists["words"]),
                **{name: arrays[f"forward_{name}"] for name in _FORWARD},
                languages=tuple(facts["languages"]),
            )
            columns = Columns(
                **{name: arrays[f"columns_{name}"] for name in _COLUMNS},
                brand=Names(tuple(facts["brands"]), arrays["brand"]),
                category=Names(tuple(facts["categories"]), arrays["category"]),
            )
            kinds = Kinds(
                [tuple(name.split(" ")) for name in lists["kinds"]], arrays["kinds_main"], arrays["kinds_other"]
            )
            postings = Postings(**{name: arrays[f"postings_{name}"] for name in _POSTINGS})
            deletes = Deletes(arrays["speller_hashes"], arrays["speller_word"])
            return cls(
                IdMap(lists["ids"]),
                forward,
                columns=columns,
                kinds=kinds,
                postings=postings,
                compounds=Compounds.from_arrays(arrays),
                speller=Speller(lists["speller"], arrays["speller_count"], arrays["speller_names"], deletes),
                config=SearchConfig(**facts["config"]),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f"the index {folder} is damaged: {error}", hint="Build it again") from error

    def read(self, text: str) -> Query:
        """A query, read: what it asks for and what it rules out."""
        rest, refused = self.refusals.of(text)
        read = self.reader.read(rest)
        return read.refusing(text, refused) if refused else read

    def refit(self, config: SearchConfig) -> None:
        """Take other settings, for searches of settings: an index in use by several threads is built anew instead."""
        compounds = self.compounds if len(self.compounds.extra_row) else Compounds.learn(self.forward)
        self.config, self.postings = config, _postings(self.forward, compounds, config)
        self.reader.postings = self.shelf.postings = self.postings

    def order(
        self, rows: NDArray[np.integer], sort: str, prices: NDArray[np.floating] | None = None
    ) -> NDArray[np.int64]:
        """Places of `rows` in an order other than relevance; equal ones keep theirs."""
        columns = self.columns
        price = self.shelf.priced(prices)[rows]
        keys = {
            # A product without a price comes last either way.
            "price_asc": np.where(price < 0, np.iinfo(np.int64).max, price),
            "price_desc": -price,
            "newest": -columns.released[rows].astype(np.int64),
            "popularity": -columns.popularity[rows],
        }
        return np.argsort(keys[sort], kind="stable")

    @cached_property
    def suggestions(self) -> Suggestions:
        """Phrases that complete what is typed, made at the first call."""
        return Suggestions.learn(self.kinds, self.columns.brand, self.columns.popularity)

    @cached_property
    def offers(self) -> Offers:
        """Brands and categories by what is typed, made at the first call."""
        return Offers.learn(self.columns.brand, self.columns.category)

    def describe(self) -> dict[str, Any]:
        """Sizes."""
        return {
            "products": len(self),
            "terms": int((self.postings.count > 0).sum()),
            "postings": len(self.postings.rows),
            "kinds": len(self.kinds.phrases),
            "with_kind": int((self.kinds.main >= 0).sum()),
            "languages": list(self.forward.languages),
        }


def _postings(forward: Forward, compounds: Compounds, config: SearchConfig) -> Postings:
    return Postings.build(
        np.concatenate([forward.term, compounds.extra_term]),
        np.concatenate([forward.rows(), compounds.extra_row]),
        np.concatenate([forward.part, compounds.extra_part]),
        n_terms=len(forward.terms),
        n_rows=len(forward),
        config=config,
    )
