"""isthmus: autoencoders that start where PCA ends.

>>> from isthmus import Autoencoder
>>> Autoencoder(n_components=8)
Autoencoder(n_components=8)

Names and modules are loaded on first use: importing the package alone costs nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AutoencoderOutlierDetector": "isthmus.anomaly",
    "BaseAutoencoder": "isthmus.estimator",
    "Checkpoints": "isthmus.storage.checkpoints",
    "Denoiser": "isthmus.denoising",
    "Evaluation": "isthmus.evaluation",
    "History": "isthmus.history",
    "column_errors": "isthmus.evaluation.by_column",
    "estimate_noise_level": "isthmus.denoising",
    "ItemAutoencoder": "isthmus.ratings",
    "TwoSample": "isthmus.evaluation",
    "compare_samples": "isthmus.evaluation",
    "PretrainedClassifier": "isthmus.pretraining",
    "PretrainedRegressor": "isthmus.pretraining",
    "evaluate": "isthmus.evaluation",
    "export_onnx": "isthmus.onnx_export",
    "load": "isthmus.storage",
    "open_table": "isthmus.tables",
    "read": "isthmus.tables",
    "SeriesOutlierDetector": "isthmus.series",
    "RateDistortion": "isthmus.smallest",
    "rate_distortion": "isthmus.smallest",
    "save": "isthmus.storage",
    "WindowedAutoencoder": "isthmus.series",
    "tutorial_recipe": "isthmus.tutorial",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name.endswith("Autoencoder"):
        from isthmus.variants import variants

        for kind in variants().values():
            if kind.__name__ == name:
                return kind
    if name == "__all__":  # read by `from isthmus import *`; a static list would be maintained by hand
        return _public()
    if not name.startswith("_") and importlib.util.find_spec(f"isthmus.{name}") is not None:
        return importlib.import_module(f"isthmus.{name}")  # so isthmus.explorer needs no import of its own
    raise AttributeError(f"module 'isthmus' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_public()})


def _public() -> list[str]:
    from isthmus.variants import variants

    return sorted([*_HOMES, *(kind.__name__ for kind in variants().values())])
