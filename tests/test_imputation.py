"""Missing cells by several closed forms, draws of them, and bands about reconstructions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from isthmus import Autoencoder, load, save
from isthmus.imputation.cell_predictor import N_PREDICTIONS, learn_cell_predictor
from isthmus.imputation.forest import grow_forest
from isthmus.imputation.joint_gaussian import JointGaussian, draw_cells, expected_cells, fit_joint_gaussian, posterior
from isthmus.imputation.neighbours import mean_of_neighbours
from isthmus.imputation.stacking import column_weights
from isthmus.inference import bands
from isthmus.inference.cross_validation import PCADistances, pca_distances
from isthmus.rows.rows import DenseRows

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[2.0, 0.8, 0.3], [0.8, 1.0, -0.2], [0.3, -0.2, 1.5]])
GAUSSIAN = JointGaussian(MEAN, COVARIANCE)


def gaussian_rows(n_rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).multivariate_normal(MEAN, COVARIANCE, n_rows)


def with_holes(X: np.ndarray, share: float = 0.3, seed: int = 1) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


def by_hand(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The conditional mean and covariance of a row's missing cells."""
    m = np.isnan(row)
    gain = COVARIANCE[np.ix_(m, ~m)] @ np.linalg.inv(COVARIANCE[np.ix_(~m, ~m)])
    return MEAN[m] + gain @ (row - MEAN)[~m], COVARIANCE[np.ix_(m, m)] - gain @ COVARIANCE[np.ix_(~m, m)]


def test_the_conditional_expectation_known_on_paper():
    rows = with_holes(gaussian_rows(40))
    filled = expected_cells(rows, GAUSSIAN)
    for row, found in zip(rows, filled, strict=True):
        np.testing.assert_allclose(found[np.isnan(row)], by_hand(row)[0])
    np.testing.assert_array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])


def test_drawn_cells_have_the_conditional_mean_and_covariance():
    row = np.array([0.3, np.nan, np.nan])
    drawn = draw_cells(np.tile(row, (20_000, 1)), GAUSSIAN, np.random.default_rng(0))[:, 1:]
    mean, covariance = by_hand(row)
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.04)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.05)


def test_expectation_maximisation_finds_the_gaussian_of_rows_with_gaps():
    X = gaussian_rows(4000)
    found = fit_joint_gaussian(with_holes(X), 0.1)
    np.testing.assert_allclose(found.mean, X.mean(0), atol=0.06)
    np.testing.assert_allclose(found.covariance, np.cov(X.T), atol=0.08)


def test_drawn_parameters_spread_as_much_as_complete_rows_leave_open():
    """Of complete rows the posterior of the mean is N(x̄, S / n), whatever the chain does."""
    X = gaussian_rows(50)
    means = np.array([one.mean for one in posterior(X, 400, np.random.default_rng(0))])
    np.testing.assert_allclose(means.mean(0), X.mean(0), atol=0.05)
    np.testing.assert_allclose(means.std(0), X.std(0) / np.sqrt(50), rtol=0.2)


def test_a_neighbour_that_lacks_the_column_gives_way_to_the_next():
    rows = np.array([[0.0, np.nan], [0.1, np.nan], [0.2, 5.0], [9.0, 7.0]])
    (found,) = mean_of_neighbours(rows, np.nan_to_num(rows), rows, np.nan_to_num(rows), (1,))
    assert found[0, 1] == pytest.approx(5.0)
    assert found[3, 1] == 7.0


def test_a_forest_sees_no_column_of_its_own_group():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    rows = np.stack([a, a, rng.normal(size=200)], 1)
    holes = rows.copy()
    holes[:50, 0] = np.nan
    filled = np.where(np.isnan(holes), 0, holes)
    apart = grow_forest(holes, filled, np.array([0, 1, 2]), 0).fill(holes, filled)
    together = grow_forest(holes, filled, np.array([0, 0, 1]), 0).fill(holes, filled)
    assert np.square(apart - rows)[:50, 0].mean() < 0.05
    assert np.square(together - rows)[:50, 0].mean() > 0.5


def test_weights_believe_the_prediction_that_is_right_column_by_column():
    rng = np.random.default_rng(0)
    truth, hidden = rng.normal(size=(300, 2)), rng.random((300, 2)) < 0.7
    wrong = truth + rng.normal(size=truth.shape)
    predictions = np.stack([np.where([True, False], truth, wrong), np.where([True, False], wrong, truth)])
    weights = column_weights(predictions, truth, hidden)
    np.testing.assert_allclose(weights.sum(1), 1)
    assert weights[0, 0] > 0.85
    assert weights[1, 1] > 0.85


def test_a_bend_is_filled_better_than_any_line_could():
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, 300)
    X = np.stack([t, t**2, np.abs(t)], 1) + 0.05 * rng.normal(size=(300, 3))
    holes = np.where(np.arange(900).reshape(300, 3) % 7 == 1, np.nan, X)
    filled = Autoencoder(1, max_iter=1, random_state=0).fit(holes).impute(holes)
    missing = np.isnan(holes)[:, 1]
    linear = expected_cells(holes, fit_joint_gaussian(holes, 1.0))
    assert np.square(filled - X)[missing, 1].mean() < 0.5 * np.square(linear - X)[missing, 1].mean()


@pytest.fixture(scope="module")
def gappy() -> tuple[np.ndarray, np.ndarray, Autoencoder]:
    X = gaussian_rows(200)
    holes = with_holes(X, 0.2)
    return X, holes, Autoencoder(1, max_iter=1, random_state=0).fit(holes)


def test_draws_vary_as_the_data_do_where_expectations_do_not(gappy):
    X, holes, model = gappy
    missing = np.isnan(holes)
    draws = np.array(model.impute(holes, draws=20))
    assert np.isfinite(draws).all()
    np.testing.assert_array_equal(draws[:, ~missing], np.broadcast_to(holes[~missing], draws[:, ~missing].shape))
    expected = model.impute(holes)
    for column in range(3):
        there = missing[:, column]
        assert expected[there, column].var() < 0.8 * X[:, column].var()
        assert draws[:, there, column].var() == pytest.approx(X[:, column].var(), rel=0.35)
    np.testing.assert_array_equal(model.impute(holes, draws=3), draws[:3])  # the same rows, the same draws
    assert not np.array_equal(draws[0], draws[1])


def test_a_model_of_complete_rows_draws_by_the_posterior_of_codes():
    X = gaussian_rows(200)
    model = Autoencoder(2, hidden_layer_sizes=(), random_state=0).fit(X)
    holes = X[:50].copy()
    holes[:, 0] = np.nan
    draws = np.array(model.impute(holes, draws=30))
    assert draws[:, :, 0].std(0).mean() > 0.3
    np.testing.assert_array_equal(draws[:, :, 1:], np.broadcast_to(holes[:, 1:], draws[:, :, 1:].shape))


def test_what_fills_cells_is_saved_with_the_model(gappy, tmp_path):
    _, holes, model = gappy
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.impute(holes), model.impute(holes))
    np.testing.assert_array_equal(again.impute(holes, draws=4), model.impute(holes, draws=4))
    for one, other in zip(again.reconstruct(holes, interval=0.5), model.reconstruct(holes, interval=0.5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_table_of_several_kinds_is_drawn_in_its_own_kinds():
    rng = np.random.default_rng(0)
    size = rng.normal(10, 3, 120)
    frame = pd.DataFrame({"size": size, "kind": np.where(size > 10, "big", "small"), "count": (size * 2).astype(int)})
    frame["count"] = frame["count"].astype("Int64")
    frame.loc[::7, "kind"], frame.loc[3::9, "count"] = None, pd.NA
    model = Autoencoder(1, max_iter=1, random_state=0).fit(frame)
    for drawn in model.impute(frame, draws=2):
        assert not drawn.isna().any(axis=None)
        assert {*drawn["kind"]} == {"big", "small"}
        assert drawn["count"].dtype == "Int64"
    rows, low, high = model.reconstruct(frame, interval=0.8)
    assert (low["size"] < rows["size"]).all()
    assert (rows["size"] < high["size"]).all()
    assert (low["kind"] == high["kind"]).all()


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_bands_hold_their_share_of_new_cells(share):
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 6))
    X, new = (rng.normal(size=(n, 2)) @ loadings + rng.standard_t(4, size=(n, 6)) for n in (1200, 3000))
    model = Autoencoder(2, hidden_layer_sizes=(), random_state=0).fit(X)
    rows, low, high = model.reconstruct(new, interval=share)
    np.testing.assert_array_equal(rows, model.reconstruct(new))
    # 120 held-out rows: a column's share has a standard deviation of √(.9 · .1 / 120), .027
    assert ((new >= low) & (new <= high)).mean() == pytest.approx(share, abs=0.05)


def test_bands_of_few_rows_take_what_pca_alone_did_not_know():
    rows = DenseRows(torch.zeros(60, 2))
    known = PCADistances(within=torch.ones(60, 2), new=torch.full((60, 2), 3.0))
    said = {"by_pca": lambda: known, "device": torch.device("cpu")}

    def half_widths(is_pca):
        return bands.learn_bands(lambda x, *_: x + 1.0, rows, rows, **said, is_pca=is_pca).half_widths(0.9)

    torch.testing.assert_close(half_widths(True), torch.full((2,), 3.0))  # its distances as they are
    torch.testing.assert_close(half_widths(False), torch.full((2,), 3.0))  # 1, enlarged as PCA's are


class Unread(DenseRows):
    """Rows that can be counted but not read."""

    def raw_batches(self, size=None):
        raise AssertionError("the rows were read")


def test_rows_are_not_copied_for_a_pca_that_would_cost_too_much():
    wide = Unread(torch.empty(1, 1).expand(1000, 2000))
    assert pca_distances([wide], 2, None) is None
    with pytest.raises(AssertionError, match="were read"):
        pca_distances([Unread(torch.zeros(100, 20))], 2, None)


def test_bands_do_not_depend_on_how_many_columns_are_sorted_together(gappy, monkeypatch):
    whole, holes, model = gappy
    monkeypatch.setattr(bands, "SORTED_AT_ONCE", 1)
    apart = Autoencoder(1, max_iter=1, random_state=0).fit(holes)
    for one, other in zip(apart.reconstruct(whole, interval=0.8), model.reconstruct(whole, interval=0.8), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bands_and_draws_refuse_what_they_cannot_answer(gappy):
    _, holes, model = gappy
    for share in (0, 1, 0.999, "wide", True):
        with pytest.raises(ValueError, match="interval above 0 and at most"):
            model.reconstruct(holes, interval=share)
    for count in (0, 1.5, True):
        with pytest.raises(ValueError, match="draws as a whole number"):
            model.impute(holes, draws=count)
    whole = gaussian_rows(60)
    without = Autoencoder(1, max_iter=1, validation_fraction=0, random_state=0).fit(whole)
    with pytest.raises(ValueError, match="no rows were held out"):
        without.reconstruct(whole, interval=0.9)


def test_a_column_that_is_nearly_empty_is_filled_all_the_same():
    import torch

    X = gaussian_rows(40)
    X[2:, 2] = np.nan
    learned = learn_cell_predictor(torch.from_numpy(X).float(), np.arange(3), 0)
    assert learned.predictor.weights.shape == (3, N_PREDICTIONS)
    assert not bool(learned.predictor.expected(torch.from_numpy(X).float()).isnan().any())
