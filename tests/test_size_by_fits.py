"""``n_components`` as a share of the variance, and as "auto": the data say the size of the code."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.decomposition import PCA

import isthmus
from conftest import curved_table
from isthmus import (
    Autoencoder,
    Checkpoints,
    CombinedAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)

LINEAR = {"hidden_layer_sizes": (), "random_state": 0}
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 5, "polish": 0, "random_state": 0}


def of_rank(rank: int, n_rows: int = 300, n_columns: int = 10, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, rank)) @ rng.normal(size=(rank, n_columns)) + noise * rng.normal(
        size=(n_rows, n_columns)
    )


def kept(model, X, training) -> float:
    return 1 - np.square(X - model.reconstruct(X)).sum() / np.square(X - training.mean(0)).sum()


# ---- a share of the variance ----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 0.9999])
def test_a_linear_model_gives_pca_s_own_answer(digits, share):
    X = digits[0]
    assert Autoencoder(share, **LINEAR).fit(X).n_components_ == PCA(share, svd_solver="full").fit(X).n_components_


def test_where_directions_are_many_it_looks_further_than_the_baseline():
    X = np.random.default_rng(0).normal(size=(700, 600))
    assert Autoencoder(0.9, **LINEAR).fit(X).n_components_ == PCA(0.9, svd_solver="full").fit(X).n_components_ > 256


def test_a_nonlinear_code_is_as_small_as_the_share_allows():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 4, size=(900, 1))
    X = np.sin(angle + np.linspace(0, 3, 8)) + 0.02 * rng.normal(size=(900, 8))
    training, new = X[:700], X[700:]
    model = Autoencoder(0.97, hidden_layer_sizes=(32,), max_iter=60, random_state=0).fit(training)
    assert model.n_components_ == 1 < PCA(0.97).fit(training).n_components_
    assert kept(model, new, training) >= 0.97


def test_the_answer_is_an_attribute_and_the_setting_stays(tmp_path):
    X = of_rank(3)
    model = Autoencoder(0.95, **QUICK).fit(X)
    assert (model.n_components, model.get_params()["n_components"]) == (0.95, 0.95)
    assert model.n_components_ == model.transform(X).shape[1] == len(model.get_feature_names_out()) <= 3
    assert clone(model).n_components == 0.95
    again = isthmus.load(isthmus.save(model, tmp_path / "model"))
    assert (again.n_components, again.n_components_) == (0.95, model.n_components_)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(clone(model).fit(X).transform(X), model.transform(X))


def test_rows_of_every_kind_can_be_searched():
    X = of_rank(3, n_rows=120)
    rng = np.random.default_rng(1)
    holes = np.where(rng.random(X.shape) < 0.05, np.nan, X)
    frame = pd.DataFrame(X).assign(colour=np.where(X[:, 0] > 0, "red", "blue"))
    frame.columns = frame.columns.astype(str)
    given, weight = rng.normal(size=(len(X), 2)), rng.integers(0, 3, len(X))
    Y = X + 3 * given @ rng.normal(size=(2, X.shape[1]))
    sizes = [
        Autoencoder(0.9, **QUICK).fit(X).n_components_,
        Autoencoder(0.9, **QUICK).fit(scipy.sparse.csr_matrix(X)).n_components_,
        Autoencoder(0.9, **QUICK).fit(Y, given=given, sample_weight=weight).n_components_,
        Autoencoder(0.9, missing="mask", **QUICK).fit(holes).n_components_,
        Autoencoder(0.8, **QUICK).fit(frame).n_components_,
        NestedAutoencoder(0.9, **QUICK).fit(X).n_components_,
        Autoencoder("auto", **LINEAR).fit(Y, given=given, sample_weight=weight).n_components_,
        Autoencoder("auto", missing="mask", **LINEAR).fit(holes).n_components_,
    ]
    assert all(1 <= size <= 4 for size in sizes), sizes


def test_an_interrupted_search_ends_the_fit(monkeypatch):
    from isthmus.training.loop import Training

    def interrupted(self, *args):
        raise_at = self.plan.epochs
        assert raise_at
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Autoencoder(0.9, **QUICK).fit(of_rank(3))


def test_checkpoints_resume_with_the_size_that_was_found(tmp_path):
    X = of_rank(3)
    whole = Autoencoder(0.9, **QUICK).fit(X)
    model = Autoencoder(0.9, **QUICK).fit(X, checkpoints=Checkpoints(tmp_path / "c", every_epochs=1, every_seconds=0))
    np.testing.assert_array_equal(model.transform(X), whole.transform(X))


REFUSED = [
    (SparseAutoencoder(0.9), "how few of its units are active"),
    (VariationalAutoencoder(0.9), r"read latent_report\(X\).active_units"),
    (VariationalAutoencoder("auto"), r"n_components='auto' .* read latent_report"),
    (CombinedAutoencoder("auto", bottleneck="top_k"), "how few of its units are active"),
]


@pytest.mark.parametrize(("model", "sentence"), REFUSED, ids=["sparse", "variational", "variational auto", "top-k"])
def test_codes_that_more_than_size_limits_are_refused(model, sentence, table):
    with pytest.raises(ValueError, match=sentence):
        model.fit(table)


def test_own_modules_are_refused(table):
    import torch

    with pytest.raises(ValueError, match="needs networks of any size, and the decoder given has one"):
        Autoencoder(0.9, decoder=torch.nn.Linear(2, 6)).fit(table)


def test_data_that_cannot_keep_the_share_are_refused():
    X = np.random.default_rng(0).normal(size=(40, 200))
    with pytest.raises(
        ValueError, match=r"n_components=0.95 can't be kept: 32 latents, .* keep [\d.]+% .* fit more rows"
    ):
        Autoencoder(0.95, **QUICK).fit(X)


def test_too_few_rows_to_hold_some_out_are_refused():
    with pytest.raises(ValueError, match="holds out rows to find the size of the code, but X has only 3"):
        Autoencoder(0.9, **QUICK).fit(np.eye(3))


@pytest.mark.parametrize("wrong", [0.0, 1.0, 1.5, -0.1, float("nan"), float("inf")])
def test_only_shares_between_0_and_1_are_taken(wrong, table):
    with pytest.raises(ValueError, match=r"^Autoencoder: n_components must be a whole number, a share above 0"):
        Autoencoder(wrong).fit(table)


def test_numpy_s_numbers_are_taken_too(table):
    assert Autoencoder(np.float64(0.9), **LINEAR).fit(table).n_components_ == PCA(0.9).fit(table).n_components_
    assert Autoencoder(np.int64(2), **LINEAR).fit(table).n_components_ == 2


# ---- auto -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 4, 6])
def test_auto_finds_the_rank_of_linear_data(rank):
    X = of_rank(rank, n_rows=400, noise=0.3, seed=rank)
    model = Autoencoder("auto", **LINEAR).fit(X)
    assert (model.n_components_, model.n_components) == (rank, "auto")
    assert clone(model).get_params()["n_components"] == "auto"


def test_auto_finds_the_size_of_a_nonlinear_code(tmp_path):
    model = Autoencoder("auto", hidden_layer_sizes=(16,), max_iter=20, random_state=0).fit(of_rank(2, 300, 6, 0.3))
    assert model.n_components_ == 2
    assert isthmus.load(isthmus.save(model, tmp_path / "model")).n_components_ == 2


def test_in_other_estimators_the_size_is_found_too():
    X = curved_table(200)
    detector = isthmus.AutoencoderOutlierDetector(autoencoder=Autoencoder(0.9, **LINEAR), random_state=0).fit(X)
    assert detector.autoencoder_.n_components_ >= 1
