"""Before the first step: from rows to scaling, principal directions and a model that stands at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from sklearn.utils import check_random_state

from isthmus.assembly import assemble, choose_architecture, choose_size, require_consistent
from isthmus.hyperparameter import check_hyperparameters
from isthmus.missing import attach, complete_batches, learn_completion
from isthmus.model.principal import principal_directions
from isthmus.scaling import chunks, column_statistics, fit_scaling, observed_statistics
from isthmus.training.devices import choose_device, seeded, threads_for
from isthmus.training.rows import Rows, rows_of

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder

__all__ = ["begin"]

BASELINE_DIRECTIONS, BASELINE_DIRECTIONS_OF_WIDE_TABLES = 256, 64  # how far PCA's error curve is known
WIDE = 4096


def begin(estimator: BaseAutoencoder, X: Any) -> Rows:
    """Set on ``estimator`` all that is known before the first step; give its rows in the model's units."""
    check_hyperparameters(estimator)
    X = estimator._validated(X, reset=True)
    estimator._dtype = X.dtype
    estimator._seed = int(check_random_state(estimator.random_state).randint(2**31 - 1))
    estimator._device = choose_device(estimator.device)
    masked = estimator.missing == "mask"
    columns = observed_statistics(lambda: chunks(X)) if masked else column_statistics(chunks(X))
    estimator.n_components_ = choose_size(estimator, columns)
    require_consistent(estimator, estimator.n_components_, columns, estimator._column_names(X))
    centred = estimator.start == "principal" and estimator.likelihood == "gaussian"
    layout = estimator._layout
    estimator.scaling_ = (
        layout.scaling(columns, estimator.scale) if layout else fit_scaling(columns, estimator.scale, centred=centred)
    )
    estimator._code_unit = estimator.scaling_.unit if estimator.make_bottleneck().in_data_units else 1.0
    rows = rows_of(X, estimator.scaling_)
    mean = (columns.mean - estimator.scaling_.center) / estimator.scaling_.spread
    known = BASELINE_DIRECTIONS if X.shape[1] <= WIDE else BASELINE_DIRECTIONS_OF_WIDE_TABLES
    limit = max(estimator.n_components_, known)
    start, completion = torch.from_numpy(mean), None
    with seeded(estimator._seed), threads_for(min(len(rows), rows.batch_rows) * X.shape[1] ** 2):
        if masked:
            completion, start = learn_completion(rows, layout.owners if layout else None)
        batches = complete_batches(rows, completion)
        estimator.principal_ = principal_directions(batches, start, len(rows), limit)
    estimator._architecture = choose_architecture(estimator, estimator.n_components_, X.shape[1])
    with seeded(estimator._seed):
        blocks = layout.blocks if layout else None
        estimator.model_ = assemble(
            estimator, estimator._architecture, columns, estimator.scaling_, estimator.principal_, blocks
        )
    if completion is not None:
        attach(estimator.model_, completion)
    estimator._n_weights = sum(parameter.numel() for parameter in estimator.model_.parameters())
    estimator._training = estimator._memory = estimator._seen = estimator._density = None
    return rows
