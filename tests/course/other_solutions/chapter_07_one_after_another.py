"""One size after another, by keywords, in single precision."""

import numpy as np
import torch


def smallest(fit, train, held_out, share):
    train, held_out = (np.asarray(rows, dtype=np.float32) for rows in (train, held_out))
    allowed = share * ((held_out - train.mean(0)) ** 2).mean()
    for size in range(1, held_out.shape[1] + 1):
        reconstructed = fit(rows=train, p=size)(torch.tensor(held_out))
        if ((reconstructed - held_out) ** 2).mean() <= allowed:
            return torch.tensor(size)
    return None
