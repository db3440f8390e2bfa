"""Experiments: where each A/B test stands, whether it can be trusted, what it found, and how that came about."""

from __future__ import annotations

import streamlit as st
from parts.experiment import effects, facts, health, list_of, verdict
from parts.frame import boundary, empty, header, notice, section
from parts.overtime import over_time
from parts.words import moment
from streamlit.delta_generator import DeltaGenerator

from shopr.abtest.records.board import Standing, design_words, lines, paths, rows_csv, standings
from shopr.abtest.records.kept import History, Kept, Reading
from shopr.clock import SystemClock
from shopr.config import Settings

COMMANDS = [
    ("shopr abtest simulate --spec experiments/ab_looks.yaml --save", "plays a test, and keeps a reading a week"),
    ("shopr abtest analyze TABLE --spec FILE --save", "reads a test of your own and keeps what it found"),
    ("shopr abtest plan --help", "says how many units and days a test needs"),
]


def choose(found: list[Standing]) -> str:
    """The experiment in the address, else the one that was read last."""
    names = [one.name for one in found]
    asked = st.query_params.get("experiment", "")
    if asked and asked not in names:
        notice(f"Nothing is kept of “{asked[:80]}”.", tone="warning")
    chosen = st.selectbox("Experiment", names, key="experiment", bind="query-params")
    return chosen or names[0]


def pick(history: History) -> Reading:
    """One of its readings, the last one by default."""
    numbers = [reading.number for reading in reversed(history.readings)]
    times = {reading.number: reading.analysis.at for reading in history.readings}
    chosen = st.selectbox(
        "Reading",
        numbers,
        key=f"reading-{history.name}",
        format_func=lambda number: f"{number}, as of {times[number]:%-d %b %Y}",
        help="What was known at that moment. The last one counts.",
    )
    return history.reading(chosen)


def results(reading: Reading) -> None:
    """Effects, guardrails, and the rest."""
    if not reading.has_results:
        section("Results")
        notice("They were not read: this test is planned for one reading, at its end.")
        return
    level = f"{1 - reading.spec.alpha:.0%}".replace("%", " %")
    section("Results", "What decides. The picture shows the change against the control, with no change in its middle.")
    with st.container(key="panel-results"):
        effects(lines(reading, "primary"), f"With intervals at {level}, as the design allows.", name="Results")
        others = lines(reading, "other")
        if others:
            effects(others, "Other metrics inform; they decide nothing.", name="Other metrics")
    guards = lines(reading, "guardrail")
    if guards:
        section("Guardrails", "What must not get worse by more than a margin, the red mark in the picture.")
        with st.container(key="panel-guardrails"):
            effects(guards, "Held: a loss as large as the margin is ruled out.", name="Guardrails")


def segments(reading: Reading) -> None:
    """The same by segment."""
    rows = lines(reading, "segment")
    if rows:
        section("Segments", "A segment alone decides nothing; p-values are corrected over all of them together.")
        with st.container(key="panel-segments"):
            effects(rows, f"Corrected by {reading.spec.correction}.", name="Segments", first="Segment")


def course(history: History, reading: Reading) -> None:
    """How the estimates came to be what they are."""
    known = paths(history, reading)
    if not known:
        return
    for i, path in enumerate(known):
        with st.container(key=f"panel-path-{i}"):
            st.html(f'<h2 class="inner">{_plain(path.metric)} over time, {_plain(path.arm)}</h2>')
            notice(path.words(), tone="info")
            over_time(path)


def source(kept: Kept, history: History, reading: Reading, settings: Settings) -> None:
    """Where the reading came from, and what can be taken along."""
    section("Where this comes from", "The table, the spec and the run behind this reading.")
    run = history.runs.get(reading.number)
    with st.container(key="panel-source"):
        rows = [
            ("Reading", f"{reading.number} of {len(history.readings)}, "
             f"kept {moment(reading.saved_at, settings.time_zone)}"),
            ("Table", f"{reading.table}, fingerprint {reading.fingerprint}"),
        ]  # fmt: skip
        if run is not None:
            rows.append(("MLflow run", f"{run.run_id}, experiment {run.experiment}"))
        facts(rows)
        with st.container(horizontal=True):
            _downloads(kept, reading)
        if run is not None and run.address:
            st.link_button("Open the run in MLflow", f"{run.address}/{run.page}", icon=":material/open_in_new:")
        elif run is not None:
            st.markdown("To open the run, start MLflow and go to the page below its address:")
            store = settings.shown("mlflow_uri")
            st.code(f"mlflow ui --backend-store-uri {store}\nhttp://127.0.0.1:5000/{run.page}", language="bash")
        else:
            st.markdown("It was not logged to MLflow; `shopr abtest analyze … --save --track` does that.")
        with st.expander("The spec that it was read by"):
            st.code(reading.spec_text, language=None, wrap_lines=True)  # coloured words have too little contrast


def _downloads(kept: Kept, reading: Reading) -> None:
    name = f"{reading.analysis.experiment}-{reading.number}"
    with boundary("the report"):
        st.download_button(
            "Decision report (HTML)",
            kept.report(reading.analysis.experiment, reading.number),
            file_name=f"{name}.html",
            mime="text/html",
            icon=":material/description:",
            on_click="ignore",
        )
    if reading.has_results:
        st.download_button(
            "All figures (CSV)",
            rows_csv(reading),
            file_name=f"{name}.csv",
            mime="text/csv",
            icon=":material/table:",
            on_click="ignore",
        )


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def one(kept: Kept, standing: Standing, settings: Settings, beside: DeltaGenerator) -> None:
    """All about the experiment that was chosen; `beside` is the place for the choice of a reading."""
    history = kept.history(standing.name)
    if history.latest is None:
        notice(f"Nothing that is kept of “{standing.name}” can be read. Restore its folder from a backup.",
               tone="warning")  # fmt: skip
        return
    with beside:
        reading = pick(history)
    verdict(reading, standing)
    left, right = st.columns([1.45, 1], gap="medium")
    with left:
        with boundary("the course over time"):
            course(history, reading)
        with st.container(key="panel-design", height="stretch"), boundary("the design"):
            st.html('<h2 class="inner">Design</h2>')
            facts(design_words(reading.spec, reading.analysis))
    with right, st.container(key="panel-health", height="stretch"), boundary("the health checks"):
        st.html('<h2 class="inner">Can it be trusted?</h2>')
        health(reading)
    with boundary("the results"):
        results(reading)
    with boundary("the segments"):
        segments(reading)
    with boundary("where this comes from"):
        source(kept, history, reading, settings)


def page() -> None:
    """The whole page."""
    settings = Settings()
    kept = Kept(settings.home)
    header("Experiments", "Which change to ship, and whether the figures can be trusted.", eyebrow="A/B tests")
    found = standings(kept, SystemClock().now())
    if not found:
        empty("No experiment is kept yet", "A reading of an A/B test stands here once it is kept.", COMMANDS)
        return
    with st.container(key="panel-list"):
        first, beside = st.columns([1.6, 1], gap="medium")
        with first:
            chosen = choose(found)
        list_of(found, chosen)
    with boundary("the experiment"):
        one(kept, next(s for s in found if s.name == chosen), settings, beside)


with boundary("this page"):
    page()
