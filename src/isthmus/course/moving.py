"""A fitted decoder as a page can run it: its weights as text, to be worked out by ``isthmus.decode`` in the page's kit.

x̂ = center + spread ⊙ (B u + b + g(u)),     u = z / scale,     g a chain of layers with SiLU between them
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from isthmus.estimator import BaseAutoencoder

__all__ = ["decoder_state"]


def decoder_state(model: BaseAutoencoder) -> dict[str, Any]:
    """The decoder of a fitted model with a principal start, no convolutions and SiLU, as JSON can hold it."""
    if model.activation != "silu" or model.start != "principal" or model.channels:
        raise ValueError("decoder_state: pages run perceptrons with a principal start and SiLU, and no others.")
    weights = {name: tensor.numpy() for name, tensor in model.decoder.to_torch().state_dict().items()}
    n_features, n_latents = weights["decoder.straight.weight"].shape
    bent = [name.removesuffix(".weight") for name in weights if "bent" in name and name.endswith(".weight")]
    layers = [_layer(weights, name) for name in ("decoder.straight", *bent)]
    return {
        "scale": _text(np.broadcast_to(weights["unit"] * weights["decoder.input_scale"], n_latents)),
        "straight": layers[0],
        "bent": layers[1:],
        "center": _text(np.broadcast_to(weights["center"], n_features)),
        "spread": _text(np.broadcast_to(weights["spread"], n_features)),
    }


def _layer(weights: dict[str, np.ndarray], name: str) -> dict[str, str]:
    return {"weight": _text(weights[f"{name}.weight"]), "bias": _text(weights[f"{name}.bias"])}


def _text(values: np.ndarray) -> str:
    """Little-endian float32, in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")
