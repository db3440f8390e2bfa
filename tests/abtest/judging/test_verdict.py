"""What follows from a reading: every rule once, by hand-made readings; and the page that says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from shopr.abtest.design.spec import parse_spec
from shopr.abtest.judging.analysis import Analysis, Check, Row
from shopr.abtest.judging.verdict import conclude
from shopr.abtest.records.report import Report
from shopr.errors import StorageError

SPEC = parse_spec(
    """
name: checkout
hypothesis: <b>Shorter</b> is better
arms: {control: 1, short: 1, long: 1}
metrics: [revenue, latency]
primary: [revenue]
guardrails: [{metric: latency, margin: 0.02}]
design: {type: group-sequential, n: 3000, looks: 3}
"""
)
OK = Check("sample ratio", True, "fits")


def row(arm: str, decision: str, estimate: float = 1.0, **extra: object) -> Row:
    given = {"metric": "revenue", "method": "welch", "decides": True, "se": 0.5, "role": "primary"} | extra
    return Row(arm=arm, estimate=estimate, lo=estimate - 1, hi=estimate + 1, p=0.04, decision=decision, **given)


def guard(arm: str, decision: str) -> Row:
    return row(arm, decision, 0.01, metric="latency", method="non_inferiority", decides=False, relative=True)


def reading(*rows: Row, final: bool = True, health: tuple[Check, ...] = (OK,)) -> Analysis:
    units = {"control": 1000, "short": 1000, "long": 1000}
    return Analysis("checkout", datetime(2026, 1, 2, tzinfo=UTC), "group_sequential", units, rows, health, 1, final)


def both(short: str, long: str, short_guard: str = "held", long_guard: str = "held", **extra: object) -> Analysis:
    rows = row("short", short, 1.0), guard("short", short_guard), row("long", long, 2.0), guard("long", long_guard)
    return reading(*rows, **extra)  # type: ignore[arg-type]


def test_of_two_better_arms_the_one_that_gained_more_is_shipped():
    verdict = conclude(both("better", "better"), SPEC)
    assert (verdict.action, verdict.arm) == ("ship", "long")
    assert verdict.reasons[0].startswith("long: revenue +2 [+1, +3], better")


def test_a_violated_guardrail_stops_an_arm_that_is_better():
    verdict = conclude(both("better", "better", long_guard="violated"), SPEC)
    assert (verdict.action, verdict.arm) == ("ship", "short")
    assert conclude(both("better", "worse", short_guard="violated"), SPEC).action == "stop"


def test_a_guardrail_that_is_not_shown_to_hold_keeps_an_arm_from_being_shipped():
    running = conclude(both("better", "worse", short_guard="not shown", final=False), SPEC)
    assert running.action == "keep running"
    assert conclude(both("better", "worse", short_guard="not shown"), SPEC).action == "stop"


def test_nothing_is_concluded_from_a_broken_test():
    broken = Check("sample ratio", False, "1,000 against 2,000")
    verdict = conclude(both("better", "better", health=(OK, broken)), SPEC)
    assert verdict.action == "find out"
    assert "sample ratio: 1,000 against 2,000" in verdict.reasons


def test_a_lesser_check_is_a_caution_beside_the_verdict():
    gap = Check("date gaps", False, "nobody on 3 Jan")
    verdict = conclude(both("better", "worse", health=(OK, gap)), SPEC)
    assert (verdict.action, verdict.reasons[-1]) == ("ship", "caution, date gaps: nobody on 3 Jan")


def test_an_open_test_runs_on_until_its_next_look():
    verdict = conclude(both("keep running", "keep running", final=False), SPEC)
    assert verdict.action == "keep running"
    assert verdict.until == "look 2 at about 2,000 of 3,000 units"
    assert conclude(both("inconclusive", "inconclusive"), SPEC).action == "stop"


def test_without_planned_looks_it_says_how_many_units_would_do():
    spec = parse_spec("name: t\narms: [control, short]\nmetrics: [revenue]\ndesign: sequential\n")
    found = Analysis(
        "t", datetime(2026, 1, 2, tzinfo=UTC), "sequential", {"control": 50, "short": 50},
        (row("short", "keep running", 0.5),), (OK,), 1, False,
    )  # fmt: skip
    # 100 units, se .5, effect .5: 1.96 standard errors need 100 x 1.96^2 units.
    assert conclude(found, spec).until.startswith("about 384 units")
    still = replace(found, rows=(row("short", "keep running", 0.0),))
    assert conclude(still, spec).until == "more units: nothing moved so far"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "line", "circle"):
            assert self.open.pop() == tag


def test_the_page_is_whole_escaped_and_asks_nobody(tmp_path):
    rows = (row("short", "better"), guard("short", "held"), row("long", "inconclusive", np.nan),
            row("short", "better", segment="country=<DE>"))  # fmt: skip
    page = Report(reading(*rows), SPEC)
    text = page.save(tmp_path / "report.html").read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.links == []
    assert "&lt;b&gt;Shorter&lt;/b&gt;" in text
    assert "country=&lt;DE&gt;" in text
    assert "Ship short" in text
    assert "nan" not in text
    assert page._repr_html_().startswith("<style>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(StorageError):
        page.save(tmp_path / "gone" / "report.html")
