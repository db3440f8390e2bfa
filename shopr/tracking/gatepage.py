"""The gate's decision as one page that needs nothing else: the verdict, every check with its bound, and the risks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from shopr import htmlpage
from shopr.data.folders import replaced_file
from shopr.errors import InputError
from shopr.tracking.bounds import Reason
from shopr.tracking.gate import Decision

__all__ = ["gate_page", "write_gate_page"]

_STYLE = """
:root { --good: light-dark(#1f6b3a, #7fd09b); } h1 { font-size: 1.7rem; }
.verdict { border-left: 5px solid var(--good); background: var(--panel); padding: .9rem 1.2rem; margin: 1.2rem 0; }
.verdict.refused { border-color: var(--bad); } .verdict b { font-size: 1.3rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .94rem; }
th, td { text-align: left; padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; font-weight: 400; }
.held { color: var(--good); font-weight: 600; } .failed { color: var(--bad); font-weight: 600; }
"""


def gate_page(
    decision: Decision, *, version: str | None, run_id: str, evidence: Mapping[str, Any] | None = None
) -> str:
    """The page, HTML.

    Args:
        version: what it became; None if it was refused.
        evidence: further facts of the record, shown as they are.
    """
    failed = [reason for reason in decision.reasons if not reason.passed]
    title = f"Version {version} was promoted" if version is not None else "The candidate was refused"
    checks = "".join(_check(reason) for reason in sorted(decision.reasons, key=lambda reason: reason.passed))
    risks = "".join(f"<li>{escape(_sentence(risk))}</li>" for risk in decision.risks)
    counts = f"{len(decision.reasons) - len(failed)} of {len(decision.reasons)} checks held"
    facts = {
        "Candidate": f"run {run_id}",
        "Held against": decision.against,
        "Looks at this split": f"{decision.looks}, so that its interval is at {decision.level:.2%}",
        **{str(name): str(value) for name, value in (evidence or {}).items() if isinstance(value, str | int | float)},
    }
    rows = "".join(f'<tr><th scope="row">{escape(k)}</th><td>{escape(v)}</td></tr>' for k, v in facts.items())
    body = (
        f'<p class="soft">The gate\'s decision</p><h1>{escape(title)}</h1>'
        f'<div class="verdict{"" if decision.allowed else " refused"}"><b>{"Promote" if decision.allowed else "Refuse"}'
        f"</b><br>{escape(_sentence(decision.verdict))}</div>"
        f'<h2>Checks</h2><p class="soft">{counts}; those that did not come first.</p>'
        f"{htmlpage.table(checks, ('check', 'held', 'measured', 'bound', 'in words'))}"
        f"<h2>What it may get wrong</h2><ul>{risks}</ul><h2>On record</h2>{htmlpage.table(rows)}"
    )
    return htmlpage.document("The gate's decision", body, _STYLE)


def write_gate_page(path: Path, page: str) -> None:
    """Write the page whole or not at all.

    Raises:
        InputError: if the name does not end in .html.
        StorageError: if it cannot be written.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path} ends in {path.suffix!r}", hint="Name a file ending in .html")
    with replaced_file(path) as fresh:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(page, encoding="utf-8")


def _check(reason: Reason) -> str:
    state = '<span class="held">held</span>' if reason.passed else '<span class="failed">did not hold</span>'
    cells = (escape(reason.name), state, _number(reason.value), _number(reason.bound), escape(reason.detail))
    first, *rest = cells
    return f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"


def _number(value: float) -> str:
    return "–" if not math.isfinite(value) else f"{value:.4g}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
