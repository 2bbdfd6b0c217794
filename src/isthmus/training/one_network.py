"""Training of a single network, from its inputs and the gradient at its output.

Encoder and decoder of a model are trained separately if codes are known (`isthmus.inference.alternation`). A perceptron
uses the fused pass, in bfloat16 where that is faster; any other network uses autograd.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from isthmus.parts.network import Network
from isthmus.training.devices import use_bfloat16
from isthmus.training.fused import FusedNetwork
from isthmus.training.optimizer import FlatAdamW, flatten_parameters
from isthmus.training.plan import Plan

__all__ = ["OneNetwork"]


class OneNetwork:
    """Steps of AdamW on a network whose parameters lie in one buffer; `finish` gives each its own storage again."""

    def __init__(self, network: Network, plan: Plan, weight_decay: float):
        self.network = network
        self.clip = plan.gradient_clip
        self._flat = flatten_parameters(network, network.decayed_parameters())
        self._optimizer = FlatAdamW(self._flat, weight_decay)
        layers, weights = network.perceptron_layers(), self._flat.weights
        low = layers is not None and use_bfloat16(plan.precision, weights.device, plan.batch_size * len(weights))
        if layers is None and plan.precision == "auto":
            network.low_precision = use_bfloat16("auto", weights.device, plan.batch_size * network.products)
        self._bfloat16 = self._flat.as_bfloat16() if low else None
        self._fused = (
            None if layers is None else FusedNetwork(network, layers, self._flat, self._bfloat16 or self._flat)
        )

    def step(self, inputs: Tensor, at_output: Callable[[Tensor], Tensor], learning_rate: float) -> None:
        """One step; ``at_output`` maps an output to the gradient of the loss there."""
        gradients = self._flat.gradients.zero_()
        if self._fused is None:
            output = self.network(inputs)
            output.backward(at_output(output.detach()))
        else:
            if self._bfloat16 is not None:
                self._bfloat16.weights.copy_(self._flat.weights)
                self._bfloat16.gradients.zero_()
            with torch.no_grad():
                output, kept = self._fused.forward(inputs)
                self._fused.backward(at_output(output), kept, wants_input=False)
            if self._bfloat16 is not None:
                gradients.add_(self._bfloat16.gradients)
        if self.clip is not None:
            gradients.mul_((self.clip / (gradients.norm() + 1e-12)).clamp(max=1.0))
        self._optimizer.step(learning_rate)

    def weights(self) -> Tensor:
        """A copy of all weights."""
        return self._flat.weights.clone()

    def set_weights(self, weights: Tensor) -> None:
        """Set all weights."""
        self._flat.weights.copy_(weights)

    def finish(self) -> None:
        """Make the network an ordinary module again."""
        self.network.low_precision = False
        self.network.zero_grad(set_to_none=True)
        for parameter in self.network.parameters():
            parameter.data = parameter.data.clone()
