"""Overview: the shop, its sales, what shoppers do, the model that serves it, and how that model came to serve."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from parts.champion import champion_panel, history_table, quality
from parts.charts import sales_chart
from parts.conduct import conduct
from parts.frame import boundary, header, no_shop, plain_tiles, section
from parts.source import open_shop, sales
from parts.words import compact_money, count, day

from shopr.data.sales import step_for
from shopr.shop import Shop

_SOURCES = {"simulator": "A simulated shop", "online_retail": "Online Retail", "movielens": "MovieLens"}
_NO_SHOP = [
    ("make demo", "a simulated shop, a tuned and promoted model, then this app"),
    ("shopr demo", "the same, where the package is installed already"),
    ("shopr data simulate", "only the simulated shop"),
    ("shopr data import --help", "a shop of your own"),
]


def tiles(shop: Shop) -> None:
    """The figures one asks for first."""
    data, table = shop.data, sales(shop)
    counts = data.manifest.counts
    rejected = counts.get("rejected", 0)
    figures = [
        ("Products", f"{len(data.catalog):,}", ""),
        ("Shoppers", f"{counts.get('users', 0):,}", ""),
        ("Orders", f"{int(table['orders'].sum()):,}", count(int(table["pieces"].sum()), "piece")),
    ]
    revenue = int(table["revenue"].sum())
    if revenue:
        figures.append(("Revenue", compact_money(revenue, shop.settings.currency), "before returns"))
    figures.append(("Rows set aside", f"{rejected:,}", "listed in rejects.csv" if rejected else "every row was sound"))
    plain_tiles(figures, "The shop in figures")


def sales_panel(shop: Shop) -> None:
    """Sales over time, as revenue or as orders."""
    table = sales(shop)
    st.html('<h2 class="inner">Sales over time</h2>')
    if table.empty:
        st.html("<p>No order was completed yet.</p>")
        return
    if shop.data.manifest.times != "real":
        st.html("<p>These orders carry no real dates, so there is no sales curve.</p>")
        return
    measures = ["revenue", "orders"] if int(table["revenue"].sum()) else ["orders"]
    measure = st.segmented_control(
        "Measure",
        measures,
        default=measures[0],
        required=True,
        format_func=str.capitalize,
        key="measure",
        label_visibility="collapsed",
        bind="query-params",
    )
    step = step_for(pd.Timestamp(table["start"].min()), pd.Timestamp(table["start"].max()))
    # The first and last step are seldom whole, and would look like a fall in sales.
    whole = table[table["complete"]]
    sales_chart(whole if len(whole) > 3 else table, measure or measures[0], shop.settings.currency, step)


def page() -> None:
    """The whole page."""
    shop = open_shop()
    if not shop.exists:
        header("Welcome", "This workbench has no shop yet.", eyebrow="Shopr")
        no_shop(shop.name, "Its data would be here once they are made or imported.", _NO_SHOP)
        return
    data = shop.data
    source = _SOURCES.get(data.manifest.source, data.manifest.source.replace("_", " ").capitalize())
    events = data.events["time"].dt.tz_convert(ZoneInfo(shop.settings.time_zone))
    period = (
        f" from {day(events.min())} to {day(events.max())}" if len(events) and data.manifest.times == "real" else ""
    )
    header(data.name.replace("_", " ").capitalize(), f"{source}{period}.", eyebrow="Shop")
    with boundary("the shop's figures"):
        tiles(shop)
    left, right = st.columns([1.75, 1], gap="medium")
    with left, st.container(key="panel-sales", height="stretch"), boundary("the sales"):
        sales_panel(shop)
    with right, st.container(key="panel-champion", height="stretch"), boundary("the champion"):
        champion_panel(shop)
    with boundary("what shoppers do"):
        conduct(shop)
    with boundary("the comparison"):
        quality(shop)
    with boundary("the history of promotions"):
        history_table(shop)
    section("Every run behind these figures", "MLflow keeps parameters, metrics and models. To browse them, run:")
    st.code(f"mlflow ui --backend-store-uri {shop.settings.shown('mlflow_uri')}", language="bash", wrap_lines=True)


with boundary("this page"):
    page()
