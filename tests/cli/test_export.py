"""isthmus export: a file another runtime reads."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas

from cli.conftest import COLUMNS, call, own_rows, sentence
from isthmus.storage import load


def test_a_run_becomes_an_onnx_file(table_run, tmp_path):
    path = tmp_path / "encoder.onnx"
    called = call("export", table_run, "--part", "encoder", "-o", path)
    assert called.code == 0
    assert "the encoder is in" in called.err
    (codes,) = onnxruntime.InferenceSession(path).run(None, {"rows": own_rows().astype(np.float32)})
    rows = pandas.DataFrame(own_rows(), columns=COLUMNS)
    np.testing.assert_allclose(codes, load(table_run / "model").transform(rows), rtol=1e-4, atol=1e-4)


def test_it_replaces_nothing_unasked_and_wants_its_suffix(table_run, tmp_path):
    (tmp_path / "there.onnx").write_text("mine")
    called = call("export", table_run, "-o", tmp_path / "there.onnx")
    assert called.code == 1
    assert "exists; pass --overwrite" in sentence(called)
    called = call("export", table_run, "-o", tmp_path / "model.pt")
    assert called.code == 2
    assert "-o must end in .onnx" in sentence(called)
