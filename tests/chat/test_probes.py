"""Dialogues made from a catalogue: their truth is the records', and the built-in assistant passes them."""

from __future__ import annotations

import pytest

from shopr.chat.replay import play, summary
from shopr.chat.replay.probes import PROBES, probe_script
from shopr.data.catalog import Catalog
from shopr.data.simulator import world_dataset, world_of
from shopr.errors import InputError
from shopr.search import ProductSearch


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return world_dataset(world_of("small", seed=9), name="simulated").catalog


def test_every_probe_passes_on_a_simulated_shop_and_invents_nothing(catalog: Catalog) -> None:
    script = probe_script(catalog, 2, seed=9)
    assert {dialogue.capability for dialogue in script.dialogues} == set(PROBES)
    assert len(script.dialogues) == 2 * len(PROBES)
    total = summary(list(play(script, catalog, search=ProductSearch.build(catalog))))
    assert (total.dialogues_passed, total.invented) == (total.dialogues, 0)


def test_a_small_shop_is_probed_by_what_it_has() -> None:
    small = world_dataset(world_of("tiny", seed=7), name="simulated").catalog
    total = summary(list(play(probe_script(small, 1, seed=7), small, search=ProductSearch.build(small))))
    assert (total.dialogues, total.invented) == (len(PROBES), 0)
    assert total.turn_accuracy >= 0.9


def test_a_script_repeats_and_another_seed_asks_for_other_things(catalog: Catalog) -> None:
    first = [step.user for d in probe_script(catalog, 3, seed=1).dialogues for step in d.steps]
    assert first == [step.user for d in probe_script(catalog, 3, seed=1).dialogues for step in d.steps]
    assert first != [step.user for d in probe_script(catalog, 3, seed=2).dialogues for step in d.steps]


def test_a_catalogue_without_named_kinds_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InputError, match="no kind of these 0 products"):
        probe_script(Catalog.empty())
    with pytest.raises(InputError, match="0 dialogues"):
        probe_script(catalog, 0)
