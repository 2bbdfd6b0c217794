"""TVAE and CTGAN for `benchmarks/synthetic_tables.py`, in the peers' environment: fit at their defaults, draw, write.

    python benchmarks/synthetic_peers.py TRAIN.csv OUT.csv TVAE SEED CATEGORY...

TRAIN has numbers, and strings in the columns named as categories; OUT gets as many rows as TRAIN.
"""

from __future__ import annotations

import sys
import warnings

import ctgan
import numpy as np
import pandas as pd
import torch


def main(train: str, out: str, way: str, seed: str, *categories: str) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(int(seed))
    np.random.seed(int(seed))
    frame = pd.read_csv(train, dtype=dict.fromkeys(categories, str))
    model = getattr(ctgan, way)(enable_gpu=False)
    model.set_random_state(int(seed))
    model.fit(frame, list(categories))
    model.sample(len(frame)).to_csv(out, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
