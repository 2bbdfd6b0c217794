"""The refit on all rows: what held-out rows chose is kept, they are learned from too, and nothing gets worse."""

from __future__ import annotations

import pkgutil

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

import isthmus
from conftest import curved_table
from isthmus import Autoencoder
from isthmus.choices import choose_refit
from isthmus.inference.alternation import _Work
from isthmus.rows.rows import DenseRows, Rows
from isthmus.training.loop import Training
from isthmus.training.plan import Plan
from isthmus.training.schedule import annealed_from, rate

SETTINGS = {"hidden_layer_sizes": (16,), "batch_size": 32, "max_iter": 12, "random_state": 0}
# Turns of decoder and codes are kept on 200 rows.
TURNING = SETTINGS | {"n_components": 1, "hidden_layer_sizes": (64, 64), "max_iter": 40}
REPEATS = [
    pytest.param(SETTINGS | {"n_components": 2, "polish": 0}, "isthmus.training.loop.Training.run_again", id="run"),
    pytest.param(TURNING, "isthmus.refitting.alternate_again", id="turns"),
]


def error(model, X) -> float:
    return float(((model.reconstruct(X) - X) ** 2).mean())


def without_a_refit(make, X):
    """The model of the run that chose, before it is repeated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isthmus.fitting.refit", lambda *arguments: "it is left out")
        return make().fit(X)


@pytest.fixture
def learned_from(monkeypatch):
    """How many rows each pass of a fit took."""
    counts, epoch = [], Rows.epoch

    def counted(self, *arguments, **named):
        counts.append(len(self))
        return epoch(self, *arguments, **named)

    monkeypatch.setattr(Rows, "epoch", counted)
    return counts


def test_all_rows_are_learned_from_for_the_epochs_that_were_chosen(kind, learned_from):
    X = curved_table(200)
    model = kind(2, refit=True, polish=0, **SETTINGS).fit(X)
    assert model.best_epoch_ > 0
    assert learned_from == [150] * model.n_iter_ + [200] * model.best_epoch_
    assert model.fitted_.refit_rows == 200
    without = without_a_refit(lambda: kind(2, refit=True, polish=0, **SETTINGS), X)
    assert without.fitted_.refit_rows == 0
    assert without.best_epoch_ == model.best_epoch_
    assert not np.array_equal(without.reconstruct(X), model.reconstruct(X))
    assert without.noise_variance_ == model.noise_variance_ or model.model_.likelihood.noise_variance is not None
    for name, column in model.history_.columns.items():
        assert name == "seconds" or column == without.history_.columns[name]


@pytest.mark.parametrize(("n_rows", "refit", "expected"), [(2000, None, True), (2001, None, False), (9999, True, True)])
def test_unasked_it_is_for_few_rows(n_rows, refit, expected):
    rows = DenseRows(torch.zeros(n_rows, 1))
    assert choose_refit(Autoencoder(refit=refit), rows) is expected
    assert choose_refit(Autoencoder(refit=False), rows) is False
    rows.random_access = False  # a stream is read in order, and its held-out rows apart
    assert choose_refit(Autoencoder(refit=refit), rows) is False


def test_where_pca_is_kept_it_stays(learned_from):
    noise = np.random.default_rng(0).standard_normal((80, 6))
    model = Autoencoder(2, refit=True, **SETTINGS).fit(noise)
    assert (model.best_epoch_, model.fitted_.refit_rows) == (0, 0)
    assert set(learned_from) == {60}
    pca = PCA(2).fit(noise)
    np.testing.assert_allclose(model.reconstruct(noise), pca.inverse_transform(pca.transform(noise)), atol=1e-5)


def test_the_run_and_its_turns_are_repeated_from_the_closed_form_of_all_rows(learned_from, monkeypatch):
    X, begun, run_again = curved_table(200), [], Training.run_again
    X = X - X.mean(0)  # as the model has it

    def began(self, rows, epochs, begin):
        def seen():
            begin()
            model = self.model
            with torch.no_grad():
                begun.append(model.decode(model.encoder(torch.from_numpy(X).float())).numpy())

        run_again(self, rows, epochs, seen)

    monkeypatch.setattr(Training, "run_again", began)
    model = Autoencoder(refit=True, scale=None, **TURNING).fit(X)
    assert model.fitted_.refit_rows == 200
    ordinary = [count for count in learned_from if count == 150]
    assert learned_from == ordinary + [200] * (len(learned_from) - len(ordinary))
    pca = PCA(1).fit(X)
    np.testing.assert_allclose(begun[0], pca.inverse_transform(pca.transform(X)), atol=1e-4)


def test_the_run_starts_at_the_closed_form_of_the_rows_it_learns_from(monkeypatch):
    X, starts, run = curved_table(200), [], Training.run

    def started(self, learned, validation, *arguments):
        x = learned.take(torch.arange(len(learned)))
        with torch.no_grad():
            starts.append((x.numpy(), self.model.decode(self.model.encoder(x)).numpy()))
        run(self, learned, validation, *arguments)

    monkeypatch.setattr(Training, "run", started)
    Autoencoder(2, **SETTINGS).fit(X)
    x, reconstructed = starts[0]
    pca = PCA(2).fit(x)
    np.testing.assert_allclose(reconstructed, pca.inverse_transform(pca.transform(x)), atol=1e-4)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_turns_that_grow_worse_end_once_the_rate_is_low(early_stopping, monkeypatch):
    measured = []

    def worse_and_worse(work, *, amortized=False):
        measured.append(held_out_losses(work, amortized=amortized) + len(measured))
        return measured[-1]

    held_out_losses = _Work.held_out_losses
    monkeypatch.setattr(_Work, "held_out_losses", worse_and_worse)
    Autoencoder(refit=False, early_stopping=early_stopping, **TURNING).fit(curved_table(200))
    assert len(measured) == 1 + (6 if early_stopping else 10)


def test_new_rows_are_better_for_it():
    ratios = []
    for seed in range(5):
        X = curved_table(1000, seed=seed)
        train, test = X[:90], X[90:]
        settings = {"max_iter": 60, "random_state": 0}
        with_it, without = (Autoencoder(2, refit=how, **settings).fit(train) for how in (True, False))
        ratios.append(error(with_it, test) / error(without, test))
    assert np.exp(np.mean(np.log(ratios))) < 0.97, ratios


@pytest.mark.parametrize(("settings", "repeats"), REPEATS)
@pytest.mark.parametrize("astray", [float("nan"), 10.0])
def test_one_that_goes_astray_is_dropped(astray, settings, repeats, monkeypatch):
    X = curved_table(200)
    expected = without_a_refit(lambda: Autoencoder(refit=True, **settings), X)
    repeat = pkgutil.resolve_name(repeats)
    repeated = []

    def astray_again(first, *arguments):
        repeat(first, *arguments)
        model = getattr(first, "model", first)
        repeated.append(model)
        with torch.no_grad():
            next(iter(model.parameters())).add_(astray)

    monkeypatch.setattr(repeats, astray_again)
    model = Autoencoder(refit=True, **settings).fit(X)
    assert len(repeated) == 1
    assert model.fitted_.refit_rows == 0
    np.testing.assert_array_equal(model.transform(X), expected.transform(X))


@pytest.mark.parametrize(("settings", "repeats"), REPEATS)
def test_ctrl_c_in_it_keeps_the_chosen_epoch(settings, repeats, monkeypatch):
    X = curved_table(200)
    expected = without_a_refit(lambda: Autoencoder(refit=True, **settings), X)

    def interrupted(first, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(repeats, interrupted)
    model = Autoencoder(refit=True, **settings)
    with pytest.warns(ConvergenceWarning, match="training ended early, interrupted"):
        model.fit(X)
    assert model.fitted_.refit_rows == 0
    np.testing.assert_array_equal(model.transform(X), expected.transform(X))


def test_it_is_saved(tmp_path):
    model = Autoencoder(2, **SETTINGS).fit(curved_table(200))
    isthmus.save(model, tmp_path / "model")
    assert isthmus.load(tmp_path / "model").fitted_.refit_rows == 200


def test_patience_never_ends_one_cycle_while_the_rate_is_high(kind, monkeypatch):
    """Even where nothing improves on the start."""
    measure = Training.measure

    def worse_and_worse(self, rows):
        found = measure(self, rows)
        return found | {"loss": torch.full_like(found["loss"], 1e6 + self.state.epoch)}

    monkeypatch.setattr(Training, "measure", worse_and_worse)
    settings = SETTINGS | {"max_iter": 40, "n_iter_no_change": 1, "polish": 0}
    model = kind(2, **settings).fit(curved_table(200))
    highest = max(model.history_["learning_rate"])
    assert 24 <= model.n_iter_ < 40
    assert model.history_["learning_rate"][-1] <= 0.55 * highest
    constant = kind(2, schedule="constant", **settings).fit(curved_table(200))
    assert constant.n_iter_ == 1
    assert kind(2, early_stopping=False, **settings).fit(curved_table(200)).n_iter_ == 40


@pytest.mark.parametrize("epochs", [1, 3, 10, 25, 97])
def test_annealing_begins_where_the_rate_has_halved(epochs):
    plan = Plan(epochs=epochs, batch_size=32, learning_rate=1.0)
    begin = annealed_from(plan)
    assert rate(plan, begin / epochs) <= 0.501
    assert begin < 0.6 * epochs + 1
    assert rate(plan, 0.6 - 1e-3) > 0.5
    assert annealed_from(Plan(epochs=epochs, batch_size=32, learning_rate=1.0, schedule="constant")) == 0


def test_the_history_says_what_reconstruct_does(kind, monkeypatch):
    """Where codes are the encoder's, nothing was refitted and nothing is drawn in evaluation."""
    held_out, run = [], Training.run

    def noting(self, training, validation, *arguments):
        held_out.append(validation)
        run(self, training, validation, *arguments)

    monkeypatch.setattr(Training, "run", noting)
    model = kind(2, refit=False, polish=0, **SETTINGS).fit(curved_table(200))
    bottleneck = model.model_.bottleneck
    if bottleneck.has_prior or bottleneck.ordered or not model.model_.corruption.is_identity:
        pytest.skip("evaluation draws noise, or how many latents are read")
    (rows,) = held_out
    X = model.scaling_.undo(rows.take(torch.arange(len(rows))).numpy())
    measured = (((model.reconstruct(X) - X) / model.scaling_.spread) ** 2).mean()
    assert measured == pytest.approx(model.history_["validation_mse"][model.best_epoch_], rel=1e-3)
