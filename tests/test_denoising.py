"""Denoising: closed forms known on paper, levels recovered, and rows better than PCA, medians and no training give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone

import isthmus
from isthmus.denoising import Denoiser, add_noise, estimate_noise_level, principal_axes, psnr, restoration
from isthmus.denoising.blind import combined, hidden_predictions, mixing_share, own_share, wiener_filter
from isthmus.denoising.levels import are_pairs
from isthmus.denoising.rows import unit_scale
from isthmus.parts.corruption import BlindSpot, GaussianNoise, Masking, SaltAndPepper, make_corruption
from isthmus.parts.draws import seeded
from isthmus.storage import StorageError
from isthmus.training.objective import Objective
from isthmus.variants.denoising import DenoisingAutoencoder

KINDS = (("gaussian", 0.3), ("masking", 0.3), ("salt_and_pepper", 0.2))


def wave(n_rows: int = 400, n_features: int = 8, seed: int = 0) -> np.ndarray:
    phase = np.random.default_rng(seed).uniform(0, 6, (n_rows, 1))
    return 2 + np.sin(phase + np.arange(n_features))


def correlated(n_rows: int, n_features: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 1 + rng.standard_normal((n_rows, n_features)) @ rng.standard_normal((n_features, n_features))


# ---- the start ----------------------------------------------------------------------------------------


def start_of(kind: str, level: float, X: np.ndarray, **settings) -> DenoisingAutoencoder:
    size = X.shape[1]
    model = DenoisingAutoencoder(
        size, corruption=kind, corruption_level=level, restoring=True, max_iter=0, random_state=0, **settings
    )
    return model.fit(X)


def test_the_start_for_gaussian_noise_is_the_wiener_filter():
    X = correlated(500)
    noisy = X + 0.7 * np.random.default_rng(1).standard_normal(X.shape)
    covariance = np.cov(X.T)
    filtered = X.mean(0) + (noisy - X.mean(0)) @ np.linalg.inv(covariance + 0.49 * np.eye(5)) @ covariance
    np.testing.assert_allclose(start_of("gaussian", 0.7, X).reconstruct(noisy), filtered, atol=1e-4)


def test_with_scaled_columns_the_noise_is_still_in_the_datas_units():
    X = correlated(500) * [1, 2, 3, 4, 5]
    noisy = X + 0.7 * np.random.default_rng(1).standard_normal(X.shape)
    covariance = np.cov(X.T)
    filtered = X.mean(0) + (noisy - X.mean(0)) @ np.linalg.inv(covariance + 0.49 * np.eye(5)) @ covariance
    np.testing.assert_allclose(start_of("gaussian", 0.7, X, scale="standard").reconstruct(noisy), filtered, atol=1e-3)


@pytest.mark.parametrize(("noise", "level"), [("masking", 0.3), ("salt_and_pepper", 0.2)])
def test_the_start_is_the_least_squares_map_from_corrupted_to_clean(noise, level):
    X = correlated(60_000)
    noisy = add_noise(X, noise, level, random_state=1)
    inputs = np.column_stack([noisy, np.ones(len(noisy))])
    best = inputs @ np.linalg.lstsq(inputs, X, rcond=None)[0]
    found = start_of(noise, level, X).reconstruct(noisy)
    assert np.mean((found - X) ** 2) < 1.002 * np.mean((best - X) ** 2)
    assert np.mean((found - best) ** 2) < 0.01 * X.var()


def test_the_blind_start_reads_a_cell_from_the_others_alone():
    X = correlated(4000)
    model = start_of("blind_spot", 0.2, X)
    shown = X[:1].repeat(2, 0)
    shown[1, 2] += 10
    before, after = model.reconstruct(shown)
    assert before[2] == pytest.approx(after[2], abs=1e-3)
    assert np.abs(before - after)[[0, 1, 3, 4]].max() > 0.1


def test_the_blind_starts_weights_are_the_regressions_on_the_other_cells():
    X = correlated(4000)
    covariance, rate = np.cov(X.T), 0.2
    seen = (1 - rate) * covariance + rate * np.diag(np.diag(covariance))
    model, mean = start_of("blind_spot", rate, X), X.mean(0)
    matrix = (model.reconstruct(mean + np.eye(5)) - model.reconstruct(mean[None])).T
    for cell in range(5):
        others = [other for other in range(5) if other != cell]
        weights = np.linalg.solve(seen[np.ix_(others, others)], covariance[others, cell])
        np.testing.assert_allclose(matrix[cell, others], weights, atol=1e-3)


def test_without_restoring_a_denoising_autoencoder_still_starts_at_pca():
    X = correlated(300)
    model = DenoisingAutoencoder(2, max_iter=0, random_state=0).fit(X)
    centred = X - X.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    np.testing.assert_allclose(model.reconstruct(X), X.mean(0) + centred @ axes.T @ axes, atol=1e-3)


# ---- corruptions --------------------------------------------------------------------------------------


def test_restoring_corruptions_act_in_the_datas_units():
    center, spread = torch.tensor([1.0, -2.0]), torch.tensor([2.0, 2.0])
    x = torch.zeros(20_000, 2)
    with seeded(0):
        masking, noise = Masking(0.25), GaussianNoise(0.5)
        salt = SaltAndPepper(0.5, torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 2.0]))
        for corruption in (masking, noise, salt):
            corruption.in_data_units(center, spread)
        users = [corruption(x) * spread + center for corruption in (masking, noise, salt)]
    assert float((users[0] == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(users[1].std(0).mean()) == pytest.approx(0.5, abs=0.01)
    # the data run from -4 (column 2) to 3 (column 1), and so do salt and pepper in both columns
    assert {round(float(value), 4) for value in users[2].unique()} == {-4.0, -2.0, 1.0, 3.0}


def test_varying_levels_differ_from_row_to_row():
    noise = make_corruption("gaussian", 1.0, torch.zeros(400), torch.ones(400), varying=True)
    with seeded(0):
        levels = noise(torch.zeros(200, 400)).std(1)
    assert float(levels.min()) < 0.1 < 0.8 < float(levels.max()) < 1.2


def test_only_hidden_cells_of_a_blind_spot_enter_the_loss():
    model = start_of("blind_spot", 0.5, correlated(50)).model_
    assert isinstance(model.corruption, BlindSpot)
    with seeded(0):
        loss, forward = Objective({})(model, torch.randn(30, 5))
    hidden = (forward.corrupted == 0).float()
    expected = (((forward.output - forward.x) * hidden) ** 2).sum(1) + 2.5 * np.log(np.pi)
    torch.testing.assert_close(loss.total, expected)
    assert 0.3 < float(hidden.mean()) < 0.7


# ---- levels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "level"), KINDS)
def test_levels_are_estimated(noise, level, digits):
    rows = digits[0]
    noisy = add_noise(rows, noise, level, random_state=0)
    assert estimate_noise_level(noisy, noise) == pytest.approx(level, rel=0.2)
    assert estimate_noise_level(noisy[:700], noise, clean=rows[700:]) == pytest.approx(level, rel=0.1)
    assert estimate_noise_level(noisy, noise, clean=rows) == pytest.approx(level, rel=0.03)


@pytest.mark.parametrize("n_columns", [2, 3, 8])
def test_the_level_of_few_columns_is_that_of_the_quietest_direction(n_columns):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 1)) * np.arange(1, n_columns + 1) + 0.1 * rng.standard_normal((400, n_columns))
    assert estimate_noise_level(X) == pytest.approx(0.1, rel=0.1)
    assert estimate_noise_level(0.1 * rng.standard_normal((400, n_columns))) == pytest.approx(0.1, rel=0.1)


def test_the_level_of_few_smooth_pictures_is_read_from_their_patches():
    across = np.sin(np.linspace(0, 3, 40))
    pictures = np.outer(across, across).ravel() * np.array([[1.0], [0.5], [2.0]])
    noisy = pictures + 0.1 * np.random.default_rng(0).standard_normal(pictures.shape)
    assert estimate_noise_level(noisy, image_shape=(40, 40)) == pytest.approx(0.1, rel=0.1)


def test_missing_cells_are_counted():
    X = wave()
    X[::4, 0] = np.nan
    assert estimate_noise_level(X, "masking") == pytest.approx(0.25 / 8)


def test_pairs_are_told_from_other_rows_even_where_both_are_of_sorted_kinds():
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(4), 50)[:, None]
    rows, others = (kinds + wave(200, seed=seed) for seed in (0, 1))
    assert are_pairs(rows + 0.3 * rng.standard_normal(rows.shape), rows)
    assert not are_pairs(others, rows)


@pytest.mark.parametrize(
    ("X", "settings", "words"),
    [
        (np.ones((1, 1)), {}, "one row or one column"),
        (np.ones(3), {}, "shape"),
        (np.full((3, 3), np.nan), {}, "NaN"),
        (np.ones((3, 3)), {"corruption": "blur"}, "one of 'gaussian'"),
        (np.ones((3, 3)), {"clean": np.ones((3, 2))}, "3 columns"),
    ],
)
def test_what_cannot_be_estimated_is_said(X, settings, words):
    with pytest.raises(ValueError, match=words):
        estimate_noise_level(X, **settings)


# ---- parts of the blind answer ------------------------------------------------------------------------


def test_a_hidden_prediction_never_sees_its_cell():
    X = wave(6)
    seen = []

    def reconstruct(rows):
        seen.append(rows)
        return rows

    assert (hidden_predictions(X, np.full(8, -9.0), reconstruct, 0) == -9).all()
    assert all((rows == -9).any(1).all() for rows in seen)


def test_two_witnesses_are_weighed_by_their_variances():
    share = own_share(np.array([4.0, 1.0]), 1.0)  # the prediction's own variances are 3 and 0
    np.testing.assert_allclose(share, [0.75, 0.0])
    np.testing.assert_allclose(combined(np.ones((1, 2)), np.zeros((1, 2)), share), [[0.75, 0.0]])


def test_steins_estimate_finds_the_best_mixture():
    rng = np.random.default_rng(0)
    truth = np.zeros((20_000, 4))
    X = truth + rng.standard_normal(truth.shape)
    shrunk, kept = wiener_filter(X, np.zeros(4), np.eye(4), np.full(4, 2.0), 0.0, 1.0)
    single = np.array([2.0, 2.0, 2.0, 0.0], np.float32)  # a direction without any variance is left out, not divided by
    assert wiener_filter(X, np.zeros(4), np.eye(4), single, 0.0, 1.0)[1] == pytest.approx(1.5)
    np.testing.assert_allclose(shrunk, X / 2)
    assert kept == 2.0
    # of x̃/2 and x̃ the first is better, and the best mixture of x̃ and 0, for a truth of 0, is 0
    assert mixing_share(X, (shrunk, kept), (X, 4.0), 1.0) == 1.0
    assert mixing_share(X, (X, 4.0), (truth, 0.0), 1.0) == pytest.approx(0, abs=0.02)


# ---- the denoiser -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted(digits):
    quick = DenoisingAutoencoder(64, max_iter=10, weight_decay=0.1)
    return {kind: Denoiser(kind, level, autoencoder=quick, random_state=0).fit(digits[0]) for kind, level in KINDS}


@pytest.mark.parametrize(("noise", "level"), KINDS)
def test_digits_are_restored_better_than_by_pca_a_median_and_a_plain_autoencoder(noise, level, digits, fitted):
    noisy = add_noise(digits[1], noise, level, random_state=7)
    denoiser = fitted[noise]
    pca = principal_axes(digits[0])
    found = restoration(noisy, denoiser.denoise(noisy), digits[1], pca=pca, image_shape=(8, 8))
    plain = isthmus.Autoencoder(32, max_iter=5, random_state=0).fit(digits[0]).reconstruct(noisy)
    assert found.median is not None
    assert found.denoised > max(found.pca, found.median, found.noisy, psnr(plain, digits[1])) + 1.5
    assert "PCA at its best rank" in found.sentence()


@pytest.mark.parametrize(("noise", "level"), KINDS)
def test_noisy_rows_alone_teach(noise, level):
    clean, quick = wave(1000), DenoisingAutoencoder(8, max_iter=30, weight_decay=0.2)
    noisy = add_noise(clean, noise, level, random_state=0)
    denoiser = Denoiser(noise, clean=False, autoencoder=quick, random_state=0).fit(noisy[:600])
    assert denoiser.noise_level_ == pytest.approx(level, rel=0.25)
    error = np.mean((denoiser.denoise(noisy[600:]) - clean[600:]) ** 2)
    assert error < 0.5 * np.mean((noisy[600:] - clean[600:]) ** 2)


def test_noisy_rows_with_clean_ones_give_the_level():
    clean = wave(600)
    noisy = add_noise(clean, "gaussian", 0.3, random_state=0)
    settings = {"random_state": 0, "autoencoder": DenoisingAutoencoder(8, max_iter=2)}
    assert Denoiser(**settings).fit(noisy, clean).noise_level_ == pytest.approx(0.3, rel=0.05)
    assert Denoiser(**settings).fit(noisy[:300], clean[300:]).noise_level_ == pytest.approx(0.3, rel=0.2)
    assert Denoiser(level=0.2, **settings).fit(noisy, clean).noise_level_ == 0.2
    assert Denoiser(**settings).fit(clean, np.zeros(600)).noise_level_ is None


UNITS = np.array([1e-3, 1, 50, 4000, 1, 0.2, 7, 300])


def test_columns_of_different_units_are_each_denoised(tmp_path):
    clean = wave()
    noisy = clean + 0.4 * np.random.default_rng(1).standard_normal(clean.shape)
    table = isthmus.read(noisy * UNITS)
    denoiser = Denoiser(clean=False, random_state=0).fit(table)
    restored = denoiser.denoise(noisy * UNITS)
    error, before = (np.square(rows - clean * UNITS).mean(0) for rows in (restored, noisy * UNITS))
    assert (error < 0.6 * before).all()
    np.testing.assert_allclose(denoiser.scale_, (noisy * UNITS).std(0))
    loaded = isthmus.load(isthmus.save(denoiser, tmp_path / "denoiser"))
    np.testing.assert_array_equal(loaded.denoise(noisy * UNITS), restored)
    in_one_unit = Denoiser(clean=False, random_state=0).fit(isthmus.read(noisy))
    np.testing.assert_array_equal(in_one_unit.scale_, np.ones(8))
    given = Denoiser(level=0.4, random_state=0).fit(table)
    np.testing.assert_array_equal(given.scale_, np.ones(8))


def test_cells_of_scaled_columns_that_cannot_have_been_hit_stay():
    rows = add_noise(wave(), "masking", 0.2, random_state=1) * UNITS
    restored = Denoiser("masking", clean=False, scale="standard", random_state=0).fit_transform(rows)
    np.testing.assert_array_equal(restored[rows != 0], rows[rows != 0])
    assert (restored[rows == 0] != 0).mean() > 0.9


def test_pixels_are_of_one_unit():
    pictures = 2 + wave(60, 16).reshape(-1, 4, 4) * np.geomspace(0.01, 100, 16).reshape(4, 4)
    assert unit_scale(isthmus.read(pictures)) is None
    assert unit_scale(isthmus.read(pictures.reshape(-1, 16))) == "standard"


def test_the_score_of_scaled_columns_is_in_the_datas_units():
    X = correlated(500)
    settings = {"level": 0.3, "scale": "standard", "random_state": 0}
    one, other = (Denoiser(**settings).fit(rows) for rows in (X, X * UNITS[:5]))
    np.testing.assert_allclose(one.score_field(X), other.score_field(X * UNITS[:5]) * UNITS[:5], rtol=1e-3, atol=1e-3)


def test_cells_that_cannot_have_been_hit_stay(digits, fitted):
    for kind, level in KINDS[1:]:
        noisy = add_noise(digits[1], kind, level, random_state=3)
        restored = fitted[kind].denoise(noisy)
        sure = noisy != 0 if kind == "masking" else (noisy > 0) & (noisy < 1)
        assert (restored[sure] == noisy[sure]).all()
        assert (restored[~sure] != noisy[~sure]).any()


def test_known_losses_are_better_than_guessed_ones(digits, fitted):
    lost = np.random.default_rng(0).random(digits[1].shape) < 0.3
    guessed = fitted["masking"].denoise(np.where(lost, 0, digits[1]))
    known = fitted["masking"].denoise(np.where(lost, np.nan, digits[1]))
    assert (known[~lost] == digits[1][~lost]).all()
    assert psnr(known, digits[1]) > psnr(guessed, digits[1])


def test_blind_filling_of_missing_cells():
    clean = wave(800)
    lost = np.random.default_rng(0).random(clean.shape) < 0.2
    noisy = np.where(lost, np.nan, clean)
    quick = DenoisingAutoencoder(8, max_iter=30, weight_decay=0.2)
    filled = Denoiser("masking", clean=False, autoencoder=quick, random_state=0).fit(noisy).denoise(noisy)
    assert (filled[~lost] == clean[~lost]).all()
    mean = np.broadcast_to(np.nanmean(noisy, axis=0), clean.shape)
    assert np.mean((filled - clean)[lost] ** 2) < 0.2 * np.mean((mean - clean)[lost] ** 2)


def test_the_arrow_points_up_the_true_score():
    rng = np.random.default_rng(0)
    centres, own, level = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 2.5]]), 0.6, 0.3
    points = centres[rng.integers(0, 3, 4000)] + own * rng.standard_normal((4000, 2))
    denoiser = Denoiser("gaussian", level, random_state=0).fit(points[:3000])
    assert denoiser.autoencoder_.best_epoch_ == denoiser.autoencoder_.n_iter_
    noisy = points[3000:] + level * rng.standard_normal((1000, 2))
    variance = own**2 + level**2
    weights = np.exp(-((noisy[:, None] - centres) ** 2).sum(2) / (2 * variance))
    score = ((centres - noisy[:, None]) * weights[..., None]).sum(1) / weights.sum(1)[:, None] / variance
    field = denoiser.score_field(noisy)
    cosine = (field * score).sum(1) / np.linalg.norm(field, axis=1) / np.linalg.norm(score, axis=1)
    assert cosine.mean() > 0.95
    assert np.median(np.linalg.norm(field, axis=1) / np.linalg.norm(score, axis=1)) == pytest.approx(1, abs=0.15)


# ---- manners ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blind", [False, True])
def test_a_denoiser_is_kept_and_comes_back(tmp_path, blind):
    pd = pytest.importorskip("pandas")
    X = wave(200).astype(np.float32)
    rows = pd.DataFrame(X, columns=list("abcdefgh"))
    quick = DenoisingAutoencoder(8, max_iter=2)
    denoiser = Denoiser(level=0.2, clean=not blind, autoencoder=quick, random_state=0).fit(rows)
    back = isthmus.load(isthmus.save(denoiser, tmp_path / "deep" / "kept"))
    np.testing.assert_array_equal(back.denoise(rows), denoiser.denoise(rows))
    np.testing.assert_array_equal(back.score_field(rows), denoiser.score_field(rows))
    assert back.denoise(rows).dtype == np.float32
    assert list(back.get_feature_names_out()) == list("abcdefgh")
    assert str(back) == str(denoiser)
    assert isinstance(isthmus.load(tmp_path / "deep" / "kept" / "autoencoder"), DenoisingAutoencoder)
    with pytest.raises(StorageError, match="exists"):
        isthmus.save(denoiser, tmp_path / "deep" / "kept")
    isthmus.save(denoiser, tmp_path / "deep" / "kept", overwrite=True)


def test_seeds_repeat_and_settings_are_left_alone():
    quick = DenoisingAutoencoder(8, max_iter=2)
    denoiser = Denoiser("gaussian", 0.2, autoencoder=quick, random_state=3)
    first, again = denoiser.fit(wave()).denoise(wave()), clone(denoiser).fit(wave()).denoise(wave())
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(denoiser.transform(wave()), first)
    assert quick.restoring is False
    assert not hasattr(quick, "model_")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"corruption": "blur"}, "corruption must be one of"),
        ({"level": -1}, "level must be None or at least 0, got -1"),
        ({"corruption": "masking", "level": 1}, "and below 1, got 1"),
        ({"autoencoder": isthmus.Autoencoder()}, "must be a DenoisingAutoencoder"),
    ],
)
def test_bad_settings_are_said(settings, words):
    with pytest.raises(ValueError, match=words):
        Denoiser(**settings).fit(wave())


def test_a_score_needs_gaussian_noise_of_a_known_level():
    denoiser = Denoiser("masking", 0.1, autoencoder=DenoisingAutoencoder(8, max_iter=1)).fit(wave())
    with pytest.raises(ValueError, match="score_field needs corruption='gaussian'"):
        denoiser.score_field(wave())


def test_one_column_cannot_be_blind():
    with pytest.raises(ValueError, match="at least 2 columns"):
        Denoiser(level=0.1, clean=False).fit(wave()[:, :1])


def test_missing_cells_are_refused_where_nothing_is_said_to_be_lost():
    X = wave()
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        Denoiser("gaussian", 0.1).fit(X)


def test_psnr_on_paper():
    assert psnr([[0.0, 0.0]], [[0.1, 0.1]], 1.0) == pytest.approx(20)
    assert psnr([[1.0]], [[1.0]], 1.0) == np.inf
    with pytest.raises(ValueError, match="the same shape"):
        psnr([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="pass data_range"):
        psnr([[1.0]], [[2.0]])
