"""
The variational autoencoder
===========================

A code that is a cloud, and can be drawn from, in plain PyTorch.
"""

# %%
# The data: handwritten digits, each a row of 64 grey values from 0 to 1.

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data / 16, dtype=torch.float32)

# %%
# For each code number the encoder gives two: a mean, and the logarithm of a variance.
# The decoder's own variance, how far pictures lie from what it draws, is learned too.

encoder = nn.Sequential(nn.Linear(64, 96), nn.SiLU(), nn.Linear(96, 2 * 2))
decoder = nn.Sequential(nn.Linear(2, 96), nn.SiLU(), nn.Linear(96, 64))
log_variance = nn.Parameter(torch.tensor(-3.0))

# %%
# A code is drawn as mean + spread · ε, so the loss has a slope in both. The first
# term says how unlikely the picture is, given the code; the second how far the cloud is
# from the one that codes will be drawn from later, with mean 0 and variance 1. Both are
# sums over a row: a mean in one of them would upset their balance.


def loss(x):
    """Mean over the batch of -log p(x|z) + KL(q(z|x) ‖ N(0, I))."""
    mean, log_spread = encoder(x).chunk(2, dim=1)
    z = mean + torch.exp(log_spread / 2) * torch.randn_like(mean)
    error = (x - decoder(z)).square() / log_variance.exp()
    unlikely = (error + math.log(2 * math.pi) + log_variance).sum(1) / 2
    divergence = (mean.square() + log_spread.exp() - 1 - log_spread).sum(1) / 2
    return (unlikely + divergence).mean()


# %%
# The loop: take some rows, see how the loss changes with each weight, and move each
# weight a little downhill.

weights = [*encoder.parameters(), *decoder.parameters(), log_variance]
optimizer = torch.optim.Adam(weights, lr=0.003)
for epoch in range(30):
    for rows in torch.randperm(len(X)).split(128):
        optimizer.zero_grad()
        loss(X[rows]).backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(f"after {epoch + 1} epochs: bound {-loss(X).item():.1f} nats per digit")
