"""What goes with a basket: products bought together more often than chance, complements before substitutes.

Joint counts are compared with what independence would give; the ratio (lift) is shrunk towards the lift of the two
categories as in DuMouchel's gamma-Poisson shrinker (American Statistician 1999); a pair is kept only where Dunning's
likelihood ratio G² (1993) is significant after Benjamini & Hochberg's correction (1995) over all pairs that could have
been found. A basket votes for a product with the shares of its pairs (joint count over powers of both counts), which
holds in baskets of any length; or by a naive Bayes sum of log lifts on top of popularity, which counts the same
evidence again and again where baskets are long. What no pair speaks for is ordered by popularity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from scipy.stats import chi2

from shopr.data.catalog import Catalog
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import CapacityError, InputError, NotReadyError
from shopr.recommend.contract.base import Config, Recommendations
from shopr.recommend.related.baskets import baskets_of, binary, within_pairs
from shopr.recommend.related.significance import false_discoveries, g2
from shopr.recommend.topk import top_k

__all__ = ["Bundle", "CrossSell", "CrossSellConfig", "baskets_of", "cross_sell_of"]

_MOST_PAIRS = 50_000_000
"""Joint counts that may be held at once."""
_TAIL = 0.03
"""What the most popular product adds to the shares of pairs."""


class CrossSellConfig(Config):
    """Settings of `CrossSell`.

    Attributes:
        min_count: a product in fewer baskets, and a pair met less often, is no evidence by itself.
        false_rate: share of false discoveries among the kept pairs.
        shrinkage: expected joint baskets at which a pair's own lift counts half, its categories' lift the other half.
        evidence: `share` sums joint / (count of what is there^from_power * count of the product^to_power) over the
            basket; `lift` sums log lifts, pairs' and categories'.
        from_power, to_power: of `share`; a half each is the cosine.
        popularity: weight of popularity (its logarithm with `lift`); 0 ranks by the pairs alone.
        substitute_penalty: taken from the (log) score of a product whose leaf category is in the basket, in proportion
            to how far views say that the category's products replace each other (wholly, without views).
    """

    min_count: int = Field(2, ge=1)
    false_rate: float = Field(0.05, gt=0, lt=1)
    shrinkage: float = Field(5.0, gt=0)
    category_shrinkage: float = Field(20.0, gt=0)
    evidence: Literal["share", "lift"] = "share"
    from_power: float = Field(0.7, ge=0, le=1)
    to_power: float = Field(0.5, ge=0, le=1)
    popularity: float = Field(1.0, ge=0)
    substitute_penalty: float = Field(1.0, ge=0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Products to add to a basket: codes in the order of choice, total price in minor units, sum of scores."""

    items: tuple[int, ...]
    price: int
    score: float


class CrossSell:
    """Goes-with recommendations, learnt from baskets; see the module for the method."""

    def __init__(self, config: CrossSellConfig | None = None, **settings: Any) -> None:
        self.config = config if config is not None else CrossSellConfig(**settings)
        self._fitted = False

    def fit(
        self,
        baskets: sparse.csr_matrix,
        item_ids: IdMap,
        catalog: Catalog | None = None,
        *,
        views: sparse.csr_matrix | None = None,
    ) -> Self:
        """Learn from baskets.

        Args:
            baskets: CSR (n baskets, n_items), as from `baskets_of`.
            catalog: categories for shrinkage and substitutes, prices for bundles.
            views: CSR (n sessions, n_items) of products viewed together, which tells substitutes from complements.

        Raises:
            InputError: if there are no baskets, or the shapes do not fit.
        """
        if baskets.shape[0] == 0 or baskets.nnz == 0:
            raise InputError("cross-sell was given 0 baskets", hint="Check the file and the split")
        if baskets.shape[1] != len(item_ids):
            raise InputError(f"baskets span {baskets.shape[1]} items, the id map {len(item_ids)}")
        self.item_ids = item_ids
        products = None if catalog is None else catalog.align(item_ids)
        self._learn_categories(binary(baskets), products)
        self._learn_pairs(binary(baskets))
        self.substitute = self._substitutes(binary(baskets), views)
        unknown = np.full(len(item_ids), np.nan)
        self.prices = unknown if products is None else products["price"].to_numpy(np.float64, na_value=np.nan)
        self._fitted = True
        return self

    def for_basket(self, items: NDArray[np.integer] | list[int], k: int = 10) -> Recommendations:
        """The k best products to go with one basket of item codes; -1 is left out; an empty basket gets the popular."""
        known = np.unique([int(i) for i in items if 0 <= i < len(self.item_ids)]).astype(np.int64)
        row = sparse.csr_matrix(
            (np.ones(len(known), np.float32), known, [0, len(known)]), shape=(1, len(self.item_ids))
        )
        return self.for_baskets(row, k)

    def for_baskets(self, baskets: sparse.csr_matrix, k: int = 10) -> Recommendations:
        """The k best products to go with each basket, what it holds left out.

        Raises:
            InputError: if k < 1.
        """
        if k < 1:
            raise InputError(f"k is {k}", hint="Ask for at least 1 product")
        n = baskets.shape[0]
        items, scores = np.full((n, k), -1, np.int32), np.full((n, k), -np.inf, np.float32)
        rows = max(1, 2**23 // max(baskets.shape[1], 1))
        for start in range(0, n, rows):
            block = slice(start, min(start + rows, n))
            part = baskets[block]
            values = self.score(part)
            values[np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)), part.indices] = -np.inf
            items[block], scores[block] = top_k(values, k)
        return Recommendations(np.full(n, -1, np.int32), items, scores)

    def score(self, baskets: sparse.csr_matrix) -> NDArray[np.float64]:
        """Shape (n, n_items): what the basket's pairs say of each product, less the penalty, and its popularity."""
        if not self._fitted:
            raise NotReadyError("cross-sell is not fitted", hint="Call fit(baskets, item_ids) first")
        c, mine = self.config, binary(baskets)
        kinds = (mine @ self.member).toarray()
        penalty = c.substitute_penalty * (kinds > 0) * self.substitute
        if c.evidence == "share":
            shares = np.asarray((mine @ self.pair_share).toarray(), np.float64)
            # Popularity orders what no pair speaks for, and breaks ties.
            shares += _TAIL * c.popularity * np.exp(self.log_popularity - self.log_popularity.max(initial=-np.inf))
            return np.asarray(shares * np.exp(-penalty)[:, self.categories])
        score = np.asarray((mine @ self.pair_excess).toarray(), np.float64)
        by_kind = kinds @ self.category_lift - penalty
        score += by_kind[:, self.categories]
        score += c.popularity * self.log_popularity
        return score

    def pairs(self) -> pd.DataFrame:
        """The kept pairs, `item, with, baskets, lift, confidence, g2, q_value`, strongest first.

        Both directions are listed: confidence, the share of the first one's baskets that hold the second, differs.
        """
        table = self._pairs
        names = {"item": self.item_ids.decode(table["first"]), "with": self.item_ids.decode(table["second"])}
        numbers = {n: table[n] for n in ("baskets", "lift", "confidence", "g2", "q_value")}
        return pd.DataFrame({**names, **numbers}).sort_values(["g2", "confidence"], ascending=False, ignore_index=True)

    def bundles(
        self, basket: NDArray[np.integer] | list[int], budget: int, *, size: int = 3, n: int = 3
    ) -> list[Bundle]:
        """Up to `n` bundles of at most `size` products within a budget (minor units), one product a category.

        Each starts from another of the best products and adds greedily. Products without a price are left out.
        """
        if budget < 0 or size < 1 or n < 1:
            raise InputError(f"budget {budget}, size {size}, n {n}", hint="Budget from 0, size and n from 1")
        found = self.for_basket(basket, min(200, len(self.item_ids)))
        items, scores = found.items[0], found.scores[0]
        fits = (items >= 0) & (self.prices[items] <= budget)
        items, scores = items[fits], scores[fits]
        out = []
        for lead in range(min(n, len(items))):
            chosen: list[int] = []
            kinds: set[int] = set()
            price, total = 0, 0.0
            for place in [lead, *(i for i in range(len(items)) if i > lead)]:
                item, kind = int(items[place]), int(self.categories[items[place]])
                cost = int(self.prices[item])
                if len(chosen) == size or price + cost > budget or kind in kinds:
                    continue
                chosen.append(item)
                price, total = price + cost, total + float(scores[place])
                if self.has_categories:
                    kinds.add(kind)
            out.append(Bundle(tuple(chosen), price, total))
        return out

    # -- learning -----------------------------------------------------------------------------------------------------

    def _learn_categories(self, baskets: sparse.csr_matrix, products: pd.DataFrame | None) -> None:
        n_items = baskets.shape[1]
        self.has_categories = products is not None and bool((products["category"].fillna("") != "").any())
        names = pd.Series([""] * n_items) if products is None else products["category"].fillna("")
        codes, unique = pd.factorize(names)
        self.categories = codes.astype(np.int64)
        ones = np.ones(n_items, np.float32)
        self.member = sparse.csr_matrix((ones, (np.arange(n_items), codes)), shape=(n_items, len(unique)))
        held = np.bincount(baskets.indices, minlength=n_items)
        self.log_popularity = np.log((held + 0.5) / (baskets.shape[0] + 1.0))
        # Lines, not baskets, are compared: what another line of the same basket is, given what one line is.
        lines = (baskets @ self.member).tocsr()
        joint = (lines.T @ lines).toarray().astype(np.float64) - np.diag(np.bincount(codes, held, len(unique)))
        share = joint.sum(axis=1)
        expected = np.outer(share, share) / max(share.sum(), 1.0)
        s = self.config.category_shrinkage
        lift = np.log((joint + s) / (expected + s))
        self.category_lift = lift if self.has_categories else np.zeros_like(lift)

    def _learn_pairs(self, baskets: sparse.csr_matrix) -> None:
        n, n_items = baskets.shape
        held = np.bincount(baskets.indices, minlength=n_items)
        often = held >= self.config.min_count
        lengths = np.diff(baskets.indptr).astype(np.int64)
        if int((lengths * lengths).sum()) > 8 * _MOST_PAIRS:
            raise CapacityError(
                f"{int((lengths**2).sum()):,} pairs of basket lines would not fit",
                hint="Leave out baskets of hundreds of lines, or take a sample",
            )
        joint = sparse.triu(baskets.T @ baskets, k=1).tocoo()
        keep = (joint.data >= self.config.min_count) & often[joint.row] & often[joint.col]
        first, second, both = joint.row[keep], joint.col[keep], joint.data[keep].astype(np.float64)
        expected = held[first] * held[second] / n
        strength = g2(both, held[first], held[second], n)
        # One-sided: only more than expected is of use.
        p = np.where(both > expected, chi2.sf(strength, 1) / 2, 1.0)
        eligible = int(often.sum())
        q = false_discoveries(p, max(eligible * (eligible - 1) // 2, len(p)))
        good = q <= self.config.false_rate
        first, second, both, expected = first[good], second[good], both[good], expected[good]
        prior = self.category_lift[self.categories[first], self.categories[second]]
        s = self.config.shrinkage
        lift = (both + s * np.exp(prior)) / (expected + s)
        excess = np.log(lift) - prior
        here, there = np.concatenate([first, second]), np.concatenate([second, first])
        values = np.concatenate([excess, excess]).astype(np.float32)
        self.pair_excess = sparse.csr_matrix((values, (here, there)), shape=(n_items, n_items))
        both_ways, c = np.tile(both, 2), self.config
        share = both_ways / (held[here] ** c.from_power * held[there] ** c.to_power)
        self.pair_share = sparse.csr_matrix((share.astype(np.float32), (here, there)), shape=(n_items, n_items))
        self._pairs = {
            "first": here,
            "second": there,
            "baskets": np.tile(both, 2).astype(np.int64),
            "lift": np.tile(lift, 2),
            "confidence": np.tile(both, 2) / held[here],
            "g2": np.tile(strength[good], 2),
            "q_value": np.tile(q[good], 2),
        }

    def _substitutes(self, baskets: sparse.csr_matrix, views: sparse.csr_matrix | None) -> NDArray[np.float64]:
        """Shape (n_categories,): 0 … 1, how far products of one category replace each other.

        With views: the share of all pairs viewed together that are of this category, against the same share of pairs
        bought together. Compared but not bought together means instead of, not along with.
        """
        if not self.has_categories:
            return np.zeros(self.member.shape[1])
        if views is None:
            return np.ones(self.member.shape[1])
        viewed, bought = within_pairs(binary(views), self.member), within_pairs(baskets, self.member)
        return np.asarray((viewed + 1e-3) / (viewed + bought + 2e-3))


def cross_sell_of(events: pd.DataFrame, catalog: Catalog) -> CrossSell:
    """Fitted on the orders of the flat event table.

    Raises:
        InputError: if there are none.
    """
    lines = events[(events["type"] == "order_completed") & events["product_id"].notna()]
    log = Interactions.from_frame(pd.DataFrame({"user": lines["order_id"], "item": lines["product_id"]}))
    return CrossSell().fit(baskets_of(log, log.users), log.item_ids, catalog)
