"""One size after another, by keywords, in single precision."""

import numpy as np
import torch


def smallest(fit, train, judged, share):
    train, judged = (np.asarray(rows, dtype=np.float32) for rows in (train, judged))
    allowed = share * ((judged - train.mean(0)) ** 2).mean()
    for size in range(1, judged.shape[1] + 1):
        reconstructed = fit(rows=train, p=size)(torch.tensor(judged))
        if ((reconstructed - judged) ** 2).mean() <= allowed:
            return torch.tensor(size)
    return None
