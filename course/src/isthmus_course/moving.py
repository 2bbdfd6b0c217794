"""Fitted models for interactive figures: weights as text, evaluated by ``isthmus.encode`` and ``decode`` in the page.

z = scale ⊙ (A u + a + f(u)),               u = (x - center) / spread
x̂ = center + spread ⊙ (B u + b + g(u)),     u = z / scale

with f and g sequences of layers with SiLU between them.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from isthmus.estimator import BaseAutoencoder

__all__ = ["decoder_state", "encoder_state", "linear_state"]


def encoder_state(model: BaseAutoencoder) -> dict[str, Any]:
    """The encoder of a fitted model with a point code, a principal start, no convolutions and SiLU, for JSON."""
    if model.make_bottleneck(1).has_prior:
        raise ValueError("encoder_state: pages only run encoders with a point code.")
    return _state(model, "encoder")


def decoder_state(model: BaseAutoencoder) -> dict[str, Any]:
    """The decoder of a fitted model with a principal start, no convolutions and SiLU, for JSON."""
    return _state(model, "decoder")


def linear_state(directions: np.ndarray, center: np.ndarray) -> dict[str, Any]:
    """The decoder x̂ = center + Σ z_j v_j of directions v of shape (p, n), such as PCA's, for JSON."""
    size, n_features = directions.shape
    return {
        "scale": _text(np.ones(size)),
        "skip": {"weight": _text(directions.T), "bias": _text(np.zeros(n_features))},
        "residual": [],
        "center": _text(center),
        "spread": _text(np.ones(n_features)),
    }


def _state(model: BaseAutoencoder, part: str) -> dict[str, Any]:
    if model.activation != "silu" or model.start != "principal" or model.channels:
        raise ValueError(f"{part}_state: pages only run perceptrons with a principal start and SiLU.")
    module = (model.encoder if part == "encoder" else model.decoder).to_torch()
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    own_scale = weights["encoder.output_scale" if part == "encoder" else "decoder.input_scale"]
    outputs, inputs = weights[f"{part}.skip.weight"].shape
    n_features, n_latents = (inputs, outputs) if part == "encoder" else (outputs, inputs)
    residual = [name.removesuffix(".weight") for name in weights if "residual" in name and name.endswith(".weight")]
    layers = [_layer(weights, name) for name in (f"{part}.skip", *residual)]
    return {
        "scale": _text(np.broadcast_to(weights["unit"] * own_scale, n_latents)),
        "skip": layers[0],
        "residual": layers[1:],
        "center": _text(np.broadcast_to(weights["center"], n_features)),
        "spread": _text(np.broadcast_to(weights["spread"], n_features)),
    }


def _layer(weights: dict[str, np.ndarray], name: str) -> dict[str, str]:
    return {"weight": _text(weights[f"{name}.weight"]), "bias": _text(weights[f"{name}.bias"])}


def _text(values: np.ndarray) -> str:
    """Little-endian float32, in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
