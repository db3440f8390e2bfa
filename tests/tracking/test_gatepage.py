"""The gate's page: the verdict, every check, the risks; whatever names hold; whole or not at all."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from shopr.errors import InputError, StorageError
from shopr.tracking.bounds import Reason
from shopr.tracking.gate import Decision
from shopr.tracking.gatepage import gate_page, write_gate_page

HELD = Reason("gain in ndcg@10", 0.0101, 0.0, True, ".0339 against .0185 of popular")
FAILED = Reason("slice <new> shoppers", float("nan"), -0.02, False, "lose & cannot be shown not to")


def page(*reasons: Reason, version: str | None = None) -> str:
    allowed = all(reason.passed for reason in reasons)
    made = Decision(allowed, reasons, "popular", 2, 0.9833, ("an equal one passes in 0.83% of cases at most",))
    return gate_page(made, version=version, run_id="r1")


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)))


def test_a_refusal_names_the_check_that_failed_first_and_the_risks() -> None:
    told = words(page(HELD, FAILED))
    assert "The candidate was refused" in told
    assert "Slice <new> shoppers: lose & cannot be shown not to." in told
    assert told.index("did not hold") < told.index("held ", told.index("did not hold") + 5)
    assert "1 of 2 checks held" in told
    assert "An equal one passes in 0.83% of cases at most." in told
    assert "2, so that its interval is at 98.33%" in told
    assert "<new>" not in page(HELD, FAILED)


def test_a_promotion_names_the_version() -> None:
    told = words(page(HELD, version="7"))
    assert "Version 7 was promoted" in told
    assert "Promote" in told


def test_it_is_written_whole_where_it_can_be(tmp_path: Path) -> None:
    write_gate_page(tmp_path / "new" / "gate.html", page(HELD))
    assert "Promote" in (tmp_path / "new" / "gate.html").read_text()
    assert len(list((tmp_path / "new").iterdir())) == 1
    with pytest.raises(InputError, match=r"ends in '\.txt'"):
        write_gate_page(tmp_path / "gate.txt", "")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_gate_page(tmp_path / "file" / "gate.html", "")
