"""Search as the pages show it: what was found as cards, what was not found as a list."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from parts.cards import grid
from parts.words import count, percent
from shopr.search import Found
from shopr.search.learnt.click_synonyms import LearntRule
from shopr.search.merchant.desk import Failure
from shopr.search.pictures.search import Look
from shopr.shop import Card, Reason, Shop

__all__ = ["failing", "learnt", "looks", "products", "sure"]


def products(shop: Shop, ids: Sequence[str], words: Sequence[str]) -> None:
    """Products as cards, each with a line below."""
    cards: list[Card] = [
        shop.cards.card(product_id, reasons=(Reason(line, 1.0),) if line else (), position=place)
        for place, (product_id, line) in enumerate(zip(ids, words, strict=True), 1)
    ]
    grid(cards, "")


def sure(found: Found) -> list[str]:
    """How sure search is of each product, in words."""
    return [f"{percent(float(c))} sure to be a match" for c in found.confidences]


def looks(look: Look) -> list[str]:
    """How alike each product looks, in words."""
    return [f"Looks alike: {percent(max(float(value), 0.0))}" for value in look.likeness]


def failing(shop: Shop, failures: Sequence[Failure]) -> None:
    """Failing queries as a table: how often, how badly, and what could be done."""
    rows = "".join(_row(shop, failure) for failure in failures)
    st.html(
        '<div class="wide" role="region" aria-label="Failing searches" tabindex="0"><table class="failing">'
        "<caption>Most often first. What may name a person is masked.</caption>"
        '<thead><tr><th scope="col">Query</th><th scope="col">Failed</th><th scope="col">Best match</th>'
        f'<th scope="col">Suggestion</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def learnt(rules: Sequence[LearntRule]) -> None:
    """Synonyms that clicks propose, and whether each is proved."""
    rows = "".join(
        f'<tr><th scope="row">{escape(rule.phrase)}</th><td>{escape(rule.words)}</td>'
        f'<td class="number">{count(rule.people + rule.proved)}</td><td>{_proof(rule)}</td></tr>'
        for rule in rules
    )
    st.html(
        '<div class="wide" role="region" aria-label="Synonyms learnt from clicks" tabindex="0"><table class="failing">'
        "<caption>Those that hold first. Others are for a person to judge.</caption>"
        '<thead><tr><th scope="col">Shoppers say</th><th scope="col">The catalogue says</th>'
        f'<th scope="col">People</th><th scope="col">Proof</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _proof(rule: LearntRule) -> str:
    if rule.on:
        return '<span class="pill good">On</span> People who took no part in finding it gain.'
    return f"Off: {count(rule.proved, 'other person', 'other people')} clicked, too few or without a clear gain."


def _row(shop: Shop, failure: Failure) -> str:
    query = failure.query
    best = "nothing found" if query.best is None else f"{percent(query.best)} sure"
    pill = '<span class="pill good">Mended</span>' if failure.mended else ""
    spoken = ", ".join(name for name in query.languages if name != "und")
    return (
        f'<tr><th scope="row">{escape(query.query)} {pill}<span class="under">{escape(spoken)}</span></th>'
        f'<td class="number">{count(query.asked)}</td><td>{best}</td><td>{_advised(shop, failure)}</td></tr>'
    )


def _advised(shop: Shop, failure: Failure) -> str:
    advice = failure.advice
    if failure.mended:
        return "Finds products now."
    parts = []
    if advice.rule is not None:
        parts.append(f"Synonym: <b>{escape(advice.rule[0])}</b> stands for <b>{escape(advice.rule[1])}</b>.")
    near = [f"{escape(word)}: {escape(', '.join(words))}" for word, words in advice.words.items() if words]
    if near:
        parts.append(f"Near words: {'; '.join(near)}.")
    unknown = [word for word in advice.unknown if not advice.words.get(word)]
    if unknown:
        parts.append(f"The catalogue has nothing like {escape(', '.join(unknown))}: a gap in the assortment?")
    if not parts:
        parts.append("Every word is known, but no product has them together.")
    if advice.products:
        parts.append(f"Nearest products: {escape('; '.join(map(shop.cards.title, advice.products)))}.")
    return " ".join(parts)
