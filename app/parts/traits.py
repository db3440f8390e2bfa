"""What a shopper prefers, as small bars, and the prices they usually pay, as ranges on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from parts.words import percent
from shopr.money import format_minor
from shopr.recommend.profile.card import PriceRange, Trait

__all__ = ["ranges", "traits"]


def traits(title: str, measure: str, rows: Sequence[Trait]) -> None:
    """A list of preferences, strongest first; nothing where there are none."""
    if not rows:
        return
    top = max(_size(row) for row in rows)
    body = "".join(
        f'<li><span class="name">{escape(row.name)}</span><b>{_figure(row)}</b>'
        f'<i style="width:{max(2.0, 100 * _size(row) / top):.0f}%"></i></li>'
        for row in rows
    )
    st.html(
        f'<section class="traits"><h2 class="inner">{escape(title)}</h2>'
        f"<p>{escape(measure)}</p><ul>{body}</ul></section>"
    )


def ranges(title: str, rows: Sequence[PriceRange]) -> None:
    """Usual price ranges; the mark within each is the typical price."""
    if not rows:
        return
    top = max(row.high for row in rows) or 1
    body = "".join(
        f'<li><span class="name">{escape(row.category)}{_stated(row)}</span><b>{escape(row.words)}</b>'
        f'<div class="span" aria-hidden="true"><i style="left:{100 * row.low / top:.1f}%;'
        f'width:{max(1.0, 100 * (row.high - row.low) / top):.1f}%"></i>'
        f'<u style="left:{100 * row.typical / top:.1f}%"></u></div></li>'
        for row in rows
    )
    scale = format_minor(top, rows[0].currency) if rows[0].currency else str(top)
    st.html(
        f'<section class="traits"><h2 class="inner">{escape(title)}</h2>'
        f"<p>On a scale from nothing to {escape(scale)}; the mark is the typical price</p><ul>{body}</ul></section>"
    )


def _size(row: Trait) -> float:
    return row.share if row.share is not None else row.lift


def _figure(row: Trait) -> str:
    return percent(row.share) if row.share is not None else f"{row.lift:.1f} ×"


def _stated(row: PriceRange) -> str:
    return ' <span class="tag">as you said</span>' if row.stated else ""
