"""The retraining of search: synonyms and an order from what shoppers searched and clicked, and what that changed."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from shopr.errors import ShoprError
from shopr.search.learnt.learning import LearntSearch
from shopr.workbench.maintenance.parts import Level, Part, Plot

__all__ = ["relearn"]

_SHOWN = 20
"""Proposed synonyms that are listed; those that are on, or were, come first."""


def relearn(learn: Callable[[], LearntSearch], before: LearntSearch) -> Part:
    """Learn anew, and say what was proved, and what is on now that was off before, or off that was on.

    Args:
        learn: learns, keeps what it found, and lets search follow it; `Shop.learn_search`.
        before: what search followed until now.
    """
    try:
        found = learn()
    except ShoprError as error:
        return Part(f"search learnt nothing: {error.one_line()}", Level.ATTENTION)
    if not found.searches:
        return Part("no search of a shopper is on record, so there is nothing to learn from", Level.EMPTY)
    table = _table(before, found)
    fresh, gone = (table[table["switched"] == word] for word in ("on", "off"))
    rules = sum(rule.on for rule in found.rules)
    words = (
        f"the order of results is {'the learnt one' if found.reranker else 'the default one'} ({found.why}); "
        f"{rules} of {len(found.rules)} proposed synonyms {'is' if rules == 1 else 'are'} on"
    )
    for change, rows in (("switched on", fresh), ("switched off", gone)):
        if len(rows):
            words += f"; {change}: {', '.join(rows['what'])}"
    words += f"; from {found.searches:,} searches and {found.clicks:,} clicks"
    gains = table[table["on"]].set_index("what")["gain"].dropna()
    metrics = {
        "searches": float(found.searches),
        "clicks": float(found.clicks),
        "order_on": float(found.reranker is not None),
        "synonyms_on": float(rules),
        "switched_on": float(len(fresh)),
        "switched_off": float(len(gone)),
    }
    plots = (Plot("bars", gains, "What people who took no part in finding it gain", "gain"),) if len(gains) else ()
    # What was proved once and is no more is for a person to look at: the shop, or its shoppers, became others.
    return Part(words, Level.ATTENTION if len(gone) else Level.OK, table, plots, metrics)


def _table(before: LearntSearch, found: LearntSearch) -> pd.DataFrame:
    """`what`, `on`, `switched`, `gain`, `low`, `high`, `people` (or queries held out)."""
    order = found.ranker.decision if found.ranker is not None else None
    none = float("nan")
    rows = [
        {
            "what": "order of results",
            "on": found.reranker is not None,
            "switched": _change(before.reranker is not None, found.reranker is not None),
            "gain": none if order is None else order.gain,
            "low": none if order is None else order.low,
            "high": none if order is None else order.high,
            "people": 0 if order is None else order.queries,
        }
    ]
    held = {(rule.phrase, rule.words) for rule in before.rules if rule.on}
    for rule in found.rules:
        was = (rule.phrase, rule.words) in held
        held.discard((rule.phrase, rule.words))
        rows.append(
            {
                "what": f"“{rule.phrase}” stands for {rule.words}",
                "on": rule.on,
                "switched": _change(was, rule.on),
                "gain": rule.gain,
                "low": rule.low,
                "high": rule.high,
                "people": rule.proved,
            }
        )
    rows += [
        {"what": f"“{phrase}” stands for {words}", "on": False, "switched": _change(True, False), "gain": none,
         "low": none, "high": none, "people": 0}
        for phrase, words in sorted(held)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    rank = table["switched"].map({"on": 0, "off": 0}).fillna(1) - table["on"] * 0.5
    table = table.assign(rank=rank.where(table.index > 0, -1)).sort_values("rank", kind="stable")
    return table.drop(columns="rank").head(_SHOWN + 1).reset_index(drop=True)


def _change(was: bool, now: bool) -> str:
    return "" if was == now else "on" if now else "off"
