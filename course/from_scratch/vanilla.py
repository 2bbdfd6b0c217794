"""
The vanilla autoencoder
=======================

Compress, reconstruct, compare: all that an autoencoder is, in plain PyTorch.
"""

# %%
# The data: handwritten digits, each a row of 64 grey values from 0 to 1.

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data / 16, dtype=torch.float32)

# %%
# The encoder goes from 64 numbers to 2, the decoder from 2 back to 64. Between them
# there is nothing but those two numbers.

encoder = nn.Sequential(nn.Linear(64, 96), nn.SiLU(), nn.Linear(96, 2))
decoder = nn.Sequential(nn.Linear(2, 96), nn.SiLU(), nn.Linear(96, 64))

# %%
# The loss is the squared error of a row, summed over its 64 values, and then the mean
# over rows.


def loss(x):
    """Mean over the batch of ‖x - x̂‖²."""
    z = encoder(x)
    reconstructed = decoder(z)
    return (x - reconstructed).square().sum(1).mean()


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
        print(f"after {epoch + 1} epochs a digit's error is {loss(X).item():.2f}")
