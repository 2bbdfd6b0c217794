"""Count columns beside numbers, booleans and categories: found or said, with a likelihood of their own, and whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch

import isthmus
from cli.conftest import call, sentence
from isthmus import Autoencoder, VariationalAutoencoder, column_errors
from isthmus.parts.count_columns import CountColumns, look_counted
from isthmus.rows.scaling import column_statistics
from isthmus.tables.errors import DataError

FITS = {"n_components": 2, "max_iter": 8, "random_state": 0}


def visitors(n_rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Two hidden numbers behind an age, two counts, a city and a yes or no."""
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, n_rows))
    spent = rng.negative_binomial(2, 2 / (2 + np.exp(2 + 0.5 * second)))
    return pd.DataFrame(
        {
            "age": (45 + 10 * first + 3 * rng.standard_normal(n_rows)).round(1),
            "visits": rng.poisson(np.exp(0.5 + 0.8 * first)),
            "spent": spent,
            "born": 1970 + np.round(5 * second).astype(int),
            "city": np.where(second + 0.5 * rng.standard_normal(n_rows) > 0, "Rome", "Oslo"),
            "member": first > 0,
        }
    )


@pytest.fixture(scope="module", params=["auto", "poisson"])
def fitted(request) -> Autoencoder:
    return Autoencoder(likelihood=request.param, **FITS).fit(visitors())


def test_each_column_says_which_likelihood_it_got(fitted):
    own = {"auto": "negative_binomial", "poisson": "poisson"}[fitted.likelihood]
    found = fitted.column_likelihoods_
    assert found == {
        "age": "gaussian",
        "visits": own,
        "spent": own,
        "born": "gaussian",  # whole, and no count: years have no zero
        "city": "categorical",
        "member": "bernoulli",
    }
    assert Autoencoder(**FITS | {"max_iter": 0}).fit(visitors()).column_likelihoods_["visits"] == "gaussian"
    assert Autoencoder(**FITS | {"max_iter": 0}).fit(visitors()[["age", "born"]]).column_likelihoods_ == {}


def test_a_column_that_is_said_to_be_a_count_is_one_whatever_the_likelihood():
    table = isthmus.read(visitors(), kinds={"born": "count"})
    model = Autoencoder(**FITS | {"max_iter": 0}).fit(table)
    assert model.column_likelihoods_["born"] == "negative_binomial"
    assert model.column_likelihoods_["visits"] == "gaussian"
    numbers = isthmus.read(visitors()[["age", "visits"]], kinds={"visits": "count"})
    assert Autoencoder(1, max_iter=0).fit(numbers).column_likelihoods_ == {
        "age": "gaussian",
        "visits": "negative_binomial",
    }


def test_columns_that_look_like_counts():
    rng = np.random.default_rng(0)
    columns = {
        "counts": rng.poisson(3, 500),
        "more scattered": rng.negative_binomial(1, 0.2, 500),
        "a rating": rng.integers(0, 2, 500) + rng.integers(3, 6, 500) * (np.arange(500) > 3),
        "years": 1950 + rng.poisson(30, 500),
        "truths": rng.integers(0, 2, 500),
        "below zero": rng.poisson(3, 500) - 1,
        "fractions": rng.poisson(3, 500) / 2,
    }
    found = look_counted(column_statistics([np.column_stack(list(columns.values())).astype(float)]))
    assert [name for name, counted in zip(columns, found, strict=True) if counted] == ["counts", "more scattered"]


@pytest.mark.parametrize("poisson", [True, False])
def test_the_cost_is_scipys_as_a_density_of_standardised_cells(poisson):
    block = CountColumns(np.array([3.0, 20.0]), poisson=poisson)
    block.in_units(np.array([3.0, 20.0]), np.array([2.0, 15.0]))
    counts = torch.tensor([[0.0, 55.0], [4.0, 0.0]])
    output = torch.tensor([[0.4, 1.0], [-2.0, -3.0]])
    mean = (block.center + block.spread * block.mean(output)).detach().numpy()
    cells = (counts - block.center) / block.spread
    if poisson:
        logs = scipy.stats.poisson.logpmf(counts.numpy(), mean)
    else:
        theta = block.dispersion.detach().numpy()
        logs = scipy.stats.nbinom.logpmf(counts.numpy(), theta, theta / (theta + mean))
    expected = -(logs + np.log(block.spread.numpy())).sum(1)
    np.testing.assert_allclose(block(output, cells).detach().numpy(), expected, rtol=1e-4)
    gap = cells.clone()
    gap[0, 1] = float("nan")
    lost = -(logs[0, 0] + np.log(2.0))
    np.testing.assert_allclose(block(output, gap)[0].item(), lost, rtol=1e-4)
    variance = mean if poisson else mean + mean**2 / theta
    np.testing.assert_allclose(
        block.curvature(block.mean(output)).detach().numpy(), block.spread.numpy() ** 2 / variance, rtol=1e-3
    )


def test_the_start_is_pca_and_training_leaves_it_only_for_less(fitted):
    start = Autoencoder(likelihood=fitted.likelihood, polish=0, **FITS | {"max_iter": 0}).fit(visitors())
    held_out = visitors(seed=1)
    errors = {error.name: error for error in column_errors(start, held_out)}
    for name in ("visits", "spent"):
        assert errors[name].measure == "deviance"
        assert errors[name].model == pytest.approx(errors[name].pca, rel=1e-3)
    losses = fitted.history_.columns["validation_loss"]
    assert losses[fitted.best_epoch_] <= losses[0]


def test_well_above_zero_the_mean_is_the_output_itself():
    columns = CountColumns(np.array([5.0]))
    columns.in_units(np.array([5.0]), np.array([2.0]))
    output = torch.tensor([[5.0], [20.0], [60.0]])
    torch.testing.assert_close(columns.mean(output), output, rtol=1e-3, atol=1e-3)
    assert columns.log_mean(torch.tensor([[-50.0]])).isfinite().all()


def test_the_floor_and_the_scatter_of_the_start_are_those_that_cost_least():
    table = visitors()
    start = Autoencoder(likelihood="auto", **FITS | {"max_iter": 0}).fit(table)
    block, rows = start.model_.likelihood.counts, torch.from_numpy(start.scaling_.apply(start.to_numbers(table)))
    places = start.model_.likelihood.count_places
    output = start.principal_.reconstruct(rows, 2)[:, places]
    with torch.no_grad():
        least = float(block(output, rows[:, places]).sum())
        for floor in (0.3, 3.0):
            block.floor *= floor
            assert float(block(output, rows[:, places]).sum()) >= least
            block.floor /= floor
        assert block.dispersion[1] < block.dispersion[0]  # what was spent scatters more


def test_samples_reconstructions_and_filled_cells_are_whole(fitted):
    table = visitors(seed=2)
    drawn = fitted.sample(200)
    for made in (drawn, fitted.reconstruct(table)):
        assert made.dtypes.equals(table.dtypes)
        assert (made[["visits", "spent"]] >= 0).all().all()
    assert 0.5 * table["spent"].var() < drawn["spent"].var() < 2 * table["spent"].var()
    gaps = table.astype({"visits": float})
    gaps.loc[::3, "visits"] = np.nan
    filled = fitted.impute(gaps)
    assert (filled["visits"] == filled["visits"].round()).all()
    assert (filled["visits"] >= 0).all()
    pd.testing.assert_series_equal(filled["visits"][1::3], gaps["visits"][1::3])
    for draw in fitted.impute(gaps, draws=2):
        assert (draw["visits"] == draw["visits"].round()).all()
        assert (draw["visits"] >= 0).all()
    low, high = fitted.reconstruct(table, interval=0.9)[1:]
    assert (low["spent"] >= 0).all()
    assert (low["spent"] < high["spent"]).any()


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_learns_from_rows_with_missing_counts(kind):
    gaps = visitors().astype({"visits": float})
    gaps.loc[::4, "visits"] = np.nan
    model = kind(likelihood="auto", missing="mask", **FITS).fit(gaps)
    assert model.column_likelihoods_["visits"] == "negative_binomial"
    assert np.isfinite(model.score_samples(gaps)).all()
    filled = model.impute(gaps)
    hidden = visitors()["visits"][::4]
    assert np.abs(filled["visits"][::4] - hidden).mean() < np.abs(hidden - hidden.mean()).mean()


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_a_saved_model_is_the_same_model(tmp_path, kind):
    model, table = kind(likelihood="auto", **FITS).fit(visitors()), visitors(seed=1)
    isthmus.save(model, tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    assert again.column_likelihoods_ == model.column_likelihoods_
    np.testing.assert_array_equal(again.transform(table), model.transform(table))
    pd.testing.assert_frame_equal(again.sample(5), model.sample(5))
    np.testing.assert_array_equal(again.score_samples(table), model.score_samples(table))


def test_what_is_no_count_is_refused_by_name(fitted):
    wrong = visitors(10).astype({"spent": float})
    wrong.loc[3, "visits"] = -2
    wrong.loc[4, "spent"] = 0.5
    with pytest.raises(
        ValueError, match=r"visits holds counts.* -2 in row 3.*; column spent holds counts.* 0\.5 in row 4"
    ):
        fitted.transform(wrong)
    with pytest.raises(DataError, match=r"--kind age=count: counts are whole numbers from 0, and the column holds fra"):
        isthmus.read(visitors(), kinds={"age": "count"})
    with pytest.raises(ValueError, match="no column of X looks like one"):
        Autoencoder(2, likelihood="poisson").fit(visitors()[["age", "city"]])
    with pytest.raises(ValueError, match="likelihood='bernoulli'"):
        Autoencoder(2, likelihood="bernoulli").fit(visitors())


def test_the_command_line_takes_and_names_counts(tmp_path):
    visitors().to_csv(tmp_path / "visitors.csv", index=False)
    quick = ("--n-components", "2", "--max-iter", "2", "--no-plots", "--no-page")
    for flags, own in ((("--kind", "spent=count"), "negative binomial"), (("--likelihood", "poisson"), "poisson")):
        called = call("fit", tmp_path / "visitors.csv", "-o", tmp_path / own, *quick, *flags)
        assert called.code == 0, called.err
        assert f"Counts, by a {own} likelihood:" in called.out
        assert "count     deviance" in called.out
    assert "visits='gaussian', spent='negative_binomial'" in call("info", tmp_path / "negative binomial").out
    called = call("fit", tmp_path / "visitors.csv", "--kind", "age=count", "-o", tmp_path / "no", *quick)
    assert called.code != 0
    assert "counts are whole numbers from 0, and the column holds fractions" in sentence(called)
