"""PyTorch's distributions, in single precision."""

import math

import torch
from torch.distributions import Normal, kl_divergence


def shrinkage(variance):
    return 1 / (1 + variance / 2)


def divergence(mean, variance):
    return kl_divergence(Normal(mean, math.sqrt(variance)), Normal(0.0, 1.0))


def elbo(x, variance, mean, spread):
    squares = (torch.tensor(x, dtype=torch.float32) - mean) ** 2 + spread
    return (-squares / (2 * variance) - math.log(2 * math.pi * variance) / 2).sum() - divergence(mean, spread)
