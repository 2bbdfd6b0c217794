"""Exported models give in onnxruntime what the estimator gives, to 1e-5."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.decomposition import PCA

import isthmus
from conftest import curved_table
from isthmus.tables import DataError

ROWS = np.abs(curved_table(90, 12))
UNIT = ROWS / ROWS.max()
QUICK = {"max_iter": 2, "random_state": 0, "hidden_layer_sizes": (16,)}
MODELS = {
    "vanilla": (lambda: isthmus.Autoencoder(3, **QUICK), ROWS),
    "standard": (lambda: isthmus.Autoencoder(3, scale="standard", activation="gelu", **QUICK), ROWS),
    "minmax": (lambda: isthmus.DenoisingAutoencoder(3, scale="minmax", activation="tanh", **QUICK), ROWS),
    "sparse": (lambda: isthmus.SparseAutoencoder(**QUICK), ROWS),
    "contractive": (lambda: isthmus.ContractiveAutoencoder(3, **QUICK), ROWS),
    "variational": (lambda: isthmus.VariationalAutoencoder(3, **QUICK), ROWS),
    "bernoulli": (lambda: isthmus.Autoencoder(3, likelihood="bernoulli", **QUICK), UNIT),
    "convolutions": (lambda: isthmus.Autoencoder(3, image_shape=(3, 4), channels=(4, 8), **QUICK), ROWS),
    "top k": (lambda: isthmus.CombinedAutoencoder(10, bottleneck="top_k", **QUICK), ROWS),
    "linear": (lambda: isthmus.Autoencoder(3, hidden_layer_sizes=()), ROWS),
    "tutorial": (lambda: isthmus.tutorial_recipe(2, 0).set_params(max_iter=2), UNIT),
}


def run(path, *inputs):
    session = onnxruntime.InferenceSession(path)
    names = [wanted.name for wanted in session.get_inputs()]
    (answer,) = session.run(None, dict(zip(names, inputs, strict=True)))
    return answer


def assert_close(answer, expected):
    assert np.abs(answer - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_is_the_same_in_onnxruntime(name, tmp_path):
    make, X = MODELS[name]
    model = make().fit(X)
    codes = model.transform(X)
    answers = {
        "encoder": (X, codes),
        "decoder": (codes, model.inverse_transform(codes)),
        "model": (X, model.reconstruct(X)),
    }
    if name not in ("vanilla", "top k"):
        del answers["model"]  # the two halves, one after the other: an export takes a second
    for part, (given, expected) in answers.items():
        path = tmp_path / f"{part}.onnx"
        isthmus.export_onnx(model, path, part)
        onnx.checker.check_model(path, full_check=True)
        assert_close(run(path, given.astype(np.float32)), expected)
        assert_close(run(path, given[:1].astype(np.float32)), expected[:1])  # any number of rows


def test_what_rows_are_given_is_a_second_input(tmp_path):
    X = curved_table(80).astype(np.float32)
    given = np.linspace(-1, 1, 160, dtype=np.float32).reshape(80, 2)
    model = isthmus.Autoencoder(2, **QUICK).fit(X, given=given)
    isthmus.export_onnx(model, tmp_path / "encoder.onnx", "encoder")
    assert_close(run(tmp_path / "encoder.onnx", X, given), model.transform(X, given=given))


def test_double_precision_keeps_the_seconds_of_timestamps(tmp_path):
    X = curved_table(80) + 1.7e9
    model = isthmus.Autoencoder(2, **QUICK).fit(X)
    isthmus.export_onnx(model, tmp_path / "encoder.onnx", "encoder", dtype="float64")
    assert_close(run(tmp_path / "encoder.onnx", X), model.transform(X))


def test_the_file_says_what_it_is(tmp_path):
    import pandas

    frame = pandas.DataFrame(curved_table(80), columns=list("abcdéf"))
    isthmus.export_onnx(isthmus.VariationalAutoencoder(2, **QUICK).fit(frame), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["isthmus.feature_names"]) == list("abcdéf")
    assert about["isthmus.estimator"] == "VariationalAutoencoder"
    assert (session.get_inputs()[0].name, session.get_outputs()[0].name) == ("rows", "reconstructions")


def test_what_cannot_be_exported_is_one_sentence(tmp_path, monkeypatch):
    model = isthmus.Autoencoder(2, **QUICK).fit(curved_table(80))
    with pytest.raises(ValueError, match=r"^export_onnx: part must be one of encoder, decoder, model, got 'code'\.$"):
        isthmus.export_onnx(model, tmp_path / "a.onnx", "code")
    with pytest.raises(ValueError, match=r"^export_onnx: dtype must be one of float32, float64, got 'int8'\.$"):
        isthmus.export_onnx(model, tmp_path / "a.onnx", dtype="int8")
    with pytest.raises(ValueError, match=r"^export_onnx: estimator must be one of isthmus's autoencoders, got PCA\.$"):
        isthmus.export_onnx(PCA(2), tmp_path / "a.onnx")
    (tmp_path / "there.onnx").write_text("mine")
    with pytest.raises(DataError, match="exists"):
        isthmus.export_onnx(model, tmp_path / "there.onnx", overwrite=False)
    assert (tmp_path / "there.onnx").read_text() == "mine"
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"^export_onnx: needs the extra onnx; pip install 'isthmus\[onnx\]'\.$"):
        isthmus.export_onnx(model, tmp_path / "a.onnx")
