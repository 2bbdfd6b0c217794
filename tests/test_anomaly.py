"""The outlier detector: scikit-learn's contract, exact contributions, stated rates, and rows known to be anomalous."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import check_estimator

import isthmus
from isthmus import Autoencoder, AutoencoderOutlierDetector, VariationalAutoencoder
from isthmus.anomaly import cross_val_detect
from isthmus.anomaly.conformal import Calibration, benjamini_hochberg, conformal_p_values, rows_needed, threshold_at
from isthmus.anomaly.covariance import ShrunkCovariance
from isthmus.anomaly.detection import Scoring
from isthmus.anomaly.latent import Neighbours
from isthmus.anomaly.neighbours import NormalRows
from isthmus.anomaly.ranks import NormalScores
from isthmus.anomaly.relations import ColumnSurprises
from isthmus.anomaly.scorer import MEASURES
from isthmus.anomaly.scores import StandardUnits, Surprise, residual_variances
from isthmus.anomaly.tail import Tail, n_outlying
from isthmus.storage import StorageError
from isthmus.tables import Table
from isthmus.tables.row_shape import RowShape


def quick(**settings) -> AutoencoderOutlierDetector:
    settings = {
        "autoencoder": Autoencoder(2, max_iter=5, hidden_layer_sizes=(16,), scale="standard"),
        "random_state": 0,
    } | settings
    return AutoencoderOutlierDetector(**settings)


def normal_rows(n_rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(2, 6))
    return np.tanh(rng.normal(size=(n_rows, 2))) @ mixing + 0.1 * rng.normal(size=(n_rows, 6))


@pytest.fixture(scope="module")
def fitted() -> AutoencoderOutlierDetector:
    return quick().fit(normal_rows(300))


# ---- the contract ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*too few for a false-alarm rate")
def test_check_estimator_expects_no_failures():
    detector = AutoencoderOutlierDetector(autoencoder=Autoencoder(1, max_iter=1, hidden_layer_sizes=()))
    results = check_estimator(detector, expected_failed_checks={}, on_fail="raise", on_skip=None)
    assert len(results) > 40
    assert {found["check_name"] for found in results if found["status"] != "passed"} <= {"check_array_api_input"}


def test_signs_and_thresholds_agree(fitted):
    X = np.concatenate([normal_rows(50, 1), 5 + normal_rows(5, 2)])
    scores, decision = fitted.score_samples(X), fitted.decision_function(X)
    np.testing.assert_array_equal(decision, scores - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(X) == -1, decision < 0)
    np.testing.assert_array_equal(fitted.predict(X) == -1, fitted.p_values(X) <= fitted.false_alarm_rate)
    np.testing.assert_array_equal(fitted.alarms(X), decision < 0)
    assert (fitted.predict(X[50:]) == -1).all()


def test_equal_seeds_give_equal_scores_and_leave_the_generators_alone():
    import torch

    X = normal_rows(80)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first, second = (quick().fit(X).score_samples(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_contamination_is_the_share_of_the_rows_of_the_fit(share):
    X = normal_rows(200)
    detector = quick(contamination=share).fit(X)
    assert np.mean(detector.predict(X) == -1) == pytest.approx(share, abs=0.01)
    assert np.isnan(detector.false_alarm_rate_)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"contamination": 2.0}, "contamination must be above 0 and at most 0.5, got 2.0"),
        ({"contamination": "some"}, "contamination must be a number or 'auto', got 'some'"),
        ({"measure": "size"}, "measure must be one of 'combined', 'relations', 'density', 'neighbours'"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate must be above 0 and below 1, got 0.0"),
        ({"autoencoder": "vanilla"}, "autoencoder must be one of isthmus's estimators"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        quick(**settings).fit(normal_rows(40))


def test_a_rate_of_discoveries_is_between_0_and_1(fitted):
    with pytest.raises(ValueError, match="false_discovery_rate must be above 0 and below 1, got 2"):
        fitted.alarms(normal_rows(3), false_discovery_rate=2)


def test_the_given_autoencoder_is_not_touched():
    template = Autoencoder(2, max_iter=1)
    detector = quick(autoencoder=template).fit(normal_rows(40))
    assert not hasattr(template, "model_")
    assert detector.autoencoder_.n_components_ == 2
    assert clone(detector).autoencoder.get_params() == template.get_params()


def test_a_size_left_open_explains_half_of_the_variance():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(200, 1)) @ np.ones((1, 6)), rng.normal(size=(200, 2))])
    assert quick(autoencoder=Autoencoder(max_iter=0)).fit(X).autoencoder_.n_components_ == 1


# ---- contributions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_contributions_add_up_to_the_score(measure, kind):
    detector = quick(measure=measure, autoencoder=kind(2, max_iter=3, hidden_layer_sizes=(16,))).fit(normal_rows(120))
    X = np.concatenate([normal_rows(30, 1), 100 * normal_rows(5, 2), np.full((1, 6), 1e200)])
    why = detector.explain(X)
    np.testing.assert_allclose(why.contributions.sum(1), -detector.score_samples(X), rtol=1e-12)
    np.testing.assert_array_equal(why.scores, -detector.score_samples(X))
    assert np.isfinite(why.contributions).all()
    np.testing.assert_array_equal(why.values, X)


def test_the_broken_column_is_named_and_its_value_was_expected():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 1)) @ np.ones((1, 6)) + 0.05 * rng.normal(size=(500, 6))
    detector = quick(autoencoder=Autoencoder(1, hidden_layer_sizes=())).fit(X)
    broken = np.ones((1, 6))
    broken[0, 4] = -1.0
    why = detector.explain(broken)
    assert why.top(1)[0, 0] == 4
    assert why.expected[0, 4] > 0  # the five others say 1
    assert detector.predict(broken)[0] == -1


def test_reconstruction_is_the_sum_of_weighed_squares():
    """In the mean of the autoencoders of all folds."""
    X = normal_rows(100)
    detector = quick(measure="reconstruction").fit(X)
    scorer = detector.scorer_
    u, folds = scorer.units.apply(X), (scorer, *scorer.others)
    expected = np.mean([((u - one.reconstruct(u)) ** 2 / one.variances).sum(1) for one in folds], axis=0)
    np.testing.assert_allclose(-detector.score_samples(X), expected, rtol=1e-3)


# ---- anomalous rows ---------------------------------------------------------------------------------------


def test_a_far_row_on_the_principal_line_is_caught():
    rng = np.random.default_rng(0)
    line = np.array([[1.0, 2.0, -1.0]])
    X = rng.normal(size=(200, 1)) @ line + 0.01 * rng.normal(size=(200, 3))
    detector = quick(autoencoder=Autoencoder(1, hidden_layer_sizes=(), scale="standard")).fit(X)
    far = 20 * line  # reconstructed perfectly
    assert detector.predict(far)[0] == -1
    assert detector.p_values(far)[0] < 1 / (len(detector.calibration_scores_) + 1)
    assert detector.detect(far).approximate.tolist() == [True]
    assert "far from every normal row" in detector.explain(far).reasons[0]


def test_the_mean_row_of_a_ring_is_caught():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 400)
    ring = np.column_stack([np.cos(angle), np.sin(angle), np.cos(angle) + np.sin(angle)])
    ring += 0.03 * np.random.default_rng(1).normal(size=ring.shape)
    detector = quick().fit(ring)
    assert detector.predict(ring.mean(0, keepdims=True))[0] == -1
    only_residuals = quick(measure="reconstruction").fit(ring)
    assert only_residuals.predict(ring.mean(0, keepdims=True))[0] == 1


def test_constant_columns_are_normal_while_they_stay_so():
    X = np.column_stack([normal_rows(150), np.full(150, 7.0), np.zeros(150)])
    detector = quick().fit(X)
    changed = X[:1].copy()
    changed[0, 6] = 70.0
    assert np.mean(detector.predict(X) == -1) < 0.2
    assert detector.predict(changed)[0] == -1
    assert detector.explain(changed).top(1)[0, 0] == 6


@pytest.mark.parametrize("shape", [(10, 4), (3, 2), (12, 20), (30, 1)])
def test_few_rows_and_wide_tables_are_fitted(shape):
    X = np.random.default_rng(0).normal(size=shape)
    detector = AutoencoderOutlierDetector(autoencoder=Autoencoder(max_iter=2), random_state=0)
    with pytest.warns(UserWarning, match="which needs 19") if shape[0] < 19 else nullcontext():
        detector.fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    far = np.full((1, shape[1]), 1e6)
    assert detector.predict(far)[0] == -1
    n_held_out = len(detector.calibration_scores_)
    assert n_held_out == shape[0]
    assert detector.false_alarm_rate_ == max(1, int(0.05 * (n_held_out + 1))) / (n_held_out + 1)


def test_more_numbers_than_rows_are_warned_of():
    X = np.random.default_rng(0).normal(size=(12, 40))
    with pytest.warns(UserWarning, match="12 rows with 40 encoded columns: anomalies in a few columns"):
        quick(false_alarm_rate=0.1).fit(X)


def test_rows_all_equal_are_normal_and_every_other_is_not():
    X = np.tile([1.0, 2.0, 3.0], (20, 1))
    with pytest.warns(UserWarning, match="there are at most two distinct rows"):
        detector = quick(autoencoder=Autoencoder(1, max_iter=1)).fit(X)
    assert (detector.predict(X[:3]) == 1).all()
    assert detector.predict([[1.0, 2.0, 4.0]])[0] == -1


def test_scattered_anomalous_rows_are_left_out_of_the_fit():
    X = normal_rows(300)
    X[:15] = 30 * np.random.default_rng(3).normal(size=(15, 6))
    trimmed, whole = quick().fit(X), quick(trim=False).fit(X)
    assert whole.n_trimmed_ == 0
    assert 5 <= trimmed.n_trimmed_ <= 20
    assert np.mean(trimmed.scorer_.units.spread) < 0.5 * np.mean(whole.scorer_.units.spread)


# ---- rates ----------------------------------------------------------------------------------------------


def test_stated_false_alarm_rates_are_met():
    met = []
    for seed in range(8):
        detector = quick(
            autoencoder=Autoencoder(1, hidden_layer_sizes=(), scale="standard"), random_state=seed, false_alarm_rate=0.1
        )
        detector.fit(normal_rows(239, 10 + seed))  # 24 / 240 is the rate exactly
        assert detector.false_alarm_rate_ == pytest.approx(0.1, abs=0.005)  # a row or two may be taken for outlying
        met.append(np.mean(detector.predict(normal_rows(2000, 100 + seed)) == -1))
    # one fit spreads as Beta(24, 216), standard deviation 0.019: the mean of eight within three of theirs
    assert np.mean(met) == pytest.approx(0.1, abs=3 * 0.019 / np.sqrt(8) + 0.005)


def test_copies_of_rows_do_not_break_the_rate():
    X = np.repeat(normal_rows(100), 5, axis=0)
    with pytest.warns(UserWarning, match="only 100 of 500 rows are distinct"):
        detector = quick().fit(X)
    assert len(detector.calibration_scores_) <= 100
    assert np.mean(detector.predict(normal_rows(1000, 5)) == -1) < 0.12


def test_beyond_the_largest_score_p_values_fall_along_the_tail():
    scores = np.sort(np.random.default_rng(0).exponential(size=400))
    calibration = Calibration.of(scores)
    beyond = scores[-1] + np.array([0.0, 0.01, 1.0, 5.0, 50.0])
    p_values = calibration.p_values(beyond)
    assert p_values[0] == 2 / 401
    assert p_values[1] == pytest.approx(1 / 401, rel=0.05)
    assert (np.diff(p_values) < 0).all()
    assert calibration.is_approximate(beyond).tolist() == [False, True, True, True, True]
    threshold = calibration.threshold(1e-4)
    assert threshold.rate == 1e-4
    np.testing.assert_allclose(calibration.p_values(np.array([threshold.score])), 1e-4)
    everywhere = np.linspace(0, 2 * scores[-1], 999)
    assert (np.diff(calibration.p_values(everywhere)) <= 0).all()


def test_a_tail_is_found_by_maximum_likelihood():
    from scipy.stats import genpareto

    rng = np.random.default_rng(0)
    shapes = [Tail.of(np.sort(genpareto.rvs(0.4, size=3000, random_state=rng))).shape for _ in range(20)]
    assert np.mean(shapes) == pytest.approx(0.4, abs=0.06)
    assert Tail.of(np.arange(20.0)) is None
    assert Tail.of(np.ones(500)) is None


def test_planted_anomalies_neither_hide_one_another_nor_are_invented():
    rng = np.random.default_rng(0)
    scores = np.sort(rng.exponential(size=300))
    assert n_outlying(np.append(scores, [60.0, 2000.0, 4000.0])) == 3
    assert sum(n_outlying(np.sort(rng.exponential(size=300))) > 0 for _ in range(50)) <= 3


def test_p_values_on_paper():
    held_out = np.array([1.0, 2.0, 2.0, 4.0])
    np.testing.assert_allclose(conformal_p_values(np.array([0, 2, 3, 4, 5.0]), held_out), [1, 0.8, 0.4, 0.4, 0.2])


@pytest.mark.parametrize("n_rows", [1, 5, 19, 20, 100])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_the_threshold_is_that_of_the_p_values(n_rows, rate):
    held_out = np.sort(np.random.default_rng(n_rows).normal(size=n_rows))
    threshold = threshold_at(held_out, rate)
    scores = np.concatenate([held_out, held_out + 1e-9, [-9.0, 9.0]])
    alarms = conformal_p_values(scores, held_out) <= max(rate, 1 / (n_rows + 1)) + 1e-12
    np.testing.assert_array_equal(scores > threshold.score, alarms)
    assert (threshold.rate <= rate + 1e-12) == (n_rows >= rows_needed(rate))


def test_discoveries_on_paper():
    p_values = np.array([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_array_equal(benjamini_hochberg(p_values, 0.06), [True, True, True, False])
    np.testing.assert_array_equal(benjamini_hochberg(p_values, 0.02), [False] * 4)
    assert benjamini_hochberg(np.empty(0), 0.1).shape == (0,)


def test_false_discoveries_are_few():
    detector = quick().fit(normal_rows(2000))
    X = np.concatenate([normal_rows(200, 1), 6 + normal_rows(50, 2)])
    alarms = detector.alarms(X, false_discovery_rate=0.1)
    assert alarms[200:].all()
    assert alarms[:200].sum() <= 0.25 * alarms.sum()


def test_the_rate_can_be_moved_without_a_fit(fitted):
    copied = clone(fitted).fit(normal_rows(300))
    X = normal_rows(500, 5)
    few, many = (np.mean(copied.set_false_alarm_rate(rate).predict(X) == -1) for rate in (0.02, 0.3))
    assert few < 0.1 < many


# ---- parts ----------------------------------------------------------------------------------------------


def test_a_row_of_the_fit_is_not_its_own_neighbour():
    rows = np.array([[0.0], [1.0], [3.0]])
    np.testing.assert_allclose(Neighbours(rows, 1).squared_distances(np.array([[0.0], [0.4]])), [[1.0], [0.16]])


def test_shrinkage_is_that_of_ledoit_and_wolf():
    from sklearn.covariance import ledoit_wolf

    for shape in ((40, 6), (9, 15)):
        rows = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1)
        shrunk = ledoit_wolf(rows, assume_centered=True)[0]
        least = np.trace(shrunk) / shape[1] / shape[0] * np.eye(shape[1])  # what n rows can't show to be smaller
        found, inverse = ShrunkCovariance.of(rows), np.linalg.inv(shrunk + least)
        np.testing.assert_allclose(found.precision_times(rows), rows @ inverse, rtol=1e-3, atol=1e-6)
        residuals, amounts = found.conditional(rows)
        np.testing.assert_allclose(residuals, rows @ inverse / np.diag(inverse), rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(amounts, (rows @ inverse) ** 2 / np.diag(inverse), rtol=1e-3, atol=1e-6)
        together = rows @ inverse
        block = np.linalg.inv(inverse[1:4, 1:4])  # the covariance of three columns given the others
        lengths = np.einsum("ni,ij,nj->n", together[:, 1:4], block, together[:, 1:4])
        np.testing.assert_allclose(found.conditional(rows, [(1, 4)])[1][:, 1:4].sum(1), lengths, rtol=1e-3)


def test_hidden_cells_get_their_conditional_expectation():
    mixing = np.random.default_rng(1).normal(size=(4, 4))
    rows = np.random.default_rng(0).normal(size=(5000, 4)) @ mixing
    covariance = mixing.T @ mixing
    hidden = np.zeros((2, 4), dtype=bool)
    hidden[0, [1, 2]] = True
    filled = ShrunkCovariance.of(rows).filled(rows[:2], hidden)
    expected = covariance[np.ix_([1, 2], [0, 3])] @ np.linalg.solve(covariance[np.ix_([0, 3], [0, 3])], rows[0, [0, 3]])
    np.testing.assert_allclose(filled[0, [1, 2]], expected, atol=0.1)
    np.testing.assert_array_equal(filled[1], rows[1])


def test_surprise_is_the_tail_of_a_normal_of_cube_roots():
    amounts = np.random.default_rng(0).chisquare(8, size=20_000)
    surprise = Surprise.of(amounts)
    tail = np.exp(-surprise(np.quantile(amounts, [0.5, 0.9, 0.99])))
    np.testing.assert_allclose(tail, [0.5, 0.1, 0.01], rtol=0.1)
    assert np.isfinite(surprise(np.array([0.0, 1e18]))).all()


def test_residual_variances_are_halfway_to_their_mean():
    residuals = np.array([[1.0, 3.0], [-1.0, -3.0]])  # variances 1 and 9, mean 5
    np.testing.assert_allclose(residual_variances(residuals), [np.sqrt(5), np.sqrt(45)])


def test_units_go_and_come_back():
    X = normal_rows(20)
    columns = StandardUnits.of(X)
    np.testing.assert_allclose(columns.undo(columns.apply(X)), X)


def test_a_constant_column_says_no_more_than_its_rows_can():
    """A value that none of n rows has counts for at most what a value that one of them has does, √n."""
    X = np.column_stack([np.full(100, 7.0), np.r_[1.0, np.zeros(99)], np.arange(100.0)])
    u = StandardUnits.of(X).apply(np.array([[1e9, 1.0, 1e9], [-3.0, 0.0, 0.0]]))
    np.testing.assert_allclose(u[:, 0], [10, -10])
    assert u[0, 1] == pytest.approx(10, abs=0.1)
    assert u[0, 2] == pytest.approx(1e6)


def test_rare_values_of_new_rows_do_not_break_the_rate():
    """By units that it has no part in a new row would be farther out; 15% of them were alarms instead of 10%."""
    shares = []
    for seed in range(5):
        rows = np.exp(2 * np.random.default_rng(seed).normal(size=(900, 20)))
        detector = AutoencoderOutlierDetector(measure="core", false_alarm_rate=0.1, random_state=0).fit(rows[:100])
        shares.append((detector.predict(rows[100:]) == -1).mean())
    assert np.mean(shares) == pytest.approx(0.1, abs=0.03)


def test_a_new_row_is_counted_in_the_units_as_if_it_had_been_in_the_fit():
    X = np.column_stack([np.r_[1.0, np.zeros(99)], np.full(100, 7.0), np.random.default_rng(0).normal(size=100)])
    units, new = StandardUnits.of(X), np.array([[1.0, 9.0, 0.1], [1e4, 7.0, -0.1]])
    u = units.apply(new)
    counted = u * units.shares(u, len(X))
    again = StandardUnits.of(np.r_[X, new[:1]]).apply(new[:1])
    assert counted[0, 0] == pytest.approx(again[0, 0], rel=0.05)
    assert counted[0, 1] == u[0, 1] == 10  # a constant column's are bounded already
    np.testing.assert_allclose(counted[:, 2], u[:, 2], rtol=1e-3)
    assert counted[1, 0] > 5 * counted[0, 0]  # far rows still differ


def test_normal_scores_are_those_of_ranks_and_go_on_beyond_them():
    u = np.random.default_rng(0).exponential(size=(2000, 1))
    scores = NormalScores.of(u)
    found = scores.of_rows(u)[:, 0]
    assert abs(found.mean()) < 1e-9
    assert found.std() == pytest.approx(1, abs=0.02)
    assert np.quantile(found, 0.9) == pytest.approx(1.2816, abs=0.03)
    far = scores.of_rows(u.max() + np.array([[1.0], [3.0]]))[:, 0]
    assert far[0] > found.max()
    assert far[1] - far[0] == pytest.approx(2)
    halves = NormalScores.of(np.repeat([[0.0], [1.0]], 50, axis=0))
    np.testing.assert_allclose(halves.of_rows(np.array([[0.0], [0.5], [1.0]]))[:, 0], [-0.6745, 0, 0.6745], atol=1e-3)
    assert halves.of_rows(np.array([[1.1]]))[0, 0] > 2.5  # beyond the largest value, however many rows have that


def test_the_denoiser_averages_the_nearest_rows_and_no_others():
    rows = np.r_[np.zeros((3, 1)), np.ones((9, 1)), np.full((500, 1), 1.5)].astype(np.float32)
    few, all_of_them = (NormalRows(rows, np.ones(512, dtype=bool), 10.0, nearest) for nearest in (12, None))
    at = np.array([[0.25]])
    assert few.amounts(at)["density"][0, 0] == pytest.approx(0.5**2, abs=0.01)  # from 9/12 of one
    assert all_of_them.amounts(at)["density"][0, 0] > 1.4


def test_the_score_is_the_length_of_the_surprises():
    surprises = {name: Surprise(1.0, 0.5, 0.0) for name in ("density", "core")}
    amounts = {"density": np.array([[20.0, 7.0], [1.0, 0.0]]), "core": np.array([[1.0, 0.0], [8.0, 2.0]])}
    scoring = Scoring(surprises, {"density": 1.0, "core": 0.5})
    scored = scoring.score(amounts)
    nats = {name: surprises[name](part.sum(1)) for name, part in amounts.items()}
    np.testing.assert_allclose(scored.scores, np.hypot(nats["density"], nats["core"] / 2))
    np.testing.assert_allclose(scored.contributions.sum(1), scored.scores)
    for name, part in scoring.nats(scored.parts).items():
        np.testing.assert_allclose(part, nats[name])


def test_a_relation_is_broken_by_a_value_that_is_rarer_given_the_others_than_alone():
    rng = np.random.default_rng(0)
    columns = ColumnSurprises.of(rng.chisquare(1, size=(500, 3)))
    distances = np.array([[1.0, 30.0, 2.0], [1.0, 30.0, 2.0], [0.1, 0.1, 0.1]])
    rarity = np.array([[0.5, 0.5, 0.5], [0.5, 6.0, 0.5], [3.0, 3.0, 3.0]])
    amounts = columns.amounts(distances, rarity, np.ones_like(rarity))
    assert (amounts >= 0).all()
    assert amounts[0].argmax() == 1
    assert amounts[0, 1] > 0.95 * amounts[0].sum()
    assert amounts[1].sum() == pytest.approx(amounts[0].sum() - (6 - 0.5) / 2)  # in nats
    assert amounts[2].sum() == 0


def test_rarity_is_the_share_of_rows_that_lie_as_far_out():
    rows = NormalRows(np.array([[1.0], [-2.0], [3.0], [0.5]], dtype=np.float32), np.ones(4, dtype=bool), 1.0)
    np.testing.assert_allclose(rows.rarity(np.array([[-2.0], [9.0], [0.0]])), -np.log([[3 / 5], [1 / 5], [5 / 5]]))


# ---- around a model, within a table, on disk ------------------------------------------------------------


def test_a_fitted_autoencoder_is_taken_as_it_is():
    X, held_out = normal_rows(200), normal_rows(100, 1)
    model = Autoencoder(2, max_iter=5, random_state=0).fit(X)
    detector = AutoencoderOutlierDetector().fit_around(model, X, held_out)
    assert detector.autoencoder_ is model
    assert len(detector.calibration_scores_) == 100
    assert (detector.predict(8 + normal_rows(5)) == -1).all()


def test_a_table_is_compared_with_itself():
    X = normal_rows(160)
    X[11] += np.array([0, 0, 6.0, 0, 0, 0])
    found = cross_val_detect(quick(), X)
    assert found.explanation.scores.argmax() == 11
    assert found.explanation.top(1)[11, 0] == 2
    assert found.above[11]
    assert found.use.startswith("outlier detection")
    assert quick().fit(X).detect(X).use.startswith("novelty detection")
    np.testing.assert_array_equal(np.argsort(-found.explanation.scores, kind="stable")[:1], found.order[:1])
    by_score = found.p_values[found.order]
    assert (np.diff(by_score) >= 0).all()  # the order by score is that by p-value
    with pytest.raises(ValueError, match="minimum of 3 is required"):
        cross_val_detect(quick(), X[:2])


@pytest.mark.parametrize("bounded", [True, False])
def test_three_planted_rows_of_312_are_found_and_no_other(bounded):
    """Also where some of the normal rows lie far from all others."""
    rng = np.random.default_rng(1)
    X = normal_rows(312) if bounded else rng.normal(size=(312, 2)) @ rng.normal(size=(2, 6))
    X += 0 if bounded else 0.1 * rng.normal(size=X.shape)
    X[300, 0] += 20
    X[305] *= 40
    X[309, 2] += 8
    found = (quick() if bounded else AutoencoderOutlierDetector(random_state=0)).fit_detect(X)
    assert np.flatnonzero(benjamini_hochberg(found.p_values, 0.1)).tolist() == [300, 305, 309]
    assert found.approximate[[300, 305, 309]].all()


def test_contamination_within_a_table_is_its_share_of_alarms():
    assert quick(contamination=0.1).fit_detect(normal_rows(200)).above.sum() == 20


@pytest.mark.parametrize("n_rows", [32, 100])
def test_the_alarms_within_are_the_rows_with_a_p_value_up_to_the_rate(n_rows):
    found = quick(false_alarm_rate=0.05).fit_detect(normal_rows(n_rows))
    np.testing.assert_array_equal(found.above, found.p_values < 0.0501)
    assert found.above.sum() == round(0.05 * n_rows - 0.4)


@pytest.mark.parametrize("seed", [0, 2])
def test_of_two_columns_tied_to_each_other_the_one_out_of_range_is_blamed(seed):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(11 + seed)
    frame = pandas.DataFrame({"a": rng.normal(size=300), "kind": rng.choice(["x", "y", "z"], 300)})
    frame["b"], frame["c"] = rng.random(300) < 0.3, 2 * frame["a"] + 0.1 * rng.normal(size=300)
    outward = 10 * np.sign(frame["c"][:20])  # five standard deviations
    broken = frame[:20].assign(c=frame["c"][:20] + outward)
    why = AutoencoderOutlierDetector(random_state=0).fit(frame).explain(broken)
    assert (why.top(1)[:, 0] == 3).all()
    assert (why.suspect == [False, False, False, True]).all()
    assert max(abs(cells[3]) for cells in why.expected) < 7  # as in the column, not as in the row
    assert all("between c and" in reason for reason in why.reasons)


def test_what_was_expected_is_not_bent_by_a_broken_cell():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 5)) + 0.05 * rng.normal(size=(500, 5))
    detector = AutoencoderOutlierDetector(autoencoder=Autoencoder(2, scale="standard"), random_state=0).fit(X[50:])
    broken, spread = X[:50].copy(), X.std(0)
    broken[:, 3] += 10 * spread[3]
    why = detector.explain(broken)
    assert why.suspect[:, 3].all()
    assert np.abs((why.expected - X[:50]) / spread).mean() < 0.15
    assert all("relation between x3 and" in reason for reason in why.reasons)
    naive = np.abs((detector.autoencoder_.reconstruct(broken) - X[:50]) / spread).mean()
    assert naive > 0.5
    far = detector.explain(50 * X[:1]).reasons[0]
    assert far.startswith("far from every normal row")


def test_contributions_of_parts_are_all_of_the_score(fitted):
    why = fitted.explain(normal_rows(40, 3))
    np.testing.assert_allclose(sum(why.parts.values()), why.scores)
    assert [*why.parts] == ["relations", "density", "neighbours", "core"]


def test_one_pass_says_what_the_single_questions_say(fitted):
    X = np.concatenate([normal_rows(20, 1), 4 + normal_rows(4, 2)])
    found = fitted.detect(X)
    np.testing.assert_array_equal(found.explanation.scores, -fitted.score_samples(X))
    np.testing.assert_array_equal(found.p_values, fitted.p_values(X))
    np.testing.assert_array_equal(found.above, fitted.alarms(X))
    assert found.threshold.score == -fitted.offset_


# ---- any table ------------------------------------------------------------------------------------------


def machines(n_rows: int, seed: int = 0):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(seed)
    load = rng.uniform(20, 100, n_rows)
    return pandas.DataFrame(
        {
            "when": pandas.Timestamp("2024-01-01") + pandas.to_timedelta(rng.integers(0, 300, n_rows), unit="D"),
            "machine": rng.choice(["A", "B", "C"], n_rows),
            "ok": rng.random(n_rows) < 0.7,
            "load": load,
            "rpm": 900 + 8 * load + 10 * rng.normal(size=n_rows),
            "temp": np.where(rng.random(n_rows) < 0.1, np.nan, 30 + 0.4 * load + rng.normal(size=n_rows)),
        }
    )


def test_columns_of_several_kinds_and_gaps_are_taken(tmp_path):
    frame, new = machines(300), machines(40, 1)
    detector = AutoencoderOutlierDetector(random_state=0).fit(frame)
    assert np.mean(detector.predict(new) == -1) < 0.25
    new.loc[0, "machine"] = "Z"
    new.loc[1, "rpm"] = 900.0
    new.loc[1, "load"] = 95.0
    found = detector.detect(new)
    assert found.above[:2].all()
    assert found.explanation.reasons[0].startswith("never seen category in machine")
    assert found.explanation.columns == tuple(frame.columns)
    assert found.explanation.contributions.shape == (40, 6)
    assert set(found.explanation.top(2)[1]) <= {3, 4, 5}
    assert found.explanation.reasons[1].split("; ")[-1].startswith("relation")
    assert "rpm" in found.explanation.reasons[1]
    np.testing.assert_allclose(found.explanation.contributions.sum(1), found.explanation.scores)
    assert found.explanation.values[0, 1] == "Z"
    assert found.explanation.expected[0, 1] in ("A", "B", "C")
    again = isthmus.load(isthmus.save(detector, tmp_path / "mixed"))
    np.testing.assert_array_equal(again.score_samples(new), detector.score_samples(new))
    np.testing.assert_array_equal(again.detect(new[new.columns[::-1]]).p_values, found.p_values)
    with pytest.raises(ValueError, match=r"lacks .*ok"):
        detector.predict(new.drop(columns="ok"))
    with pytest.raises(ValueError, match=r"has .*more.*unknown at fit"):
        detector.predict(new.assign(more=1))


def test_rows_with_gaps_are_scored_by_the_cells_they_have(fitted):
    X = normal_rows(300, 4)
    holes = X.copy()
    holes[np.random.default_rng(0).random(X.shape) < 0.15] = np.nan
    assert np.mean(fitted.predict(holes) == -1) < 0.2
    holes[0, 0] = 30.0
    assert fitted.predict(holes[:1])[0] == -1
    learned = quick().fit(holes[1:])
    assert np.mean(learned.predict(normal_rows(300, 5)) == -1) < 0.2
    with pytest.raises(ValueError, match="no value at all in column 2"):
        quick().fit(np.where(np.arange(6) == 2, np.nan, X))


def test_a_cell_that_is_no_number_is_refused_and_not_taken_for_missing():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(normal_rows(40), columns=list("abcdef")).assign(kind=["x", "y"] * 20)
    detector = quick().fit(X)
    with pytest.raises(
        ValueError, match=r"column b has 'high' in row 0, which is not a number; .*leave the cell empty"
    ):
        detector.predict(X.assign(b="high"))


def test_sparse_rows_give_what_dense_ones_give():
    from scipy.sparse import csr_array

    X = np.where(np.random.default_rng(0).random((80, 5)) < 0.5, 0.0, normal_rows(80)[:, :5])
    dense, sparse = quick().fit(X), quick().fit(csr_array(X))
    np.testing.assert_array_equal(dense.score_samples(X), sparse.score_samples(csr_array(X)))


def test_new_normal_rows_are_learned_from():
    detector = quick().fit(normal_rows(200))
    shifted = normal_rows(200, 1) + np.array([2.0, 0, 0, 0, 0, 0])
    before = np.mean(detector.predict(shifted[100:]) == -1)
    weights = [parameter.clone() for parameter in detector.autoencoder_.model_.parameters()]
    for begin in range(0, 100, 25):
        detector.partial_fit(shifted[begin : begin + 25])
    assert len(detector.scorer_.normal.rows) == 300
    assert np.mean(detector.predict(shifted[100:]) == -1) < 0.5 * before
    assert all(
        (one == other).all() for one, other in zip(weights, detector.autoencoder_.model_.parameters(), strict=True)
    )
    assert quick().partial_fit(normal_rows(60)).n_features_in_ == 6


def test_drift_of_a_batch_is_told_and_its_columns_named(fitted):
    same = fitted.drift(normal_rows(300, 7))
    assert not same.found
    assert "like the normal ones" in str(same)
    moved = fitted.drift(normal_rows(300, 7) + np.array([0, 0, 0, 0, 0.6, 0]))
    assert moved.columns[0] == "x4"
    assert "moved: x4" in str(moved)
    shuffled = normal_rows(300, 8)
    shuffled[:, 0] = np.random.default_rng(0).permutation(shuffled[:, 0])
    assert fitted.drift(shuffled).scores_moved


@pytest.mark.parametrize("kind", [None, VariationalAutoencoder])
def test_a_detector_comes_back_as_it_was(tmp_path, kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(normal_rows(60), columns=list("abcdef"))
    template = kind if kind is None else kind(max_iter=2, hidden_layer_sizes=(16,))
    detector = AutoencoderOutlierDetector(autoencoder=template, random_state=0).fit(frame)
    again = isthmus.load(isthmus.save(detector, tmp_path / "detector"))
    np.testing.assert_array_equal(again.decision_function(frame), detector.decision_function(frame))
    np.testing.assert_array_equal(again.p_values(frame), detector.p_values(frame))
    np.testing.assert_array_equal(again.explain(frame).contributions, detector.explain(frame).contributions)
    assert list(again.feature_names_in_) == list("abcdef")
    assert str(again) == str(detector)
    assert again.fit(frame).offset_ == detector.offset_


def test_a_damaged_detector_is_refused(tmp_path, fitted):
    folder = isthmus.save(fitted, tmp_path / "detector")
    with pytest.raises(StorageError, match="exists"):
        isthmus.save(fitted, folder)
    isthmus.save(fitted, folder, overwrite=True)
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"n_trimmed": ', '"n_trimmed": 1'))
    with pytest.raises(StorageError, match=r"config\.json is not as it was saved"):
        isthmus.load(folder)
    (folder / "config.json").write_text(text)
    isthmus.load(folder)
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-3] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(StorageError, match=r"model\.safetensors is not as it was saved"):
        isthmus.load(folder)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_group_of_anomalies_that_was_learned_from_is_still_found(seed):
    """They are each other's nearest neighbours; the core has none of them, or few."""
    rng = np.random.default_rng(seed)
    normal, group = rng.standard_normal((400, 4)), 3 + 0.2 * rng.standard_normal((40, 4))
    detector = AutoencoderOutlierDetector(trim=False, random_state=0).fit(np.r_[normal[:300], group[:20]])
    anomalous, others = (-detector.score_samples(rows) for rows in (group[20:], normal[300:]))
    assert (anomalous[:, None] > others).mean() > 0.8


def test_a_stream_is_scored_as_its_rows_are():
    from isthmus.anomaly.cross_validation import detect_stream
    from isthmus.tables import open_table

    X = np.random.default_rng(0).normal(size=(300, 4))
    detector = quick().fit(X)
    stream = open_table(list(np.array_split(X, 5)))
    found = detect_stream(detector, stream, 7)
    whole = detector.detect(X)
    assert found.rows.tolist() == whole.order[:7].tolist()
    np.testing.assert_allclose(found.detection.explanation.scores, whole.explanation.scores[found.rows], rtol=1e-4)
    np.testing.assert_allclose(found.p_values, whole.p_values, atol=1e-2)
    assert sorted(detect_stream(detector, stream, 300).rows.tolist()) == list(range(300))


def mixed_frame(n_rows: int, seed: int):
    """Load, and rpm and grade that follow it; a site and a rare word that follow nothing."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(seed)
    load = rng.uniform(20, 100, n_rows)
    return pandas.DataFrame(
        {
            "load": load,
            "rpm": 900 + 8 * load + 10 * rng.normal(size=n_rows),
            "site": [f"s{place}" for place in rng.choice(20, n_rows)],
            "rare": rng.choice(["a", "b", "c"], n_rows, p=[0.97, 0.02, 0.01]),
            "ok": rng.choice([True, False], n_rows),
            "grade": np.where(load < 45, "low", np.where(load < 70, "middle", "high")),
        }
    )


def test_a_category_is_suspect_where_the_rest_of_its_row_contradicts_it_and_not_for_being_rare():
    detector = AutoencoderOutlierDetector(random_state=0).fit(mixed_frame(300, 0))
    normal = mixed_frame(200, 1)
    found = detector.detect(normal)
    assert found.explanation.suspect.mean() < 0.03
    assert sum(reason == "like the normal rows" for reason in found.explanation.reasons) > 150
    broken = normal[normal["load"] > 80][:40].assign(grade="low")
    why = detector.detect(broken).explanation
    suspect = np.array(why.columns)[why.suspect.sum(0).argmax()]
    assert suspect == "grade"
    assert sum("relation between grade and " in reason for reason in why.reasons) > 15
    masked = why.expected[why.suspect[:, 5], 5]
    assert (masked != "low").mean() > 0.9
    new = detector.detect(normal[:3].assign(site="s99"))
    assert all(reason.startswith("never seen category in site") for reason in new.explanation.reasons)
    assert new.explanation.suspect[:, 2].all()
    assert not any("relation between site" in reason for reason in new.explanation.reasons)


def test_a_reason_is_given_where_the_p_value_calls_for_one(fitted):
    found = fitted.detect(np.concatenate([normal_rows(300, 5), 5 + normal_rows(5, 2)]))
    told = np.array([reason != "like the normal rows" for reason in found.explanation.reasons])
    np.testing.assert_array_equal(told, (found.p_values <= 0.1) | found.above)


def test_missing_cells_raise_no_false_alarms():
    pd = pytest.importorskip("pandas")
    # A normal row whose gaps were filled otherwise when it was kept would be its own nearest neighbour.
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, 500)
    frame = pd.DataFrame({"price": kind + rng.normal(size=500), "size": kind + rng.normal(size=500)})
    frame["town"], frame["garden"] = np.array(list("abcd"))[kind], rng.random(500) < 0.2 + 0.2 * kind
    frame = frame.mask(rng.random(frame.shape) < 0.3)
    detector = AutoencoderOutlierDetector(false_alarm_rate=0.1, random_state=0).fit(frame[:250])
    assert 0.04 < detector.detect(frame[250:]).above.mean() < 0.18  # 0.1, and four standard deviations


def test_missing_cells_are_no_drift():
    # Columns that tell nothing of one another: a missing cell is filled with the mean, whose share must not count.
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(800, 4))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    detector = AutoencoderOutlierDetector(random_state=0).fit(rows[:400])
    assert not detector.drift(rows[400:]).found
    assert detector.drift(rows[400:] + np.array([0, 0, 0.5, 0])).columns == ("x2",)


def test_pictures_have_one_unit():
    """In units of their own, pixels that hardly vary would count as much as all others: flat rows find fewer."""
    X, y = load_digits(return_X_y=True)
    normal, others = X[y == 8] / 16, X[y != 8][:200] / 16
    found = {}
    for shape in ((64,), (8, 8)):
        train, test = normal[:120].reshape(-1, *shape), np.concatenate([normal[120:], others]).reshape(-1, *shape)
        detector = AutoencoderOutlierDetector(random_state=0).fit(train)
        found[shape] = roc_auc_score(np.arange(len(test)) >= len(test) - 200, -detector.score_samples(test))
        assert np.mean(detector.predict(test[:-200]) == -1) < 0.15
    assert found[8, 8] > 0.98 > found[64,]


def test_equal_pictures_have_no_unit_of_rounding_errors():
    """The mean of 0.1s is not exactly 0.1."""
    assert StandardUnits.of(np.full((40, 4), 0.1), common=True).spread == pytest.approx(0.001)


def test_channels_of_a_series_have_units_of_their_own():
    X = np.random.default_rng(0).normal(size=(60, 8)) * np.repeat([1.0, 1000.0], 4)
    names = tuple(f"x{place}" for place in range(8))
    windows = Table(X, names, row_shape=RowShape((2, 4), ("channel", "time")))
    assert not AutoencoderOutlierDetector(random_state=0).fit(windows).scorer_.units.common
