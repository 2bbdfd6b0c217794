"""
The sparse autoencoder
======================

Many code numbers, few of them on at a time, in plain PyTorch.
"""

# %%
# The data: handwritten digits, each a row of 64 grey values from 0 to 1.

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
X = torch.tensor(load_digits().data / 16, dtype=torch.float32)

# %%
# The code has 128 numbers, more than the picture. The rectifier in the encoder makes
# exact zeros possible. The decoder is a dictionary: a picture is a sum of its columns,
# each multiplied by its code number.

encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
decoder = nn.Linear(128, 64)

# %%
# The loss puts a price on the size of the code. By itself the price could be evaded, by
# a small code and large columns; so each column is scaled to length 1.

SPARSITY = 0.1


def reconstruct(z):
    """Decode with columns of length 1."""
    return functional.linear(
        z, functional.normalize(decoder.weight, dim=0), decoder.bias
    )


def loss(x):
    """Mean over the batch of ‖x - x̂‖² + λ Σ|z|."""
    z = encoder(x)
    return ((x - reconstruct(z)).square().sum(1) + SPARSITY * z.abs().sum(1)).mean()


# %%
# The loop: take some rows, see how the loss changes with each weight, and move each
# weight a little downhill.

optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.003)
for epoch in range(30):
    for rows in torch.randperm(len(X)).split(128):
        optimizer.zero_grad()
        loss(X[rows]).backward()
        optimizer.step()
    if epoch % 10 == 9:
        on = (encoder(X) > 0).sum(1).float().mean().item()
        print(
            f"after {epoch + 1} epochs: loss {loss(X).item():.2f}, {on:.0f} numbers on"
        )
