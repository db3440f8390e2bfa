"""Templates of parameters: what they stand for, in the job's zone and about the run's own instant."""

from __future__ import annotations

import pytest

from benchmarks.schedule_year import at
from shopr.errors import SpecError
from shopr.workbench.specs.moments import NAMES, Moment, render
from shopr.workbench.specs.times import Cron

BERLIN = Cron("30 2 * * *", "Europe/Berlin")
MOMENT = Moment("maintenance", "health", "demo", at("2026-03-29 01:00"), BERLIN)  # the night clocks go forward


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{{ logical_date }}", "2026-03-29"),
        ("{{logical_time}}", "2026-03-29T03:00:00+02:00"),
        ("{{ previous_time }}", "2026-03-28T02:30:00+01:00"),
        ("{{ next_date }}", "2026-03-30"),
        ("{{ logical_date - 1d }}", "2026-03-28"),
        ("{{ logical_date + 2w | %d.%m.%Y }}", "12.04.2026"),
        ("{{ logical_time - 1d }}", "2026-03-28T03:00:00+01:00"),  # the same local time
        ("{{ logical_time - 24h }}", "2026-03-28T02:00:00+01:00"),  # a day's worth of hours
        ("{{ previous_time + 1d }}", "2026-03-29T03:00:00+02:00"),  # 02:30 does not exist
        ("{{ logical_time | %Y-%m }}", "2026-03"),
        ("{{ year }}", 2026),
        ("{{ quarter }}", 1),
        (" {{ week }} ", 13),
        ("w{{ week }}", "w13"),
        ("{{ schedule }}/{{ job }}/{{ shop }}", "maintenance/health/demo"),
        ("no template", "no template"),
        (7, 7),
        (None, None),
        (["{{ day }}", {"a": "{{ month }}"}], [29, {"a": 3}]),
    ],
)
def test_what_a_template_stands_for(written, value):
    assert render(written, MOMENT) == value


def test_every_name_has_a_value():
    assert all(render(f"{{{{ {name} }}}}", MOMENT) not in ("", None) for name in NAMES)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{{ logical_dat }}", "Did you mean 'logical_date'"),
        ("{{ logical_date - 1h }}", "cannot be moved by -1h"),
        ("{{ shop + 1d }}", "cannot be moved"),
        ("{{ shop | %Y }}", "cannot be written as"),
        ("{{ logical_date | year }}", "cannot be written as"),
        ("{{ logical_date }} {{", "do not match"),
        ("{{ }}", "cannot be read"),
        ("{{ __import__('os') }}", "cannot be read"),
        ("{{ logical_date + 99999w + 1d }}", "cannot be read"),
    ],
)
def test_what_is_refused(written, said):
    with pytest.raises(SpecError, match=said):
        render(written, MOMENT)
