"""Every figure against another way to reckon it; every result in its words."""

import dataclasses
import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from rich.console import Console
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.metrics import r2_score, silhouette_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import isthmus.evaluation.held_out
import isthmus.evaluation.probes
from isthmus.evaluation import CodeUse, Reconstruction, ReconstructionError, evaluate, evaluation_table, sentence
from isthmus.evaluation.by_column import ColumnError, column_error_lines
from isthmus.evaluation.probes import LabelProbes
from isthmus.variants import variants
from isthmus.variants.sparse import SparseAutoencoder
from isthmus.variants.vanilla import Autoencoder
from isthmus.variants.variational import VariationalAutoencoder

N_FEATURES = 7
SIZES = np.array([40.0, 20, 9, 3, 2, 1, 0.5])


def make_rows(n, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    bent = generator.normal(size=(n, N_FEATURES))
    bent[:, 0] += 2 * labels
    bent[:, 2] = bent[:, 0] ** 2 + 0.1 * bent[:, 2]
    mixing = np.random.default_rng(0).normal(size=(N_FEATURES, N_FEATURES))
    return (bent @ mixing) * SIZES + 100, labels


TRAIN, TRAIN_LABELS = make_rows(150, 1)
TEST, TEST_LABELS = make_rows(60, 2)


def fitted(kind=Autoencoder, rows=TRAIN, **changes):
    return kind(**({"n_components": 2, "max_iter": 4, "random_state": 0} | changes)).fit(rows)


@pytest.fixture(scope="module")
def plain():
    estimator = fitted()
    return estimator, evaluate(estimator, TEST, TEST_LABELS, X_train=TRAIN, y_train=TRAIN_LABELS)


def pca_reconstructed(size, scaler=None):
    scaler = scaler or StandardScaler(with_mean=False, with_std=False)
    pca = PCA(size).fit(scaler.fit_transform(TRAIN))
    return scaler.inverse_transform(pca.inverse_transform(pca.transform(scaler.transform(TEST))))


# ---- reconstructing ----------------------------------------------------------------------------------------


def test_errors_of_the_model_in_the_units_of_the_data(plain):
    estimator, found = plain
    errors = (TEST - estimator.reconstruct(TEST)) ** 2
    spread = ((TEST - TRAIN.mean(0)) ** 2).sum()
    assert found.data.model.mse == pytest.approx(errors.mean(), rel=1e-9)
    assert found.data.model.sse == pytest.approx(errors.sum(1).mean(), rel=1e-9)
    assert found.data.model.r2 == pytest.approx(1 - errors.sum() / spread, rel=1e-9)
    assert (found.n_rows, found.n_features, found.n_components, found.pca_components) == (60, 7, 2, 2)
    assert found.scale is found.scaled is None
    assert found.reconstruction is found.data


def test_variation_is_measured_from_the_training_mean_not_the_rows_own():
    found = evaluate(fitted(), TEST + 30)
    moved = ((TEST + 30 - TRAIN.mean(0)) ** 2).sum() / len(TEST)
    assert found.data.model.sse / (1 - found.data.model.r2) == pytest.approx(moved)


@pytest.mark.parametrize("scale", [None, "standard", "minmax"])
def test_pca_is_that_of_the_training_rows_in_the_models_units(scale):
    scaler = {None: None, "standard": StandardScaler(), "minmax": MinMaxScaler()}[scale]
    found = evaluate(fitted(scale=scale), TEST)
    errors = (TEST - pca_reconstructed(2, scaler)) ** 2
    assert found.data.pca.mse == pytest.approx(errors.mean(), rel=1e-4)
    spread = (TEST - TRAIN.mean(0)) ** 2
    np.testing.assert_allclose(found.pca_explained_variance, 1 - errors.sum(0) / spread.sum(0), atol=1e-4)
    if scaler is not None:
        unit = scaler.transform(TRAIN + 0).std(0) / TRAIN.std(0)
        assert found.scaled.pca.mse == pytest.approx((errors * unit**2).mean(), rel=1e-2)
        assert found.reconstruction is found.scaled


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_scaled_errors_are_in_the_scalers_units(scale):
    estimator = fitted(scale=scale)
    spread = {"standard": TRAIN.std(0, ddof=1), "minmax": np.ptp(TRAIN, 0)}[scale]
    found = evaluate(estimator, TEST)
    errors = ((TEST - estimator.reconstruct(TEST)) / spread) ** 2
    assert found.scaled.model.mse == pytest.approx(errors.mean(), rel=1e-9)
    assert found.scaled.model.r2 == pytest.approx(
        1 - errors.sum() / (((TEST - TRAIN.mean(0)) / spread) ** 2).sum(), rel=1e-6
    )
    assert found.data.model.mse != pytest.approx(found.scaled.model.mse)


def test_explained_variance_of_each_column(plain):
    estimator, found = plain
    expected = 1 - ((TEST - estimator.reconstruct(TEST)) ** 2).sum(0) / ((TEST - TRAIN.mean(0)) ** 2).sum(0)
    np.testing.assert_allclose(found.explained_variance, expected, rtol=1e-9)
    assert isinstance(found.explained_variance, np.ndarray)


@pytest.mark.parametrize("scale", [None, "standard"])
def test_equal_error_size_is_the_fewest_directions_that_do(scale):
    scaler = StandardScaler() if scale else None
    unit = TRAIN.std(0) if scale else np.ones(N_FEATURES)
    for width in (1, 2, 4):
        found = evaluate(fitted(n_components=width, scale=scale, max_iter=25), TEST)
        errors = [(((TEST - pca_reconstructed(k, scaler)) / unit) ** 2).mean() for k in range(1, N_FEATURES + 1)]
        target = found.reconstruction.model.mse * (1.0001 if scale is None else 1 + 1e-4)
        ours = ((((TEST - TRAIN.mean(0)) / unit) ** 2).mean(), *errors)
        factor = 1 if scale is None else (len(TRAIN) - 1) / len(TRAIN)  # variance over N - 1, and over N
        assert found.reconstruction.pca_needs == next(k for k, e in enumerate(ours) if e * factor <= target)


@pytest.mark.parametrize("size", [1, 3, 6])
def test_a_model_that_is_pca_needs_its_own_size(size):
    found = evaluate(fitted(n_components=size, hidden_layer_sizes=()), TEST)
    assert found.data.pca_needs == size
    assert found.data.model.mse == pytest.approx(found.data.pca.mse, rel=1e-4)


def test_a_model_no_better_than_the_mean_row_needs_none():
    estimator = fitted()
    with torch.no_grad():
        for part in estimator.model_.decoder.parameters():
            part.zero_()
    assert evaluate(estimator, TEST).data.pca_needs == 0


def test_too_few_directions_are_said_to_be_too_few():
    wide = np.random.default_rng(0).normal(size=(8, 30))
    estimator = fitted(rows=wide, hidden_layer_sizes=())
    copied = dataclasses.replace(estimator.fitted_)
    object.__setattr__(copied, "reconstruct", np.asarray)  # a perfect copy, which 8 rows' directions can't be
    estimator.fitted_ = copied
    found = evaluate(estimator, np.random.default_rng(1).normal(size=(5, 30)))
    assert found.data.pca_needs is None
    assert found.n_directions == 8
    assert sentence(found).endswith(" and needs more than 8 dimensions to match it.")
    assert ("dimensions PCA needs for this", "more than 8", "–") in [line.written() for line in found.table()]


# ---- the code ------------------------------------------------------------------------------------------


def test_labels_are_read_from_training_codes_beside_pca(plain):
    estimator, found = plain
    pca = PCA(2).fit(TRAIN)
    for readings, codes, known in (
        (found.labels, estimator.transform(TEST), estimator.transform(TRAIN)),
        (found.pca_labels, pca.transform(TEST), pca.transform(TRAIN)),
    ):
        neighbours = KNeighborsClassifier(5).fit(known, TRAIN_LABELS).score(codes, TEST_LABELS)
        logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(known, TRAIN_LABELS)
        assert readings.neighbours == pytest.approx(neighbours, abs=0.02)
        assert readings.logistic == pytest.approx(logistic.score(codes, TEST_LABELS), abs=0.02)
        assert readings.silhouette == pytest.approx(silhouette_score(codes, TEST_LABELS), abs=1e-4)
    assert found.trustworthiness == pytest.approx(
        trustworthiness(TEST, estimator.transform(TEST), n_neighbors=5), abs=1e-3
    )
    assert found.pca_trustworthiness == pytest.approx(
        trustworthiness(TEST, pca.transform(TEST), n_neighbors=5), abs=1e-3
    )


def test_without_training_labels_the_readers_are_cross_validated():
    estimator = fitted(hidden_layer_sizes=())
    codes = np.repeat([0, 1], 20)[:, None] + np.zeros((1, N_FEATURES))
    separable = TRAIN.mean(0) + 200 * codes + np.random.default_rng(0).normal(size=(40, N_FEATURES))
    found = evaluate(estimator, separable, np.repeat(["a", "b"], 20))
    assert found.labels == pytest.approx(LabelProbes(1.0, 1.0, found.labels.silhouette))
    guessed = evaluate(estimator, separable, np.random.default_rng(0).integers(0, 2, 40))
    assert guessed.labels.neighbours < 0.8  # trained on what it is tested on, it would do better


def test_without_labels_nothing_is_read():
    found = evaluate(fitted(), TEST, X_train=TRAIN)
    assert found.labels == found.pca_labels == LabelProbes()
    assert found.trustworthiness is not None


@pytest.mark.parametrize("label_kind", [str, object, bool, float])
def test_labels_of_any_kind(label_kind):
    labels = {
        str: np.array(["x", "y", "z"])[TEST_LABELS],
        object: np.array(["x", None, 3], dtype=object)[TEST_LABELS],
        bool: TEST_LABELS > 0,
        float: TEST_LABELS.astype(float),
    }[label_kind]
    assert evaluate(fitted(), TEST, labels).labels.neighbours > 0.4
    assert evaluate(fitted(), TEST, labels.tolist()).labels.neighbours > 0.4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y": TEST_LABELS[:-1]}, "y must have one label for each of the 60 rows, got 59"),
        ({"y": TEST[:, :2]}, r"labels must be one per row, got shape \(60, 2\)"),
        ({"y": TEST[:, 0]}, "labels must be classes, got continuous values; leave out y"),
        ({"y": TEST_LABELS, "y_train": TRAIN_LABELS}, "y_train needs X_train and y"),
        ({"X_train": TRAIN, "y_train": TRAIN_LABELS}, "y_train needs X_train and y"),
        (
            {"y": TEST_LABELS, "X_train": TRAIN, "y_train": TRAIN_LABELS[1:]},
            "y_train must have one label for each of the 150 rows, got 149",
        ),
        ({"X": TEST[:, 1:]}, "6 features"),
        ({"X": np.full((3, N_FEATURES), np.inf)}, "row 0"),
        ({"X": TEST[0]}, "1D array"),
        ({"X": TEST[:0]}, "0 sample"),
    ],
)
def test_what_does_not_fit_is_said(changes, words):
    with pytest.raises(ValueError, match=words):
        evaluate(fitted(), **({"X": TEST} | changes))


def test_an_unfitted_estimator_is_said():
    with pytest.raises(ValueError, match="not fitted"):
        evaluate(Autoencoder(), TEST)


def test_use_of_a_variational_code():
    estimator = fitted(VariationalAutoencoder, n_components=3)
    report = estimator.latent_report(TEST)
    found = evaluate(estimator, TEST)
    assert found.code.active_units == report.active_units
    assert found.code.kl_per_latent == tuple(report.kl.tolist())
    assert found.code.mean_on is found.code.dead_units is None
    assert evaluate(fitted(), TEST).code == CodeUse()


def test_use_of_a_sparse_code_and_pca_of_as_many_numbers_as_are_on():
    estimator = fitted(SparseAutoencoder, n_components=12, top_k=3)
    with torch.no_grad():
        estimator.model_.encoder.skip.weight[4] = 0
        estimator.model_.encoder.skip.bias[4] = 0
        estimator.model_.encoder.output_scale[4] = 0
    codes = estimator.transform(TEST)
    found = evaluate(estimator, TEST)
    assert found.code.mean_on == pytest.approx(3)
    assert found.code.dead_units == int((codes == 0).all(0).sum()) >= 1
    assert found.pca_components == 3
    assert found.data.pca.mse == pytest.approx(((TEST - pca_reconstructed(3)) ** 2).mean(), rel=1e-4)


def test_log_density_beside_probabilistic_pca():
    estimator = fitted(VariationalAutoencoder, hidden_layer_sizes=(), max_iter=0)
    found = evaluate(estimator, TEST)
    assert found.nats_per_row == pytest.approx(float(estimator.score_samples(TEST).mean(dtype=float)), rel=1e-6)
    assert found.pca_nats_per_row == pytest.approx(PCA(2).fit(TRAIN).score(TEST), rel=1e-4)
    # The untrained linear model is probabilistic PCA, and its bound is tight.
    assert found.nats_per_row == pytest.approx(found.pca_nats_per_row, rel=1e-3)
    assert evaluate(fitted(), TEST).pca_nats_per_row == pytest.approx(found.pca_nats_per_row, rel=1e-6)
    bernoulli = fitted(scale="minmax", likelihood="bernoulli")
    assert evaluate(bernoulli, TEST).pca_nats_per_row is None


def test_log_density_of_probabilistic_pca_in_scaled_units():
    found = evaluate(fitted(VariationalAutoencoder, scale="standard"), TEST)
    unit = TRAIN.std(0, ddof=1)
    pca = PCA(2).fit((TRAIN - TRAIN.mean(0)) / unit)
    covariance = pca.get_covariance() * np.outer(unit, unit)
    expected = multivariate_normal(TRAIN.mean(0), covariance).logpdf(TEST).mean()
    assert found.pca_nats_per_row == pytest.approx(expected, rel=1e-4)


def test_beside_a_model_that_is_pca_the_density_is_that_of_the_same_pca_for_fewer_rows_than_columns():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2)) @ rng.standard_normal((2, 150)) + rng.standard_normal((60, 150))
    found = evaluate(Autoencoder(2, max_iter=0).fit(X[:30]), X[30:])
    assert found.pca_nats_per_row == pytest.approx(PCA(2).fit(X[:30]).score(X[30:]), rel=1e-4)
    assert found.nats_per_row == pytest.approx(found.pca_nats_per_row, rel=1e-4)


# ---- inputs of all kinds -------------------------------------------------------------------------------


def test_slices_frames_and_sparse_rows_give_the_same(monkeypatch):
    names = [f"column {j}" for j in range(N_FEATURES)]
    frame = pd.DataFrame(TRAIN, columns=names)
    estimator = fitted(rows=frame)
    test = pd.DataFrame(TEST, columns=names, index=np.arange(60) / 7)
    whole = evaluate(estimator, test, pd.Series(TEST_LABELS)).to_dict()
    assert whole["feature_names"] == names
    monkeypatch.setattr(isthmus.evaluation.held_out, "CHUNK_CELLS", 11 * N_FEATURES)
    monkeypatch.setattr(isthmus.evaluation.held_out, "MAX_PAIRWISE_ROWS", 25)
    parts = evaluate(estimator, test, TEST_LABELS).to_dict()
    assert parts.pop("trustworthiness") != whole.pop("trustworthiness")
    assert parts.pop("pca_trustworthiness") != whole.pop("pca_trustworthiness")
    assert_close(whole, parts)
    sparse = fitted(rows=scipy.sparse.csr_array(TRAIN))
    for one in (scipy.sparse.csr_array(TEST), scipy.sparse.coo_array(TEST), TEST, TEST.tolist()):
        assert evaluate(sparse, one).data.model.mse == pytest.approx(whole["data"]["model"]["mse"], rel=1e-3)


def assert_close(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_close(one[name], other[name])
    elif isinstance(one, list):
        for first, second in zip(one, other, strict=True):
            assert_close(first, second)
    else:
        assert one == (pytest.approx(other, rel=1e-5, abs=1e-6) if isinstance(one, float) else other)


def test_set_output_does_not_disturb():
    estimator = fitted()
    expected = evaluate(estimator, TEST, TEST_LABELS).to_json()
    assert evaluate(estimator.set_output(transform="pandas"), TEST, TEST_LABELS).to_json() == expected


def test_the_same_call_gives_the_same_figures_and_the_seed_matters(monkeypatch):
    monkeypatch.setattr(isthmus.evaluation.held_out, "MAX_PAIRWISE_ROWS", 25)
    monkeypatch.setattr(isthmus.evaluation.probes, "MAX_PAIRWISE_ROWS", 25)
    estimator = fitted()
    before = np.random.get_state()[1].copy()
    first, second, third = (evaluate(estimator, TEST, TEST_LABELS, random_state=seed) for seed in (0, 0, 1))
    assert first.to_json() == second.to_json()
    assert first.trustworthiness != third.trustworthiness
    assert first.labels.silhouette != third.labels.silhouette
    np.testing.assert_array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize("name", variants())
@pytest.mark.parametrize("n_rows", [1, 2, 5, 10, 11])
def test_few_rows_and_like_labels_give_none_and_no_warning(name, n_rows):
    estimator = fitted(variants()[name], rows=TRAIN[:30], max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(estimator, TEST[:n_rows], TEST_LABELS[:n_rows])
        alike = evaluate(estimator, TEST[:n_rows], ["a"] * n_rows)
        different = evaluate(estimator, TEST[:n_rows], range(n_rows))
        one = evaluate(estimator, TEST[:n_rows], ["b"] * n_rows, X_train=TRAIN, y_train=["a"] * 150)
        few = evaluate(estimator, TEST[:n_rows], TEST_LABELS[:n_rows], X_train=TRAIN[:4], y_train=[0, 1, 0, 1])
    assert (found.trustworthiness is None) == (n_rows <= 10)
    assert alike.labels == alike.pca_labels == one.labels == LabelProbes()
    assert different.labels == LabelProbes()
    assert (few.labels.neighbours, few.labels.logistic) == (None, None)
    for each in (found, alike, different, one, few):
        json.loads(each.to_json())
        assert sentence(each).endswith(".")


def test_a_rare_class_costs_folds_not_the_figure():
    labels = np.zeros(60, dtype=int)
    labels[:3] = 1
    labels[3] = 2
    assert evaluate(fitted(), TEST, labels).labels.neighbours > 0.9
    # A single member can't be both learned from and tested on.
    alone = evaluate(fitted(), TEST, (labels == 2).astype(int)).labels
    assert (alone.neighbours, alone.logistic) == (None, None)


def test_constant_columns_and_constant_data():
    rows = TRAIN.copy()
    rows[:, 3] = 0.1
    for changes in ({}, {"scale": "standard"}, {"scale": "minmax"}, {"start": "random"}):
        found = evaluate(fitted(rows=rows, **changes), rows[:40])
        assert np.isnan(found.explained_variance).tolist() == [j == 3 for j in range(N_FEATURES)]
        assert found.to_dict()["explained_variance"][3] is None
    constant = np.full((20, 3), 0.1)
    for changes in ({}, {"scale": "standard"}, {"start": "random", "likelihood": "bernoulli"}):
        found = evaluate(fitted(rows=constant, **changes), constant)
        assert found.data.model.r2 is found.data.pca.r2 is None
        assert (
            sentence(found)
            == "3 features encoded in 2 dimensions: these rows do not vary, so there is nothing to keep."
        )


def test_a_large_offset_costs_no_digits():
    found = evaluate(fitted(rows=TRAIN + 1e9, hidden_layer_sizes=()), TEST + 1e9)
    expected = evaluate(fitted(hidden_layer_sizes=()), TEST)
    assert found.data.pca.r2 == pytest.approx(expected.data.pca.r2, rel=1e-6)


# ---- in words ------------------------------------------------------------------------------------------


def made(model, pca, *, needs=None, n_features=64, n_components=2, scale=None, on=None, beside=None):
    """An evaluation with these figures."""
    _, found = evaluation_of_plain()
    reconstructing = Reconstruction(ReconstructionError(1.0, 1.0, model), ReconstructionError(1.0, 1.0, pca), needs)
    other = Reconstruction(ReconstructionError(1.0, 1.0, 0.111), ReconstructionError(1.0, 1.0, 0.999), 60)
    return dataclasses.replace(
        found,
        n_features=n_features,
        n_components=n_components,
        n_directions=256,
        pca_components=beside or n_components,
        scale=scale,
        data=reconstructing if scale is None else other,
        scaled=None if scale is None else reconstructing,
        code=CodeUse(mean_on=on),
    )


_made = []


def evaluation_of_plain():
    if not _made:
        estimator = fitted(max_iter=1)
        _made.append((estimator, evaluate(estimator, TEST)))
    return _made[0]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (
            {"model": 0.56, "pca": 0.28, "needs": 5},
            "64 features encoded in 2 dimensions: keeps 56% of the variance; PCA keeps 28% "
            "and needs 5 dimensions to match it.",
        ),
        (
            {"model": 0.93, "pca": 0.28},
            "64 features encoded in 2 dimensions: keeps 93% of the variance; PCA keeps 28% "
            "and needs more than 256 dimensions to match it.",
        ),
        (
            {"model": 0.9953, "pca": 0.9951, "needs": 3},
            "64 features encoded in 2 dimensions: keeps 99.53% of the variance; PCA keeps 99.51% "
            "and needs 3 dimensions to match it.",
        ),
        (
            {"model": 0.284, "pca": 0.28, "needs": 3},
            "64 features encoded in 2 dimensions: keeps 28% of the variance; PCA does as well; use PCA.",
        ),
        (
            {"model": 0.276, "pca": 0.28, "needs": 2},
            "64 features encoded in 2 dimensions: keeps 28% of the variance; PCA does as well; use PCA.",
        ),
        (
            {"model": 1 - 1e-9, "pca": 1.0, "needs": 2},
            "64 features encoded in 2 dimensions: keeps over 99.9999% of the variance; PCA does as well; use PCA.",
        ),
        (
            {"model": 1.0, "pca": 0.99994, "needs": 3},
            "64 features encoded in 2 dimensions: keeps 100% of the variance; PCA keeps 99.99% "
            "and needs 3 dimensions to match it.",
        ),
        (
            {"model": 0.2, "pca": 0.28, "needs": 1},
            "64 features encoded in 2 dimensions: PCA does better here: it keeps 28% of the variance, "
            "this model 20%, for which PCA needs 1 dimension.",
        ),
        (
            {"model": -0.3, "pca": 0.28, "needs": 0},
            "64 features encoded in 2 dimensions: PCA does better here: it keeps 28% of the variance, "
            "this model nothing, no more than the mean row.",
        ),
        (
            {"model": 0.56, "pca": 0.28, "needs": 5, "scale": "standard"},
            "64 features encoded in 2 dimensions: keeps 56% of the variance (columns scaled to variance 1); "
            "PCA keeps 28% and needs 5 dimensions to match it.",
        ),
        (
            {"model": 0.56, "pca": 0.28, "needs": 5, "scale": "minmax"},
            "64 features encoded in 2 dimensions: keeps 56% of the variance (columns scaled to [0, 1]); "
            "PCA keeps 28% and needs 5 dimensions to match it.",
        ),
        (
            {"model": 0.93, "pca": 0.85, "needs": 14, "n_components": 128, "on": 9.2, "beside": 9},
            "64 features encoded in 128 dimensions, of which 9 are active at a time: keeps 93% of the variance; "
            "PCA keeps 85% with 9 dimensions and needs 14 dimensions to match it.",
        ),
        (
            {"model": 0.5, "pca": 0.5, "needs": 1, "n_components": 128, "on": 1.2, "beside": 1},
            "64 features encoded in 128 dimensions, of which 1 is active at a time: keeps 50% of the variance; "
            "PCA does as well with 1 dimension; use PCA.",
        ),
        (
            {"model": 0.5, "pca": 0.85, "needs": 3, "n_components": 128, "on": 9.2, "beside": 9},
            "64 features encoded in 128 dimensions, of which 9 are active at a time: PCA does better here: "
            "it keeps 85% of the variance with 9 dimensions, this model 50%, for which PCA needs 3 dimensions.",
        ),
        (
            {"model": 0.5, "pca": 0.2, "needs": 1, "n_features": 1, "n_components": 3},
            "1 feature encoded in 3 dimensions: keeps 50% of the variance; PCA keeps 20% "
            "and needs 1 dimension to match it.",
        ),
    ],
)
def test_the_sentence(figures, words):
    assert sentence(made(**figures)) == words


def test_the_dictionary_is_plain_and_whole(plain):
    _, found = plain
    as_dict = found.to_dict()
    assert list(as_dict) == [field.name for field in dataclasses.fields(found)]
    assert json.loads(found.to_json()) == as_dict
    assert as_dict["data"]["pca_needs"] == found.data.pca_needs
    shares = as_dict["explained_variance"]
    assert shares == pytest.approx(found.explained_variance, rel=1e-6)
    assert max(len(repr(share)) for share in shares) < 14  # seven digits
    hurt = dataclasses.replace(found, nats_per_row=math.inf, trustworthiness=np.float64(0.5))
    assert '"nats_per_row": null' in hurt.to_json()


def test_the_lines_of_the_table_are_those_that_apply(plain):
    _, found = plain
    lines = {line.name: line.written()[1:] for line in found.table()}
    assert lines["latent dimensions"] == ("2", "2")
    assert lines["variance kept"] == (
        f"{100 * found.data.model.r2:.1f}%",
        f"{100 * found.data.pca.r2:.1f}%",
    )
    assert lines["squared error per feature"][1] == f"{found.data.pca.mse:.4g}"
    assert lines["label accuracy, 5 nearest neighbours"][0] == f"{100 * found.labels.neighbours:.1f}%"
    assert "active latents" not in lines
    assert "variance kept, features scaled" not in lines
    almost = [line.written() for line in made(0.99996, 0.5).table()]
    assert ("variance kept", "over 99.9%", "50.0%") in almost
    scaled = {line.name: line.written()[1:] for line in made(0.5, 0.25, scale="standard").table()}
    assert scaled["variance kept, features scaled"] == ("50.0%", "25.0%")
    assert not {"variance kept", "squared error per feature", "squared error per row"} & set(scaled)
    # beside a model of columns as they are, both are evaluated in those
    beside = {line[0]: line[1:] for line in printed({"a": found, "b": made(0.5, 0.25, scale="standard")}) if line}
    assert beside["variance kept"][2:] == ["11.1%", "99.9%"]


def printed(evaluations):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(evaluation_table(evaluations))
    console.file.close()
    return [
        [cell.strip() for cell in line.split("│")[1:-1]] or [cell.strip() for cell in line.split("┃")[1:-1]]
        for line in console.export_text().splitlines()
    ]


def test_the_table_sets_models_side_by_side(plain):
    _, found = plain
    variational = evaluate(fitted(VariationalAutoencoder), TEST)
    sparse = evaluate(fitted(SparseAutoencoder, n_components=12, top_k=3), TEST)
    lines = {line[0]: line[1:] for line in printed({"[red]plain": found}) if line}
    assert lines["on the rows evaluated"] == ["[red]plain", "PCA"]
    assert "active latents" not in lines
    lines = {line[0]: line[1:] for line in printed({"a": found, "b": variational, "c": sparse}) if line}
    assert lines["on the rows evaluated"] == ["a", "PCA to 2", "b", "c", "PCA to 3"]
    assert lines["latent dimensions"] == ["2", "2", "2", "12", "3"]
    assert lines["active latents"] == ["–", "–", str(variational.code.active_units), "–", "–"]
    assert lines["active latents per row"] == ["–", "–", "–", "3", "–"]
    # PCA's column holds what any of the models beside it could compare with.
    assert lines["log density, nats per row"][1] == f"{variational.pca_nats_per_row:.4g}"
    assert lines["label accuracy, logistic regression"][1] != "–"
    assert not evaluation_table({}).rows


def test_r2_of_one_column_is_scikit_learns_when_the_means_agree():
    rows = TRAIN - TRAIN.mean(0)
    estimator = fitted(rows=rows)
    np.testing.assert_allclose(
        evaluate(estimator, rows).explained_variance,
        r2_score(rows, estimator.reconstruct(rows), multioutput="raw_values"),
        rtol=1e-6,
    )


def test_a_column_without_an_observed_cell_says_so():
    nothing = ColumnError("a", "number", "rmse", math.nan, math.nan)
    assert column_error_lines([nothing]) == ["a  number    no observed cell to compare"]
