"""Alerts: what is open, its evidence, what people do about it, what fired before, and the rules."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st
from parts.account import viewer
from parts.alarms import alert_list, alert_tiles, evidence_chart, rules_table, silences_list, timeline
from parts.frame import boundary, header, notice, section
from parts.source import open_shop
from parts.words import count, moment, sentence

from shopr.analytics.alerts.acting import Acting
from shopr.analytics.alerts.book import AlertBook
from shopr.analytics.alerts.course import course, course_span
from shopr.analytics.alerts.outbox import Outbox
from shopr.analytics.alerts.raised import Alerts
from shopr.analytics.alerts.rulebook import RuleBook, load
from shopr.analytics.alerts.watch import rules_file, shop_categories
from shopr.analytics.alerts.words import page_link
from shopr.errors import InputError, ShoprError
from shopr.shop import Shop

PERIODS = {"24 hours": 1, "7 days": 7, "30 days": 30}
LENGTHS = {"1 hour": 1, "4 hours": 4, "1 day": 24, "1 week": 168}
LISTED = 30
REFRESH = "30s"
Row = dict[str, Any]


def rows_of(table: pd.DataFrame) -> list[Row]:
    """Rows with None where nothing is known, moments as they were."""
    return [{str(k): None if _unknown(v) else v for k, v in row.items()} for row in table.to_dict("records")]


def _unknown(value: Any) -> bool:
    return value is None or (not isinstance(value, dict | list) and bool(pd.isna(value)))


@st.fragment(run_every=REFRESH)
def now_open(shop: Shop) -> None:
    """Figures and open alerts, drawn anew by themselves."""
    alerts, acting = Alerts(shop.database), Acting(shop.database, clock=shop.clock)
    opened = rows_of(alerts.table(only_open=True))
    days = PERIODS[st.session_state.get("period") or "7 days"]
    fired = len(alerts.table(since=shop.clock.now() - timedelta(days=days)))
    alert_tiles(opened, fired, days, len(acting.silences()), Outbox(shop.database, clock=shop.clock).waiting())
    section("Open", "What nobody has resolved, newest first. Choose one for its evidence.")
    if not opened:
        notice("Nothing is wrong, as far as the rules can tell.")
        return
    with st.container(key="panel-open"):
        alert_list(opened[:LISTED], shop.settings.time_zone, st.query_params.get("alert", ""))


def settle(shop: Shop) -> None:
    """The form that acknowledges or resolves an open alert."""
    opened, looks = rows_of(Alerts(shop.database).table(only_open=True)), viewer(shop)
    if not opened or not looks.may("operator"):
        return
    zone = shop.settings.time_zone
    names = {f"{r['kind'].replace('_', ' ')}, {moment(r['time'], zone)} ({r['id'][:8]})": r["id"] for r in opened}
    ids = list(names.values())
    asked = st.query_params.get("alert", "")
    with st.container(key="panel-settle"), st.form("settle", border=False):
        chosen = st.selectbox("Alert", list(names), index=ids.index(asked) if asked in ids else 0, key="which")
        reason = st.text_input("Note or reason", key="why", max_chars=500, help="Stays on record with your name.")
        with st.container(horizontal=True):
            known = st.form_submit_button("Acknowledge", icon=":material/visibility:")
            over = st.form_submit_button("Resolve", icon=":material/check:")
    if not (known or over) or chosen is None:
        return
    acting, who = Acting(shop.database, clock=shop.clock), looks.actor
    try:
        if known:
            acting.acknowledge(names[chosen], by=who, note=reason)
        else:
            acting.resolve(names[chosen], by=who, reason=reason)
    except ShoprError as error:
        notice(sentence(error.one_line()), tone="warning")
        return
    st.rerun()


def evidence(shop: Shop, book: RuleBook) -> None:
    """The alert in the address: its figures over time, where to see more, who was told."""
    asked = st.query_params.get("alert", "")
    if not asked:
        return
    try:
        row = rows_of(pd.DataFrame([Acting(shop.database).find(asked)]))[0]
    except InputError:
        notice("The alert in the address is not known.", tone="warning")
        return
    section(f"Evidence: {row['kind'].replace('_', ' ')}", sentence(row["message"]))
    rule = book.rules.get(row["kind"])
    with st.container(key="panel-evidence"):
        kept = row["evidence"]
        if rule is None or kept is None:
            st.html('<p class="soft">It was raised by hand, or by a rule that is no longer there.</p>')
        else:
            drawn(shop, rule, row)
            link = quote(page_link(kept), safe="/?=&+-")
            st.html(f'<p class="more"><a href="{link}" target="_self">See the page of these days →</a></p>')
            with st.expander("The query behind it"):
                st.code(kept["query"], language="sql", wrap_lines=True)
                st.code(str(kept["values"]), language=None, wrap_lines=True)
        told(shop, row)


def drawn(shop: Shop, rule: Any, row: Row) -> None:
    """The course of the metric around an alert."""
    began = row["began_at"] or row["time"]
    ended = row["resolved_at"] or min(shop.clock.now(), row["time"] + timedelta(days=14))
    start, end = course_span(rule, began, ended)
    known = shop_categories(shop.settings) if rule.metric.mix == "category" else None
    table = course(shop.events, rule, row["series"] or "", start, min(end, shop.clock.now()), categories=known)
    if table["value"].notna().any():
        evidence_chart(table, rule, began, ended)
    else:
        st.html('<p class="soft">The events behind it are no longer stored.</p>')


def told(shop: Shop, row: Row) -> None:
    """Which channels were told of an alert, and when."""
    notices = Outbox(shop.database, clock=shop.clock).table(row["id"])
    zone = shop.settings.time_zone
    said = [
        f"{one['channel']} ({one['event']}): "
        + (f"sent {moment(one['sent_at'], zone)}" if one["sent_at"] else "given up" if one["given_up_at"] else "waits")
        for one in notices
    ]
    words = "; ".join(said) if said else "no channel; only this page"
    st.html(f'<p class="soft">{escape(sentence(f"Told: {words}"))}</p>')


def history(shop: Shop) -> None:
    """What fired in the chosen time, as a timeline and a list."""
    section("History", "Every alert, as long as it lasted.")
    with st.container(key="panel-history"):
        chosen = st.segmented_control(
            "Time", list(PERIODS), default="7 days", required=True, key="period", bind="query-params"
        )
        days = PERIODS[chosen or "7 days"]
        now = shop.clock.now()
        rows = rows_of(Alerts(shop.database).table(since=now - timedelta(days=days)))
        if not rows:
            st.html('<p class="soft">No alert fired in this time.</p>')
            return
        timeline(rows, now - timedelta(days=days), now)
        alert_list(rows[:LISTED], shop.settings.time_zone, st.query_params.get("alert", ""))
        if len(rows) > LISTED:
            more = count(len(rows) - LISTED, "earlier one", "earlier ones")
            st.html(f"<p>{more}: <code>shopr alerts list --last {len(rows)}</code></p>")


def rules(shop: Shop, book: RuleBook) -> None:
    """The rules with their states, silences, and the form that makes one."""
    section("Rules", "They are data: alerts.yaml in the folder of the state changes and adds to them.")
    record = AlertBook(shop.database)
    states = [
        {"rule": rule, "series": series, "state": phase.name, "value": phase.value}
        for rule, standing in record.standings().items()
        for series, phase in standing.phases.items()
    ]
    with st.container(key="panel-rules"):
        rules_table(book, states, record.problems())
    if not states:
        notice(
            "No rule was evaluated yet. The app, a scheduler or “shopr alerts evaluate” does so once there are events."
        )


def silences(shop: Shop, book: RuleBook) -> None:
    """What is silenced, and the forms that silence and end a silence."""
    section("Silences", "Alerts still come on record; nobody is told.")
    acting, looks, zone = Acting(shop.database, clock=shop.clock), viewer(shop), shop.settings.time_zone
    held = acting.silences()
    with st.container(key="panel-silences"):
        silences_list(held, zone)
        if not looks.may("operator"):
            return
        with st.form("silence", border=False):
            rule = st.selectbox("Rule", list(book.rules), key="rule", format_func=lambda n: n.replace("_", " "))
            length = st.selectbox("For", list(LENGTHS), key="length")
            reason = st.text_input("Reason", key="silence-why", max_chars=500, help="Stays on record with your name.")
            done = st.form_submit_button("Silence", icon=":material/notifications_off:")
        ended = bool(held) and st.button("End all silences now", icon=":material/notifications_active:")
    try:
        if done and rule and length:
            acting.silence(
                rule, by=looks.actor, reason=reason, lasts=timedelta(hours=LENGTHS[length]), known=book.rules
            )
        for one in held if ended else ():
            acting.end_silence(one["id"], by=looks.actor)
    except ShoprError as error:
        notice(sentence(error.one_line()), tone="warning")
        return
    if done or ended:
        st.rerun()


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header("Alerts", "What is wrong now, what it rests on, and who looks after it.", eyebrow="Watch")
    book = load(rules_file(shop.settings))
    with boundary("the open alerts"):
        now_open(shop)
    with boundary("the form"):
        settle(shop)
    with boundary("the evidence"):
        evidence(shop, book)
    with boundary("the history"):
        history(shop)
    left, right = st.columns([1.7, 1], gap="medium")
    with left, boundary("the rules"):
        rules(shop, book)
    with right, boundary("the silences"):
        silences(shop, book)


with boundary("this page"):
    page()
