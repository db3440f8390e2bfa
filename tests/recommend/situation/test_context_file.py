"""A context prior on disk: the same after reading, learnt again where the file is of other data or broken."""

from __future__ import annotations

import numpy as np
import pytest

from shopr.data.simulator import world_dataset, world_of
from shopr.errors import DataError, NotReadyError
from shopr.recommend.situation.context import ContextPrior
from shopr.recommend.situation.context_file import load_prior, prior_of, save_prior

DATA = world_dataset(world_of("tiny", seed=3), images=False)
PRIOR = ContextPrior().fit(DATA.events, DATA.catalog)


def same(one: ContextPrior, other: ContextPrior) -> bool:
    return (
        np.array_equal(one.lifts, other.lifts)
        and one.item_ids == other.item_ids
        and (one.weights, one.strengths, one.config) == (other.weights, other.strengths, other.config)
    )


def test_what_is_read_is_what_was_written(tmp_path):
    save_prior(PRIOR, tmp_path / "prior.npz")
    assert same(load_prior(tmp_path / "prior.npz"), PRIOR)
    assert [p.name for p in tmp_path.iterdir()] == ["prior.npz"]
    with pytest.raises(NotReadyError):
        save_prior(ContextPrior(), tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half an archive"])
def test_a_broken_file_is_refused_and_learnt_anew(tmp_path, content):
    kept = tmp_path / f"context-{DATA.fingerprint[:16]}.npz"
    kept.write_bytes(content)
    with pytest.raises(DataError, match="holds no context prior"):
        load_prior(kept)
    assert same(prior_of(DATA, tmp_path), PRIOR)
    assert same(load_prior(kept), PRIOR)


def test_it_is_learnt_once_for_the_same_data_and_anew_for_others(tmp_path, monkeypatch):
    old = tmp_path / "context-0000000000000000.npz"
    old.write_bytes(b"of other data")
    first = prior_of(DATA, tmp_path)
    assert not old.exists()
    monkeypatch.setattr(ContextPrior, "fit", lambda *_, **__: pytest.fail("learnt again"))
    assert same(prior_of(DATA, tmp_path), first)


def test_a_folder_that_cannot_be_written_to_is_no_failure(tmp_path):
    assert same(prior_of(DATA, tmp_path / "gone"), PRIOR)
