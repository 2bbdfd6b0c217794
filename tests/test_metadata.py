"""What stands beside a row: its weight, and what it is given."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import isthmus
from conftest import curved_table
from isthmus.rows.scaling import column_statistics, merged_statistics, observed_statistics

rng = np.random.default_rng(0)
X = curved_table(200)
WEIGHTS = rng.integers(0, 4, 200).astype(float)
GIVEN = np.stack([np.repeat([0.0, 1.0], 100), rng.normal(size=200)], 1)
SHIFTED = X + GIVEN @ rng.normal(size=(2, X.shape[1])) * 3
LINEAR = {"hidden_layer_sizes": (), "random_state": 0}


# ---- weights --------------------------------------------------------------------------------------------


def test_statistics_of_weighted_columns_are_those_of_repeated_rows():
    repeated = X.repeat(WEIGHTS.astype(int), axis=0)
    wide = np.concatenate([X, WEIGHTS[:, None]], 1)[WEIGHTS > 0]
    parts = [column_statistics([part], weighted=True) for part in np.array_split(wide, 3)]
    for found in (
        column_statistics([wide[:50], wide[50:]], weighted=True),
        merged_statistics(parts),
        observed_statistics(lambda: [wide], weighted=True),
    ):
        np.testing.assert_allclose(found.mean[:-1], repeated.mean(0))
        np.testing.assert_allclose(found.variance[:-1], repeated.var(0, ddof=1))


def test_a_linear_model_is_pca_of_the_repeated_rows():
    repeated = X.repeat(WEIGHTS.astype(int), axis=0)
    model = isthmus.Autoencoder(2, **LINEAR).fit(X, sample_weight=WEIGHTS)
    pca = PCA(2).fit(repeated)
    np.testing.assert_allclose(np.abs(model.components_ @ pca.components_.T), np.eye(2), atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=1e-4)


def test_only_ratios_of_weights_matter_and_none_are_all_alike(kind):
    def codes(**given):
        return kind(2, max_iter=3, random_state=0).fit(X, **given).transform(X)

    np.testing.assert_array_equal(codes(), codes(sample_weight=np.full(200, 3.0)))
    np.testing.assert_allclose(codes(sample_weight=WEIGHTS / 3), codes(sample_weight=WEIGHTS / 8), rtol=1e-5, atol=1e-6)
    assert not np.allclose(codes(), codes(sample_weight=WEIGHTS), rtol=1e-3)


def test_a_row_of_weight_zero_is_as_good_as_absent(kind):
    spoilt = np.where(WEIGHTS[:, None] > 0, X, 1e3)
    one = kind(2, max_iter=3, random_state=0).fit(spoilt, sample_weight=WEIGHTS)
    other = kind(2, max_iter=3, random_state=0).fit(X[WEIGHTS > 0], sample_weight=WEIGHTS[WEIGHTS > 0])
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_matrix, lambda rows: isthmus.open_table(rows)])
def test_weights_go_with_every_form_of_rows(form):
    given = form(X) if form is not None else X
    expected = isthmus.Autoencoder(2, max_iter=3, random_state=0).fit(X, sample_weight=WEIGHTS)
    model = isthmus.Autoencoder(2, max_iter=3, random_state=0).fit(given, sample_weight=WEIGHTS)
    np.testing.assert_allclose(model.transform(X), expected.transform(X), rtol=1e-3, atol=1e-3)


def test_training_and_validation_are_weighted():
    heavy = np.where(np.arange(200) < 100, 50.0, 1.0)
    model = isthmus.Autoencoder(1, max_iter=60, random_state=1).fit(X, sample_weight=heavy)
    plain = isthmus.Autoencoder(1, max_iter=60, random_state=1).fit(X)

    def error(one, rows):
        return ((one.reconstruct(rows) - rows) ** 2).mean()

    assert error(model, X[:100]) < error(plain, X[:100])
    assert error(model, X[100:]) > error(plain, X[100:])


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones(5), r"sample_weight must have shape \(200,\), got \(5,\)"),
        (-np.ones(200), "must be finite numbers of at least 0"),
        (np.full(200, np.nan), "must be finite numbers of at least 0"),
        (np.eye(1, 200)[0], "at least 2 rows must have a sample_weight above zero, got 1"),
    ],
)
def test_weights_that_are_none_are_refused(weights, words):
    with pytest.raises(ValueError, match="Autoencoder: .*" + words):
        isthmus.Autoencoder(2).fit(X, sample_weight=weights)


# ---- given ----------------------------------------------------------------------------------------------


def test_a_linear_model_is_pca_of_what_regression_leaves():
    model = isthmus.Autoencoder(2, **LINEAR).fit(SHIFTED, given=GIVEN)
    left = SHIFTED - LinearRegression().fit(GIVEN, SHIFTED).predict(GIVEN)
    pca = PCA(2).fit(left)
    codes = model.transform(SHIFTED, given=GIVEN)
    np.testing.assert_allclose(np.abs(codes), np.abs(pca.transform(left)), atol=2e-4)
    wanted = SHIFTED - left + pca.inverse_transform(pca.transform(left))
    np.testing.assert_allclose(model.reconstruct(SHIFTED, given=GIVEN), wanted, atol=2e-4)
    np.testing.assert_allclose(model.inverse_transform(codes, given=GIVEN), wanted, atol=2e-4)


def test_every_variant_starts_there_and_learns_from_there(kind):
    model = kind(2, max_iter=8, random_state=0).fit(SHIFTED, given=GIVEN)
    alone = kind(2, max_iter=8, random_state=0).fit(SHIFTED)
    assert model.history_["validation_mse"][model.best_epoch_] < alone.history_["validation_mse"][alone.best_epoch_]
    assert np.isfinite(model.score(SHIFTED, given=GIVEN))
    other = GIVEN[::-1]
    assert not np.allclose(
        model.inverse_transform(model.transform(SHIFTED, given=GIVEN), given=other),
        model.reconstruct(SHIFTED, given=GIVEN),
    )
    assert model.sample(3, given=GIVEN[:3]).shape == (3, X.shape[1])


def test_a_code_need_not_tell_what_was_given(digits):
    train, test, y_train, y_test = digits
    given = np.eye(10)
    settings = {"max_iter": 20, "refit": False, "random_state": 0}
    model = isthmus.Autoencoder(2, **settings).fit(train, given=given[y_train])
    alone = isthmus.Autoencoder(2, **settings).fit(train)
    ours = ((model.reconstruct(test, given=given[y_test]) - test) ** 2).mean()
    assert ours < 0.95 * ((alone.reconstruct(test) - test) ** 2).mean()


def test_it_is_saved_and_learned_on_from(tmp_path):
    model = isthmus.Autoencoder(2, max_iter=3, random_state=0).fit(SHIFTED, given=GIVEN)
    loaded = isthmus.load(isthmus.save(model, tmp_path / "model"))
    codes = model.transform(SHIFTED, given=GIVEN)
    np.testing.assert_array_equal(loaded.transform(SHIFTED, given=GIVEN), codes)
    np.testing.assert_array_equal(loaded.sample(4, given=GIVEN[:4]), model.sample(4, given=GIVEN[:4]))
    loaded.partial_fit(SHIFTED, given=GIVEN)
    assert not np.array_equal(loaded.transform(SHIFTED, given=GIVEN), codes)


def test_missing_cells_are_filled_with_what_is_given(table):
    holes = np.where(np.random.default_rng(1).random(SHIFTED.shape) < 0.2, np.nan, SHIFTED)
    model = isthmus.Autoencoder(2, missing="mask", max_iter=5, random_state=0).fit(holes, given=GIVEN)
    filled = model.impute(holes, given=GIVEN)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(holes)], holes[~np.isnan(holes)])


def test_rows_larger_than_memory_carry_it():
    stream = isthmus.open_table(SHIFTED.astype(np.float32), held_bytes=2000)
    assert not stream.fits_in_memory
    model = isthmus.Autoencoder(2, **LINEAR).fit(stream, given=GIVEN, sample_weight=WEIGHTS)
    kept = WEIGHTS > 0
    expected = isthmus.Autoencoder(2, **LINEAR).fit(SHIFTED[kept], given=GIVEN[kept], sample_weight=WEIGHTS[kept])
    np.testing.assert_allclose(
        np.abs(model.transform(stream, given=GIVEN)), np.abs(expected.transform(SHIFTED, given=GIVEN)), atol=2e-3
    )
    trained = isthmus.Autoencoder(2, max_iter=3, random_state=0).fit(stream, given=GIVEN, sample_weight=WEIGHTS)
    assert np.isfinite(trained.score_samples(stream, given=GIVEN)).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (GIVEN[:5], "given has 5 rows, but X has 200; it needs one per row of X"),
        (np.full((200, 1), np.inf), "given has inf in row 0, column 0; fill it first"),
        (["a", 1.0] * 100, "given must hold numbers, words or dates, one kind a column"),
        (np.eye(200), "given determines every row of X .least squares on it leaves nothing for a code"),
        (X, "given determines every row of X"),
        (np.zeros((200, 2, 2)), r"given must have shape \(n_samples, n_given\), got \(200, 2, 2\)"),
    ],
)
def test_what_cannot_be_given_is_refused(given, words):
    with pytest.raises(ValueError, match="Autoencoder: " + words):
        isthmus.Autoencoder(2).fit(X, given=given)


def test_a_model_says_what_it_is_to_be_given():
    model = isthmus.Autoencoder(2, max_iter=1, random_state=0).fit(SHIFTED, given=GIVEN)
    for call in (model.transform, model.reconstruct, model.score_samples, model.partial_fit):
        with pytest.raises(ValueError, match="fitted with given, 2 columns; pass given for these rows too"):
            call(SHIFTED)
    with pytest.raises(ValueError, match="given has 1 columns, but was fitted with 2"):
        model.transform(SHIFTED, given=GIVEN[:, :1])
    plain = isthmus.Autoencoder(2, max_iter=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="fitted without given; leave it out, or fit with it"):
        plain.transform(X, given=GIVEN)


def test_both_go_through_a_pipeline_by_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        estimator = isthmus.Autoencoder(2, max_iter=2, random_state=0)
        estimator.set_fit_request(given=True, sample_weight=True).set_transform_request(given=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), estimator)
        pipeline.fit(SHIFTED, given=GIVEN, sample_weight=WEIGHTS)
        codes = pipeline.transform(SHIFTED, given=GIVEN)
    scaled = StandardScaler().fit_transform(SHIFTED)
    alone = isthmus.Autoencoder(2, max_iter=2, random_state=0).fit(scaled, given=GIVEN, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(codes, alone.transform(scaled, given=GIVEN))
