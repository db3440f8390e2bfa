"""Model cards: what a version is, what it learned from, how it was judged, and what it must not be trusted with.

Made from the registry, the run and the record alone, so that a card can be written again for any version.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from shopr.config import Settings
from shopr.errors import NotReadyError, StorageError
from shopr.storage.database import Database
from shopr.storage.tables import promotions
from shopr.tracking.registry import MODEL_NAME
from shopr.tracking.store import client, guarded

__all__ = ["CARD_FILE", "model_card", "publish_card"]

CARD_FILE = "model_card.md"
_ORIGIN = {
    "shopr.data": "data fingerprint", "mlflow.source.git.commit": "commit", "shopr.git_dirty": "uncommitted changes",
    "shopr.source": "package source", "shopr.lock": "lock file", "shopr.python": "Python",
    "shopr.libraries": "libraries", "shopr.model_digest": "digest of the files",
}  # fmt: skip
_LIMITS = (
    "It ranks products by what shoppers bought; it says nothing of quality, safety or truth of a product.",
    "Shoppers without history get what is popular; products nobody bought yet are ranked by content models only.",
    "Figures are of the gate's span of one shop's data; another shop, season or catalogue may differ.",
)


def model_card(settings: Settings, version: str) -> str:
    """The card of a registered version, in Markdown.

    Raises:
        NotReadyError: if there is no such version.
        StorageError: if a store refuses.
    """
    from mlflow.exceptions import MlflowException

    api = client(settings)
    with guarded(settings):
        try:
            found = api.get_model_version(MODEL_NAME, version)
        except MlflowException as error:
            raise NotReadyError(f"there is no version {version!r}", hint="See 'shopr models'") from error
        run = api.get_run(found.run_id)
    steps = _steps(settings, version)
    evidence: Mapping[str, Any] = next((s["evidence"] for s in steps if s["evidence"].get("decision")), {})
    lines = [f"# {MODEL_NAME}, version {version}: {run.data.tags.get('shopr.model', 'a model')}", ""]
    lines += [f"Made by run `{found.run_id}`. {' '.join(_LIMITS[:1])}", "", "## Settings", "", *_pairs(run.data.params)]
    lines += ["", "## Where it comes from", "", *_pairs(_origin(run.data.tags))]
    lines += ["", "## Measures that its run logged", "", *_pairs({k: f"{v:.6g}" for k, v in run.data.metrics.items()})]
    lines += ["", "## How it was judged", "", *_judged(evidence)]
    lines += ["", "## What became of it", "", *[_step(step) for step in steps]]
    lines += ["", "## Limits", "", *[f"- {limit}" for limit in _LIMITS], ""]
    return "\n".join(lines)


def publish_card(settings: Settings, version: str) -> None:
    """Keep the card with the run, and as the version's description; a store that refuses undoes no promotion."""
    with suppress(StorageError, NotReadyError):
        card = model_card(settings, version)
        api = client(settings)
        with guarded(settings):
            found = api.get_model_version(MODEL_NAME, version)
            api.log_text(found.run_id, card, CARD_FILE)
            api.update_model_version(MODEL_NAME, version, description=card)


def _steps(settings: Settings, version: str) -> list[dict[str, Any]]:
    """Every row of the record about a version, oldest first."""
    with Database.open(settings).read() as connection:
        wanted = select(promotions).where(promotions.c.version == version).order_by(promotions.c.id)
        return [dict(row) for row in connection.execute(wanted).mappings()]


def _step(step: Mapping[str, Any]) -> str:
    before = f", in place of version {step['previous_version']}" if step["previous_version"] else ""
    return f"- {step['time']:%Y-%m-%d %H:%M} UTC, {step['action']}{before}, by {step['actor']}: {step['reason']}"


def _origin(tags: Mapping[str, str]) -> dict[str, str]:
    return {words: tags[tag] for tag, words in _ORIGIN.items() if tags.get(tag)}


def _judged(evidence: Mapping[str, Any]) -> list[str]:
    """The gate's checks and risks, and the figures of the models it was held against."""
    decision = evidence.get("decision")
    if not decision:
        return ["The gate has not judged it."]
    models = evidence.get("models", ())
    lines = ["| model | mean | 95 % |", "| --- | --- | --- |"]
    lines += [f"| {m['model']} | {_figure(m['mean'])} | {_figure(m['low'])} to {_figure(m['high'])} |" for m in models]
    lines += [""]
    for reason in decision.get("reasons", ()):
        state = "passed" if reason.get("passed") else "FAILED"
        lines.append(f"- {state}: {reason.get('name', '')}: {reason.get('detail') or _figure(reason.get('value'))}")
    return [*lines, *[f"- risk: {risk}" for risk in decision.get("risks", ())]]


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else "unknown"


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"- {name}: {value}" for name, value in sorted(values.items())] or ["None on record."]
