"""
The denoising autoencoder
=========================

Corrupt the picture and ask for the clean one, in plain PyTorch.
"""

# %%
# The data: handwritten digits, each a row of 64 grey values from 0 to 1.

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data / 16, dtype=torch.float32)

# %%
# Encoder and decoder are as in the vanilla autoencoder, with a wider code: here it is
# not the bottleneck alone that keeps them from copying.

encoder = nn.Sequential(nn.Linear(64, 96), nn.SiLU(), nn.Linear(96, 16))
decoder = nn.Sequential(nn.Linear(16, 96), nn.SiLU(), nn.Linear(96, 64))

# %%
# The encoder sees the corrupted row, but the loss compares the output with the clean
# one. Copying is now a mistake; what helps is knowing which pictures are likely.

NOISE = 0.3


def loss(x):
    """Mean over the batch of ‖x - x̂‖², with x̂ reconstructed from x plus noise."""
    corrupted = x + NOISE * torch.randn_like(x)
    reconstructed = decoder(encoder(corrupted))
    return (x - reconstructed).square().sum(1).mean()


# %%
# The loop is the same as before; every time a row is used, its noise is drawn again.

optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.003)
for epoch in range(30):
    for rows in torch.randperm(len(X)).split(128):
        optimizer.zero_grad()
        loss(X[rows]).backward()
        optimizer.step()
    if epoch % 10 == 9:
        noise = 64 * NOISE**2
        print(f"epoch {epoch + 1}: noise {noise:.2f}, error {loss(X).item():.2f}")
