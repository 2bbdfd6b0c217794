"""PyOD's detectors with their own defaults, in the peers' environment: a worker for benchmarks/anomalies.py.

Rows are standardised; PyOD's networks do that themselves as well. The worker reads lines "SEED FOLDER" on standard
input, scores test.npy in that folder by detectors fitted to train.npy, writes scores.npz and answers with the CPU
seconds of each fit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np


class Peers:
    """The worker, as this process sees it."""

    def __init__(self) -> None:
        from race.environments import python_for, set_up_peers

        set_up_peers()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self._worker = subprocess.Popen([python_for("pyod"), __file__], **pipes)

    def scores_of(
        self, train: np.ndarray, test: np.ndarray, seed: int
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Scores of the test rows by each detector, larger is more anomalous, and CPU seconds of each fit."""
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder, "train.npy"), train)
            np.save(Path(folder, "test.npy"), test)
            assert self._worker.stdin is not None
            assert self._worker.stdout is not None
            self._worker.stdin.write(f"{seed} {folder}\n")
            self._worker.stdin.flush()
            seconds = self._worker.stdout.readline()
            if not seconds:
                raise RuntimeError("the worker with PyOD has ended")
            with np.load(Path(folder, "scores.npz"), allow_pickle=False) as scores:
                return dict(scores), json.loads(seconds)


def main() -> None:
    os.environ["TQDM_DISABLE"] = "1"
    warnings.filterwarnings("ignore")
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.knn import KNN
    from pyod.models.lof import LOF
    from pyod.models.vae import VAE
    from sklearn.preprocessing import StandardScaler

    answers, sys.stdout = sys.stdout, sys.stderr  # detectors print to standard output
    for line in sys.stdin:
        seed, folder = line.rstrip("\n").split(" ", 1)
        train, test = np.load(Path(folder, "train.npy")), np.load(Path(folder, "test.npy"))
        scaler = StandardScaler().fit(train)
        train, test = scaler.transform(train), scaler.transform(test)
        detectors = {
            "pyod_knn": KNN(),
            "pyod_lof": LOF(n_neighbors=min(20, len(train) - 1)),
            "pyod_ecod": ECOD(),
            "pyod_copod": COPOD(),
            "pyod_autoencoder": AutoEncoder(random_state=int(seed), verbose=0),
            "pyod_vae": VAE(random_state=int(seed), verbose=0),
        }
        scores, seconds = {}, {}
        for name, detector in detectors.items():
            started = time.process_time()
            detector.fit(train)
            seconds[name] = time.process_time() - started
            scores[name] = np.nan_to_num(detector.decision_function(test))
        np.savez(Path(folder, "scores.npz"), **scores)
        print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main()
