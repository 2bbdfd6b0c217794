"""How a fitted autoencoder is exported as an ONNX file, which runs without Python or PyTorch.

The graph includes the scaling: its input is rows in the user's units, as float32 or, with ``dtype="float64"``, as
float64 (which a column of timestamps needs); its output is float32. The number of rows is dynamic.
"""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.tables.atomic import atomic_write

if TYPE_CHECKING:
    from torch import nn

    from isthmus.estimator import BaseAutoencoder

__all__ = ["PARTS", "export_onnx"]

PARTS = ("encoder", "decoder", "model")
DTYPES = ("float32", "float64")
OPSET = 18
NAMES = {"encoder": ("rows", "codes"), "decoder": ("codes", "reconstructions"), "model": ("rows", "reconstructions")}


def export_onnx(
    estimator: BaseAutoencoder,
    path: str | Path,
    part: str = "model",
    *,
    dtype: str = "float32",
    polish: int | None = None,
    overwrite: bool = True,
) -> None:
    """Write a fitted estimator, its encoder or its decoder as an ONNX file.

    Parameters
    ----------
    path
        The file to write, atomically.
    part
        ``"encoder"``: ``rows`` of shape (batch, n_features) to ``codes`` of shape (batch, n_components);
        ``"decoder"``: ``codes`` to ``reconstructions``; ``"model"``: ``rows`` to ``reconstructions``.
    dtype
        Data type of the input, ``"float32"`` or ``"float64"``.
    polish
        Polishing steps that are unrolled; None takes as many as the model itself, 0 leaves the encoder's codes.

    Raises
    ------
    ValueError
        If ``part`` or ``dtype`` is none of these, or polishing can't be exported.
    ImportError
        If the extra ``onnx`` is not installed.
    DataError
        If the file cannot be written.
    """
    if part not in PARTS:
        raise ValueError(f"export_onnx: part must be one of {', '.join(PARTS)}, got {part!r}.")
    if dtype not in DTYPES:
        raise ValueError(f"export_onnx: dtype must be one of {', '.join(DTYPES)}, got {dtype!r}.")
    if not hasattr(estimator, "to_torch"):
        raise ValueError(
            f"export_onnx: estimator must be one of isthmus's autoencoders, got {type(estimator).__name__}."
        )
    _require_onnx()
    module = (estimator if part == "model" else getattr(estimator, part)).to_torch(polish)
    width = estimator.n_components_ if part == "decoder" else estimator.n_features_in_
    given = estimator.fitted_.given
    program = _graph_of(module, width, part, dtype, n_given=None if given is None else len(given.center))
    names = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    for key, value in _about(estimator, part, names).items():
        program.model.metadata_props[key] = value
    with atomic_write(path, overwrite=overwrite) as temporary:
        program.save(temporary, external_data=False)


def _require_onnx() -> None:
    try:
        for name in ("onnx", "onnxscript"):
            importlib.import_module(name)
    except ImportError as error:
        raise ImportError("export_onnx: needs the extra onnx; pip install 'isthmus[onnx]'.") from error


def _graph_of(module: nn.Module, width: int, part: str, dtype: str, n_given: int | None) -> Any:
    import torch

    input_name, output_name = NAMES[part]
    widths = {input_name: width} | ({} if n_given is None else {"given": n_given})
    rows = torch.export.Dim("batch")
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they concern the exporter's own code
            return torch.onnx.export(
                module.eval(),
                tuple(torch.zeros(2, each, dtype=getattr(torch, dtype)) for each in widths.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(widths),
                output_names=[output_name],
                dynamic_shapes=tuple({0: rows} for _ in widths),
                verbose=False,
            )
    finally:
        exporter.setLevel(level)


def _about(estimator: BaseAutoencoder, part: str, names: list[str]) -> dict[str, str]:
    from isthmus import __version__

    return {
        "isthmus.version": __version__,
        "isthmus.estimator": type(estimator).__name__,
        "isthmus.part": part,
        "isthmus.feature_names": json.dumps(names, ensure_ascii=False),
    }
