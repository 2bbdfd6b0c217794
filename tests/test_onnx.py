"""What onnxruntime says of the file is what the estimator says."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder, SparseAutoencoder

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def answers(path, rows):
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: np.asarray(rows, np.float32)})[0]


def assert_same(estimator, X, folder, parts=("encoder", "decoder", "model")):
    X = X.astype(np.float32)
    codes = estimator.transform(X)
    asked = {
        "encoder": (X, codes),
        "decoder": (codes, estimator.inverse_transform(codes)),
        "model": (X, estimator.reconstruct(X)),
    }
    for part in parts:
        rows, wanted = asked[part]
        path = isthmus.export_onnx(estimator, folder / f"{part}.onnx", part)
        for n_rows in (1, len(rows)):
            found = answers(path, rows[:n_rows])
            np.testing.assert_allclose(found, wanted[:n_rows], rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_every_variant(kind, table, tmp_path):
    assert_same(kind(2, hidden_layer_sizes=(8,), max_iter=2, random_state=0).fit(table), table, tmp_path, ("model",))


@pytest.mark.parametrize(
    "estimator",
    [
        SparseAutoencoder(8, top_k=2, max_iter=2),
        Autoencoder(2, scale="minmax", likelihood="bernoulli", max_iter=2),
        Autoencoder(2, image_shape=(2, 3), channels=(3,), scale="standard", max_iter=2),
    ],
    ids=str,
)
def test_every_part(estimator, table, tmp_path):
    assert_same(estimator.set_params(random_state=0).fit(table), table, tmp_path, ("model",))


def test_the_file_says_what_it_is(table, tmp_path):
    model = Autoencoder(2, hidden_layer_sizes=()).fit(table)
    path = isthmus.export_onnx(model, tmp_path / "m.onnx", "encoder")
    facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert facts["part"] == "encoder"
    assert facts["isthmus_version"] == isthmus.__version__


def test_an_unknown_part_and_a_missing_extra_are_one_sentence(table, tmp_path, monkeypatch):
    model = Autoencoder(2, hidden_layer_sizes=()).fit(table)
    with pytest.raises(ValueError, match="must be one of 'encoder', 'decoder', 'model', got 'tail'"):
        isthmus.export_onnx(model, tmp_path / "m.onnx", "tail")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"isthmus\[onnx\]"):
        isthmus.export_onnx(model, tmp_path / "m.onnx")
