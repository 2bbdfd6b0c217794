"""The settings of an estimator, and the methods a variant may override.

Every setting is declared here once, with its default, meaning and bounds; a variant adds its own. None means that
`isthmus.choices` and `isthmus.training.plan` choose a value from the data's shape.
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
from isthmus.parts.counts import are_counts
from isthmus.parts.likelihood import Columns, Likelihood
from isthmus.parts.network import ACTIVATIONS, Architecture, Network
from isthmus.parts.penalty import Penalty
from isthmus.parts.start import PrincipalStart, RandomStart, Start
from isthmus.training.budget import BUDGET

__all__ = ["AutoencoderSettings"]


@dataclass(eq=False, repr=False)
class AutoencoderSettings:
    """Settings shared by every variant; a subclass becomes a dataclass of these and its own."""

    n_components: int | float | str | None = hyper(
        None,
        "number of latent dimensions; a share of the variance, such as 0.95: the fewest that keep it on held-out rows; "
        "auto: the number that the data support; None: 2, or twice the features for a sparse code",
        positional=True,
        at_least=1,
        shares=True,
        choices=("auto",),
    )
    hidden_layer_sizes: tuple[int, ...] | None = hyper(
        None, "widths of the encoder's hidden layers, mirrored by the decoder; () is linear; None chooses"
    )
    activation: str = hyper("silu", "activation function between layers", choices=tuple(ACTIVATIONS))
    output_activation: str = hyper("identity", "function on the decoder's output", choices=("identity", "sigmoid"))
    image_shape: tuple[int, ...] | None = hyper(None, "(height, width) or (channels, height, width) of a row")
    channels: tuple[int, ...] = hyper(
        (), "channels of convolutions before the hidden layers, each halving the image; needs image_shape"
    )
    network: str | None = hyper(
        None,
        "kind of hidden layers; None: perceptron, or for pictures and sound convolution if it is better on held-out "
        "rows",
        choices=("perceptron", "convolution"),
    )
    mirrored: bool | None = hyper(None, "also train on mirrored copies of pictures; None: if they are in colour")
    shifted: int | None = hyper(
        None,
        "largest random shift of training pictures, in pixels; None: a sixteenth of their side if they are in colour",
        at_least=0,
    )
    start: str = hyper("principal", "initial weights: PCA's, or random", choices=("principal", "random"))
    scale: str | None = hyper(
        "auto",
        "scaling of columns: to variance 1, to [0, 1], or None, unchanged; auto: to variance 1 for a table of "
        "isthmus.read whose columns have different units, else unchanged",
        choices=("auto", "standard", "minmax"),
    )
    likelihood: str = hyper(
        "gaussian",
        "distribution of a row given its code; auto: negative_binomial if the columns are counts, else gaussian; in a "
        "mixed-type table it applies to columns of counts",
        choices=("auto", *likelihoods.names()),
    )
    variance: float | str | None = hyper(
        None,
        "variance σ² of the Gaussian likelihood, in the data's units, or 'learned'; None: the loss is ‖x - x̂‖²",
        choices=("learned",),
        above=0,
    )
    missing: str = hyper(
        "auto",
        "missing cells (NaN): an error, or left out of input and loss; auto: left out if there are any at fit",
        choices=("auto", "error", "mask"),
    )
    unseen: str = hyper(
        "auto",
        "categories not seen in fit: an error, or missing cells; auto: missing cells if there were any at fit",
        choices=("auto", "error", "missing"),
    )
    max_iter: int | None = hyper(None, "largest number of epochs; None chooses from the data's size", at_least=0)
    budget: int | str | None = hyper(
        None,
        "training budget: a time such as '30s', '5min' or '2h', or a number of epochs; None chooses from the data's "
        "size",
        at_least=0,
        pattern=BUDGET,
        written="a time such as '30s'",
    )
    batch_size: int | None = hyper(None, "rows per step; None chooses from the data's size", at_least=1)
    learning_rate: float = hyper(5e-3, "highest learning rate", above=0)
    schedule: str = hyper("one_cycle", "learning rate schedule", choices=("one_cycle", "constant"))
    weight_decay: float | None = hyper(
        None,
        "decoupled decay of the residual networks' weights towards PCA; None chooses from the data's size",
        at_least=0,
    )
    gradient_clip: float | None = hyper(1.0, "largest norm of a step's gradient; None: unlimited", above=0)
    validation_fraction: float | None = hyper(
        None, "share of rows held out to choose the best epoch; None: a tenth, 64 to 2,048 rows", at_least=0, below=1
    )
    early_stopping: bool = hyper(
        True, "stop after n_iter_no_change epochs without improvement, once the rate is below half of its maximum"
    )
    n_iter_no_change: int | None = hyper(None, "patience in epochs; None: a fifth of the epochs", at_least=1)
    refit: bool | None = hyper(
        None,
        "train again on all rows, including those held out, for the chosen number of epochs; None: up to 2,000 rows",
    )
    precision: str = hyper(
        "auto",
        "number format of matrix products in training; auto uses bfloat16 for large work where it is fast",
        choices=("auto", "float32", "bfloat16"),
    )
    whiten: bool = hyper(False, "divide each latent by its standard deviation over the training rows")
    rotate: str | None = hyper(
        None,
        "rotate a linear model's latents so that few columns load on each; reconstructions don't change",
        choices=("varimax",),
    )
    polish: int | str = hyper(
        "auto",
        "number of steps that improve each code after encoding; if not 0, the decoder is also trained on such codes; "
        "auto: 3 if they lower the held-out error",
        choices=("auto",),
        at_least=0,
    )
    device: str | None = hyper(None, "cpu, cuda or mps; None chooses")
    encoder: Any = dataclasses.field(default=None, kw_only=True)  # the user's own torch modules
    decoder: Any = dataclasses.field(default=None, kw_only=True)
    random_state: Any = dataclasses.field(default=None, kw_only=True)
    verbose: bool = hyper(False, "print how likely a gain over PCA is, and show progress on a terminal")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(eq=False, repr=False)(cls)

    def own_modules(self) -> dict[str, Any]:
        """The user's own encoder and decoder, by name, if given."""
        return {name: vars(self)[name] for name in ("encoder", "decoder") if vars(self).get(name) is not None}

    @property
    def polish_steps(self) -> int | None:
        """``polish`` as a number; None for the number that paid at fit."""
        return None if self.polish == "auto" else int(self.polish)

    # ---- the seams a variant may fill -------------------------------------------------------------------

    def make_corruption(self, low: Tensor, high: Tensor) -> Corruption:
        """The corruption of the input during training; ``low`` and ``high`` are the columns' ranges in model units."""
        return NoCorruption()

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """The kind of code."""
        return PointBottleneck()

    def make_networks(self, architecture: Architecture) -> tuple[Network, Network]:
        """Encoder and decoder, each a linear skip plus a module of the right shape."""
        given = self.own_modules()
        try:
            return architecture.build(given.get("encoder"), given.get("decoder"))
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error

    def make_likelihood(self, columns: Columns) -> Likelihood:
        """The distribution of a row given the decoder's output."""
        name = "mixed" if columns.blocks else self.likelihood
        if name == "auto":
            name = "negative_binomial" if are_counts(columns) else "gaussian"
        return likelihoods.likelihood(name).from_settings(self, columns)

    def make_penalties(self) -> dict[str, Penalty]:
        """The terms that the loss adds to reconstruction, by name."""
        return {}

    def make_start(self) -> Start:
        """The closed form that training starts at, which is also the baseline."""
        return PrincipalStart() if self.start == "principal" else RandomStart()
