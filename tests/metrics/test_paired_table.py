"""Groups against a reference over the same units, from a long table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.errors import InputError
from shopr.metrics import paired, paired_table


def outcomes() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    base = rng.normal(5, 3, 200)
    columns = {"base": base, "better": base + rng.normal(0.5, 0.2, 200), "same": base}
    return pd.DataFrame(columns).rename_axis("unit").reset_index().melt("unit", var_name="group", value_name="value")


def test_each_group_has_the_paired_interval_of_its_difference() -> None:
    frame = outcomes().sample(frac=1, random_state=0)  # the order of rows pairs nothing
    table = paired_table(frame, unit="unit", group="group", value="value", reference="base", seed=9).set_index("group")
    wide = frame.pivot(index="unit", columns="group", values="value")
    expected = paired(wide["better"].to_numpy(), wide["base"].to_numpy(), seed=9)
    assert table.loc["better", ["estimate", "lo", "hi", "p", "n"]].tolist() == [
        expected.mean, expected.low, expected.high, expected.p_value, 200,
    ]  # fmt: skip
    assert table.loc["same", ["estimate", "lo", "hi"]].tolist() == [0, 0, 0]
    assert table.loc["base", ["estimate", "lo", "hi", "p"]].isna().all()
    assert table.loc["base", "mean"] == pytest.approx(wide["base"].mean())


def test_groups_keep_their_order_and_units_without_a_partner_do_not_count() -> None:
    frame = outcomes()
    frame = frame[~((frame["group"] == "better") & (frame["unit"] < 50))]
    table = paired_table(frame, unit="unit", group="group", value="value", reference="base")
    assert list(table["group"]) == ["base", "better", "same"]
    assert list(table["n"]) == [200, 150, 200]


def test_an_unknown_reference_is_refused() -> None:
    with pytest.raises(InputError, match="'worse' does not occur"):
        paired_table(outcomes(), unit="unit", group="group", value="value", reference="worse")
