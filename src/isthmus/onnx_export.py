"""A fitted model as one ONNX file, scaling included: rows or codes in, codes or rows out, in the user's units.

Input and output are float32 with any number of rows. Columns so large that float32 drops digits (timestamps) are
better centred before.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus import __version__
from isthmus.data.atomic import atomic_write

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder

__all__ = ["export_onnx"]

NAMES = {"encoder": ("rows", "codes"), "decoder": ("codes", "rebuilt"), "model": ("rows", "rebuilt")}


def export_onnx(
    estimator: BaseAutoencoder, path: str | os.PathLike[str], part: str = "model", *, overwrite: bool = True
) -> Path:
    """Write the "encoder", the "decoder" or the whole "model" of a fitted estimator, and give the path.

    Raises
    ------
    ValueError
        If ``part`` is none of the three.
    ImportError
        If the extra is not installed.
    DataError
        If the file can't be written, or exists and ``overwrite`` is False.
    """
    if part not in NAMES:
        raise ValueError(f"export_onnx: part must be one of {', '.join(map(repr, NAMES))}, got {part!r}.")
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch.onnx needs it)
    except ImportError as error:
        raise ImportError("export_onnx: ONNX files need the extra: pip install 'isthmus[onnx]'.") from error
    import torch
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    module = (estimator if part == "model" else getattr(estimator, part)).to_torch()
    source, result = NAMES[part]
    width = estimator.n_components_ if part == "decoder" else estimator.n_features_in_
    program = _converted(module, torch.zeros(3, width), source, result)
    proto = program.model_proto
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    facts = {"isthmus_version": __version__, "part": part, "variant": type(estimator).__name__}
    facts |= {"feature_names": json.dumps(names)} if names else {}
    onnx.helper.set_model_props(proto, facts)
    onnx.checker.check_model(proto, full_check=True)
    with atomic_write(Path(path), overwrite=overwrite) as temporary:
        temporary.write_bytes(proto.SerializeToString())
    return Path(path)


def _converted(module: Any, example: Any, source: str, result: str) -> Any:
    import torch

    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporter warns of its own insides
            return torch.onnx.export(
                module,
                (example,),
                input_names=[source],
                output_names=[result],
                dynamic_shapes=({0: torch.export.Dim("n_rows")},),
                dynamo=True,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
