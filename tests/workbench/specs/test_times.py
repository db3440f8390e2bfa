"""Cron in time zones: against brute force over the minutes of the wall's and the world's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.schedule_year import at, brute_force
from shopr.errors import SpecError
from shopr.workbench.specs.times import Cron, instant_of, jitter, zone_of

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "Asia/Kolkata"]
# The nights in 2026 on which clocks change, in each of the zones that change theirs.
CHANGES = ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04"]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    lists = st.lists(st.one_of(number.map(str), spans), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), lists, steps)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    hour = draw(st.one_of(field(0, 23), st.sampled_from(["*", "1", "2", "1-3", "0,2"])))
    day, month = draw(st.one_of(st.just("*"), field(1, 28))), draw(st.one_of(st.just("*"), field(1, 12)))
    weekday = draw(st.one_of(st.just("*"), field(0, 6)))
    return f"{draw(field(0, 59))} {hour} {day} {month} {weekday}"


@settings(max_examples=60)
@given(
    expression=expressions(),
    zone=st.sampled_from(ZONES),
    near=st.sampled_from(CHANGES),
    minutes=st.integers(-1500, 300),
    length=st.integers(60, 1600),
)
@example(expression="30 2 * * *", zone="Europe/Berlin", near="2026-03-29", minutes=-60, length=2000)
@example(expression="*/10 * * * *", zone="Australia/Lord_Howe", near="2026-04-05", minutes=-900, length=2000)
@example(expression="0-0 5-5/2 * * *", zone="UTC", near="2026-11-01", minutes=0, length=1500)
@example(expression="0 0 */2 * */1", zone="UTC", near="2026-11-01", minutes=0, length=1500)
@example(expression="0,30 1-3 * * *", zone="America/New_York", near="2026-11-01", minutes=-60, length=2000)
def test_it_comes_due_as_brute_force_over_minutes_says(expression, zone, near, minutes, length):
    after = at(near) + timedelta(minutes=minutes)
    until = after + timedelta(minutes=length)
    try:
        cron = Cron(expression, zone)
    except SpecError:  # a day that its months do not have: nothing may come due
        assert brute_force(expression, zone, after, until) == []
        return
    found = list(cron.instants(after, until))
    assert found == brute_force(expression, zone, after, until)
    assert found == sorted(set(found))  # monotone, and none twice
    # Step by step it is the same walk: no instant is left out or met twice.
    walked, moment = [], cron.next(after)
    while moment is not None and moment <= until and len(walked) < 20:
        walked.append(moment)
        moment = cron.next(moment)
    assert walked == found[:20]
    for moment in walked[1:3]:
        assert cron.previous(moment) == walked[walked.index(moment) - 1]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_a_daily_job_runs_once_on_each_day_of_the_year(zone):
    for expression in ("30 1 * * *", "30 2 * * *", "0 3 * * *"):
        found = list(Cron(expression, zone).instants(at("2025-12-31 15:00"), at("2026-12-31 15:00")))
        local = [t.astimezone(zone_of(zone)).date() for t in found]
        assert len(local) == len(set(local)) == 365


def test_the_night_when_clocks_go_forward_and_the_night_when_they_go_back():
    cron = Cron("30 2 * * *", "Europe/Berlin")
    assert cron.next(at("2026-03-28 12:00")) == at("2026-03-29 01:00")  # 03:00 CEST, the first moment that exists
    assert cron.next(at("2026-10-24 12:00")) == at("2026-10-25 00:30")  # the first of the two 02:30
    assert cron.next(at("2026-10-25 00:30")) == at("2026-10-26 01:30")
    # What falls into the gap and what is due at its end come due together, once.
    assert list(Cron("0,30 2,3 * * *", "Europe/Berlin").instants(at("2026-03-29 00:00"), at("2026-03-29 02:00"))) == [
        at("2026-03-29 01:00"),
        at("2026-03-29 01:30"),
    ]
    half_hour = instant_of(datetime(2026, 10, 4, 2, 15), zone_of("Australia/Lord_Howe"))  # its gap is half an hour
    assert half_hour == at("2026-10-03 15:30")


def test_a_day_that_was_skipped_as_a_whole():
    # Samoa crossed the date line: there was no 30 December 2011.
    found = list(Cron("0 6 * * *", "Pacific/Apia").instants(at("2011-12-29 00:00"), at("2012-01-01 00:00")))
    assert found == [at("2011-12-29 16:00"), at("2011-12-30 10:00"), at("2011-12-30 16:00"), at("2011-12-31 16:00")]


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("@daily", "2026-01-02 00:00"),
        ("@Yearly", "2027-01-01 00:00"),
        ("0 9 * * mon-fri", "2026-01-01 09:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("0 0 l * *", "2026-01-31 00:00"),
        ("0 0 * * 7", "2026-01-04 00:00"),
        ("0 0 13 * fri", "2026-01-02 00:00"),  # either suffices
        ("0 0 * * fri#2", "2026-01-09 00:00"),
    ],
)
def test_what_can_be_written(expression, first):
    assert Cron(expression).next(at("2026-01-01 00:00")) == at(first)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * * *", "has 4 fields, not 5"),
        ("", "has 0 fields"),
        ("0 0 1 1 * 0", "has 6 fields"),
        ("61 * * * *", "minute '61' cannot be read. It takes 0-59"),
        ("0 24 * * *", "hour '24'"),
        ("0 0 0 * *", "day of month '0'"),
        ("0 0 * 13 *", "month '13'"),
        ("0 0 * * 8", "day of week '8'"),
        ("0 22-2 * * *", "hour '22-2'.*rising ranges"),
        ("*/0 * * * *", "minute '\\*/0'"),
        ("1,,2 * * * *", "minute '1,,2'"),
        ("R * * * *", "minute 'r'"),
        ("0 h(1-5) * * *", "hour 'h\\(1-5\\)'"),
        ("0 0 31 2 *", "never comes due"),
        ("@reboot", "has 1 fields"),
    ],
)
def test_what_is_refused(expression, said):
    with pytest.raises(SpecError, match=said):
        Cron(expression)


def test_an_unknown_zone_is_refused_with_the_nearest():
    with pytest.raises(SpecError, match="Did you mean 'Europe/Berlin'"):
        Cron("@daily", "Europe/Berln")
    with pytest.raises(SpecError, match="IANA"):
        zone_of("/etc/passwd")


def test_jitter_depends_on_job_and_instant_alone():
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(200)]
    drawn = [jitter("s", "job", t, 600) for t in moments]
    assert drawn == [jitter("s", "job", t.astimezone(zone_of("Asia/Kolkata")), 600) for t in moments]
    assert all(timedelta() <= d < timedelta(seconds=600) for d in drawn)
    assert len(set(drawn)) > 190
    assert timedelta(seconds=250) < sum(drawn, timedelta()) / len(drawn) < timedelta(seconds=350)
    assert jitter("s", "job", moments[0], 600) != jitter("s", "other", moments[0], 600)
    assert jitter("s", "job", moments[0], 0) == timedelta()
