"""What a user may set, and the seams a variant may fill.

Every setting is declared here once, with its default, meaning and bounds; a variant adds its own. None stands
for "choose from the data's shape", which `isthmus.initialization` and `isthmus.training.plan` do.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from isthmus.hyperparameter import hyper
from isthmus.parts import likelihoods
from isthmus.parts.bottleneck import Bottleneck, PointBottleneck
from isthmus.parts.corruption import Corruption, NoCorruption
from isthmus.parts.likelihood import Columns, Likelihood
from isthmus.parts.network import ACTIVATIONS, Architecture, Network
from isthmus.parts.penalty import Penalty
from isthmus.parts.start import PrincipalStart, RandomStart, Start

__all__ = ["AutoencoderSettings"]


@dataclass(eq=False, repr=False)
class AutoencoderSettings:
    """Settings shared by every variant; each subclass becomes a dataclass of these and its own."""

    n_components: int | None = hyper(
        None,
        "size of the code; None: 2, or twice the features for a sparse code",
        positional=True,
        at_least=1,
    )
    hidden_layer_sizes: tuple[int, ...] | None = hyper(
        None, "widths of the encoder's hidden layers, mirrored by the decoder; () is linear; None chooses"
    )
    activation: str = hyper("silu", "function between layers", choices=tuple(ACTIVATIONS))
    output_activation: str = hyper("identity", "function on the decoder's output", choices=("identity", "sigmoid"))
    image_shape: tuple[int, ...] | None = hyper(None, "(height, width) or (channels, height, width) of a row")
    channels: tuple[int, ...] = hyper(
        (), "channels of convolutions before the hidden layers, each halving the image; needs image_shape"
    )
    start: str = hyper("principal", "start at PCA, or at random weights", choices=("principal", "random"))
    scale: str | None = hyper(
        None,
        "how columns are weighed: each alike, into [0, 1], or as they are",
        choices=("standard", "minmax"),
    )
    likelihood: str = hyper("gaussian", "what the decoder's output means", choices=likelihoods.names())
    variance: float | str | None = hyper(
        None,
        "variance σ² of the Gaussian likelihood, in the data's units, or 'learned'; None: the loss is ‖x - x̂‖²",
        choices=("learned",),
        above=0,
    )
    missing: str = hyper(
        "error",
        "what NaN means: refuse it, or leave the cell out of input and loss",
        choices=("error", "mask"),
    )
    unseen: str = hyper(
        "error",
        "what a category that was not there at fit is: an error, or (with missing='mask') a missing cell",
        choices=("error", "missing"),
    )
    max_iter: int | None = hyper(None, "epochs at most; None chooses from the data's size", at_least=0)
    batch_size: int | None = hyper(None, "rows a step; None chooses from the data's size", at_least=1)
    learning_rate: float = hyper(5e-3, "highest learning rate", above=0)
    schedule: str = hyper("one_cycle", "how the rate moves", choices=("one_cycle", "constant"))
    weight_decay: float | None = hyper(
        None,
        "decoupled decay of the residual networks' weights towards PCA; None chooses from the data's size",
        at_least=0,
    )
    gradient_clip: float | None = hyper(1.0, "largest norm of a step's gradient", above=0)
    validation_fraction: float | None = hyper(
        None, "share of rows held out to choose the best epoch; None: a tenth, 64 to 2,048 rows", at_least=0, below=1
    )
    early_stopping: bool = hyper(True, "stop when n_iter_no_change epochs bring nothing")
    n_iter_no_change: int | None = hyper(None, "patience in epochs; None: a third of max_iter", at_least=1)
    precision: str = hyper(
        "auto",
        "format of matrix products in training; auto takes bfloat16 for large work where it is fast",
        choices=("auto", "float32", "bfloat16"),
    )
    device: str | None = hyper(None, "cpu, cuda or mps; None chooses")
    encoder: Any = dataclasses.field(default=None, kw_only=True)  # torch modules of the user's own
    decoder: Any = dataclasses.field(default=None, kw_only=True)
    random_state: Any = dataclasses.field(default=None, kw_only=True)
    verbose: bool = hyper(False, "show progress on a terminal")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(eq=False, repr=False)(cls)

    def own_modules(self) -> dict[str, Any]:
        """The user's own encoder and decoder, by name, where they were given."""
        return {name: vars(self)[name] for name in ("encoder", "decoder") if vars(self).get(name) is not None}

    # ---- the seams a variant may fill -------------------------------------------------------------------

    def make_corruption(self, low: Tensor, high: Tensor) -> Corruption:
        """What is done to the input while training; the columns' ranges are at hand, in the model's units."""
        return NoCorruption()

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """What kind of code it is."""
        return PointBottleneck()

    def make_networks(self, architecture: Architecture) -> tuple[Network, Network]:
        """Encoder and decoder, each a linear skip beside any module of the right shape."""
        given = self.own_modules()
        try:
            return architecture.build(given.get("encoder"), given.get("decoder"))
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error

    def make_likelihood(self, columns: Columns) -> Likelihood:
        """How the decoder's output is read as a distribution of the row."""
        kind = likelihoods.likelihood("mixed" if columns.blocks else self.likelihood)
        return kind.from_settings(self, columns)

    def make_penalties(self) -> dict[str, Penalty]:
        """What is asked of the code beside reconstruction, by name."""
        return {}

    def make_start(self) -> Start:
        """The closed form training starts at, which is the baseline too."""
        return PrincipalStart() if self.start == "principal" else RandomStart()
