"""The outlier detector: scikit-learn's contract, exact contributions, promised rates, and rows known to be strange."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import isthmus
from isthmus import Autoencoder, AutoencoderOutlierDetector, VariationalAutoencoder
from isthmus.anomaly import cross_val_detect
from isthmus.anomaly.conformal import benjamini_hochberg, conformal_p_values, rows_needed, threshold_at
from isthmus.anomaly.detector import MEASURES
from isthmus.anomaly.scores import Columns, Neighbours, Surprise, residual_variances
from isthmus.storage import StorageError


def quick(**settings) -> AutoencoderOutlierDetector:
    settings = {
        "autoencoder": Autoencoder(2, max_iter=5, hidden_layer_sizes=(16,), scale="standard"),
        "random_state": 0,
    } | settings
    return AutoencoderOutlierDetector(**settings)


def usual_rows(n_rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(2, 6))
    return np.tanh(rng.normal(size=(n_rows, 2))) @ mixing + 0.1 * rng.normal(size=(n_rows, 6))


@pytest.fixture(scope="module")
def fitted() -> AutoencoderOutlierDetector:
    return quick().fit(usual_rows(300))


# ---- the contract ---------------------------------------------------------------------------------------


def test_check_estimator_expects_no_failures():
    detector = AutoencoderOutlierDetector(autoencoder=Autoencoder(1, max_iter=1, hidden_layer_sizes=()))
    results = check_estimator(detector, expected_failed_checks={}, on_fail="raise", on_skip=None)
    assert len(results) > 40
    assert {found["check_name"] for found in results if found["status"] != "passed"} <= {"check_array_api_input"}


def test_signs_and_thresholds_agree(fitted):
    X = np.concatenate([usual_rows(50, 1), 5 + usual_rows(5, 2)])
    scores, decision = fitted.score_samples(X), fitted.decision_function(X)
    np.testing.assert_array_equal(decision, scores - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(X) == -1, decision < 0)
    np.testing.assert_array_equal(fitted.predict(X) == -1, fitted.p_values(X) <= fitted.false_alarm_rate)
    np.testing.assert_array_equal(fitted.alarms(X), decision < 0)
    assert (fitted.predict(X[50:]) == -1).all()


def test_equal_seeds_give_equal_scores_and_leave_the_generators_alone():
    import torch

    X = usual_rows(80)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first, second = (quick().fit(X).score_samples(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_contamination_is_the_share_of_the_rows_of_the_fit(share):
    X = usual_rows(200)
    detector = quick(contamination=share).fit(X)
    assert np.mean(detector.predict(X) == -1) == pytest.approx(share, abs=0.01)
    assert np.isnan(detector.false_alarm_rate_)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"contamination": 2.0}, "contamination must be above 0 and at most 0.5, got 2.0"),
        ({"contamination": "some"}, "contamination must be one of 'auto', got 'some'"),
        ({"measure": "size"}, "measure must be one of 'combined', 'reconstruction', 'latent', 'likelihood'"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate must be above 0 and below 1, got 0.0"),
        ({"autoencoder": "vanilla"}, "autoencoder must be one of isthmus's estimators"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        quick(**settings).fit(usual_rows(40))


def test_a_rate_of_discoveries_is_between_0_and_1(fitted):
    with pytest.raises(ValueError, match="false_discovery_rate must be above 0 and below 1, got 2"):
        fitted.alarms(usual_rows(3), false_discovery_rate=2)


def test_the_given_autoencoder_is_not_touched():
    template = Autoencoder(2, max_iter=1)
    detector = quick(autoencoder=template).fit(usual_rows(40))
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
    detector = quick(measure=measure, autoencoder=kind(2, max_iter=3, hidden_layer_sizes=(16,))).fit(usual_rows(120))
    X = np.concatenate([usual_rows(30, 1), 100 * usual_rows(5, 2), np.full((1, 6), 1e200)])
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
    X = usual_rows(100)
    detector = quick(measure="reconstruction").fit(X)
    units, reconstructed = detector.columns_.apply(X), detector.columns_.apply(detector.autoencoder_.reconstruct(X))
    expected = ((units - reconstructed) ** 2 / detector.residual_variances_).sum(1)
    np.testing.assert_allclose(-detector.score_samples(X), expected, rtol=1e-3)


# ---- anomalous rows ---------------------------------------------------------------------------------------


def test_a_far_row_on_the_principal_line_is_caught():
    rng = np.random.default_rng(0)
    line = np.array([[1.0, 2.0, -1.0]])
    X = rng.normal(size=(200, 1)) @ line + 0.01 * rng.normal(size=(200, 3))
    detector = quick(autoencoder=Autoencoder(1, hidden_layer_sizes=(), scale="standard")).fit(X)
    far = 20 * line  # reconstructed perfectly
    assert detector.predict(far)[0] == -1
    assert detector.p_values(far)[0] == 1 / (len(detector.calibration_scores_) + 1)


def test_the_mean_row_of_a_ring_is_caught():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 400)
    ring = np.column_stack([np.cos(angle), np.sin(angle), np.cos(angle) + np.sin(angle)])
    ring += 0.03 * np.random.default_rng(1).normal(size=ring.shape)
    detector = quick().fit(ring)
    assert detector.predict(ring.mean(0, keepdims=True))[0] == -1
    only_residuals = quick(measure="reconstruction").fit(ring)
    assert only_residuals.predict(ring.mean(0, keepdims=True))[0] == 1


def test_constant_columns_are_usual_while_they_stay_so():
    X = np.column_stack([usual_rows(150), np.full(150, 7.0), np.zeros(150)])
    detector = quick().fit(X)
    changed = X[:1].copy()
    changed[0, 6] = 70.0
    assert np.mean(detector.predict(X) == -1) < 0.2
    assert detector.predict(changed)[0] == -1
    assert detector.explain(changed).top(1)[0, 0] == 6


@pytest.mark.parametrize("shape", [(10, 4), (3, 2), (12, 40), (30, 1)])
def test_few_rows_and_wide_tables_are_fitted(shape):
    X = np.random.default_rng(0).normal(size=shape)
    detector = AutoencoderOutlierDetector(autoencoder=Autoencoder(max_iter=2), random_state=0).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    far = np.full((1, shape[1]), 1e6)
    assert detector.predict(far)[0] == -1
    n_held_out = len(detector.calibration_scores_)
    assert detector.false_alarm_rate_ == max(1, int(0.05 * (n_held_out + 1))) / (n_held_out + 1)


def test_scattered_strange_rows_are_left_out_of_the_fit():
    X = usual_rows(300)
    X[:15] = 30 * np.random.default_rng(3).normal(size=(15, 6))
    trimmed, whole = quick().fit(X), quick(trim=False).fit(X)
    assert whole.n_trimmed_ == 0
    assert 5 <= trimmed.n_trimmed_ <= 20
    assert np.mean(trimmed.columns_.spread) < 0.5 * np.mean(whole.columns_.spread)


# ---- rates ----------------------------------------------------------------------------------------------


def test_stated_false_alarm_rates_are_met():
    met = []
    for seed in range(8):
        detector = quick(
            autoencoder=Autoencoder(1, hidden_layer_sizes=(), scale="standard"), random_state=seed, false_alarm_rate=0.1
        )
        detector.fit(usual_rows(236, 10 + seed))  # 59 held-out rows: 6 / 60 is the rate exactly
        assert detector.false_alarm_rate_ == pytest.approx(0.1)
        met.append(np.mean(detector.predict(usual_rows(2000, 100 + seed)) == -1))
    # one fit spreads as Beta(6, 54), standard deviation 0.038: the mean of eight within three of theirs
    assert np.mean(met) == pytest.approx(0.1, abs=3 * 0.038 / np.sqrt(8))


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
    detector = quick().fit(usual_rows(2000))
    X = np.concatenate([usual_rows(200, 1), 6 + usual_rows(50, 2)])
    alarms = detector.alarms(X, false_discovery_rate=0.1)
    assert alarms[200:].all()
    assert alarms[:200].sum() <= 0.25 * alarms.sum()


def test_the_rate_can_be_moved_without_a_fit(fitted):
    copied = clone(fitted).fit(usual_rows(300))
    X = usual_rows(500, 5)
    few, many = (np.mean(copied.set_false_alarm_rate(rate).predict(X) == -1) for rate in (0.02, 0.3))
    assert few < 0.1 < many


# ---- parts ----------------------------------------------------------------------------------------------


def test_a_row_of_the_fit_is_not_its_own_neighbour():
    rows = np.array([[0.0], [1.0], [3.0]])
    np.testing.assert_allclose(Neighbours(rows, 1).squared_distances(np.array([[0.0], [0.4]])), [[1.0], [0.16]])


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
    X = usual_rows(20)
    columns = Columns.of(X)
    np.testing.assert_allclose(columns.undo(columns.apply(X)), X)


# ---- around a model, within a table, on disk ------------------------------------------------------------


def test_a_fitted_autoencoder_is_taken_as_it_is():
    X, held_out = usual_rows(200), usual_rows(100, 1)
    model = Autoencoder(2, max_iter=5, random_state=0).fit(X)
    detector = AutoencoderOutlierDetector().fit_around(model, X, held_out)
    assert detector.autoencoder_ is model
    assert len(detector.calibration_scores_) == 100
    assert (detector.predict(8 + usual_rows(5)) == -1).all()


def test_a_table_is_judged_by_itself():
    X = usual_rows(160)
    X[11] += np.array([0, 0, 6.0, 0, 0, 0])
    judgement = cross_val_detect(quick(), X)
    assert judgement.explanation.scores.argmax() == 11
    assert judgement.explanation.top(1)[11, 0] == 2
    assert judgement.above[11]
    with pytest.raises(ValueError, match="5 rows are too few for the evaluation one another"):
        cross_val_detect(quick(), X[:5])


@pytest.mark.parametrize("kind", [None, VariationalAutoencoder])
def test_a_detector_comes_back_as_it_was(tmp_path, kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(usual_rows(60), columns=list("abcdef"))
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
def test_a_group_of_strange_rows_that_was_learned_from_is_still_strange(seed):
    """They are each other's nearest neighbours; a third of the normal rows they are not."""
    rng = np.random.default_rng(seed)
    usual, group = rng.standard_normal((400, 4)), 3 + 0.2 * rng.standard_normal((40, 4))
    detector = AutoencoderOutlierDetector(trim=False, random_state=0).fit(np.r_[usual[:300], group[:20]])
    strange, normal = (-detector.score_samples(rows) for rows in (group[20:], usual[300:]))
    assert (strange[:, None] > normal).mean() > 0.9


def test_a_stream_is_judged_as_its_rows_are():
    from isthmus.anomaly.cross_validation import detect_stream, fit_folds, judge
    from isthmus.tables import open_table

    X = np.random.default_rng(0).normal(size=(300, 4))
    detectors = fit_folds(AutoencoderOutlierDetector(random_state=0), X, 0)
    stream = open_table(list(np.array_split(X, 5)))
    found = detect_stream(detectors[:1], stream, 7, 0)
    whole = judge(detectors[0], X)
    order = np.argsort(-whole.explanation.scores, kind="stable")[:7]
    assert found.rows.tolist() == order.tolist()
    np.testing.assert_allclose(found.detection.explanation.scores, whole.explanation.scores[order], rtol=1e-4)
    np.testing.assert_allclose(found.p_values, whole.p_values, atol=1e-2)
    every = detect_stream(detectors, stream, 300, 0)
    assert sorted(every.rows.tolist()) == list(range(300))
    np.testing.assert_allclose(every.detection.p_values, every.p_values[every.rows], rtol=1e-6)
