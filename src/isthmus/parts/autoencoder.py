"""The model that joins the parts. One forward pass serves every variant:

    x --corruption--> x̃ --encoder--> h --bottleneck--> q(z|x̃) --sample--> z --decoder--> output

It returns a `ForwardOutput`, the record of everything the pass produced; the objective reads nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from isthmus.parts.bottleneck import Bottleneck, Posterior
from isthmus.parts.completion import Completion
from isthmus.parts.corruption import Corruption
from isthmus.parts.likelihood import Likelihood
from isthmus.parts.network import Network

__all__ = ["AutoencoderModel", "ForwardOutput"]


@dataclass(frozen=True)
class ForwardOutput:
    """What one batch produced: every tensor has the batch as its first dimension."""

    x: Tensor
    corrupted: Tensor
    posterior: Posterior
    code: Tensor
    output: Tensor
    given: Tensor | None = None


class AutoencoderModel(nn.Module):
    """Corruption, encoder, bottleneck, decoder and likelihood, joined."""

    def __init__(
        self,
        corruption: Corruption,
        encoder: Network,
        bottleneck: Bottleneck,
        decoder: Network,
        likelihood: Likelihood,
        completion: Completion | None = None,
    ):
        super().__init__()
        self.corruption = corruption
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.decoder = decoder
        self.likelihood = likelihood
        self.completion = completion

    def forward(self, x: Tensor, given: Tensor | None = None, *, trace_input: bool = False) -> ForwardOutput:
        """The forward pass of a training batch: rows are corrupted, codes are drawn from the posterior.

        ``trace_input`` records gradients with respect to the (corrupted) input, for penalties on the
        encoder's Jacobian.
        """
        seen = x if self.completion is None else self.completion(self.completion.hide(x))
        corrupted = self.corruption(self.likelihood.encoder_input(seen))
        if trace_input:
            corrupted = corrupted.detach().requires_grad_()
        posterior = self.bottleneck(self.encoder(corrupted, given))
        code = posterior.sample()
        return ForwardOutput(x, corrupted, posterior, code, self.decoder(code, given), given)

    @property
    def has_own_modules(self) -> bool:
        """Whether one of the networks is a module of the user's own."""
        return self.encoder.own_module is not None or self.decoder.own_module is not None

    def switch_mode(self, *, training: bool) -> None:
        """Switch to training or evaluation mode, which only a user's own module may depend on.

        Calling `train` and `eval` on a small network would take a tenth of an epoch.
        """
        if self.has_own_modules:
            self.train(training)

    def moving_buffers(self) -> list[Tensor]:
        """The buffers that training changes, in addition to the parameters."""
        return [*self.encoder.moving_buffers(), *self.decoder.moving_buffers()]

    def decayed_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters that weight decay pulls towards the closed form."""
        yield from self.encoder.decayed_parameters()
        yield from self.decoder.decayed_parameters()

    def encode(self, x: Tensor, given: Tensor | None = None) -> Posterior:
        """q(z|x) of uncorrupted rows, shape (batch, n_features), with conditions of shape (batch, n_given)."""
        return self.bottleneck(self.encoder(self.encoder_input(x), given))

    def encoder_input(self, x: Tensor) -> Tensor:
        """Rows as the encoder sees them: completed, and transformed by the likelihood."""
        return self.likelihood.encoder_input(self.complete(x))

    def complete(self, x: Tensor) -> Tensor:
        """Fill NaN in the rows, if the model allows missing cells."""
        return x if self.completion is None else self.completion(x)

    def decode(self, z: Tensor, given: Tensor | None = None, *, like: Tensor | None = None) -> Tensor:
        """E[x|z] for codes of shape (batch, n_latents); ``like`` holds the rows that were encoded, if known."""
        likelihood = self.likelihood if like is None else self.likelihood.at(like)
        return likelihood.mean(self.decoder(z, given))

    def reconstruct(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Decode the posterior's mean: the same row always gives the same reconstruction."""
        return self.decode(self.encode(x, given).mean, given, like=x)
