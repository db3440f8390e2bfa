"""Sections about the shop: what was sold, how shoppers got there, and whether the data can be trusted."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd

from shopr.data.events import EventType
from shopr.data.profile import FUNNEL, session_funnel
from shopr.data.sales import order_keys
from shopr.metrics.drift import MAJOR, MODERATE, drift_table
from shopr.money import exponent
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot, change

__all__ = ["drift", "features", "funnel", "quality", "sales"]

_FALL = -0.3  # a fall by more than this is pointed out
_FEW_ORDERS = 20  # categories with fewer in both periods together are taken as one
_FEATURES = {
    "search": EventType.SEARCH_PERFORMED,
    "image search": EventType.IMAGE_SEARCHED,
    "voice": EventType.VOICE_USED,
    "assistant": EventType.MESSAGE_SENT,
    "recommendations": EventType.RECOMMENDATION_SHOWN,
    "ratings and feedback": EventType.FEEDBACK_GIVEN,
    "cart": EventType.CART_ITEM_ADDED,
    "returns": EventType.ORDER_RETURNED,
}


def _events(context: Context) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """The events of the period and of the one before; None if the shop has none at all."""
    data = context.dataset
    if data is None or data.events.empty or data.manifest.times != "real":
        return None
    return context.period.split(data.events)


def _nothing(context: Context) -> Part:
    if context.dataset is None:
        return Part(f"there is no shop {context.shop!r}; import or simulate one", Level.EMPTY)
    return Part("the shop's events carry no real times", Level.EMPTY)


def _figures(events: pd.DataFrame, minor: int) -> dict[str, float]:
    lines = events[events["type"] == EventType.ORDER_COMPLETED]
    orders = float(order_keys(lines).nunique())
    revenue = (
        float((lines["price"].fillna(0).astype("int64") * lines["quantity"].fillna(1).astype("int64")).sum()) / minor
    )
    sessions = float(events["session_id"].nunique())
    return {
        "shoppers seen": float(events["user_id"].nunique()),
        "sessions": sessions,
        "orders": orders,
        "revenue": revenue,
        "revenue an order": revenue / orders if orders else float("nan"),
        "orders a session": orders / sessions if sessions else float("nan"),
    }


def sales(context: Context) -> Part:
    """Orders, revenue and traffic beside the period before."""
    found = _events(context)
    if found is None:
        return _nothing(context)
    now, before = found
    minor = 10 ** exponent(context.settings.currency)
    figures, earlier = _figures(now, minor), _figures(before, minor)
    table = pd.DataFrame([change(name, value, earlier[name]) for name, value in figures.items()])
    if now.empty:
        return Part(
            f"no event in {context.period.name}: the shop stood still, or its data did not arrive",
            Level.ATTENTION,
            table,
        )
    moved = float(table.set_index("measure")["change"]["revenue"])
    words = "" if pd.isna(moved) else f", {moved:+.0%} on the period before"
    level = Level.ATTENTION if moved < _FALL else Level.OK
    finding = f"{figures['orders']:,.0f} orders for {figures['revenue']:,.0f} {context.settings.currency}{words}"
    metrics = {name.replace(" ", "_"): value for name, value in figures.items()}
    return Part(finding, level, table, (_course(context, minor), _history(context, minor)), metrics)


def _course(context: Context, minor: int) -> Plot:
    """Revenue of the period and of the one before, over the same axis."""
    assert context.dataset is not None
    period = context.period
    lines = context.dataset.events[context.dataset.events["type"] == EventType.ORDER_COMPLETED]
    value = lines["price"].fillna(0).astype("int64") * lines["quantity"].fillna(1).astype("int64") / minor
    step = {"daily": "h", "weekly": "D", "monthly": "D"}.get(period.cadence, "W")
    columns = {}
    for name, start, end in (("period before", period.before, period.start), (period.name, period.start, period.end)):
        here = (lines["time"] >= start) & (lines["time"] < end)
        local = lines.loc[here, "time"].dt.tz_convert(ZoneInfo(period.zone)).dt.tz_localize(None)
        origin = pd.Timestamp(start.astimezone(ZoneInfo(period.zone)).replace(tzinfo=None))
        unit = {"h": pd.Timedelta(hours=1), "D": pd.Timedelta(days=1), "W": pd.Timedelta(days=7)}[step]
        columns[name] = value[here].groupby(((local - origin) // unit).to_numpy()).sum()
    table = pd.DataFrame(columns).sort_index().fillna(0.0)
    table = table.reindex(range(int(table.index.max()) + 1 if len(table) else 0), fill_value=0.0)
    words = {"h": "hour", "D": "day", "W": "week"}[step]
    table.index = table.index + (0 if step == "h" else 1)
    return Plot("lines", table, f"Revenue by {words}", context.settings.currency, f"{words} of the period")


def _history(context: Context, minor: int, periods: int = 12) -> Plot:
    """Revenue of this period and of those before it, as far as the data reach."""
    assert context.dataset is not None
    lines = context.dataset.events[context.dataset.events["type"] == EventType.ORDER_COMPLETED]
    value = lines["price"].fillna(0).astype("int64") * lines["quantity"].fillna(1).astype("int64") / minor
    first, found, period = context.dataset.events["time"].min(), {}, context.period
    for _ in range(periods):
        found[period.name] = float(value[(lines["time"] >= period.start) & (lines["time"] < period.end)].sum())
        if period.start <= first:
            break
        period = period.earlier()
    table = pd.DataFrame({"revenue": pd.Series(found).iloc[::-1]})
    return Plot("lines", table, f"The last {len(table)} periods", context.settings.currency)


def funnel(context: Context) -> Part:
    """From a look to an order, beside the period before."""
    found = _events(context)
    if found is None:
        return _nothing(context)
    now, before = (session_funnel(part, FUNNEL).set_index("step") for part in found)
    rows = [change(step.replace("_", " "), now["of_first"][step], before["of_first"][step]) for step in now.index]
    table = pd.DataFrame(rows)
    table.insert(1, "sessions", now["sessions"].to_numpy())
    if not now["sessions"].iloc[0]:
        return Part("nobody looked at a page", Level.ATTENTION, table)
    end, moved = now["of_first"].iloc[-1], float(table["change"].iloc[-1])
    words = "" if pd.isna(moved) else f" ({moved:+.0%} on the period before)"
    plot = Plot("bars", now["sessions"].rename(lambda s: s.replace("_", " ")), "Sessions that came so far", "sessions")
    level = Level.ATTENTION if moved < _FALL else Level.OK
    return Part(f"{end:.1%} of the sessions end in an order{words}", level, table, (plot,), {"conversion": float(end)})


def quality(context: Context) -> Part:
    """How old the newest event is, and what was set aside."""
    data = context.dataset
    found = _events(context)
    if data is None or found is None:
        return _nothing(context)
    newest = data.events["time"].max()
    ended = min(context.period.end, context.clock.now())
    late = max((ended - newest.to_pydatetime()).total_seconds() / 3600, 0.0)
    now, before = found
    rejected = data.manifest.counts.get("rejected", 0)
    shown = now["type"] == EventType.ORDER_COMPLETED
    priced = float(now.loc[shown, "price"].notna().mean()) if shown.any() else float("nan")
    known = set(data.catalog.frame["product_id"])
    named = now["product_id"].dropna()
    strange = float((~named.isin(known)).mean()) if len(named) else float("nan")
    table = pd.DataFrame(
        [
            change("events", float(len(now)), float(len(before))),
            change("kinds of events", float(now["type"].nunique()), float(before["type"].nunique())),
            change("products with stock", float((data.catalog.frame["stock"].fillna(1) > 0).sum()), None),
            change("share of order lines with a price", priced, None),
            change("share of events about unknown products", strange, None),
            change("rows set aside by the import, in all", float(rejected), None),
            change("hours from the newest event to the end of the period", late, None),
        ]
    )
    reasons = data.rejects.frame
    plots: tuple[Plot, ...] = ()
    if len(reasons) and "reason" in reasons:
        plots = (
            Plot("bars", reasons["reason"].value_counts().head(6).astype(float), "Rows set aside, by reason", "rows"),
        )
    bound = {"daily": 24.0, "weekly": 48.0}.get(context.period.cadence, 96.0)
    if late > bound:
        return Part(f"the newest event is {late:.0f} h older than the end of the period", Level.ATTENTION, table, plots)
    finding = f"{len(now):,} events of {now['type'].nunique()} kinds, {rejected:,} rows set aside by the import"
    return Part(finding, Level.OK, table, plots, {"events": float(len(now)), "rejected": float(rejected)})


def drift(context: Context) -> Part:
    """Whether the orders of the period look like those of the one before."""
    found = _events(context)
    if found is None:
        return _nothing(context)
    assert context.dataset is not None
    catalog = context.dataset.catalog.frame.set_index("product_id")
    zone = ZoneInfo(context.period.zone)

    def orders(events: pd.DataFrame) -> pd.DataFrame:
        lines = events[events["type"] == EventType.ORDER_COMPLETED]
        about = catalog.reindex(lines["product_id"])
        local = lines["time"].dt.tz_convert(zone)
        return pd.DataFrame(
            {
                "category": about["category"].astype(object).str.split(" > ").str[0].to_numpy(),
                "brand": about["brand"].astype(object).to_numpy(),
                "price": lines["price"].astype("float64").to_numpy(),
                "quantity": lines["quantity"].astype("float64").to_numpy(),
                "hour": local.dt.hour.to_numpy().astype(float),
                "weekday": local.dt.day_name().to_numpy(),
            }
        )

    now, before = (orders(part) for part in found)
    if now.empty or before.empty:
        return Part("one of the two periods has no order", Level.EMPTY)
    for column in ("category", "brand"):  # an index over cells with a handful of orders says nothing
        counts = pd.concat([now[column], before[column]]).value_counts()
        rare = set(counts[counts < _FEW_ORDERS].index)
        for frame in (now, before):
            frame[column] = frame[column].where(~frame[column].isin(rare), "(others)")
    table = drift_table(before, now)[["column", "kind", "psi", "ks", "p_value"]]
    # Between two samples of one law the index is about (bins - 1) (1/n + 1/m): with few orders that alone looks major.
    bins = [
        before[c].nunique() if k == "categorical" else 10 for c, k in zip(table["column"], table["kind"], strict=True)
    ]
    table["psi by chance"] = [(max(b, 2) - 1) * (1 / len(now) + 1 / len(before)) for b in bins]
    beyond = table["psi"] - table["psi by chance"]
    table["verdict"] = ["stable" if x < MODERATE else "moderate" if x < MAJOR else "major" for x in beyond]
    moved = table.loc[table["verdict"] != "stable", "column"].tolist()
    shown = table.set_index("column")["psi"]
    plot = Plot("bars", shown, "How far orders moved (PSI)", "PSI")
    metrics = {"psi": float(table["psi"].max()), "beyond_chance": float(beyond.max())}
    if not moved:
        return Part("orders look as they did in the period before", Level.OK, table, (plot,), metrics)
    level = Level.ATTENTION if (table["verdict"] == "major").any() else Level.OK
    return Part(f"orders moved in {', '.join(moved)}", level, table, (plot,), metrics)


def features(context: Context) -> Part:
    """Which features shoppers use, by share of the shoppers who were there."""
    found = _events(context)
    if found is None:
        return _nothing(context)
    shares = []
    for events in found:
        people = max(events["user_id"].nunique(), 1)
        used = events.groupby("type")["user_id"].nunique()
        shares.append({name: float(used.get(kind.value, 0)) / people for name, kind in _FEATURES.items()})
    now, before = shares
    table = pd.DataFrame([change(name, now[name], before[name]) for name in _FEATURES])
    table["measure"] = "share who used: " + table["measure"]
    unused = [name for name in _FEATURES if not now[name]]
    used_most = max(now, key=lambda name: now[name])
    finding = f"most used: {used_most} ({now[used_most]:.0%} of shoppers)"
    finding += f"; without any use: {', '.join(unused)}" if unused else ""
    plot = Plot("bars", pd.Series(now), "Share of shoppers who used it", "share")
    return Part(finding, Level.OK, table, (plot,), {name.replace(" ", "_"): v for name, v in now.items()})
