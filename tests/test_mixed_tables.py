"""DataFrames of numbers, booleans, categories and dates: in, through the code, and out as they were."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from isthmus import Autoencoder, VariationalAutoencoder, column_errors, evaluate, load, save
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.likelihoods.mixed import MixedLikelihood
from isthmus.storage.record import from_plain, to_plain
from isthmus.tables.frames import arrow_of
from isthmus.tables.layout import Blocks, TableLayout, layout_of
from isthmus.tables.output_rows import rows_like
from isthmus.variants import variants


def people(n_rows: int = 200, seed: int = 0) -> pd.DataFrame:
    """A table whose every column follows from one hidden number."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal(n_rows)
    day = pd.to_datetime("2020-01-01") + pd.to_timedelta(np.round(hidden * 100), unit="D")
    return pd.DataFrame(
        {
            "height": 170 + 10 * hidden + rng.standard_normal(n_rows),
            "children": np.clip(np.round(3 + hidden), 0, 9).astype("int16"),
            "member": hidden + 0.2 * rng.standard_normal(n_rows) > 0,
            "size": pd.Categorical(
                np.select([hidden < -0.5, hidden > 0.5], ["small", "large"], "middle"),
                categories=["small", "middle", "large", "huge"],
                ordered=True,
            ),
            "answer": np.where(hidden > 0, "yes", "no"),
            "joined": day,
        },
        index=np.arange(n_rows) + 1000,
    )


def quick(**settings) -> Autoencoder:
    return Autoencoder(**{"n_components": 2, "max_iter": 3, "random_state": 0} | settings)


def test_a_layout_encodes_and_decodes_to_the_same_table():
    frame = people()
    layout = layout_of(arrow_of(frame))
    encoded = layout.encode(arrow_of(frame), "error")
    assert encoded.shape == (200, 3 + 4 + 1 + 1)
    assert layout.encoded_names[3:7] == ("size=small", "size=middle", "size=large", "size=huge")
    np.testing.assert_array_equal(encoded[:, 3:7].sum(1), 1)
    pd.testing.assert_frame_equal(rows_like(frame, encoded, layout, None), frame)
    assert from_plain(TableLayout, json.loads(json.dumps(to_plain(layout)))) == layout


def test_every_dtype_comes_back():
    frame = pd.DataFrame(
        {
            "small": pd.array([1, 2, 127, -128], dtype="Int8"),
            "single": np.array([0.5, 1.5, 2.5, 3.5], dtype="float32"),
            "maybe": pd.array([True, False, True, True], dtype="boolean"),
            "object": np.array([True, False, True, False], dtype=object),
            "number": pd.Categorical([3, 1, 2, 1], categories=[3, 1, 2]),
            "zone": pd.to_datetime(
                ["2020-01-01 10:00", "2021-06-01 11:30", "1950-03-04 00:00", "2022-02-02 23:59"]
            ).tz_localize("Europe/Berlin"),
            "words": pd.Series(["a", "b", "a", "b"], dtype="string"),
        }
    )
    layout = layout_of(arrow_of(frame))
    encoded = layout.encode(arrow_of(frame), "error")
    pd.testing.assert_frame_equal(rows_like(frame, encoded, layout, None), frame)
    assert rows_like(frame, encoded * 5, layout, None)["small"].tolist()[2:] == [127, -128]


def test_every_polars_dtype_comes_back():
    frame = pl.DataFrame(
        {
            "n": pl.Series([1, 2, 3], dtype=pl.UInt8),
            "b": [True, False, True],
            "c": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
            "e": pl.Series(["x", "y", "x"], dtype=pl.Enum(["y", "z", "x"])),
            "s": ["x", "y", "x"],
            "d": pl.Series([1, 2, 30000], dtype=pl.Int32).cast(pl.Date),
            "t": pl.Series([1, 2, 3 * 10**15], dtype=pl.Int64).cast(pl.Datetime("us", "Europe/Berlin")),
            "m": pl.Series([1, 2, 3 * 10**12], dtype=pl.Int64).cast(pl.Datetime("ms")),
        }
    )
    layout = layout_of(arrow_of(frame))
    assert_frame_equal(rows_like(frame, layout.encode(arrow_of(frame), "error"), layout, None), frame)


@pytest.mark.parametrize("name", variants())
def test_every_variant_reconstructs_the_table(name, tmp_path):
    frame = people()
    estimator = variants()[name](n_components=4, max_iter=2, random_state=0).fit(frame)
    assert estimator.transform(frame).shape == (200, 4)
    reconstructed = estimator.reconstruct(frame)
    assert reconstructed.dtypes.equals(frame.dtypes)
    assert reconstructed.index.equals(frame.index)
    assert (reconstructed["size"] == frame["size"]).mean() > 0.7
    assert np.isfinite(estimator.score_samples(frame)).all()
    save(estimator, tmp_path / "model")
    again = load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.reconstruct(frame), reconstructed)
    np.testing.assert_array_equal(again.score_samples(frame), estimator.score_samples(frame))
    back = again.inverse_transform(again.transform(frame))
    pd.testing.assert_frame_equal(back.set_axis(frame.index), reconstructed)
    assert again.feature_names_in_.tolist() == list(frame.columns)
    assert again.n_features_in_ == 6


def test_the_start_is_pca_of_the_encoded_table():
    frame = people()
    estimator = quick(max_iter=0).fit(frame)
    for error in column_errors(estimator, frame):
        if error.measure == "rmse":
            assert error.model == pytest.approx(error.pca, rel=1e-4)
        else:
            assert abs(error.model - error.pca) <= 0.01
    trained = quick(max_iter=40).fit(frame)
    assert trained.history_[trained.best_epoch_]["validation_loss"] <= trained.history_[0]["validation_loss"]


def test_the_likelihood_known_on_paper():
    blocks = Blocks(numbers=(0,), booleans=(1,), categories=((2, 5),))
    likelihood = MixedLikelihood(blocks, GaussianLikelihood(1.0), soft_clip=True)
    output = torch.tensor([[2.0, 0.8, 0.2, 0.5, 0.3]])
    torch.testing.assert_close(likelihood.mean(output), output, atol=1e-4, rtol=0)
    x = torch.tensor([[1.0, 1.0, 0.0, 1.0, 0.0]])
    by_hand = 0.5 + 0.5 * np.log(2 * np.pi) - np.log(0.8) - np.log(0.5)
    assert float(likelihood(output, x)) == pytest.approx(by_hand, abs=1e-3)
    likelihood.some_missing = True
    x[0, 2:] = torch.nan
    assert float(likelihood(output, x)) == pytest.approx(by_hand + np.log(0.5), abs=1e-3)
    x[0, 0] = torch.nan
    assert float(likelihood(output, x)) == pytest.approx(-np.log(0.8), abs=1e-3)


def test_probabilities_sum_to_one_wherever_the_output_lies():
    blocks = Blocks((), (), ((0, 3),))
    for soft_clip in (True, False):
        likelihood = MixedLikelihood(blocks, GaussianLikelihood(), soft_clip=soft_clip)
        output = (torch.randn(50, 3) * 5).requires_grad_()
        mean = likelihood.mean(output)
        torch.testing.assert_close(mean.sum(1), torch.ones(50))
        x = torch.eye(3)[torch.randint(0, 3, (50,))]
        (gradient,) = torch.autograd.grad(likelihood(output, x).sum(), output)
        assert gradient.isfinite().all()


def test_missing_cells_of_every_kind_are_filled():
    frame = people(300)
    holes = frame.mask(np.random.default_rng(1).random(frame.shape) < 0.2)
    holes["size"] = holes["size"].astype(frame["size"].dtype)
    estimator = quick(missing="mask").fit(holes)
    assert np.isfinite(estimator.noise_variance_)
    filled = estimator.impute(holes)
    assert not filled.isna().any().any()
    for name in frame:
        observed = holes[name].notna()
        assert (filled[name][observed] == frame[name][observed]).all()
        if name in ("member", "size", "answer"):
            assert (filled[name][~observed] == frame[name][~observed]).mean() > 0.7
    assert filled["size"].dtype == frame["size"].dtype
    assert filled["joined"].dtype == frame["joined"].dtype
    assert np.isfinite(estimator.transform(holes)).all()
    assert all(np.isfinite([error.model, error.pca]).all() for error in column_errors(estimator, holes))


def test_missing_cells_in_polars_are_filled():
    frame = pl.from_pandas(people(200).reset_index(drop=True))
    rng = np.random.default_rng(2)
    kept = {name: pl.when(pl.Series(rng.random(200) > 0.2)).then(pl.col(name)) for name in frame.columns}
    holes = frame.with_columns(**kept)
    estimator = quick(missing="mask").fit(holes)
    filled = estimator.impute(holes)
    assert filled.schema == holes.schema
    assert filled.null_count().sum_horizontal()[0] == 0
    observed = holes["height"].is_not_null()
    assert filled["height"].filter(observed).equals(holes["height"].filter(observed))


def test_missing_cells_are_learned_from_unless_refused():
    frame = people()
    frame.loc[1003, "answer"] = None
    assert quick().fit(frame).fitted_.masked
    with pytest.raises(ValueError, match=r"X has NaN in row 3, column answer.*missing='mask'"):
        quick(missing="error").fit(frame)


def test_an_unseen_category_is_an_error_or_a_missing_cell():
    frame = people().astype({"size": object})
    other = frame.copy()
    other.loc[1005, ["answer", "size"]] = "perhaps", "vast"
    known = quick().fit(frame)
    with pytest.raises(ValueError, match=r"size has the category 'vast' in row 5.*answer has 'perhaps' in row 5"):
        known.transform(other)
    estimator = quick(missing="mask").fit(frame)
    missing = frame.copy()
    missing.loc[1005, ["answer", "size"]] = None
    np.testing.assert_array_equal(estimator.transform(other), estimator.transform(missing))
    with pytest.raises(ValueError, match=r"'vast'.*'perhaps'"):
        estimator.set_params(unseen="error").transform(other)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([f"person {row}" for row in range(200)], "200 different texts in 200 rows"),
        ([[1, 2]] * 200, "holds lists"),
        ([object()] * 200, "object such as"),
        ([None] * 200, "no value at all"),
    ],
)
def test_what_is_no_column_is_refused_by_name(column, words):
    frame = people()
    frame["other"] = column
    if words == "no value at all":
        frame["other"] = frame["other"].astype(object)
    with pytest.raises(ValueError, match=f"Autoencoder: column other.*{words}"):
        quick().fit(frame)


def test_columns_are_matched_by_name():
    frame = people()
    estimator = quick().fit(frame)
    np.testing.assert_array_equal(estimator.transform(frame[frame.columns[::-1]]), estimator.transform(frame))
    with pytest.raises(ValueError, match="X lacks 'answer'"):
        estimator.transform(frame.drop(columns="answer"))
    with pytest.raises(ValueError, match="X has 'extra', unknown at fit"):
        estimator.transform(frame.assign(extra=1))
    with pytest.raises(ValueError, match=r"fitted on a table .* got ndarray"):
        estimator.transform(np.zeros((3, 6)))


def test_a_numeric_frame_is_fitted_like_an_array_and_comes_back_as_a_frame():
    frame = people()[["height", "children"]]
    estimator, plain = quick(n_components=1).fit(frame), quick(n_components=1).fit(frame.to_numpy(float))
    np.testing.assert_array_equal(estimator.transform(frame), plain.transform(frame.to_numpy(float)))
    turned = frame[["children", "height"]]
    np.testing.assert_array_equal(estimator.transform(turned), estimator.transform(frame))
    reconstructed = estimator.reconstruct(turned)
    assert reconstructed.dtypes.equals(turned.dtypes)
    assert reconstructed.index.equals(turned.index)
    np.testing.assert_array_equal(reconstructed["height"], plain.reconstruct(frame.to_numpy(float))[:, 0])
    np.testing.assert_array_equal(reconstructed["children"], np.rint(plain.reconstruct(frame.to_numpy(float))[:, 1]))


def test_numbers_kept_as_objects_are_numbers():
    frame = people()[["height", "children"]]
    kept = quick(n_components=1).fit(frame.astype(object))
    np.testing.assert_array_equal(
        kept.transform(frame.astype(object)), quick(n_components=1).fit(frame).transform(frame)
    )
    assert layout_of(arrow_of(people().astype({"height": object}))).columns[0].kind == "number"


def test_the_layout_is_no_setting():
    assert "_layout" not in Autoencoder().get_params()
    with pytest.raises(TypeError):
        Autoencoder(_layout=None)


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="likelihood='bernoulli', but each column of a mixed-type table has its own"):
        quick(likelihood="bernoulli").fit(people())


def test_polars_in_polars_out_and_new_rows():
    frame = pl.from_pandas(people().reset_index(drop=True))
    estimator = VariationalAutoencoder(2, max_iter=2, random_state=0).fit(frame)
    assert estimator.reconstruct(frame).schema == frame.schema
    drawn = estimator.sample(5)
    assert drawn.schema == frame.schema
    assert set(drawn["answer"]) <= {"yes", "no"}


def test_evaluation_is_finite():
    frame = people()
    report = evaluate(quick().fit(frame), frame, (frame["height"] > 170).to_numpy().astype(int))
    assert np.isfinite([report.reconstruction.model.mse, report.reconstruction.pca.mse]).all()
    assert "size=small" in report.feature_names


def test_partial_fit_goes_on():
    frame = people()
    estimator = quick().partial_fit(frame).partial_fit(frame)
    assert estimator.n_iter_ == 2


def test_samples_draw_words_as_often_as_they_are_likely():
    frame = people(600)
    model = Autoencoder(2, max_iter=20, random_state=0).fit(frame)
    drawn = model.sample(3000, random_state=1, noise=True)
    assert (drawn.dtypes == frame.dtypes).all()
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.CategoricalDtype) or frame[column].dtype == bool:
            shares, ours = (table[column].value_counts(normalize=True) for table in (frame, drawn))
            np.testing.assert_allclose(ours.reindex(shares.index, fill_value=0), shares, atol=0.1)
    way = model.interpolate(frame.iloc[:1], frame.iloc[1:2], steps=3)
    pd.testing.assert_frame_equal(way.iloc[:1], model.reconstruct(frame.iloc[:1]).reset_index(drop=True), atol=1e-3)


def test_drawn_words_are_whole_words_as_often_as_they_are_likely():
    model = quick().fit(people())
    likelihood = model.model_.likelihood
    (span, *_), (truth, *_) = likelihood.categories, likelihood.booleans
    rows = np.zeros((4000, model.scaling_.spread.size))
    rows[:, span] = [0.1, 0.2, 0.7, 0.0]
    rows[:, truth] = 0.3
    noisy = model._with_noise(rows, np.random.RandomState(0))
    assert set(np.unique(noisy[:, [*range(span.start, span.stop), truth]])) == {0, 1}
    np.testing.assert_allclose(noisy[:, span].mean(0), [0.1, 0.2, 0.7, 0.0], atol=0.03)
    assert noisy[:, truth].mean() == pytest.approx(0.3, abs=0.03)
