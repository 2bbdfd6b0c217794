"""A budget of training: the clock decides the number of epochs, and that number all the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import isthmus
from conftest import curved_table
from isthmus import Autoencoder, Checkpoints, VariationalAutoencoder, rehearsal
from isthmus.cli.outcome import UsageError
from isthmus.hyperparameter import hyperparameters
from isthmus.inference.alternation import MIN_EPOCHS, MIN_TURNS
from isthmus.training.budget import budget_seconds, epochs_within
from isthmus.training.loop import Training
from isthmus.training.plan import automatic_epochs, most_useful_epochs

SETTINGS = {"hidden_layer_sizes": (16,), "batch_size": 32, "random_state": 0}


@pytest.fixture
def costs(monkeypatch):
    """A computer on which an epoch takes a tenth of a second, whatever the clock says."""
    monkeypatch.setattr(rehearsal, "_cost", lambda *_: lambda epochs: 0.1 * epochs)


def test_a_time_comes_to_epochs_and_those_to_the_same_bits(kind, costs):
    X = curved_table(200)
    timed = kind(2, budget="1s", **SETTINGS).fit(X)
    epochs = timed.fitted_.planned_epochs
    assert 1 < epochs < 10
    named = kind(2, max_iter=epochs, **SETTINGS).fit(X)
    np.testing.assert_array_equal(timed.transform(X), named.transform(X))
    assert timed.history_["learning_rate"] == named.history_["learning_rate"]
    assert named.fitted_.planned_epochs == epochs


def test_a_number_is_so_many_epochs():
    X = curved_table(200)
    model = Autoencoder(2, budget=7, early_stopping=False, polish=0, **SETTINGS).fit(X)
    assert model.fitted_.n_iter == model.fitted_.planned_epochs == 7
    assert Autoencoder(2, budget=0, **SETTINGS).fit(X).fitted_.n_iter == 0


def test_a_rehearsal_leaves_no_trace():
    """The epochs it found are the same fit as without it, also where the clock is real."""
    X = curved_table(300)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    timed = Autoencoder(2, budget="2s", **SETTINGS).fit(X)
    assert torch.equal(torch.get_rng_state(), before)
    epochs = timed.fitted_.planned_epochs
    assert 1 <= epochs <= most_useful_epochs(automatic_epochs(236, 32))
    named = Autoencoder(2, budget=epochs, **SETTINGS).fit(X)
    np.testing.assert_array_equal(timed.transform(X), named.transform(X))


def test_what_is_learned_after_the_epochs_counts(monkeypatch):
    """Inference is learned once, and again after a refit; a variational model learns none."""
    monkeypatch.setattr(
        rehearsal, "_time_inference", lambda *_: rehearsal._Inference(step=0.0, metric=0.0, at_the_end=5.0)
    )
    found = []
    monkeypatch.setattr(
        rehearsal, "epochs_within", lambda seconds, cost, most: found.append(2 * cost(1) - cost(2)) or 1
    )
    for model in (Autoencoder(2, refit=False), Autoencoder(2, refit=True), VariationalAutoencoder(2)):
        model.set_params(budget="60s", random_state=0, hidden_layer_sizes=(4,)).fit(curved_table(200))
    assert found == pytest.approx([5.0, 10.0, 0.0], abs=1e-6)


def test_a_resumed_fit_keeps_its_plan(costs, tmp_path, monkeypatch):
    X, checkpoints = curved_table(200), Checkpoints(tmp_path / "work", every_seconds=0)
    whole = Autoencoder(2, budget="1s", **SETTINGS).fit(X)
    step = Training.step

    def cut(self, *arguments):
        if self.state.steps == 9:
            raise MemoryError
        step(self, *arguments)

    monkeypatch.setattr(Training, "step", cut)
    with pytest.raises(MemoryError):
        Autoencoder(2, budget="1s", **SETTINGS).fit(X, checkpoints=checkpoints)
    monkeypatch.setattr(Training, "step", step)
    monkeypatch.setattr(rehearsal, "_cost", lambda *_: pytest.fail("the plan was made again"))
    resumed = Autoencoder(2, budget="1s", **SETTINGS).fit(X, checkpoints=checkpoints)
    assert resumed.fitted_.planned_epochs == whole.fitted_.planned_epochs
    np.testing.assert_array_equal(resumed.transform(X), whole.transform(X))


def test_it_is_saved(costs, tmp_path):
    model = Autoencoder(2, budget="1s", **SETTINGS).fit(curved_table(200))
    isthmus.save(model, tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert loaded.budget == "1s"
    assert loaded.fitted_.planned_epochs == model.fitted_.planned_epochs


def test_too_little_is_one_epoch_and_said(monkeypatch):
    monkeypatch.setattr(rehearsal, "_cost", lambda *_: lambda epochs: 1 + 30.0 * epochs)
    with pytest.warns(
        RuntimeWarning, match=r"^Autoencoder: one epoch takes about 31\.0 s, more than is left of budget"
    ):
        model = Autoencoder(2, budget="10s", **SETTINGS).fit(curved_table(200))
    assert model.fitted_.planned_epochs == 1


def test_more_than_helps_is_not_spent(monkeypatch):
    monkeypatch.setattr(rehearsal, "_cost", lambda *_: lambda epochs: 1e-9 * epochs)
    model = Autoencoder(2, budget="2h", polish=0, n_iter_no_change=1, **SETTINGS).fit(curved_table(60))
    assert model.fitted_.planned_epochs == most_useful_epochs(automatic_epochs(45, 32))


@pytest.mark.parametrize("bad", ["5 minutes", "soon", "-3s", "", "5", -1, 2.5, True])
def test_what_is_no_budget_is_refused_in_a_sentence(bad):
    with pytest.raises(ValueError, match=r"^Autoencoder: budget must be "):
        Autoencoder(2, budget=bad).fit(curved_table(50))


def test_two_answers_to_one_question_are_refused():
    with pytest.raises(ValueError, match=r"budget='5min' and max_iter=3 both say how long to train; give one\.$"):
        Autoencoder(2, budget="5min", max_iter=3).fit(curved_table(50))


def test_the_command_line_takes_both():
    from isthmus.cli.hyperparameter_flags import settings_of

    assert settings_of("vanilla", {"budget": "5min"})["budget"] == "5min"
    assert settings_of("vanilla", {"budget": "40"})["budget"] == 40
    with pytest.raises(UsageError, match="--budget must be a whole number, a time such as '30s' or 'auto'"):
        settings_of("vanilla", {"budget": "a while"})
    assert hyperparameters(Autoencoder)["budget"].default is None


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("30 s", 30), (".5min", 30), ("2h", 7200), ("9sec", 9)])
def test_times(text, seconds):
    assert budget_seconds(text) == seconds


def test_epochs_within():
    assert epochs_within(10, lambda epochs: epochs, 100) == 9
    assert epochs_within(10, lambda epochs: 8 + epochs, 100) == 1
    assert epochs_within(1e9, lambda epochs: epochs, 100) == 100
    assert epochs_within(10, lambda epochs: 0, 100) == 100
    assert epochs_within(10, lambda epochs: epochs + 5 * (epochs > 6), 100) == 6


def test_turns_are_counted_for_as_many_epochs_as_fit(monkeypatch):
    """Turns of the default plan may take longer than the budget; a shorter plan has fewer, or none."""
    monkeypatch.setattr(rehearsal, "_time_inference", lambda *_: rehearsal._Inference(10.0, 0.0, 0.0))
    fit = {}
    for seconds in ("20s", "100s", "1h"):
        fit[seconds] = Autoencoder(2, budget=seconds, refit=False, **SETTINGS).fit(curved_table(200)).fitted_
    assert fit["20s"].planned_epochs == MIN_TURNS * MIN_EPOCHS - 1
    assert fit["100s"].planned_epochs == (MIN_TURNS + 1) * MIN_EPOCHS - 1
    assert fit["1h"].planned_epochs == most_useful_epochs(automatic_epochs(160, 32))
