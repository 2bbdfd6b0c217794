"""Save the golden folders of the present format: ``python tests/golden/make.py FORMAT``; none is ever remade.

One of each kind that can be saved, a run, and a fit that was interrupted, each with what it gives for a few rows.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import isthmus
from isthmus import (
    Autoencoder,
    AutoencoderOutlierDetector,
    Checkpoints,
    Denoiser,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)

HERE = Path(__file__).parent
SETTINGS: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
FIT = ["-m", "isthmus", "fit", "iris", "--hidden-layer-sizes", "8", "--no-plots", "--no-page", "-o"]


def rows() -> np.ndarray:
    """Sixty rows of four columns that no library's generator decides."""
    t = np.linspace(0, 6, 60)
    return np.stack([np.sin(t), np.cos(t), np.sin(2 * t), t / 6], 1)


def holed() -> np.ndarray:
    """The same rows with a cell missing here and there."""
    holes = np.add.outer(np.arange(60), 2 * np.arange(4)) % 7 == 0
    return np.where(holes, np.nan, rows())


def mixed() -> Any:
    """A table of a number, a whole number, a category, a truth and a date."""
    import pandas as pd

    t = np.arange(60)
    return pd.DataFrame(
        {
            "width": np.sin(t / 10),
            "count": t % 7,
            "colour": pd.Categorical.from_codes(t % 3, ["red", "grün", "</b>"]),
            "open": t % 5 == 0,
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(t, unit="D"),
        }
    )


def fitted() -> dict[str, Any]:
    """One estimator of each kind, by the name of its folder."""
    X, quick = rows(), DenoisingAutoencoder(2, **SETTINGS)
    noisy = X + 0.1 * np.cos(17 * X)
    return {
        "plain": Autoencoder(2, **SETTINGS).fit(X),
        "variational": VariationalAutoencoder(2, **SETTINGS).fit(X),
        "holes": Autoencoder(2, missing="mask", **SETTINGS).fit(holed()),
        "mixed": Autoencoder(2, **SETTINGS).fit(mixed()),
        "picture": Autoencoder(2, image_shape=(2, 2), channels=(2,), max_iter=2, random_state=0).fit(X),
        "detector": AutoencoderOutlierDetector(autoencoder=Autoencoder(2, **SETTINGS), random_state=0).fit(X),
        "denoiser": Denoiser("masking", 0.2, autoencoder=quick, random_state=0).fit(X),
        "blind": Denoiser("gaussian", 0.1, clean=False, autoencoder=quick, random_state=0).fit(noisy),
    }


def given(kind: str, model: Any) -> list[list[float]] | list[float]:
    """What a model gives for three rows."""
    if kind == "detector":
        found = model.decision_function(rows()[:3])
    elif kind in ("denoiser", "blind"):
        found = model.denoise(rows()[:3])
    elif kind == "holes":
        found = model.impute(holed()[:3])
    else:
        found = model.transform(mixed().head(3) if kind == "mixed" else rows()[:3])
    return np.asarray(found).tolist()


def command_line(folder: Path) -> None:
    """A run on the bundled irises, and one of which the fit was terminated."""
    subprocess.run([sys.executable, *FIT, folder / "run", "--max-iter", "5"], check=True)
    unfinished = folder / "cut.unfinished"
    fit = subprocess.Popen([sys.executable, *FIT, folder / "cut", "--max-iter", "2000", "--checkpoint-epochs", "3"])
    while not list(unfinished.glob("checkpoint-*")):
        time.sleep(0.05)
    fit.send_signal(signal.SIGTERM)
    fit.wait()
    for older in sorted(unfinished.glob("checkpoint-*"))[:-1]:
        shutil.rmtree(older)
    (unfinished / "lock").unlink()


def main(name: str) -> None:
    """Fit, save and note what each gives for the first three rows."""
    folder = HERE / name
    folder.mkdir()
    numbers = {}
    for kind, model in fitted().items():
        isthmus.save(model, folder / kind)
        numbers[kind] = given(kind, model)
    kept = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(folder / "checkpoints", keep=1))
    (folder / "checkpoints" / "lock").unlink()
    numbers["checkpoints"] = given("plain", kept)
    command_line(folder)
    numbers["run"] = isthmus.load(folder / "run" / "model").transform(np.ones((1, 4))).tolist()
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
