"""Search by words whose first hundred products are reordered by meaning, with any local encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.search.asking.results import Filters, Found
from shopr.search.searching.engine import ProductSearch
from shopr.search.searching.keeping import kept
from shopr.search.vectors.semantic import RERANKED, Encoder, SemanticIndex, vectors_key

__all__ = ["MeaningSearch"]


class MeaningSearch:
    """A product search whose order an encoder has a say in.

    What is found, how sure each match is and what is refused stay those of the search by words.

    Args:
        engine: the search by words.
        index: vectors of its catalogue.
        encoder: what made them.

    Raises:
        InputError: at the first search, if the vectors are of another encoder.
    """

    def __init__(self, engine: ProductSearch, index: SemanticIndex, encoder: Encoder) -> None:
        self.engine, self.index, self.encoder = engine, index, encoder

    @classmethod
    def build(
        cls, engine: ProductSearch, catalog: Catalog, encoder: Encoder, blend: float | None = None
    ) -> MeaningSearch:
        """Encode the catalogue once; the blend is the encoder's own unless given."""
        return cls(engine, SemanticIndex.build(catalog, encoder, blend), encoder)

    @classmethod
    def kept(
        cls, engine: ProductSearch, catalog: Catalog, encoder: Encoder, folder: Path | str, blend: float | None = None
    ) -> MeaningSearch:
        """As `build`, the vectors memory-mapped from `folder` where they are kept there, else computed and kept."""
        index = kept(
            Path(folder),
            vectors_key(catalog, encoder),
            load=lambda path: SemanticIndex.load(path, catalog),
            make=lambda: SemanticIndex.build(catalog, encoder),
            parts=SemanticIndex.parts,
        )
        if blend is not None:
            index = index.weighed(blend)
        return cls(engine, index, encoder)

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        filters: Filters | None = None,
        sort: str = "relevance",
        features: Mapping[str, NDArray[np.float64]] | None = None,
        stock: Any = None,
    ) -> Found:
        """As `ProductSearch.search`; another sort than relevance is left as it is."""
        more: dict[str, Any] = {"filters": filters or Filters(), "sort": sort, "features": features, "stock": stock}
        if sort != "relevance":
            return self.engine.search(query, k, **more)
        found = self.engine.search(query, max(k, RERANKED), **more)
        if not len(found):
            return found
        order = self.index.rerank(found.corrected or query, found.rows, found.scores, self.encoder)[:k]
        return replace(
            found,
            rows=found.rows[order],
            product_ids=type(found.product_ids)(found.product_ids[int(at)] for at in order),
            scores=found.scores[order],
            confidences=found.confidences[order],
        )

    def search_batch(self, queries: Sequence[str], k: int = 10) -> list[Found]:
        """`search` for each of many queries; a query that occurs again is searched once."""
        done = {query: self.search(query, k) for query in dict.fromkeys(queries)}
        return [done[query] for query in queries]
