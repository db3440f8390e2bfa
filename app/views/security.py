"""Security: what the guard saw, by class and rule, and who is kept out; operators lift locks with a reason."""

from __future__ import annotations

import streamlit as st
from parts.account import Viewer, viewer
from parts.frame import NO_SHOP, boundary, header, no_shop, notice, section
from parts.source import open_shop
from parts.threats import attempts_chart, bars, held_list, sessions_list, tiles
from parts.words import count, moment, sentence

from shopr.errors import ShoprError
from shopr.security.reading import Attempts, attempts
from shopr.shop import Shop

PERIODS = {"24 hours": 1, "7 days": 7, "30 days": 30}
LISTED = 20
OPERATORS = "Ending a lock, a rule or a session takes an operator's account."


def shown(shop: Shop) -> Attempts:
    """The events of the chosen time."""
    with st.container(key="panel-controls"):
        chosen = st.segmented_control(
            "Time", list(PERIODS), default="7 days", required=True, key="period", bind="query-params"
        )
    days = PERIODS[chosen or "7 days"]
    security = shop.security
    found = attempts(security.watch, shop.clock.now(), days)
    tiles(found, len(security.watch.locks()), security.sessions.count(), days)
    return found


def seen(found: Attempts) -> None:
    """Attempts over time, by class, by rule and by network."""
    section(
        "Attempts",
        "What the guard stopped or marked. Of each text only the stretch that a rule matched is kept.",
    )
    with st.container(key="panel-attempts"):
        attempts_chart(found)
    left, middle, right = st.columns(3, gap="medium")
    by_class = found.by_class.assign(requests=found.by_class[["block", "flag"]].sum(axis=1).astype(int))
    with left, st.container(key="panel-classes", height="stretch"):
        bars("By class", "What was tried", by_class, "class", "requests")
    with middle, st.container(key="panel-rules", height="stretch"):
        bars("By rule", "What recognised it", found.by_rule, "rule", "verdicts")
    with right, st.container(key="panel-networks", height="stretch"):
        bars("By network", "Where it came from", found.by_network, "network", "verdicts")


def kept_out(shop: Shop, who: Viewer) -> None:
    """Locks, blocks and rules, and the form that lifts one."""
    security, zone = shop.security, shop.settings.time_zone
    locks = [lock for lock in security.watch.locks() if lock.key]
    rules = security.access.rules()
    section(
        "Kept out", "Locks end by themselves, automatic blocks too; operators' rules hold until somebody ends them."
    )
    with st.container(key="panel-held"):
        held_list(security.watch.locks(), rules, zone)
        choices = {f"Lock: {lock.who}, until {moment(lock.until, zone)}": ("lock", lock.id) for lock in locks}
        choices |= {
            f"{rule.action.capitalize()} {rule.network}: {rule.reason[:60]} ({rule.actor})": ("rule", rule.id)
            for rule in rules
        }
        if not choices:
            return
        if not who.may("operator"):
            notice(OPERATORS)
            return
        with st.form("lift", border=False):
            chosen = st.selectbox("Lock or rule to end", list(choices), key="which")
            reason = st.text_input("Reason", key="why", max_chars=256, help="Goes into the audit log with your name.")
            done = st.form_submit_button("End it", icon=":material/lock_open:")
        if done and chosen:
            lift(shop, who, *choices[chosen], reason.strip())


def lift(shop: Shop, who: Viewer, kind: str, number: int, reason: str) -> None:
    """End a lock or a rule, with its reason."""
    if not reason:
        notice("Say why: the reason goes into the audit log.", tone="warning")
        return
    end = shop.security.unlock if kind == "lock" else shop.security.unblock
    try:
        end(number, reason=reason, actor=who.actor)
    except ShoprError as error:
        notice(sentence(error.one_line()), tone="warning")
        return
    st.rerun()


def sessions(shop: Shop, who: Viewer) -> None:
    """Sessions in use, and the form that ends one."""
    found = shop.security.sessions.active(LISTED)
    section("Sessions", f"The {LISTED} seen last. A stolen or forgotten one is ended here.")
    with st.container(key="panel-sessions"):
        sessions_list(found, shop.settings.time_zone)
        if not found:
            return
        if not who.may("operator"):
            notice(OPERATORS)
            return
        names = {f"{one.user or 'A visitor'}, {one.id[:8]}": one.id for one in found}
        with st.form("end-session", border=False):
            chosen = st.selectbox("Session to end", list(names), key="session")
            reason = st.text_input("Reason", key="session-why", max_chars=256)
            done = st.form_submit_button("End the session", icon=":material/logout:")
        if done and chosen:
            if not reason.strip():
                notice("Say why: the reason goes into the audit log.", tone="warning")
                return
            shop.security.end_session(names[chosen], reason=reason.strip(), actor=who.actor)
            st.rerun()


def log(shop: Shop) -> None:
    """The audit log's newest entries, and whether its chain holds."""
    found = shop.security.audit.verify()
    section("Audit log", "Who changed what, when and why.")
    if found.sound:
        notice(f"The chain holds: {count(found.entries, 'entry', 'entries')}, each as it was written.")
    else:
        notice(f"The chain is broken: {'; '.join(found.problems[:3])}. Run “shopr audit verify”.", tone="warning")
    entries = shop.security.audit.entries(LISTED)
    if entries:
        with st.container(key="panel-audit"):
            st.dataframe(
                [
                    {
                        "time": moment(entry.time, shop.settings.time_zone),
                        "who": entry.actor,
                        "what": entry.action.replace("_", " "),
                        "to what": entry.object,
                        "why": entry.reason,
                    }
                    for entry in entries
                ],
                hide_index=True,
                width="stretch",
            )


def page() -> None:
    """The whole page."""
    shop = open_shop()
    header(
        "Security", "What came to the shop's doors, what the guard did about it, and who is kept out.", eyebrow="Guard"
    )
    if not shop.exists:
        no_shop(shop.name, "Nothing comes to its doors yet.", NO_SHOP[:1])
        return
    with boundary("the guard's events"):
        seen(shown(shop))
    who = viewer(shop)
    left, right = st.columns(2, gap="medium")
    with left, boundary("who is kept out"):
        kept_out(shop, who)
    with right, boundary("the sessions"):
        sessions(shop, who)
    with boundary("the audit log"):
        log(shop)


with boundary("this page"):
    page()
