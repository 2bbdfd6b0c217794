"""
The contractive autoencoder
===========================

A code that hardly moves when the picture does, in plain PyTorch.
"""

# %%
# The data: handwritten digits, each a row of 64 grey values from 0 to 1.

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data / 16, dtype=torch.float32)

# %%
# Encoder and decoder are those of the vanilla autoencoder.

encoder = nn.Sequential(nn.Linear(64, 96), nn.SiLU(), nn.Linear(96, 2))
decoder = nn.Sequential(nn.Linear(2, 96), nn.SiLU(), nn.Linear(96, 64))

# %%
# The gradient of a code number with respect to the picture says how much the number
# moves when each grey value does. The loss puts a price on the squares of all of these.
# A row's code depends on that row only, so the gradient of the sum over rows contains
# the gradient of each row.

CONTRACTION = 0.1


def loss(x):
    """Mean over the batch of ‖x - x̂‖² + λ Σ (∂zⱼ/∂xᵢ)²."""
    x = x.detach().requires_grad_()
    z = encoder(x)
    moves = 0
    for unit in range(z.shape[1]):
        (slope,) = torch.autograd.grad(z[:, unit].sum(), x, create_graph=True)
        moves = moves + slope.square().sum(1)
    return ((x - decoder(z)).square().sum(1) + CONTRACTION * moves).mean()


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
        print(f"after {epoch + 1} epochs the loss is {loss(X).item():.2f}")
