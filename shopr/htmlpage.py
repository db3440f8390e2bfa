"""Pages for people that need nothing else: one file, no script, nothing from elsewhere, light and dark.

Texts from outside are escaped by who writes them into a body; a title is escaped here.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from html import escape

__all__ = ["document", "style", "table"]

_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1d1c1a, #ece9e4); --soft: light-dark(#5d5952, #a9a59d);
  --line: light-dark(#e4dfd6, #303538); --panel: light-dark(#fff, #1a1d1f); --accent: light-dark(#0b6b62, #4fc4b4);
  --bad: light-dark(#9a2b2b, #f09a94); }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: light-dark(#fbfaf7, #131516);
  max-width: {width}rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin: 0; } h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; } .soft { color: var(--soft); }
"""


def style(own: str, *, width: int = 60) -> str:
    """The CSS of a page: colours, text and headings that all pages share, then what is its own.

    Args:
        own: rules that come last; they may use --ink, --soft, --line, --panel, --accent and --bad.
        width: of the page at most, in rem.
    """
    return _STYLE.replace("{width}", str(width)) + own.lstrip("\n")


def document(title: str, body: str, own: str = "", *, width: int = 60) -> str:
    """A whole page.

    Args:
        title: as text.
        body: as HTML.
        own, width: as `style` takes them.
    """
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style(own, width=width)}</style></head><body><main>{body}</main></body></html>"
    )


def table(rows: str, heads: Iterable[str] = (), *, numbers: Container[str] = ()) -> str:
    """A table that scrolls sideways, by keyboard too, where the page is too narrow for it.

    Args:
        rows: `<tr>` after `<tr>`, as HTML.
        heads: of the columns, as HTML; one that is empty heads nothing.
        numbers: heads that stand, like their numbers, on the right.
    """
    cells = "".join(
        f'<th scope="col"{" class=number" * (head in numbers)}>{head}</th>' if head else "<td></td>" for head in heads
    )
    inside = f"<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody>" if cells else rows
    return f'<div class="scroll" tabindex="0"><table>{inside}</table></div>'
