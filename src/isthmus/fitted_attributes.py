"""scikit-learn's fitted attributes, with a trailing underscore: views of the fitted record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.fitted import FittedState
from isthmus.history import History
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.principal import Principal
from isthmus.rows.scaling import Scaling

__all__ = ["FittedAttributes"]


class FittedAttributes:
    """Views of ``fitted_``; each raises an `AttributeError` before `fit`."""

    if TYPE_CHECKING:
        fitted_: FittedState

    @property
    def n_components_(self) -> int:
        """Latent dimensions of the code."""
        return self.fitted_.n_components

    @property
    def model_(self) -> AutoencoderModel:
        """The torch module."""
        return self.fitted_.model

    @property
    def scaling_(self) -> Scaling:
        """The map between the user's units and the model's."""
        return self.fitted_.scaling

    @property
    def principal_(self) -> Principal:
        """PCA of the training rows."""
        return self.fitted_.principal

    @property
    def history_(self) -> History:
        """The history of training."""
        return self.fitted_.history

    @property
    def best_epoch_(self) -> int:
        """The epoch chosen on held-out rows."""
        return self.fitted_.best_epoch

    @property
    def n_iter_(self) -> int:
        """Epochs run; at least 1, since scikit-learn counts the closed form as one iteration."""
        return max(1, self.fitted_.n_iter)

    @property
    def column_likelihoods_(self) -> dict[str, str]:
        """The likelihood of each column of a mixed-type table, by the column's name; empty for other rows."""
        layout, known = self.fitted_.layout, self.fitted_.model.likelihood.of_kinds
        return {} if layout is None else {column.name: known[column.kind] for column in layout.columns}

    @property
    def noise_variance_(self) -> float:
        """σ² in the units of the (scaled) data."""
        return self.fitted_.noise_variance
