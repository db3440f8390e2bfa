"""Plots: what is drawn is what was given."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from shopr import plots


@pytest.fixture(autouse=True)
def _closed():
    mpl.use("Agg")
    yield
    plt.close("all")


def test_forest_puts_the_best_on_top():
    table = pd.DataFrame({"estimate": [0.1, 0.3], "lo": [0.0, 0.2], "hi": [0.2, 0.5]}, index=["ease", "knn"])
    ax = plots.forest(table, title="Gain", label="nDCG")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["ease", "knn"]
    (bars,) = ax.containers
    segments = [s[:, 0].tolist() for s in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(segments, [[0.0, 0.2], [0.2, 0.5]])
    assert (ax.get_title(loc="left"), ax.get_xlabel()) == ("Gain", "nDCG")
    assert any(line.get_linestyle() == "--" for line in ax.lines)
    assert not any(line.get_linestyle() == "--" for line in plots.forest(table, title="", reference=None).lines)


def test_bars_carry_their_figures():
    ax = plots.bars({"a": 1.5, "b": 12000.0, "c": 0.03125, "d": 123456.7}, title="Sales")
    assert [p.get_width() for p in ax.patches] == [0.03125, 1.5, 12000.0, 123456.7]
    assert {t.get_text() for t in ax.texts} == {"0.03125", "1.5", "12,000", "123,457"}


def test_lines_have_a_legend_only_where_there_are_several():
    one = plots.lines(pd.DataFrame({"a": [1.0, 2.0]}), title="One")
    two = plots.lines(pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, np.nan]}), title="Two", x="day", y="sales")
    assert one.get_legend() is None
    assert [t.get_text() for t in two.get_legend().get_texts()] == ["a", "b"]
    assert (two.get_xlabel(), two.get_ylabel()) == ("day", "sales")


def test_heat_writes_numbers_while_they_can_be_read():
    small = plots.heat(np.array([[1.0, 2.0], [3.0, 4.0]]), title="", rows=["a", "b"], columns=["x", "y"])
    assert [t.get_text() for t in small.texts] == ["1", "2", "3", "4"]
    big = plots.heat(np.zeros((20, 10)), title="", rows=[str(i) for i in range(20)], columns=list("abcdefghij"))
    assert len(big.texts) == 0
    assert len(big.figure.axes) == 2  # the scale


def test_a_plot_uses_the_axes_it_is_given_and_leaves_the_defaults_alone():
    before = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert plots.bars({"a": 1.0}, title="", ax=ax) is ax
    made = plots.bars({"a": 1.0}, title="")
    assert made is not ax
    assert dict(mpl.rcParams) == before


def test_the_style_can_be_made_the_default():
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(plots.COLOURS)


def test_pictures_stand_in_rows_with_their_captions(tmp_path):
    file = tmp_path / "red.png"
    plt.imsave(file, np.full((4, 4, 3), [1.0, 0.0, 0.0]))
    figure = plots.pictures([file, file.read_bytes(), None], ["file", "bytes", "none"], title="Three", columns=2)
    assert len(figure.axes) == 4
    shown = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert [tuple(np.asarray(pixels)[0, 0]) for pixels in shown[:2]] == [(255, 0, 0)] * 2
    assert [ax.get_title() for ax in figure.axes] == ["file", "bytes", "none", ""]
    assert len(plots.pictures([]).axes) == 6


def test_the_style_leaves_other_settings_as_they_are():
    before = dict(mpl.rcParams)
    plots.pictures([None], ["x"])
    plots.bars({"a": 1.0}, title="A")
    assert dict(mpl.rcParams) == before


def test_flows_draw_a_node_a_bar_and_a_ribbon_an_area() -> None:
    nodes = pd.DataFrame(
        {
            "name": ["home", "(leaves)"],
            "left": [-0.1, 0.9],
            "right": [0.1, 1.1],
            "low": [0.0, 0.0],
            "high": [9.0, 4.0],
            "leaves": [False, True],
        }
    )
    ribbon = pd.DataFrame({"ribbon": [0, 0], "leaves": [True, True], "x": [0.1, 0.9], "low": [0, 0], "high": [4, 4]})
    ax = plots.flows(nodes, ribbon, title="Where they go")
    assert len(ax.patches) == 2
    assert len(ax.collections) == 1
    assert [text.get_text() for text in ax.texts] == ["home", "leaves"]


def test_a_missing_cell_of_a_heat_map_has_no_number() -> None:
    ax = plots.heat(np.array([[0.5, np.nan]]), title="Shares", rows=["a"], columns=["1", "2"])
    assert [text.get_text() for text in ax.texts] == ["0.5"]
