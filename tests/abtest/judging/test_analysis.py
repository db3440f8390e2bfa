"""A table and a spec give effects, health and decisions; what cannot be read is refused in one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from shopr.abtest.design.spec import parse_spec
from shopr.abtest.judging.analysis import Analysis, analyze
from shopr.abtest.judging.looks import load_looks
from shopr.clock import ManualClock
from shopr.errors import DataError, InputError, NotReadyError, ShoprError, UnknownNameError

START = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK = ManualClock(START + timedelta(days=30))


def table(n: int = 2000, effect: float = 0.0, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm = rng.choice(["a", "b"], n)
    before = rng.gamma(2, 10, n)
    revenue = before + rng.normal(20, 5, n) + effect * (arm == "b")
    exposed = pd.Series(pd.Timestamp(START) + pd.to_timedelta(np.linspace(0, 13.99, n), unit="D")).astype(
        "datetime64[us, UTC]"
    )
    return pd.DataFrame(
        {
            "unit_id": [f"u{i}" for i in range(n)],
            "variant": arm,
            "exposed_at": exposed,
            "revenue": revenue,
            "before": before,
            "sessions": rng.poisson(2, n) + 1,
            "bought": (rng.random(n) < 0.3).astype(int),
            "country": rng.choice(["de", "fr"], n),
            "bought_at": exposed + pd.to_timedelta(rng.uniform(0, 10, n), unit="D"),
        }
    )


def spec(extra: str = "", metrics: str = "[revenue]") -> str:
    return f"name: t\narms: [a, b]\nmetrics: {metrics}\n{extra}"


def read(frame: object, text: str, **options: object) -> Analysis:
    options.setdefault("clock", CLOCK)
    return analyze(frame, parse_spec(text), **options)  # type: ignore[arg-type]


def test_a_mean_is_scipys_welch_from_every_kind_of_table(tmp_path: Path) -> None:
    frame = table(effect=2)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    connection = duckdb.connect()
    relation = connection.from_parquet(str(tmp_path / "t.parquet"))
    a, b = (frame.loc[frame.variant == arm, "revenue"] for arm in "ab")
    want = stats.ttest_ind(b, a, equal_var=False)
    for source in (frame, tmp_path / "t.parquet", str(tmp_path / "t.csv"), relation):
        row = read(source, spec()).row("revenue", "b")
        assert row.method == "welch"
        assert row.p == pytest.approx(want.pvalue, rel=1e-9)
        assert (row.lo, row.hi) == pytest.approx(tuple(want.confidence_interval()), rel=1e-9)
        assert row.decision == "better"


def test_every_estimator_finds_the_effect_and_covariates_narrow_it() -> None:
    text = spec(
        "strata: country\nadjustment: {model: ridge, columns: [before, country]}\n",
        "[{name: revenue, covariates: [before]}, {name: rps, type: ratio, numerator: revenue, denominator: sessions},"
        " {name: bought, type: proportion}, {name: median, type: quantile, column: revenue, q: 0.5}]",
    )
    found = read(table(effect=3), text)
    plain, best = found.row("revenue", "b", "welch"), found.row("revenue", "b", "cuped")
    assert best.se < 0.5 * plain.se
    for method in ("cuped", "poststratified", "regression"):
        row = found.row("revenue", "b", method)
        assert row.estimate == pytest.approx(3, abs=4 * row.se)
    assert found.row("revenue", "b").method == "regression"
    assert {r.method for r in found.rows} >= {"delta", "delta_lift", "z", "quantile", "cuped_lift"}
    assert {r.decision for r in found.rows if r.metric == "revenue"} == {"better"}
    assert found.row("bought", "b").role == "secondary"


def test_several_metrics_are_corrected_together() -> None:
    frame = table()
    for i in range(5):
        frame[f"m{i}"] = np.random.default_rng(i).normal(size=len(frame))
    found = read(frame, spec("primary: [m0, m1, m2, m3, m4]\n", "[m0, m1, m2, m3, m4, revenue]"))
    rows = [found.row(f"m{i}", "b") for i in range(5)]
    order = sorted(rows, key=lambda row: row.p)
    assert order[0].p_adjusted == pytest.approx(min(1.0, 5 * order[0].p))
    assert found.row("revenue", "b").p_adjusted == pytest.approx(found.row("revenue", "b").p)


def test_segments_have_rows_of_their_own_family() -> None:
    found = read(table(effect=3), spec("segments: [country]\n"))
    rows = [r for r in found.rows if r.segment and r.decides]
    assert [r.segment for r in rows] == ["country=de", "country=fr"]
    assert max(r.p_adjusted for r in rows) >= max(r.p for r in rows)
    assert sum(r.n for r in rows) == 2000


def test_missing_values_are_dropped_or_zero() -> None:
    frame = table()
    frame.loc[::4, "revenue"] = np.nan
    known = frame.dropna()
    row = read(frame, spec(metrics="[revenue, sessions]")).row("revenue", "b")
    want = stats.ttest_ind(
        known.loc[known.variant == "b", "revenue"], known.loc[known.variant == "a", "revenue"], equal_var=False
    )
    assert row.p == pytest.approx(want.pvalue, rel=1e-9)
    assert row.n == 1500
    zero = read(frame, spec(metrics="[{name: revenue, missing: zero}]")).row("revenue", "b")
    filled = frame.fillna({"revenue": 0.0}).groupby("variant")["revenue"].mean()
    assert zero.treatment == pytest.approx(filled["b"])


@pytest.mark.parametrize("lift", ["delta", "fieller", "log"])
def test_a_lift_has_the_interval_that_was_declared(lift: str) -> None:
    row = read(table(effect=3), spec(metrics=f"[{{name: revenue, lift: {lift}}}]")).row("revenue", "b", "welch_lift")
    assert row.relative
    assert row.estimate == pytest.approx(row.treatment / row.control - 1)
    assert row.lo < row.estimate < row.hi
    if lift != "delta":
        assert row.hi - row.estimate > row.estimate - row.lo


def test_one_sided_tests_have_one_end() -> None:
    row = read(table(effect=3), spec("alternative: greater\n")).row("revenue", "b")
    assert row.hi == np.inf
    assert row.p == pytest.approx(read(table(effect=3), spec()).row("revenue", "b").p / 2)


def test_caps_are_alike_in_every_arm() -> None:
    frame = table()
    frame.loc[0, "revenue"] = 1e6
    row = read(frame, spec(metrics="[{name: revenue, cap: {upper_quantile: 0.99, lower: 10}}]")).row("revenue", "b")
    bound = float(np.quantile(frame["revenue"], 0.99))
    want = frame.assign(revenue=frame["revenue"].clip(10, bound)).groupby("variant")["revenue"].mean()
    assert row.treatment == pytest.approx(want["b"])
    assert row.control == pytest.approx(want["a"])


def test_a_window_counts_what_happened_in_it_and_waits_for_the_rest() -> None:
    frame = table()
    at = START + timedelta(days=15)
    text = spec(metrics="[{name: bought, type: proportion, window: {at: bought_at, days: 5}}]")
    row = read(frame, text, at=at).row("bought", "b")
    ripe = frame[frame.exposed_at <= pd.Timestamp(at) - pd.Timedelta(days=5)]
    inside = ripe["bought"] * (ripe.bought_at < ripe.exposed_at + pd.Timedelta(days=5))
    assert row.n == len(ripe)
    assert row.treatment == pytest.approx(inside[ripe.variant == "b"].mean())


def test_a_large_mean_keeps_its_digits() -> None:
    frame = table()
    frame["revenue"] += 1e9
    a, b = (frame.loc[frame.variant == arm, "revenue"] for arm in "ab")
    want = stats.ttest_ind(b - 1e9, a - 1e9, equal_var=False)
    assert read(frame, spec()).row("revenue", "b").p == pytest.approx(want.pvalue, rel=1e-5)


def test_a_clustered_quantile_takes_rows() -> None:
    frame = pd.concat([table(), table(seed=1)], ignore_index=True)
    frame["unit_id"] = frame["unit_id"].str[:-1]
    frame["variant"] = np.where(frame["unit_id"].map(hash_of) % 2 == 0, "a", "b")
    found = read(frame, spec(metrics="[{name: revenue, type: quantile, q: 0.9, cluster: unit_id}]"))
    assert np.isfinite(found.row("revenue", "b").p)
    assert "clustered rows" in found.health[0].message


def hash_of(text: str) -> int:
    return sum(map(ord, text))


# --- when a test may be read ------------------------------------------------------------------------------------------


def test_a_fixed_test_is_not_read_early_and_says_what_it_needs() -> None:
    frame = table()
    with pytest.raises(NotReadyError, match=r"needs 3,000 more units \(it has 2,000 of 5,000\).*group_sequential"):
        read(frame, spec("design: {type: fixed, n: 5000}\n"))
    with pytest.raises(NotReadyError, match=r"about 45 more days"):
        read(frame, spec("design: {type: fixed, n: 5000}\nstart: 2026-01-01\n"))
    with pytest.raises(NotReadyError, match=r"10\.0 more days, until 2026-02-10"):
        read(frame, spec("end: 2026-02-10\n"))
    assert read(frame, spec("end: 2026-01-20\n")).final
    assert read(frame, spec("design: {type: fixed, n: 2000}\n")).final


def test_a_fixed_test_without_an_end_says_so() -> None:
    horizon = next(c for c in read(table(), spec()).health if c.name == "horizon")
    assert not horizon.ok
    assert "no end was planned" in horizon.message


def test_looks_are_kept_and_cannot_go_back(tmp_path: Path) -> None:
    frame, path = table(effect=0.5), tmp_path / "looks.json"
    text = spec("design: {type: group_sequential, n: 2000, looks: 3}\n")
    first = read(frame, text, at=START + timedelta(days=5), looks=path)
    assert (first.look, first.final) == (1, False)
    assert first.row("revenue", "b").decision == "keep running"
    assert first.row("revenue", "b").method == "welch+group_sequential"
    read(frame, text, at=START + timedelta(days=9), looks=path)
    assert len(load_looks(path, "t")) == 2
    with pytest.raises(InputError, match="is earlier than the last"):
        read(frame, text, at=START + timedelta(days=6), looks=path)
    again = read(frame, text, at=START + timedelta(days=9), looks=path)
    assert again.look == 2
    last = read(frame, text, at=START + timedelta(days=20), looks=path)
    assert (last.look, last.final) == (3, True)
    row = last.row("revenue", "b")
    assert row.decision in {"better", "inconclusive"}
    plain = read(frame, spec()).row("revenue", "b")
    assert row.hi - row.lo > plain.hi - plain.lo
    more = pd.concat([frame, frame[:100].assign(unit_id=[f"late{i}" for i in range(100)])])
    with pytest.raises(InputError, match="the last planned look of 't' was taken at 2,000 units"):
        read(more, text, at=START + timedelta(days=25), looks=path)
    with pytest.raises(DataError, match="belongs to experiment 't', not 'u'"):
        load_looks(path, "u")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        load_looks(path, "t")


def test_a_sequence_may_be_read_any_time_and_is_wider() -> None:
    frame = table(effect=5)
    early = read(frame, spec("design: sequential\n"), at=START + timedelta(days=3)).row("revenue", "b")
    late = read(frame, spec("design: sequential\n")).row("revenue", "b")
    plain = read(frame, spec()).row("revenue", "b")
    assert late.method == "welch+confidence_sequence"
    assert early.hi - early.lo > late.hi - late.lo > plain.hi - plain.lo
    assert late.decision == "better"


def test_a_bayesian_test_gives_a_chance_and_a_loss() -> None:
    row = read(table(effect=3), spec("design: {type: bayesian, prior_sd: 0.1}\n")).row("revenue", "b")
    assert row.chance_to_win > 0.99
    assert 0 <= row.expected_loss < 0.05
    assert row.decision == "better"
    worse = read(table(effect=3), spec("design: bayesian\n", "[{name: revenue, direction: decrease}]"))
    assert worse.row("revenue", "b").decision == "worse"


@pytest.mark.parametrize("design", ["fixed", "sequential", "{type: group_sequential, n: 2000}"])
def test_guardrails_hold_or_are_violated(design: str) -> None:
    text = spec(f"guardrails: [{{metric: revenue, margin: 0.1}}]\ndesign: {design}\n", "[sessions, revenue]")

    def decision(effect: float) -> str:
        rows = read(table(effect=effect), text).rows
        return next(r.decision for r in rows if r.method.startswith("non_inferiority"))

    assert decision(0) == "held"
    assert decision(-12) == "violated"
    assert decision(-4) == "not shown"


# --- health -----------------------------------------------------------------------------------------------------------


def check(found: Analysis, name: str) -> bool:
    return next(c.ok for c in found.health if c.name == name)


def test_health_finds_what_is_planted() -> None:
    frame = table()
    assert check(read(frame, spec()), "sample ratio")
    assert not check(read(frame[~((frame.variant == "b") & (frame.index % 4 == 0))], spec()), "sample ratio")
    assert not check(read(frame.assign(revenue=frame.revenue * (1 + (frame.variant == "b"))), spec()), "Twyman")
    faded = frame.assign(revenue=frame.revenue + 20 * ((frame.variant == "b") & (frame.index < 500)))
    assert not check(read(faded, spec()), "novelty")
    assert check(read(frame, spec()), "novelty")


def test_date_gaps_and_dates_outside_the_test_are_told_in_one_line() -> None:
    frame = table()
    gap = frame[(frame.exposed_at.dt.day < 5) | (frame.exposed_at.dt.day > 7)]
    found = read(gap, spec("start: 2026-01-02\n"))
    message = next(c.message for c in found.health if c.name == "date gaps")
    assert message.startswith("3 of 14 days have no exposures: 2026-01-05, 2026-01-06, 2026-01-07")
    assert not check(found, "exposure window")
    assert not found.healthy


def test_a_table_without_times_can_be_read() -> None:
    found = read(table().drop(columns=["exposed_at", "bought_at"]), spec())
    assert "no exposure times" in next(c.message for c in found.health if c.name == "exposure")


# --- bad input --------------------------------------------------------------------------------------------------------


def bad(change: str) -> pd.DataFrame:
    frame = table()
    if change == "empty arm":
        return frame[frame.variant == "a"]
    if change == "no rows":
        return frame[:0]
    if change == "constant":
        return frame.assign(revenue=7)
    if change == "nan":
        return frame.assign(revenue=np.nan)
    if change == "nan in one arm":
        return frame.assign(revenue=frame.revenue.where(frame.variant == "a"))
    if change == "two arms":
        return pd.concat([frame, frame[:3].assign(variant=np.where(frame.variant[:3] == "a", "b", "a"))])
    if change == "repeated":
        return pd.concat([frame, frame[:3]])
    if change == "other arm":
        return frame.assign(variant=frame.variant.where(frame.index > 3, "c"))
    if change == "no arm":
        return frame.assign(variant=frame.variant.where(frame.index > 3, None))
    if change == "infinite":
        return frame.assign(revenue=frame.revenue.where(frame.index > 3, np.inf))
    if change == "text":
        return frame.assign(revenue="much")
    if change == "no unit":
        return frame.assign(unit_id=frame.unit_id.where(frame.index > 3, None))
    if change == "no time":
        return frame.assign(exposed_at=frame.exposed_at.where(frame.index > 3))
    return frame.rename(columns={"revenue": "revenu"})


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ("empty arm", DataError, "arm 'b' has no units"),
        ("no rows", DataError, "has no rows|has no units"),
        ("constant", DataError, "'revenue' has no variance: every unit has the value 7"),
        ("nan", DataError, "'revenue' has no values"),
        ("nan in one arm", DataError, "'revenue' has no values in arm 'b'"),
        ("two arms", DataError, "3 units of the table are in two arms, such as 'u0'"),
        ("repeated", DataError, "3 rows of the table repeat a unit, such as 'u0'"),
        ("other arm", UnknownNameError, "unknown arm in the table 'c'"),
        ("no arm", DataError, "4 rows of the table have no variant"),
        ("infinite", DataError, "4 rows hold an infinite value"),
        ("text", DataError, "column 'revenue' of the table: 'much' is no number"),
        ("no unit", DataError, "4 rows of the table have no unit_id"),
        ("no time", DataError, "4 rows of the table have no exposed_at"),
        ("column", UnknownNameError, "unknown column in the table 'revenue'. Did you mean 'revenu'"),
    ],
)
def test_bad_tables_are_refused_in_one_line(change: str, kind: type[ShoprError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        read(bad(change), spec())
    assert caught.value.hint
    assert "\n" not in caught.value.one_line()


def test_repair_leaves_out_what_is_repeated_or_torn() -> None:
    for change, left in (("repeated", 2000), ("two arms", 1997)):
        found = read(bad(change), spec(), repair=True)
        assert sum(found.units.values()) == left
        assert not check(found, "repair")


def test_a_proportion_of_other_values_is_refused() -> None:
    with pytest.raises(DataError, match="other values than 0 and 1"):
        read(table(), spec(metrics="[{name: revenue, type: proportion}]"))


def test_ids_and_arms_of_a_csv_stay_text(tmp_path: Path) -> None:
    frame = table(40)
    frame["unit_id"] = ["7", "07"] + [f"{i:03}" for i in range(100, 138)]
    frame["variant"] = np.where(np.arange(40) % 2, "1", "0")
    frame.loc[39, "revenue"] = 0.25
    frame["revenue"] = frame["revenue"].round().astype(object)
    frame.loc[39, "revenue"] = 0.25
    frame.to_csv(tmp_path / "t.csv", index=False)
    text = "name: t\narms: {0: 1, 1: 1}\ncontrol: 0\nmetrics: [revenue]\n"
    assert read(tmp_path / "t.csv", text).units == {"0": 20, "1": 20}
    frame["variant"] = np.where(np.arange(40) % 2, "true", "false")
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert read(tmp_path / "t.csv", "name: t\narms: [false, true]\nmetrics: [revenue]\n").units["true"] == 20


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, text, message in (
        ("t.csv", None, "is no file"),
        ("t.xlsx", "x", "ends in '.xlsx'"),
        ("t.parquet", "x", "no whole Parquet file"),
    ):
        path = tmp_path / name
        if text:
            path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read(path, spec())


def test_the_analysis_is_plain_data() -> None:
    found = read(table(), spec())
    assert json.loads(json.dumps(found.to_dict(), default=str))["experiment"] == "t"
    with pytest.raises(InputError, match="no row of metric 'x'"):
        found.row("x", "b")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_offset_in_a_time_of_text_counts(tmp_path: Path, suffix: str) -> None:
    frame = table().assign(exposed_at="2026-01-01T10:00:00+02:00")
    path = tmp_path / f"t{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    message = next(check.message for check in read(path, spec()).health if check.name == "exposure")
    assert message == "2026-01-01 08:00 to 2026-01-01 08:00 UTC"


def test_numbers_that_lie_as_text_are_numbers(tmp_path: Path) -> None:
    frame = table()
    frame.astype({"revenue": str}).to_parquet(tmp_path / "t.parquet")
    want = read(frame, spec()).row("revenue", "b").p
    assert read(tmp_path / "t.parquet", spec()).row("revenue", "b").p == pytest.approx(want, rel=1e-12)
    with pytest.raises(DataError, match=r"'n/a' is no number \(1 such rows\)"):
        read(frame.assign(revenue=frame.revenue.astype(str).where(frame.index != 7, "n/a")), spec())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        ("unit_id,variant,revenue\n1,a,2\n".encode("utf-16"), "UTF-16 or no CSV"),
        (b"unit_id,variant,revenue\n1,a,2\n2,\xe9,3\n", "is not UTF-8"),
        (b"unit_id,variant,revenue\n", "has no rows"),
        (b"unit_id,variant,revenue,x\n1,a,2,1\n2,b,3\n3,b,3,1,1,1\n", "as many fields as the header"),
        (b"unit_id,variant,revenue\n1,a,\n2,b,\n", "metric 'revenue' has no values"),
        (b"unit_id,variant,revenue,Revenue\n1,a,2,3\n2,b,3,4\n", "two columns are named 'Revenue'"),
    ],
)
def test_a_bad_csv_is_refused_in_its_readers_words(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "t.csv", spec())
    assert "SELECT" not in str(caught.value)
    assert "\0" not in str(caught.value)


def test_values_whose_squares_overflow_are_refused() -> None:
    frame = table()
    frame.loc[0, "revenue"] = 1e300
    with pytest.raises(DataError, match=r"beyond 1\.8e308"):
        read(frame, spec())
    with pytest.raises(DataError, match="quantile 0.5 in arm 'a' is infinite"):
        read(frame.assign(revenue=np.inf), spec(metrics="[{name: revenue, type: quantile, q: 0.5}]"))


def test_a_proportion_that_parts_the_arms_has_its_pooled_p_and_no_lift() -> None:
    found = read(
        table().assign(bought=lambda t: (t.variant == "b").astype(int)),
        spec(metrics="[{name: bought, type: proportion}]"),
    )
    row, share = found.row("bought", "b"), found.row("bought", "b", "z_lift")
    assert row.decision == "better"
    assert row.p < 1e-100
    assert not np.isfinite(share.estimate)


def test_repair_cannot_choose_between_rows_that_differ() -> None:
    frame = table()
    again = pd.concat([frame, frame.head(3).assign(revenue=0.0)])
    with pytest.raises(DataError, match="no repair can choose"):
        read(again, spec(), repair=True)


def test_a_moment_before_the_first_exposure_is_named() -> None:
    with pytest.raises(DataError, match="no exposures until 2025-12-01 00:00; the first is at 2026-01-01 00:00 UTC"):
        read(table(), spec(), at=datetime(2025, 12, 1, tzinfo=UTC))


def test_a_look_of_fewer_than_no_units_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "looks.json"
    path.write_text(json.dumps({"experiment": "t", "looks": [{"at": "2026-01-01", "n": -5, "estimates": {}}]}))
    with pytest.raises(DataError, match="a look has -5 units"):
        load_looks(path, "t")


@pytest.mark.parametrize("at", ["yesterday", "2026-01-01T00:00:00"])
def test_times_in_a_looks_file_are_checked(tmp_path: Path, at: str) -> None:
    path = tmp_path / "looks.json"
    path.write_text(json.dumps({"experiment": "t", "looks": [{"at": at, "n": 5, "estimates": {}}]}))
    if at == "yesterday":
        with pytest.raises(DataError, match="cannot be read"):
            load_looks(path, "t")
    else:
        assert load_looks(path, "t")[0].at == "2026-01-01T00:00:00+00:00"
