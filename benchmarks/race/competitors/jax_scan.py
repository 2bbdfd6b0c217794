"""A limit: the tutorial's network in JAX, an epoch compiled into one `lax.scan`. Compilation is not counted."""

from __future__ import annotations

import itertools
import os

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from race.compete import compete
from race.job import Job
from race.stopwatch import Reconstruct, Stopwatch

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def initial_weights(key, layers):
    """PyTorch's initialization: uniform within ± 1/√(inputs), for matrices and biases."""
    weights = []
    for begin, end in itertools.pairwise(layers):
        key, at_matrix, at_bias = jax.random.split(key, 3)
        bound = begin**-0.5
        matrix = jax.random.uniform(at_matrix, (begin, end), minval=-bound, maxval=bound)
        weights.append((matrix, jax.random.uniform(at_bias, (end,), minval=-bound, maxval=bound)))
    return weights


def reconstruct(weights, x, code_layer):
    """ReLU between layers, no activation on the code, a sigmoid at the end."""
    for index, (matrix, bias) in enumerate(weights):
        x = x @ matrix + bias
        if index == len(weights) - 1:
            x = jax.nn.sigmoid(x)
        elif index != code_layer:
            x = jax.nn.relu(x)
    return x


def adam(weights, gradients, state):
    """One step of Adam on every array."""
    mean, square, count = state
    count = count + 1
    mean = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, mean, gradients)
    square = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, square, gradients)
    rate = RATE * jnp.sqrt(1 - BETA2**count) / (1 - BETA1**count)
    weights = jax.tree.map(lambda w, m, s: w - rate * m / (jnp.sqrt(s) + EPSILON), weights, mean, square)
    return weights, (mean, square, count)


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.threads])
    code_layer = len(job.widths) - 1
    layers = (train.shape[1], *job.widths, *job.widths[-2::-1], train.shape[1])
    n_steps = max(1, len(train) // job.batch_size)

    def step(carry, batch):
        weights, state, rows = carry
        x = rows[batch]
        gradients = jax.grad(lambda w: jnp.mean((reconstruct(w, x, code_layer) - x) ** 2))(weights)
        return (*adam(weights, gradients, state), rows), None

    def epoch(weights, state, rows, key):
        order = jax.random.permutation(key, len(rows))[: n_steps * job.batch_size].reshape(n_steps, -1)
        (weights, state, _), _ = lax.scan(step, (weights, state, rows), order)
        return weights, state

    key = jax.random.key(job.seed)
    weights = initial_weights(key, layers)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state, rows = (zeros, zeros, jnp.zeros(())), jnp.asarray(train)
    compiled = jax.jit(epoch).lower(weights, state, rows, key).compile()
    reconstruct_all = jax.jit(lambda w, x: reconstruct(w, x, code_layer))
    watch.begin()
    for _ in range(job.epochs):
        key, at_epoch = jax.random.split(key)
        weights, state = jax.block_until_ready(compiled(weights, state, rows, at_epoch))
        watch.lap(lambda X: reconstruct_all(weights, X))  # noqa: B023, called at once
    return lambda X: np.asarray(reconstruct_all(weights, X))


if __name__ == "__main__":
    compete(fit)
