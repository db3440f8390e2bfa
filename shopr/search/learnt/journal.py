"""What shoppers searched for, what they were shown for it and what they clicked, put together from a shop's events.

A row of the event table that shows or clicks a product belongs to the latest search of the same session, at most half
an hour before, or to the query that it names itself. A search that nobody clicked in and that another one of the same
session follows within five minutes is put in other words by it: what is clicked there answers the first one as well,
which is how the words of shoppers that the catalogue does not know come to be clicked at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.errors import DataError
from shopr.search.text.tokens import fold

__all__ = ["COLUMNS", "FILTERED", "SearchJournal"]

COLUMNS = ("type", "time", "user_id", "session_id", "product_id", "position", "source", "query", "properties")
"""Columns of the event table that are read."""
FILTERED = "search filtered"
"""Policy of products that are shown under conditions, or in another order than by relevance."""
_LASTS = 30 * 60
_REPHRASED = 5 * 60
"""Seconds in which another search counts as the same wish in other words."""
_LONGEST = 200
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class SearchJournal:
    """Searches in order of person and time.

    Attributes:
        queries: text of each search, folded. person: shape (searches,), who searched: the user where known, else the
            session. time: seconds since 1970.
        products: ids. shown_search, shown_product, shown_place, shown_clicked: one row a product that was shown for a
            search, its place from 0.
        click_search, click_product: what was clicked, each product once a search; the searches that were put in other
            words included, `click_own` tells which clicks are of the search's own list.
    """

    queries: tuple[str, ...]
    person: Codes
    time: Codes
    products: tuple[str, ...]
    shown_search: Codes
    shown_product: Codes
    shown_place: Codes
    shown_clicked: NDArray[np.bool_]
    click_search: Codes
    click_product: Codes
    click_own: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.queries)

    @classmethod
    def of(cls, events: pd.DataFrame) -> Self:
        """Read the flat table of events.

        Searches under filters, or in another order than by relevance, are left out with what was shown and clicked for
        them: their lists answer more than words.

        Raises:
            DataError: if a column is missing.
        """
        lacking = [name for name in COLUMNS if name not in events.columns]
        if lacking:
            raise DataError(f"the events have no column {lacking[0]}", hint="Give the flat table of events")
        frame = _relevant(events)
        begun = frame[(frame["type"] == "search_performed") & (frame["query"] != "")]
        named = frame[(frame["type"] != "search_performed") & (frame["query"] != "")]
        implied = named.drop_duplicates(["person", "query"])[["person", "who", "time", "query"]]
        known = begun[["person", "query"]].drop_duplicates()
        implied = implied.merge(known, on=["person", "query"], how="left", indicator=True)
        implied = implied[implied["_merge"] == "left_only"].drop(columns="_merge")
        columns = ["person", "who", "time", "query", "filtered"]
        searches = pd.concat([begun[columns], implied.assign(filtered=False)[columns]], ignore_index=True)
        searches = searches.sort_values(["person", "time"], kind="stable").reset_index(drop=True)
        plain = ~searches.pop("filtered").to_numpy(bool)
        searches["search"] = np.where(plain, np.cumsum(plain) - 1, -1)
        products = pd.Index(frame["product_id"][frame["product_id"] != ""].unique())
        return cls._joined(searches, frame, products)

    @classmethod
    def _joined(cls, searches: pd.DataFrame, frame: pd.DataFrame, products: pd.Index) -> Self:
        rows = frame[(frame["type"] != "search_performed") & (frame["product_id"] != "")]
        rows = _with_search(rows, searches)
        searches = searches[searches["search"] >= 0].reset_index(drop=True)
        rows = rows.assign(product=products.get_indexer(rows["product_id"]))
        clicks = rows[rows["type"] == "product_clicked"].drop_duplicates(["search", "product"])
        shown = rows[(rows["type"] == "product_shown") & rows["position"].between(1, 1000)]
        shown = shown.drop_duplicates(["search", "product"]).sort_values(["search", "position"], kind="stable")
        pairs = pd.MultiIndex.from_frame(clicks[["search", "product"]])
        clicked = pd.MultiIndex.from_frame(shown[["search", "product"]]).isin(pairs)
        own, other = clicks[["search", "product"]], _rephrased(searches, clicks)
        both = pd.concat([own.assign(own=True), other.assign(own=False)], ignore_index=True)
        both = both.drop_duplicates(["search", "product"]).sort_values(["search", "product"], kind="stable")
        return cls(
            tuple(searches["query"]),
            searches["who"].to_numpy(np.int64),
            searches["time"].to_numpy(np.int64),
            tuple(map(str, products)),
            shown["search"].to_numpy(np.int64),
            shown["product"].to_numpy(np.int64),
            shown["position"].to_numpy(np.int64) - 1,
            clicked,
            both["search"].to_numpy(np.int64),
            both["product"].to_numpy(np.int64),
            both["own"].to_numpy(bool),
        )


def _relevant(events: pd.DataFrame) -> pd.DataFrame:
    """Searches, and what was shown and clicked in them: person, seconds, folded query."""
    source = events["source"].astype("object")
    within = (source == "search") | (source.isna() & events["query"].notna())
    within &= ~events["properties"].astype("object").fillna("").str.contains(f'"policy":"{FILTERED}"', regex=False)
    kept = (events["type"] == "search_performed") | (events["type"].isin(["product_shown", "product_clicked"]) & within)
    frame = events.loc[kept.to_numpy(bool), list(COLUMNS)]
    person = frame["session_id"].astype("object").where(frame["session_id"].notna(), frame["user_id"].astype("object"))
    texts = frame["query"].astype("object")
    folded = {text: " ".join(fold(text[:_LONGEST]).split()) for text in texts.dropna().unique()}
    properties = frame["properties"].astype("object").fillna("")
    out = pd.DataFrame(
        {
            "type": frame["type"].astype(str).to_numpy(),
            "person": person.to_numpy(),
            "who": frame["user_id"].astype("object").where(frame["user_id"].notna(), person).to_numpy(),
            "time": pd.to_datetime(frame["time"], utc=True).to_numpy("datetime64[s]").astype(np.int64),
            "product_id": frame["product_id"].astype("object").fillna("").to_numpy(),
            "position": pd.to_numeric(frame["position"], errors="coerce").fillna(0).to_numpy(np.int64),
            "query": texts.map(folded).fillna("").to_numpy(),
            "filtered": properties.str.contains('"filters":{"|"sort":"(?!relevance")', regex=True).to_numpy(bool),
        }
    )
    out = out[out["person"].notna()]
    for name in ("person", "who"):
        out[name] = pd.factorize(out[name], sort=True)[0].astype(np.int64)
    return out.sort_values("time", kind="stable")


def _with_search(rows: pd.DataFrame, searches: pd.DataFrame) -> pd.DataFrame:
    """Each row with the number of the search that it belongs to; rows that belong to none are dropped."""
    rows, ordered = rows.drop(columns="who"), searches.drop(columns="who").sort_values("time", kind="stable")
    named = pd.merge_asof(rows[rows["query"] != ""], ordered, on="time", by=["person", "query"], tolerance=_LASTS)
    unnamed = pd.merge_asof(
        rows[rows["query"] == ""].drop(columns="query"), ordered, on="time", by="person", tolerance=_LASTS
    )
    both = pd.concat([named, unnamed], ignore_index=True)
    both = both[both["search"] >= 0]
    return both.assign(search=both["search"].astype(np.int64)).sort_values(["search", "time"], kind="stable")


def _rephrased(searches: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    """What was clicked in the search that put another one, without a click, in other words."""
    later = searches.shift(-1)
    same = (later["person"] == searches["person"]) & (later["time"] - searches["time"] <= _REPHRASED)
    same &= later["query"] != searches["query"]
    silent = ~searches["search"].isin(clicks["search"])
    before = searches.loc[same & silent, ["search"]].assign(next=lambda f: f["search"] + 1)
    found = before.merge(clicks[["search", "product"]].rename(columns={"search": "next"}), on="next")
    return found[["search", "product"]]
