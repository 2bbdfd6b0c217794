"""Save the golden models of the present format: ``python tests/golden/make.py FORMAT``; none is ever remade."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np

import isthmus
from isthmus import Autoencoder, AutoencoderOutlierDetector, Checkpoints, VariationalAutoencoder

HERE = Path(__file__).parent
SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}


def rows() -> np.ndarray:
    """Sixty rows of four columns that no library's generator decides."""
    t = np.linspace(0, 6, 60)
    return np.stack([np.sin(t), np.cos(t), np.sin(2 * t), t / 6], 1)


def main(name: str) -> None:
    """Fit, save and note what each gives for the first three rows."""
    folder, X, numbers = HERE / name, rows(), {}
    folder.mkdir()
    for kind, model in {
        "plain": Autoencoder(2, **SETTINGS),
        "variational": VariationalAutoencoder(2, **SETTINGS),
        "detector": AutoencoderOutlierDetector(autoencoder=Autoencoder(2, **SETTINGS), random_state=0),
    }.items():
        model.fit(X)
        isthmus.save(model, folder / kind)
        found = model.decision_function(X[:3]) if kind == "detector" else model.transform(X[:3])
        numbers[kind] = np.asarray(found).tolist()
    kept = Autoencoder(2, **SETTINGS).fit(X, checkpoints=Checkpoints(folder / "checkpoints", keep=1))
    (folder / "checkpoints" / "lock").unlink()
    numbers["checkpoints"] = kept.transform(X[:3]).tolist()
    (folder / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if (HERE / sys.argv[1]).exists():
        sys.exit(f"{sys.argv[1]} is there already, and golden files stay as they are.")
    try:
        main(sys.argv[1])
    except BaseException:
        shutil.rmtree(HERE / sys.argv[1], ignore_errors=True)
        raise
