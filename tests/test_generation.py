"""New rows: the density on codes, the paths between them, the methods of every variant, and the two-sample record."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus.evaluation import compare_samples
from isthmus.generation.density import LocalDensity, MixtureDensity, fit_code_density, fit_mixture
from isthmus.generation.path import linear_path, spherical_path
from isthmus.inference.code_buffer import MAX_ROWS
from isthmus.storage import load, save

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}


def two_clouds(n_rows: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.random((n_rows, 1)) < 0.3, [5.0, 0.0], [-5.0, 1.0]) + rng.standard_normal((n_rows, 2))


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    rng = np.random.default_rng(1)
    hidden = rng.standard_normal((300, 2))
    return np.sin(hidden @ rng.standard_normal((2, 6))) * [1, 1, 1, 100, 1, 1] + [0, 0, 0, 1000, 0, 0]


# ---- the density ---------------------------------------------------------------------------------------


def test_a_mixture_finds_two_clouds():
    codes = two_clouds()
    density = fit_code_density(codes, 0)
    assert isinstance(density, MixtureDensity)
    assert len(density.weights) == 2
    assert sorted(density.weights) == pytest.approx([(codes[:, 0] > 0).mean(), (codes[:, 0] < 0).mean()], abs=0.01)
    drawn = density.sample(20_000, np.random.RandomState(0))
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), rtol=0.05, atol=0.15)
    assert (np.abs(drawn[:, 0]) < 1.5).mean() < 0.005


def test_one_cloud_is_one_part_of_its_mean_and_covariance():
    codes = np.random.default_rng(0).multivariate_normal([3, -2], [[4, 1.5], [1.5, 1]], size=500)
    density = fit_mixture(codes, 0)
    assert len(density.weights) == 1
    np.testing.assert_allclose(density.means[0], codes.mean(0))
    np.testing.assert_allclose(density.factors[0] @ density.factors[0].T, np.cov(codes.T))


def test_units_and_dead_directions_do_not_matter():
    codes = two_clouds()
    drawn = fit_mixture(codes, 0).sample(50, np.random.RandomState(1))
    scaled = np.c_[codes * [1e6, 1e-3], np.full(len(codes), 7.0)]
    again = fit_mixture(scaled / [1, 1e-9, 1], 0).sample(50, np.random.RandomState(1))
    np.testing.assert_allclose(again[:, 2], 7.0)
    assert again.std(0)[:2] == pytest.approx(drawn.std(0) * 1e6, rel=0.2)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 21])
@pytest.mark.parametrize("n_dims", [1, 2, 40])
@pytest.mark.parametrize("sparse", [False, True])
def test_few_codes_and_equal_codes_give_finite_draws(n_rows, n_dims, sparse):
    rng = np.random.default_rng(0)
    for codes in (rng.standard_normal((n_rows, n_dims)), np.ones((n_rows, n_dims))):
        drawn = fit_code_density(codes, 0, sparse=sparse).sample(30, np.random.RandomState(0))
        assert drawn.shape == (30, n_dims)
        assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn, 1.0)


def test_the_local_density_has_its_neighbours_moments():
    codes = np.random.default_rng(0).standard_normal((4, 3))
    density = LocalDensity(codes, np.tile(np.arange(4), (4, 1)))  # everyone is everyone's neighbour: one Gaussian
    drawn = density.sample(100_000, np.random.RandomState(0))
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T, bias=True), atol=0.02)


def test_many_numbers_and_sparse_codes_take_the_local_density():
    rng = np.random.default_rng(0)
    assert isinstance(fit_code_density(rng.standard_normal((200, 30)), 0), LocalDensity)
    assert isinstance(fit_code_density(rng.standard_normal((200, 4)), 0), MixtureDensity)
    assert isinstance(fit_code_density(rng.standard_normal((200, 4)), 0, sparse=True), LocalDensity)


# ---- paths ---------------------------------------------------------------------------------------------


def test_a_quarter_turn():
    way = spherical_path(np.array([[2.0, 0.0]]), np.array([[0.0, 4.0]]), 3)[0]
    np.testing.assert_allclose(way, [[2, 0], [3 / np.sqrt(2), 3 / np.sqrt(2)], [0, 4]], atol=1e-12)


def test_a_spherical_path_turns_evenly_and_keeps_lengths():
    rng = np.random.default_rng(0)
    starts, ends = rng.standard_normal((2, 5, 8))
    way = spherical_path(starts, ends, 7)
    lengths = np.linalg.norm(way, axis=2)
    np.testing.assert_allclose(np.diff(lengths, 2, axis=1), 0, atol=1e-12)
    units = way / lengths[..., None]
    cosines = (units[:, 1:] * units[:, :-1]).sum(2)
    np.testing.assert_allclose(cosines, cosines[:, :1].repeat(6, 1))
    np.testing.assert_allclose(way[:, [0, -1]], np.stack([starts, ends], 1), atol=1e-12)


def test_pairs_without_a_circle_go_straight():
    starts = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    ends = np.array([[1.0, 2.0], [-1.0, 0.0], [3.0, 3.0]])
    np.testing.assert_allclose(spherical_path(starts, ends, 4), linear_path(starts, ends, 4))


# ---- every variant -------------------------------------------------------------------------------------


def test_samples_are_rows_like_the_data(kind, table):
    model = kind(None if kind.__name__.startswith("Sparse") else 2, **QUICK).fit(table)
    drawn = model.sample(500, random_state=0, codes="density", noise=True)
    assert drawn.dtype == table.dtype
    np.testing.assert_allclose(drawn.mean(0), table.mean(0), atol=0.25 * table.std(0).max())
    assert drawn[:, 3].std() == pytest.approx(table[:, 3].std(), rel=0.3)


def test_what_is_kept_survives_the_disk(kind, table, tmp_path):
    model = kind(2, **QUICK).fit(table)
    again = load(save(model, tmp_path / "model"))
    for words in ({}, {"codes": "density"}, {"codes": "density", "noise": True}):
        np.testing.assert_array_equal(model.sample(9, **words), again.sample(9, **words))
    save(again, tmp_path / "twice")


def test_a_model_whose_codes_were_not_kept_samples_from_its_prior_alone(table, tmp_path):
    model = isthmus.VariationalAutoencoder(2, **QUICK).fit(table)
    model.fitted_ = dataclasses.replace(model.fitted_, codes=None)
    old = load(save(model, tmp_path / "model"))
    np.testing.assert_array_equal(old.sample(3), model.sample(3))
    with pytest.raises(ValueError, match="no codes of training rows are stored"):
        old.sample(3, codes="density")


def test_sparse_samples_have_zeros_where_codes_have_them(table):
    model = isthmus.SparseAutoencoder(8, top_k=2, hidden_layer_sizes=(16,), max_iter=3, random_state=0).fit(table)
    codes = model._drawn_from_density(50, np.random.RandomState(0))
    assert ((codes != 0).sum(1) == 2).all()
    rectified = isthmus.SparseAutoencoder(8, **QUICK).fit(table)
    codes = rectified._drawn_from_density(200, np.random.RandomState(0))
    assert codes.min() == 0
    assert (codes > 0).mean() == pytest.approx((rectified.transform(table) > 0).mean(), abs=0.1)


def test_the_prior_is_as_it_was(table):
    model = isthmus.VariationalAutoencoder(2, **QUICK).fit(table)
    drawn = model.inverse_transform(np.random.RandomState(4).standard_normal((5, 2)))
    np.testing.assert_array_equal(model.sample(5, random_state=4, codes="prior"), drawn)
    assert not np.array_equal(model.sample(5, random_state=4, codes="density"), drawn)


def test_noise_is_as_wide_as_the_error_of_each_column(table):
    model = isthmus.Autoencoder(1, **QUICK).fit(table)
    noise = model.sample(20_000, 0, noise=True) - model.sample(20_000, 0)
    expected = np.sqrt(model.fitted_.codes.errors.numpy()) * model.scaling_.spread
    np.testing.assert_allclose(noise.std(0), expected, rtol=0.03)
    pixels = (table - table.min(0)) / np.ptp(table, axis=0)
    grey = isthmus.Autoencoder(1, likelihood="bernoulli", **QUICK).fit(pixels)
    assert set(np.unique(grey.sample(50, noise=True))) == {0.0, 1.0}


def test_codes_kept_are_bounded_and_follow_partial_fit():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((MAX_ROWS + 500, 4))
    model = isthmus.Autoencoder(2, hidden_layer_sizes=(), max_iter=0, random_state=0).fit(X)
    assert model.fitted_.codes.kept.shape == (MAX_ROWS, 2)
    model = isthmus.Autoencoder(2, hidden_layer_sizes=(4,), random_state=0)
    for expected in (300, 600):
        model.partial_fit(X[:300])
        assert model.sample(3).shape == (3, 4)
        codes = model.fitted_.codes.kept.numpy() * model.fitted_.code_unit
        assert len(codes) == expected
        own = model.transform(X[:300])  # as the model is now, whenever the rows were seen
        assert np.abs(codes[:, None] - own[None]).sum(2).min(1).max() < 1e-4
    for _ in range(2):
        model.partial_fit(X)
        assert len(model.fitted_.codes.kept) == MAX_ROWS
    model.fit(X[:300]).partial_fit(X[300:310])
    assert len(model.fitted_.codes.kept) == 310  # ten new ones, and the 300 that the refit learned from


def test_samples_of_a_linear_model_have_the_moments_of_pca(table):
    X = (table - table.mean(0)) / table.std(0)
    model = isthmus.Autoencoder(2, hidden_layer_sizes=(), random_state=0, validation_fraction=0).fit(X)
    drawn = model.sample(20_000, 0)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(model.reconstruct(X).T), atol=0.06)


# ---- interpolation -------------------------------------------------------------------------------------


def test_interpolation_meets_both_ends_in_the_users_units(kind, table):
    model = kind(5, **QUICK).fit(table)
    way = model.interpolate(table[:3], table[3:6], steps=4).reshape(3, 4, -1)
    ends = model.reconstruct(table[:6])
    np.testing.assert_allclose(way[:, 0], ends[:3], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(way[:, -1], ends[3:], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(model.interpolate(table[0], table[3], 4), way[0], rtol=1e-4, atol=1e-4)


def test_auto_is_spherical_for_variational_codes_of_many_numbers(table):
    for size, path in ((3, "linear"), (4, "spherical")):
        model = isthmus.VariationalAutoencoder(size, **QUICK).fit(table)
        np.testing.assert_array_equal(
            model.interpolate(table[:1], table[1:2]), model.interpolate(table[:1], table[1:2], path=path)
        )
    ways = [model.interpolate(table[:1], table[1:2], path=path) for path in ("linear", "spherical")]
    assert not np.allclose(*ways)


def test_bad_wishes_are_one_sentence(table):
    model = isthmus.Autoencoder(2, **QUICK).fit(table)
    wishes = {
        r"sample takes a whole number of rows, at least 1, got 2\.5\.": lambda: model.sample(2.5),
        r"order=\('x0', 'x1'\) must be like 'start <= end'\.": lambda: model.sample(order=[("x0", "x1")]),
        r"codes must be one of auto, prior, density, got 'air'\.": lambda: model.sample(codes="air"),
        r"interpolate takes steps of at least 2, got 1\.": lambda: model.interpolate(table[0], table[1], 1),
        r"path must be one of auto, linear, spherical": lambda: model.interpolate(table[0], table[1], path="bent"),
        r"A and B must have equal numbers of rows, got 1 and 2\.": lambda: model.interpolate(table[:1], table[:2]),
    }
    for words, wish in wishes.items():
        with pytest.raises(ValueError, match=f"^Autoencoder: .*{words}"):
            wish()
    for wish in (lambda m: m.sample(), lambda m: m.interpolate(table[:1], table[:1])):
        with pytest.raises(NotFittedError):
            wish(isthmus.Autoencoder())


# ---- the two-sample record -----------------------------------------------------------------------------


def draws(seed: int, count: int = 400, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3)) + shift


def test_equal_distributions_cannot_be_told_apart():
    found = compare_samples(draws(4), draws(5), draws(2, 2000))
    assert abs(found.nearest_neighbour_accuracy - 0.5) < 0.06
    assert abs(found.energy_distance) < found.energy_distance_of_data
    assert found.distance_ratio == pytest.approx(1, abs=0.15)
    assert found.copies < 0.01
    assert found.sentence.startswith("Generated rows can hardly be distinguished from real ones")


def test_the_energy_distance_of_two_points_is_known():
    zeros, ones = np.zeros((5, 1)), np.ones((5, 1))
    found = compare_samples(ones, zeros)
    assert (found.energy_distance, found.energy_distance_of_data) == (2.0, 0.0)
    assert found.nearest_neighbour_accuracy == 1.0
    assert (found.distance_ratio, found.copies) == (None, None)


def test_equal_rows_everywhere_are_chance():
    same = np.ones((6, 2))
    found = compare_samples(same, same)
    # five of one's own kind and six of the other are all equally near
    assert found.nearest_neighbour_accuracy == pytest.approx(5 / 11)
    assert found.energy_distance == 0


def test_a_shift_is_seen_and_copies_are_named():
    far = compare_samples(draws(0, shift=3.0), draws(1))
    assert far.nearest_neighbour_accuracy > 0.9
    assert far.energy_distance > 10 * far.energy_distance_of_data
    training = draws(2, 2000)
    copied = compare_samples(training[:400], draws(1), training)
    assert (copied.distance_ratio, copied.copies) == (0.0, 1.0)
    assert "100.0% of them are copies" in copied.sentence


def test_scale_undoes_units():
    units = np.array([1, 1e3, 1e-3])
    one = compare_samples(draws(0), draws(1), draws(2), scale="standard")
    other = compare_samples(draws(0) * units, draws(1) * units, draws(2) * units, scale="standard")
    assert one.energy_distance == pytest.approx(other.energy_distance)
    assert one.nearest_neighbour_accuracy == other.nearest_neighbour_accuracy


def test_rows_that_cannot_be_compared():
    with pytest.raises(ValueError, match=r"same columns, got generated 3, held_out 2\."):
        compare_samples(draws(0), draws(1)[:, :2])
    with pytest.raises(ValueError, match="held_out must be at least 4 rows"):
        compare_samples(draws(0), draws(1)[:2])
    with pytest.raises(ValueError, match="generated has NaN"):
        compare_samples(draws(0) * np.nan, draws(1))
    with pytest.raises(ValueError, match="scale must be"):
        compare_samples(draws(0), draws(1), scale="none")


# ---- what it is for ------------------------------------------------------------------------------------


def test_the_density_is_nearer_the_data_than_a_prior_left_alone():
    from isthmus.tables import load_bundled

    X = load_bundled("digits").values
    train, test = X[:1200], X[1200:]
    models = [isthmus.Autoencoder(16, max_iter=10, refit=False, random_state=seed).fit(train) for seed in range(3)]
    found = [compare_samples(model.sample(len(test), 0), test, train) for model in models]
    assert np.mean([one.nearest_neighbour_accuracy for one in found]) < 0.85
    assert all(one.energy_distance < 0.1 for one in found)
    assert all(one.copies == 0 for one in found)
    assert all(one.distance_ratio > 0.7 for one in found)
