"""Synthetic rows of a table: the values its columns take, gaps as they were, order kept; and where codes come from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pytest

import isthmus
from isthmus.generation.sources import CodeSource, nearest_source
from isthmus.generation.tables import drawn_in_order, order_of
from isthmus.storage import load

QUICK = {"max_iter": 6, "random_state": 0}


def visits(n=400, gaps=False):
    """Whole numbers with many zeros, a bounded share, a start no later than its end, a category."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=n)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.round(50 + 20 * hidden), unit="D")
    frame = pd.DataFrame(
        {
            "visits": np.maximum(0, np.round(3 * hidden + rng.normal(size=n))).astype(int),
            "share": 1 / (1 + np.exp(-2 * hidden - rng.normal(size=n))),
            "start": start,
            "end": start + pd.to_timedelta(rng.integers(0, 5, n), unit="D"),
            "kind": np.where(hidden + 0.5 * rng.normal(size=n) > 0, "new", "old"),
        }
    )
    if gaps:
        frame["share"] = frame["share"].where(rng.random(n) > 0.2)
    return frame


@pytest.fixture(scope="module")
def model():
    return isthmus.Autoencoder(2, **QUICK).fit(visits())


def test_whole_numbers_ranges_and_categories_are_kept(model):
    frame, drawn = visits(), model.sample(600, random_state=1)
    assert drawn.dtypes.tolist() == frame.dtypes.tolist()
    for name in ("visits", "share", "start", "end"):
        assert frame[name].min() <= drawn[name].min() <= drawn[name].max() <= frame[name].max()
    assert set(drawn["kind"]) == {"new", "old"}
    assert (drawn["visits"] == 0).mean() == pytest.approx((frame["visits"] == 0).mean(), abs=0.08)
    levels = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(drawn["share"].quantile(levels), frame["share"].quantile(levels), atol=0.08)


def test_columns_still_depend_on_each_other(model):
    frame, drawn = visits(), model.sample(600, random_state=1)
    ours, theirs = (one[["visits", "share"]].corr("spearman").iloc[0, 1] for one in (drawn, frame))
    assert ours == pytest.approx(theirs, abs=0.15)


def test_means_without_noise_are_as_before(model):
    drawn = model.sample(200, random_state=1, noise=False)
    assert drawn["share"].std() < visits()["share"].std()


def test_gaps_follow_the_patterns_of_the_rows():
    frame = visits(gaps=True)
    drawn = isthmus.Autoencoder(2, missing="mask", **QUICK).fit(frame).sample(600, random_state=1)
    assert drawn["share"].isna().mean() == pytest.approx(frame["share"].isna().mean(), abs=0.06)
    assert not drawn["visits"].isna().any()


@pytest.mark.parametrize("rule", ["start <= end", "end>=start"])
def test_order_is_kept_on_request(model, rule):
    drawn = model.sample(300, random_state=1, order=[rule])
    assert (drawn["start"] <= drawn["end"]).all()
    assert not (model.sample(300, random_state=1)["start"] <= model.sample(300, random_state=1)["end"]).all()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("start end", "order='start end' must be like 'start <= end'"),
        ("start <= kind", "order='start <= kind' needs columns of numbers or dates, and 'kind' is not"),
        ("start <= later", "'later' is not; there are 'visits', 'share', 'start', 'end'"),
        ("start < share", "order='start < share' compares a date with a number"),
        ("share > 1 < 2", "needs columns of numbers"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(model, rule, words):
    with pytest.raises(ValueError, match=f"Autoencoder: .*{words}"):
        model.sample(3, order=[rule])


def test_an_order_that_no_row_keeps_is_refused():
    order = order_of(["a < b"], ["a", "b"], None, "Autoencoder")
    with pytest.raises(ValueError, match="some rows still break order after 50 rounds of drawing; few rows"):
        drawn_in_order(lambda count: np.tile([2.0, 1.0], (count, 1)), 5, order, "Autoencoder")


def test_the_same_rows_come_after_save_and_load(model, tmp_path):
    again = load(isthmus.save(model, tmp_path / "model"))
    pd.testing.assert_frame_equal(again.sample(20), model.sample(20))


def test_a_prior_is_taken_where_codes_fill_it_and_a_density_where_they_do_not():
    rng = np.random.default_rng(0)
    full = rng.normal(size=(1000, 3))
    assert nearest_source(full, 0).distances["prior"] < 0.02
    clusters = np.sign(full) + 0.1 * rng.normal(size=full.shape)
    found = nearest_source(clusters, 0)
    assert found.name == "density"
    assert found.distances["density"] < 0.2 * found.distances["prior"]
    assert nearest_source(full[:50], 0) == CodeSource("prior", {})


def test_a_model_says_where_its_codes_come_from():
    table = np.random.default_rng(0).normal(size=(300, 2)) @ np.ones((2, 5))
    plain = isthmus.Autoencoder(2, **QUICK).fit(table)
    assert plain.code_source().sentence() == "codes are drawn from the density"
    variational = isthmus.VariationalAutoencoder(2, **QUICK).fit(table)
    source = variational.code_source()
    assert set(source.distances) == {"prior", "density"}
    np.testing.assert_array_equal(variational.sample(5), variational.sample(5, codes=source.name))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_sampled_from_a_numeric_frame_have_its_form_its_dtypes_and_the_values_of_its_columns(library):
    rng = np.random.default_rng(0)
    ages, heights = rng.integers(18, 90, 200), rng.normal(170, 10, 200)
    frame = pd.DataFrame({"age": ages, "height": heights.astype(np.float32), "visits": rng.poisson(1.5, 200)})
    given = frame if library == "pandas" else polars.from_pandas(frame)
    model = isthmus.Autoencoder(2, scale="standard", random_state=0, max_iter=1).fit(given)
    drawn = model.sample(50)
    assert type(drawn) is type(given)
    assert list(drawn.columns) == list(given.columns)
    assert list(drawn.dtypes) == list(given.dtypes)
    for name in given.columns:
        assert given[name].min() <= drawn[name].min() <= drawn[name].max() <= given[name].max()
    assert isinstance(isthmus.Autoencoder(2, max_iter=1).fit(frame.to_numpy()).sample(2), np.ndarray)


def prices(n=300):
    """Columns on grids: cents, thousands, single precision, and times to the minute or second."""
    rng = np.random.default_rng(0)
    hidden, start = rng.normal(size=n), pd.Timestamp("2024-03-01")
    return pd.DataFrame(
        {
            "price": np.round(3e7 + 9e6 * hidden + rng.normal(size=n), 2),
            "income": np.round(60_000 + 9000 * hidden, -3),
            "share": np.round(1 / (1 + np.exp(-hidden)), 2).astype(np.float32),
            "opens": start + pd.to_timedelta(np.round(900 * hidden), unit="min"),
            "shuts": start + pd.to_timedelta(np.round(90_000 * hidden), unit="s"),
        }
    )


def assert_on_the_grids(drawn):
    for name, decimals in (("price", 2), ("income", -3), ("share", 2)):
        np.testing.assert_array_equal(drawn[name], drawn[name].round(decimals))
    assert (drawn["opens"] == drawn["opens"].dt.round("min")).all()
    assert (drawn["shuts"] == drawn["shuts"].dt.round("s")).all()


def test_drawn_values_have_the_decimals_of_their_column():
    frame = prices()
    drawn = isthmus.Autoencoder(1, **QUICK).fit(frame).sample(200, order=["opens <= shuts"])
    assert drawn.dtypes.tolist() == frame.dtypes.tolist()
    assert_on_the_grids(drawn)
    assert (drawn["opens"] <= drawn["shuts"]).all()
    numbers = frame[["price", "income", "share"]]
    drawn = isthmus.Autoencoder(1, scale="standard", **QUICK).fit(numbers).sample(200)
    np.testing.assert_array_equal(drawn, drawn.round(2))
    assert (drawn["price"] != drawn["price"].round(1)).any()


def test_drawn_cells_have_the_decimals_of_their_column():
    frame = prices()
    holes = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.2)
    for draw in isthmus.Autoencoder(1, missing="mask", **QUICK).fit(holes).impute(holes, draws=2):
        assert_on_the_grids(draw)
