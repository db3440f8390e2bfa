"""Product search over a catalogue: build once, search in under a millisecond, update, save and load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.errors import InputError, UnknownNameError
from shopr.search.asking.config import SearchConfig
from shopr.search.asking.results import SORTS, Cut, Filters, Found, Updated
from shopr.search.query.refusals import ruled
from shopr.search.query.suggesting import Offer
from shopr.search.query.understanding import Query
from shopr.search.searching.confidence import observe
from shopr.search.searching.index import Index
from shopr.search.searching.ranking import Ranked, browse, named, of_category, rank
from shopr.search.text.synonyms import Synonyms

if TYPE_CHECKING:
    from shopr.search.learnt.reranking import Reranker

__all__ = ["FEATURES", "RERANKED", "ProductSearch", "Updated"]

FEATURES = ("popularity", "price_fit", "affinity")
"""Names of the features that a caller may give, each blended by the weight of that name in the configuration."""
_NO_FILTERS = Filters()
_LOOKED_AT = 10
RERANKED = 50
"""Products of which a learned ranker may change the order."""


class ProductSearch:
    """Search over one catalogue, safe to call from several threads.

    >>> search = ProductSearch.build(catalog)
    >>> search.search("wireless mouse", filters=Filters(price_max=3000)).product_ids
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self.synonyms: Synonyms | None = None
        """The merchandiser's rules, which rewrite a query before it is read; they may change at any time."""
        self.reranker: Reranker | None = None
        """Orders the first results by what was learnt from clicks; it may change at any time."""

    @classmethod
    def build(cls, catalog: Catalog, config: SearchConfig | None = None) -> ProductSearch:
        """The search over a catalogue."""
        return cls(Index.build(catalog, config or SearchConfig()))

    @classmethod
    def load(cls, folder: Path | str) -> ProductSearch:
        """The search that `save` wrote, its arrays memory-mapped.

        Raises:
            DataError: if the folder holds no index, one of another version, or a damaged one.
        """
        return cls(Index.load(folder))

    def save(self, folder: Path | str) -> Path:
        """Write the index into `folder`, whole or not at all.

        Raises:
            StorageError: if it cannot be written; what was there before is then untouched.
        """
        return self._index.save(folder)

    def update(self, catalog: Catalog) -> Updated:
        """Bring the index to a new state of the catalogue; searches meanwhile see the old state or the new, never both.

        Products whose text did not change are not read again. The result equals a fresh build.
        """
        old, new = self._index, Index.build(catalog, self._index.config, before=self._index)
        before = dict(zip(old.ids.ids.tolist(), old.forward.content.tolist(), strict=True))
        after = dict(zip(new.ids.ids.tolist(), new.forward.content.tolist(), strict=True))
        self._index = new
        kept = [name for name in after if name in before]
        same = sum(after[name] == before[name] for name in kept)
        return Updated(len(after) - len(kept), len(kept) - same, len(before) - len(kept), same)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def index(self) -> Index:
        """The state in force."""
        return self._index

    @property
    def config(self) -> SearchConfig:
        """The settings in force."""
        return self._index.config

    def understand(self, query: str) -> Query:
        """How a query is read: its words, the kind of thing it asks for, what spelling changed."""
        return self._read(self._index, query)

    def _read(self, index: Index, query: str, exact: bool = False) -> Query:
        if exact:
            return index.reader.read(query, mend=False)
        asked = self.synonyms.rewrite(query) if self.synonyms else query
        read = index.read(asked)
        return read if asked == query else replace(read, text=query, corrected=read.corrected or asked)

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        filters: Filters = _NO_FILTERS,
        sort: str = "relevance",
        features: Mapping[str, NDArray[np.floating]] | None = None,
        stock: NDArray[np.integer] | None = None,
        prices: NDArray[np.floating] | None = None,
        start: int = 0,
        whole: bool = False,
        exact: bool = False,
        abstain: bool = True,
    ) -> Found:
        """The k best products for a query.

        Args:
            query: words, or a product's id; empty to browse what the filters leave.
            filters: conditions that every product must meet.
            sort: one of `SORTS`. An order other than relevance covers the products that match well, not all that share
                a word with the query.
            features: name of `FEATURES` -> one value a catalogue row, higher better, about 0 to 1.
            stock, prices: pieces, and minor units, by catalogue row; the catalogue's own if None.
            start: products to leave out in front, as a later page does.
            whole: go through all products that share a word with the query, not only the best `candidates` of them, so
                that pages follow on each other and `total` and `matches` are of the whole list.
            exact: take the words as they were typed, without spelling and synonyms.
            abstain: find nothing rather than something that may be wrong; else the confidences alone tell.

        Raises:
            InputError: if k < 1 or start < 0, an order or feature is unknown, or an array does not fit the catalogue.
        """
        if k < 1 or start < 0:
            raise InputError(f"k is {k} and start {start}", hint="Ask for 1 product or more, from 0 on")
        if sort not in SORTS:
            raise UnknownNameError("order", sort, SORTS)
        index = self._index
        read = self._read(index, query, exact)
        cut = Cut(k, sort, prices, start, whole, abstain)
        filters = ruled(filters, read.refused)
        allowed = index.shelf.passing(filters, stock, prices) if filters else None
        extra = self._extra(index, features)
        if not read.terms:
            return self._browse(index, read, cut, filters=filters, allowed=allowed, extra=extra)
        found = self._worded(index, read, cut, allowed=allowed, extra=extra)
        own = named(query, index, allowed) or of_category(read, index, allowed, extra) if found.abstained else None
        return found if own is None else self._found(index, replace(read, terms=()), own, cut)

    def search_batch(self, queries: Sequence[str], k: int = 10) -> list[Found]:
        """`search` for each of many queries; a query that occurs again is searched once."""
        done: dict[str, Found] = {}
        for query in queries:
            if query not in done:
                done[query] = self.search(query, k)
        return [done[query] for query in queries]

    def facets(
        self, of: Found | Filters = _NO_FILTERS, *, prices: NDArray[np.floating] | None = None
    ) -> dict[str, dict[str, int]]:
        """How many products of each brand, category, type, colour, material and price band: name -> value -> count.

        Args:
            of: the products that an answer matched, or those that filters leave.
            prices: minor units by catalogue row; the catalogue's own if None.
        """
        index = self._index
        rows = of.matches if isinstance(of, Found) else np.flatnonzero(index.shelf.passing(of, prices=prices))
        return index.shelf.facets(rows, prices)

    def _browse(
        self,
        index: Index,
        read: Query,
        cut: Cut,
        *,
        filters: Filters,
        allowed: NDArray[np.bool_] | None,
        extra: NDArray[np.float32] | None,
    ) -> Found:
        """Without words: by the name of the kind asked for, if there is one, else the most popular first."""
        if (read.text.strip() and not read.refused) or (allowed is None and not filters):
            return Found(read.text) if read.text.strip() else self._found(index, read, browse(index, None, extra), cut)
        if filters.types:
            kind = index.reader.read(filters.types[0])
            ranked = rank(kind, index, allowed=allowed, extra=extra, depth=len(index))
            if len(ranked.rows):
                return self._found(
                    index, replace(kind, text=read.text, corrected=None, refused=read.refused), ranked, cut
                )
        return self._found(index, read, browse(index, allowed, extra), cut)

    def _worded(
        self,
        index: Index,
        read: Query,
        cut: Cut,
        *,
        allowed: NDArray[np.bool_] | None,
        extra: NDArray[np.float32] | None,
    ) -> Found:
        depth = len(index) if cut.whole else cut.start + cut.k
        if cut.whole:
            # What is listed under filters is what is listed without them, as far as it passes: counts of facets hold.
            found = self._found(index, read, rank(read, index, extra=extra, depth=depth), cut, allowed)
            if allowed is None or found.total or found.abstained:
                return found
        return self._found(index, read, rank(read, index, allowed=allowed, extra=extra, depth=depth), cut)

    def _found(
        self, index: Index, read: Query, ranked: Ranked, cut: Cut, within: NDArray[np.bool_] | None = None
    ) -> Found:
        relevance = cut.sort == "relevance"
        matches = ranked.listed() if cut.whole and relevance else ranked.matching()
        if within is not None:
            matches = matches[within[ranked.rows[matches]]]
        if relevance:
            order = matches if cut.whole else np.arange(len(ranked.rows))
        else:
            order = matches[index.order(ranked.rows[matches], cut.sort, cut.prices)]
        chosen = cut.of(order)
        confidences = np.ones(len(chosen))
        abstained = not len(ranked.rows)
        if read.terms and len(ranked.rows):
            reranker = self.reranker if relevance else None
            deepest = max(int(chosen.max(initial=0)) + 1, _LOOKED_AT, RERANKED if reranker is not None else 0)
            evidence = observe(read, index, ranked, deepest)
            if reranker is not None:
                moved = reranker.order(index, ranked)
                chosen = cut.of(moved[np.isin(moved, matches)] if cut.whole else moved)
            probable = index.confidence.probability(evidence.observations)
            confidences = probable[chosen]
            doubtful = float(probable[:_LOOKED_AT].max()) < index.config.doubt
            # No deeper ones: whether there is an answer must not depend on how much of it is asked for.
            covered = float(evidence.coverage[: index.config.candidates].max(initial=0.0))
            doubtful |= covered < index.config.coverage or read.strange_pair
            abstained = cut.abstain and doubtful
        rows = ranked.rows[chosen]
        product_ids = tuple(index.ids.decode(rows).tolist())
        asked = Found(
            read.text,
            # A spelling that finds nothing either helps nobody.
            corrected=read.corrected if len(ranked.rows) else None,
            did_you_mean=read.did_you_mean,
            product_type=read.kind.name if read.kind is not None else None,
            refused=read.refused,
        )
        if abstained:
            return replace(asked, abstained=bool(read.terms), alternatives=product_ids)
        return replace(
            asked,
            rows=rows,
            product_ids=product_ids,
            scores=ranked.scores[chosen],
            confidences=confidences,
            total=len(matches),
            matches=ranked.rows[matches],
        )

    def _extra(self, index: Index, features: Mapping[str, NDArray[np.floating]] | None) -> NDArray[np.float32] | None:
        """The caller's features, weighed and added up."""
        if not features:
            return None
        extra = np.zeros(len(index), np.float32)
        for name, values in features.items():
            if name not in FEATURES:
                raise UnknownNameError("feature", name, FEATURES)
            if np.shape(values) != (len(index),):
                raise InputError(
                    f"feature {name!r} has the shape {np.shape(values)} for {len(index)} products",
                    hint="Give one value a catalogue row",
                )
            column = np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
            extra += np.float32(getattr(index.config, name)) * column
        return extra

    def suggest(self, prefix: str, n: int = 8) -> list[str]:
        """Completions of what is being typed, the most popular first."""
        return self._index.suggestions.complete(prefix, n)

    def offers(self, prefix: str, n: int = 2) -> tuple[Offer, ...]:
        """Up to n brands and n categories whose name is being typed."""
        return self._index.offers.complete(prefix, n)

    def describe(self) -> dict[str, Any]:
        """Sizes of the index."""
        return self._index.describe()
