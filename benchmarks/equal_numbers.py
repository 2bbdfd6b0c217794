"""Whether a change left every number unchanged: histories of all variants at fixed seeds, recorded and compared.

    python benchmarks/equal_numbers.py record before.json      at the commit before
    python benchmarks/equal_numbers.py compare before.json     at the commit after

Every variant, and settings that take other paths through training, are fitted to the digits and to one table. All
columns of the history except the seconds are compared without tolerance, and so are codes and reconstructions.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits

from isthmus.variants import variants

EPOCHS = 6
CLOCK = "seconds"

# Beside each variant's defaults: (name, variant, settings).
FURTHER: list[tuple[str, str, dict[str, Any]]] = [
    ("linear", "vanilla", {"hidden_layer_sizes": ()}),
    ("random start", "vanilla", {"start": "random"}),
    ("learned variance", "vanilla", {"variance": "learned"}),
    ("bernoulli", "variational", {"likelihood": "bernoulli", "scale": "minmax"}),
    ("standard", "vanilla", {"scale": "standard"}),
    ("masked", "vanilla", {"missing": "mask"}),
    ("top-k", "sparse", {"top_k": 3}),
    ("restoring", "denoising", {"restoring": True}),
    ("blind spot", "denoising", {"corruption": "blind_spot", "restoring": True}),
    ("swap", "denoising", {"corruption": "swap"}),
    ("all at once", "combined", {"bottleneck": "gaussian", "corruption": "masking", "contraction": 0.1}),
]


def settings() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every fit by its name."""
    plain: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in variants()}
    return plain | {f"{variant}, {name}": (variant, further) for name, variant, further in FURTHER}


def numbers() -> dict[str, Any]:
    """History and digests of every fit."""
    tables = {"digits": load_digits().data[:500] / 16, "breast cancer": load_breast_cancer().data[:300]}
    found: dict[str, Any] = {}
    for table, X in tables.items():
        for name, (variant, further) in settings().items():
            torch.manual_seed(7)
            model = variants()[variant](4, max_iter=EPOCHS, random_state=0, device="cpu", **further).fit(X)
            columns = {
                key: [value.hex() for value in map(float, model.history_[key])]
                for key in model.history_.columns
                if key != CLOCK
            }
            codes = model.transform(X)
            found[f"{table}: {name}"] = columns | {"codes": _digest(codes), "rows": _digest(model.reconstruct(X))}
    return found


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def main(what: str, path: str) -> int:
    """Record, or compare and say what differs."""
    if what == "record":
        with open(path, "w") as file:
            json.dump(numbers(), file, indent=1)
        return 0
    with open(path) as file:
        before = json.load(file)
    now, differ = numbers(), []
    for name in before:
        parts = [key for key in before[name] if before[name][key] != now.get(name, {}).get(key)]
        if parts:
            differ.append(f"{name}: {', '.join(parts)}")
    print(f"{len(before) - len(differ)} of {len(before)} fits equal to the last digit")
    print("\n".join(differ))
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
