"""The smallest code: searches, hidden cells, bits and words, on answers known beforehand."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA

from isthmus import Autoencoder, rate_distortion
from isthmus.size_search import Trial, grid, smallest_below, trials_around, within_one_error
from isthmus.smallest.bits import RatePoint, cheapest, lower_hull, rate_points, sensitivity
from isthmus.smallest.choosing import Target, choose
from isthmus.smallest.held_out_entries import entry_errors
from isthmus.smallest.result import gap_sentence
from isthmus.training.loop import Training

QUICK = {"hidden_layer_sizes": (32,), "max_iter": 40}


def hidden_plane(dimension: int, n_rows: int = 200, n_columns: int = 15, noise: float = 0.1, seed: int = 0):
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((n_rows, dimension)) @ rng.standard_normal((dimension, n_columns))
    return table / table.std(0) + noise * rng.standard_normal(table.shape)


def arc(n_rows: int = 400, seed: int = 0) -> np.ndarray:
    """One hidden number along a curved line in twelve columns."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2.5, (n_rows, 1))
    return np.sin(angle * rng.uniform(0.5, 2, 12) + rng.uniform(0, 6, 12)) + 0.05 * rng.standard_normal((n_rows, 12))


def silent(_: str) -> None: ...


# ---- searching ------------------------------------------------------------------------------------------


def test_the_grid_holds_every_small_size_and_the_last():
    assert grid(1) == [1]
    assert grid(7)[:4] == [1, 2, 3, 4]
    assert grid(100)[-1] == 100
    assert all(later > earlier for earlier, later in pairwise(grid(300)))


@pytest.mark.parametrize("answer", [1, 2, 3, 4, 5, 7, 10, 17, 33, 60])
def test_the_minimum_of_a_bent_curve_is_found_with_few_trials(answer):
    noise = np.tile([-0.01, 0.01], (1, 100))
    tried = []

    def attempt(size: int) -> Trial:
        tried.append(size)
        return Trial(size, 1 + abs(size - answer) + noise)

    trials = trials_around(attempt, 64)
    assert within_one_error(trials) == answer
    assert len(tried) == len(set(tried)) <= 22


def test_trials_end_once_they_have_decided():
    trials = trials_around(
        lambda size: Trial(size, np.full((1, 5), -float(size))), 64, decided=lambda known: 4 in known
    )
    assert sorted(trials) == [1, 2, 3, 4]


def test_the_evidence_is_not_followed_where_each_column_has_its_own_noise():
    """Columns of unlike noise ask for a latent each; the search ends where that is seen, and says so."""
    rng = np.random.default_rng(0)
    X = hidden_plane(1, n_rows=400, n_columns=30, noise=0) + rng.standard_normal((400, 30)) * np.geomspace(0.02, 2, 30)
    asked = {"hidden_layer_sizes": (), "scale": "standard"}
    choice = choose(X, Target("evidence"), asked, n_splits=1, seed=0, say=silent)
    assert (choice.rule, choice.size) == ("entries", 1)
    evidence = choice.criteria["evidence"]
    assert evidence.at_least
    assert max(size for size, *_ in evidence.tried) < 29
    assert choice.columns_a_latent < 2


def ring(n_rows: int = 300) -> np.ndarray:
    """A circle in two of three columns."""
    rng = np.random.default_rng(3)
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    return np.stack([np.cos(angle), np.sin(angle), np.zeros(n_rows)], 1) + 0.05 * rng.standard_normal((n_rows, 3))


def band(n_rows: int = 400) -> np.ndarray:
    """A Möbius band: two columns have most of the variance."""
    rng = np.random.default_rng(4)
    angle, across = rng.uniform(0, 2 * np.pi, n_rows), rng.uniform(-0.5, 0.5, n_rows)
    radius = 1 + across * np.cos(angle / 2)
    rows = np.stack([radius * np.cos(angle), radius * np.sin(angle), across * np.sin(angle / 2)], 1)
    return rows + 0.02 * rng.standard_normal(rows.shape)


@pytest.mark.parametrize(
    ("rows", "size"), [(lambda: make_swiss_roll(1_000, noise=0.05, random_state=0)[0], 2), (ring, 1), (band, 2)]
)
def test_of_few_columns_the_evidence_is_followed_where_they_depend_on_each_other(rows, size):
    """Two cells leave several values open for the third, so hidden cells ask for no latent."""
    found = choose(rows(), Target("evidence"), {}, n_splits=1, seed=0, say=silent)
    assert (found.criteria["entries"].size, found.size, found.rule) == (0, size, "evidence")
    assert found.columns_depend is True


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (lambda rng: rng.exponential(size=(800, 3)), {"scale": "standard"}),
        (lambda rng: rng.lognormal(0, 0.8, size=(400, 4)), {}),
    ],
)
def test_independent_columns_have_no_code(rows, settings):
    """The evidence asks for latents, by the columns' own densities."""
    found = choose(rows(np.random.default_rng(1)), Target("evidence"), settings, n_splits=1, seed=0, say=silent)
    assert found.criteria["evidence"].size > 0
    assert (found.size, found.rule, found.columns_depend) == (0, "entries", False)


@pytest.mark.parametrize("guess", [1, 4, 30, 64])
@pytest.mark.parametrize("answer", [1, 2, 7, 33, 64])
def test_the_first_size_that_reaches_is_found(answer, guess):
    tried = []

    def reaches(size: int) -> bool:
        tried.append(size)
        return size >= answer

    assert smallest_below(reaches, 64, guess) == answer
    assert len(tried) == len(set(tried)) <= 20
    assert smallest_below(lambda size: False, 64, guess) is None


def test_one_standard_error_prefers_the_smaller_size():
    spread = np.array([[-1.0, 1.0] * 50])
    trials = {1: Trial(1, 5 + spread), 2: Trial(2, 1.05 + spread), 3: Trial(3, 1 + spread)}
    assert trials[3].standard_error == pytest.approx(0.1)
    assert within_one_error(trials) == 2
    trials[2] = Trial(2, 1.11 + spread)
    assert within_one_error(trials) == 3
    apart = Trial(1, np.array([[1.0, 1.0], [3.0, 3.0]]))
    assert apart.standard_error == pytest.approx(1.0)  # splits that differ: √2 / √2


# ---- hidden cells ---------------------------------------------------------------------------------------


def test_hidden_cells_of_a_plane_are_filled_exactly_by_its_pca():
    X = hidden_plane(2, noise=0)
    model = Autoencoder(2, hidden_layer_sizes=(), random_state=0).fit(X)
    assert entry_errors(model, X, 0).mean() < 0.02
    shallow = Autoencoder(1, hidden_layer_sizes=(), random_state=0).fit(X)
    assert entry_errors(shallow, X, 0).mean() > 0.2
    mean = entry_errors(model, X, 0, encoded=False)
    assert mean.mean() == pytest.approx(1, abs=0.1)  # the model's units: variance 1
    np.testing.assert_array_equal(entry_errors(model, X, 0), entry_errors(model, X, 0))


def test_held_out_rows_want_every_number_and_hidden_cells_do_not():
    X = hidden_plane(2, noise=0.3)
    rows, cells = [], []
    for size in (1, 2, 3, 6, 10):
        model = Autoencoder(size, hidden_layer_sizes=(), random_state=0).fit(X[:150])
        rows.append(((model.reconstruct(X[150:]) - X[150:]) ** 2).mean())
        cells.append(entry_errors(model, X[150:], 0).mean())
    assert (np.diff(rows) < 0).all()
    assert cells[0] > 1.2 * cells[1]
    assert cells[-1] > 0.999 * cells[1]  # the density of codes keeps further latents from doing harm, but no more


@pytest.mark.parametrize("dimension", [1, 3, 10])
def test_a_planes_dimension_is_found(dimension):
    X = hidden_plane(dimension, n_rows=300, n_columns=20, noise=0.2, seed=dimension)
    choice = choose(X, Target("evidence"), QUICK, n_splits=1, seed=0, say=silent)
    assert choice.size == choice.pca_size == dimension
    assert choice.tried[0][0] == 0


def test_a_curved_lines_one_number_is_found_where_pca_takes_more():
    choice = choose(
        arc(), Target("evidence"), {"hidden_layer_sizes": (32, 32), "max_iter": 80}, n_splits=1, seed=0, say=silent
    )
    assert choice.size == 1
    assert choice.pca_size > 2


def test_noise_has_no_code():
    X = np.random.default_rng(0).standard_normal((200, 10))
    found = rate_distortion(X, n_seeds=1, **QUICK)
    assert found.size == 0
    assert found.model is None
    assert found.bits is None
    assert found.sentence.startswith("No code at all")
    json.loads(found.to_json())


# ---- bits -----------------------------------------------------------------------------------------------


def test_sensitivity_of_orthonormal_directions_is_1():
    X = hidden_plane(3)
    pca = PCA(3).fit(X)
    np.testing.assert_allclose(sensitivity(pca.inverse_transform, pca.transform(X)), 1, rtol=1e-9)
    np.testing.assert_allclose(sensitivity(lambda codes: 2 * codes, np.eye(3)), 2, rtol=1e-9)
    np.testing.assert_array_equal(sensitivity(lambda codes: codes, np.ones((9, 1))), 0)


def test_a_gaussian_number_costs_what_theory_says():
    """At a fine step, h(z) - log₂ Δ bits and an error of Δ²/12."""
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((200_000, 1)), rng.standard_normal((50_000, 1))
    points = list(rate_points(lambda codes: codes, train, test, test))
    steps = 2.0 ** np.arange(1, -5.5, -0.5) * test.std()
    for point, step in zip(points[4:], steps[4:], strict=True):
        assert point.error == pytest.approx(step**2 / 12, rel=0.03)
        assert point.bits == pytest.approx(0.5 * np.log2(2 * np.pi * np.e) - np.log2(step), abs=0.03)


def test_the_lower_hull():
    points = [RatePoint(1, bits, error) for bits, error in ((0, 4), (1, 3.5), (2, 1), (3, 2), (4, 0.5), (4, 0.4))]
    hull = lower_hull(points)
    assert [(one.bits, one.error) for one in hull] == [(0, 4), (2, 1), (4, 0.4)]
    assert cheapest(hull, 5) == 0
    assert cheapest(hull, 1) == 2
    assert cheapest(hull, 2.5) == pytest.approx(1)
    assert cheapest(hull, 0.1) is None


# ---- the whole ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def curved():
    return rate_distortion(arc(), keep=0.95, sizes=[2], n_seeds=2, hidden_layer_sizes=(32, 32), max_iter=40)


def test_a_curved_line_in_one_number(curved):
    assert curved.size == 1
    assert curved.chosen.error < 0.05 * curved.variation * 1.1
    assert curved.pca_needs > 1
    assert re.match(rf"^1 dimension does what PCA needs {curved.pca_needs} for: it keeps 9", curved.sentence)
    assert curved.chosen.lowest <= curved.chosen.error <= curved.chosen.highest
    assert [one.size for one in curved.curve] == list(range(1, len(curved.curve) + 1))
    assert (np.diff([one.pca for one in curved.curve]) < 0).all()
    assert curved.nested.transform(arc()[:3], size=1).shape == (3, 1)
    assert curved.choice.votes == (1, 1)


def test_pca_of_the_record_is_scikit_learns(curved):
    from isthmus.tables import split_rows

    X = arc()
    train, test = split_rows(len(X), test_size=0.2, seed=0)
    for one in curved.curve:
        pca = PCA(one.size).fit(X[train])
        assert one.pca == pytest.approx(
            ((pca.inverse_transform(pca.transform(X[test])) - X[test]) ** 2).mean(), rel=1e-4
        )


def test_bits_and_gap(curved):
    assert curved.bits.needed < curved.bits.pca_needed
    for curve in (curved.bits.curve, curved.bits.pca_curve):
        assert all(a.bits < b.bits and a.error > b.error for a, b in pairwise(curve))
    gap = curved.curve[1].gap
    assert gap == pytest.approx(curved.curve[1].nested / curved.curve[1].error - 1)


def test_beside_an_error_of_rounding_no_percentage_is_said(curved):
    exact = tuple(dataclasses.replace(one, error=one.nested * 1e-12) for one in curved.curve if one.error)
    said = gap_sentence(dataclasses.replace(curved, curve=exact))
    assert "more than ten times higher at 1" in said
    assert "%" not in said


def test_the_record_is_plain_json(curved):
    facts = json.loads(curved.to_json())
    assert facts["size"] == 1
    assert facts["sentence"] == curved.sentence
    assert set(facts["gaps"]) == {"1", "2"}
    assert "model" not in facts
    assert len(curved.plot().axes) == 2
    assert curved.table().row_count == len(curved.curve)


def test_where_pca_does_as_well_that_is_said():
    found = rate_distortion(hidden_plane(2), keep=0.9, n_seeds=1, **QUICK)
    assert found.size == found.pca_needs == 2
    assert "PCA does as well with 2: use PCA" in found.sentence


def test_targets_out_of_reach_and_targets_that_need_nothing():
    X = np.random.default_rng(0).standard_normal((60, 6))
    nothing = rate_distortion(X, max_error=10, n_seeds=1, **QUICK)
    assert nothing.size == 0
    assert nothing.sentence == "No code is needed: the mean row alone reaches an error of 10 per feature."
    wide = np.random.default_rng(0).standard_normal((30, 40))
    none = rate_distortion(wide, keep=0.99, n_seeds=1, hidden_layer_sizes=(8,), max_iter=2)
    assert none.size is None
    assert none.sentence.startswith("No code of up to 40 dimensions reaches 99% of the variance")


def test_as_good_as_pca_of_a_plane_is_as_many_numbers():
    found = rate_distortion(hidden_plane(3), as_good_as=2, n_seeds=1, scale="standard", **QUICK)
    assert found.size == found.choice.pca_size == 2
    assert found.scale == "standard"


def test_ctrl_c_stops_the_search(monkeypatch):
    steps = []

    def interrupted(self, batch, learning_rate):
        steps.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rate_distortion(hidden_plane(2), n_seeds=1, **QUICK)
    assert len(steps) == 1


def test_the_same_seed_gives_the_same_answer():
    X = hidden_plane(1)
    one, two = (rate_distortion(X, keep=0.8, n_seeds=1, hidden_layer_sizes=(8,), max_iter=5) for _ in range(2))
    assert one.to_dict() == two.to_dict()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"keep": 0.9, "max_error": 1}, "give one target, not keep and max_error"),
        ({"keep": 1.0}, "keep must be a share above 0 and below 1, got 1.0"),
        ({"max_error": 0}, "max_error must be a number above 0, got 0"),
        ({"as_good_as": 16}, "as_good_as must be at most 15, the columns of X, got 16"),
        ({"as_good_as": 1.5}, "as_good_as must be a whole number of at least 1, got 1.5"),
        ({"sizes": [0]}, "sizes must be from 1 to 15, the columns of X, got 0"),
        ({"n_seeds": 0}, "n_seeds must be at least 1, got 0"),
        ({"n_components": 3}, "'n_components' is not a setting of Autoencoder that can be given here"),
        ({"sparsity": 3}, "'sparsity' is not a setting"),
        ({"likelihood": "bernoulli"}, "leave likelihood and start alone"),
    ],
)
def test_bad_questions_are_refused(asked, words):
    with pytest.raises(ValueError, match=f"^rate_distortion: .*{re.escape(words)}"):
        rate_distortion(hidden_plane(2), **asked)


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match=r"rate_distortion: .* at least 20 rows of 2 columns"):
        rate_distortion(hidden_plane(1)[:19])
    with pytest.raises(ValueError, match="these rows do not vary"):
        rate_distortion(np.ones((30, 4)))
    with pytest.raises(ValueError, match="no value at all in column 0"):
        rate_distortion(np.full((30, 4), np.nan))
