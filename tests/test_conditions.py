"""What rows are given in words: encoded one-hot as at fit, in every method, after save and load, and in ONNX."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

import isthmus
from conftest import curved_table
from isthmus.evaluation import evaluate
from isthmus.evaluation.by_column import column_errors
from isthmus.storage import load

rng = np.random.default_rng(0)
BATCH = np.repeat(["a", "b", "c"], 50)
AGE = rng.normal(50, 10, 150)
X = curved_table(150) + 3 * rng.normal(size=(3, curved_table(150).shape[1]))[np.repeat([0, 1, 2], 50)]
QUICK = {"max_iter": 4, "random_state": 0}
FRAME = pd.DataFrame({"batch": BATCH, "age": AGE})
ONE_HOT = (BATCH[:, None] == ["a", "b", "c"]).astype(float)


@pytest.fixture(scope="module")
def model():
    return isthmus.Autoencoder(2, **QUICK).fit(X, given=FRAME)


@pytest.mark.parametrize(
    "given",
    [
        BATCH,
        BATCH.tolist(),
        BATCH[:, None],
        pd.Series(BATCH),
        pd.Series(BATCH, name="batch"),
        pd.DataFrame({"b": BATCH}),
    ],
    ids=["array", "list", "column", "series", "named", "frame"],
)
def test_words_are_the_same_as_their_one_hot_code(given):
    ours = isthmus.Autoencoder(2, **QUICK).fit(X, given=given)
    same = isthmus.Autoencoder(2, **QUICK).fit(X, given=ONE_HOT)
    np.testing.assert_array_equal(ours.transform(X, given=given), same.transform(X, given=ONE_HOT))


def test_text_that_reads_as_a_number_is_a_category_and_a_number_is_a_number():
    digits = pd.Series(BATCH).map({"a": "10", "b": "2", "c": "3"})
    ours = isthmus.Autoencoder(2, **QUICK).fit(X, given=digits.tolist())
    assert ours.fitted_.given_layout.encoded_names == ("given=10", "given=2", "given=3")
    same = isthmus.Autoencoder(2, **QUICK).fit(X, given=ONE_HOT)
    np.testing.assert_array_equal(ours.transform(X, given=digits), same.transform(X, given=ONE_HOT))
    assert isthmus.Autoencoder(2, **QUICK).fit(X, given=digits.astype(int)).fitted_.given_layout.width == 1


def test_every_form_of_the_columns_is_taken_in_any_order(model):
    expected = model.transform(X, given=FRAME)
    for form in (
        FRAME[["age", "batch"]],
        polars.DataFrame(FRAME),
        pyarrow.table(FRAME),
        np.column_stack([ONE_HOT, AGE]),
    ):
        np.testing.assert_array_equal(model.transform(X, given=form), expected)


def test_the_same_comes_again_after_save_and_load(model, tmp_path):
    isthmus.save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(X, given=FRAME), model.transform(X, given=FRAME))
    one = FRAME[:1]
    np.testing.assert_array_equal(again.sample(5, given=one), model.sample(5, given=one))
    with pytest.raises(ValueError, match="batch=z in row 1 was not there at fit; the levels are 'a', 'b', 'c'"):
        again.transform(X[:2], given=pd.DataFrame({"batch": ["a", "z"], "age": [1.0, 2.0]}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (FRAME.assign(batch=None), "column batch has no value in row 0; fill it first"),
        (FRAME.assign(age=np.nan), "column age has no value in row 0; fill it first"),
        (FRAME[["batch"]], "given lacks 'age'"),
        (FRAME.assign(more=1), "given has 'more', unknown at fit"),
        (FRAME[:7], "given has 7 rows, but X has 150"),
        (np.zeros((150, 3)), "given has 3 columns, but was fitted with 2: 'batch', 'age'"),
        (None, "fitted with given, 'batch', 'age'; pass given for these rows too"),
    ],
)
def test_what_does_not_fit_is_refused(model, given, words):
    with pytest.raises(ValueError, match=words):
        model.transform(X, given=given)


def test_a_linear_model_is_partial_pca_although_one_hot_columns_are_linearly_dependent():
    pixels, classes = load_digits(return_X_y=True)
    one_hot = np.eye(10)[classes]
    explained = LinearRegression().fit(one_hot, pixels).predict(one_hot)
    pca = PCA(2).fit(pixels - explained)
    linear = isthmus.Autoencoder(2, hidden_layer_sizes=(), random_state=0).fit(pixels, given=one_hot)
    expected = explained + pca.inverse_transform(pca.transform(pixels - explained))
    np.testing.assert_allclose(linear.reconstruct(pixels, given=one_hot), expected, atol=1e-4)


def test_a_linear_model_is_evaluated_beside_pca_of_what_the_condition_leaves():
    linear = isthmus.Autoencoder(2, hidden_layer_sizes=(), random_state=0).fit(X[::2], given=FRAME[::2])
    found = evaluate(linear, X[1::2], BATCH[1::2], given=FRAME[1::2])
    assert found.data.model.mse == pytest.approx(found.data.pca.mse, rel=1e-4)
    left = X[1::2] - linear.reconstruct(X[1::2], given=FRAME[1::2])
    assert found.data.model.mse == pytest.approx((left**2).mean(), rel=1e-4)
    assert "of the variance that the condition leaves" in found.sentence
    by_class = evaluate(linear, X, BATCH, given=FRAME, X_train=X, y_train=BATCH, given_train=FRAME)
    assert by_class.labels.neighbours is not None


def test_a_mixed_table_is_evaluated_column_by_column():
    table = pd.DataFrame({"x": X[:, 0], "y": X[:, 1], "kind": np.where(X[:, 2] > 0, "up", "down")})
    model = isthmus.Autoencoder(1, **QUICK).fit(table, given=BATCH)
    assert [error.name for error in column_errors(model, table, given=BATCH)] == ["x", "y", "kind"]
    with pytest.raises(ValueError, match="pass given"):
        column_errors(model, table)


def test_a_path_moves_from_one_condition_to_the_other(model):
    ends = {"given": FRAME[:1], "given_end": FRAME[-1:]}
    path = model.interpolate(X[0], X[-1], 3, **ends)
    np.testing.assert_allclose(path[0], model.reconstruct(X[:1], given=FRAME[:1])[0], atol=1e-4)
    np.testing.assert_allclose(path[-1], model.reconstruct(X[-1:], given=FRAME[-1:])[0], atol=1e-4)
    middle = np.column_stack([[[0.5, 0, 0.5]], [[(AGE[0] + AGE[-1]) / 2]]])
    codes = model.transform(X[[0, -1]], given=FRAME.iloc[[0, -1]]).mean(0, keepdims=True)
    np.testing.assert_allclose(path[1], model.inverse_transform(codes, given=middle)[0], atol=1e-4)


def test_one_condition_holds_for_all_samples(model):
    one = FRAME[:1]
    same = pd.concat([one] * 6)
    np.testing.assert_array_equal(model.sample(6, given=one), model.sample(6, given=same))


def test_onnx_takes_the_encoded_columns(model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    encoded = np.column_stack([ONE_HOT, AGE]).astype(np.float32)
    for part, values, expected in (
        ("encoder", X, model.transform(X, given=FRAME)),
        ("decoder", model.transform(X, given=FRAME), model.reconstruct(X, given=FRAME)),
    ):
        isthmus.export_onnx(model, tmp_path / "part.onnx", part)
        session = onnxruntime.InferenceSession(tmp_path / "part.onnx")
        names = [one.name for one in session.get_inputs()]
        found = session.run(None, dict(zip(names, (values.astype(np.float32), encoded), strict=True)))[0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_dates_may_be_given_as_text_later():
    days = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(60) % 17, "D")
    X = np.random.default_rng(0).normal(size=(60, 4))
    model = isthmus.Autoencoder(1, max_iter=0, random_state=0).fit(X, given=pd.DataFrame({"day": days}))
    expected = model.transform(X, given=pd.DataFrame({"day": days}))
    for text in (days.strftime("%Y-%m-%d"), days.strftime("%Y-%m-%d 00:00:00")):
        np.testing.assert_array_equal(model.transform(X, given=pd.DataFrame({"day": text})), expected)
    with pytest.raises(ValueError, match="day has 'soon' in row 0, and was a date at fit"):
        model.transform(X[:1], given=pd.DataFrame({"day": ["soon"]}))
