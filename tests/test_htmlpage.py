"""Pages that need nothing else: one look, titles escaped, tables that scroll."""

from __future__ import annotations

from shopr.htmlpage import document, style, table


def test_a_page_is_whole_and_asks_for_nothing_from_elsewhere() -> None:
    page = document("<b>Tea & cake</b>", "<p>soup</p>", "p { margin: 0; }", width=40)
    assert page.startswith('<!doctype html><html lang="en">')
    assert "<title>&lt;b&gt;Tea &amp; cake&lt;/b&gt;</title>" in page
    assert page.endswith("<body><main><p>soup</p></main></body></html>")
    assert "<script" not in page
    assert "http" not in page
    assert "color-scheme: light dark" in page


def test_what_is_a_pages_own_comes_after_what_all_pages_share() -> None:
    css = style("h1 { margin: 1rem; }", width=40)
    assert css.index("h1 { margin: 0; }") < css.index("h1 { margin: 1rem; }")
    assert "max-width: 40rem" in css
    assert "{width}" not in css


def test_a_table_has_heads_only_where_there_are_any() -> None:
    assert table("<tr><td>1</td></tr>") == '<div class="scroll" tabindex="0"><table><tr><td>1</td></tr></table></div>'
    told = table("<tr></tr>", ["arm", "", "p"], numbers={"p"})
    assert '<th scope="col">arm</th><td></td><th scope="col" class=number>p</th>' in told
    assert "<tbody><tr></tr></tbody>" in told
