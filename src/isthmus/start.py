"""Before the first step: from rows to scaling, principal directions and a model that stands at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from sklearn.utils import check_random_state

from isthmus.assembly import assemble, choose_architecture, choose_size, require_consistent
from isthmus.distributed import ProcessGroup, processes
from isthmus.hyperparameter import check_hyperparameters
from isthmus.missing import attach, complete_batches, learn_completion
from isthmus.parts.principal import principal_directions
from isthmus.rows.rows import Rows, rows_of
from isthmus.rows.scaling import chunks, column_statistics, fit_scaling, observed_statistics
from isthmus.rows.streamed import StreamedRows, Survey, survey
from isthmus.stream_input import know_columns, large_stream, require_columns
from isthmus.training.devices import choose_device, seeded, threads_for

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder
    from isthmus.tables.stream import TableStream

__all__ = ["begin", "begin_again"]

BASELINE_DIRECTIONS, BASELINE_DIRECTIONS_OF_WIDE_TABLES = 256, 64  # how far PCA's error curve is known
WIDE = 4096


def begin(estimator: BaseAutoencoder, X: Any) -> Rows:
    """Set on ``estimator`` all that is known before the first step; give its rows in the model's units."""
    check_hyperparameters(estimator)
    group = processes()
    seed = torch.tensor(int(check_random_state(estimator.random_state).randint(2**31 - 1)))
    estimator._seed = int(group.broadcast_(seed))
    estimator._device = choose_device(estimator.device)
    masked = estimator.missing == "mask"
    stream, surveyed = large_stream(estimator, X), None
    if stream is None:
        X = estimator._validated(X, reset=True)
        estimator._dtype = X.dtype
        columns = observed_statistics(lambda: chunks(X)) if masked else column_statistics(chunks(X))
    else:
        surveyed = _surveyed(estimator, stream, group)
        columns = surveyed.columns or observed_statistics(lambda: iter(stream))
        estimator._dtype = surveyed.dtype
    n_rows, n_features = X.shape if stream is None else stream.shape
    estimator.n_components_ = choose_size(estimator, columns)
    require_consistent(estimator, estimator.n_components_, columns, estimator._column_names(n_features))
    centred = estimator.start == "principal" and estimator.likelihood == "gaussian"
    layout = estimator._layout
    estimator.scaling_ = (
        layout.scaling(columns, estimator.scale) if layout else fit_scaling(columns, estimator.scale, centred=centred)
    )
    estimator._code_unit = estimator.scaling_.unit if estimator.make_bottleneck().in_data_units else 1.0
    rows = _rows(estimator, X, stream, surveyed, group)
    mean = (columns.mean - estimator.scaling_.center) / estimator.scaling_.spread
    known = BASELINE_DIRECTIONS if n_features <= WIDE else BASELINE_DIRECTIONS_OF_WIDE_TABLES
    limit = max(estimator.n_components_, known)
    start, completion = torch.from_numpy(mean), None
    with seeded(estimator._seed), threads_for(min(n_rows, rows.batch_rows) * n_features**2):
        if masked:
            completion, start = learn_completion(rows, layout.owners if layout else None)
        if completion is None and isinstance(rows, StreamedRows):
            estimator.principal_ = principal_directions(
                rows.own_batches, start, n_rows, limit, all_reduce_=group.all_reduce_, held=not group.several
            )
        else:
            batches = complete_batches(rows, completion)
            estimator.principal_ = principal_directions(batches, start, n_rows, limit)
    estimator._architecture = choose_architecture(estimator, estimator.n_components_, n_features)
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


def begin_again(estimator: BaseAutoencoder, X: Any) -> Rows:
    """The rows of an estimator that knows its start already."""
    stream, group = large_stream(estimator, X), processes()
    if stream is None:
        return rows_of(estimator._validated(X, reset=False), estimator.scaling_)
    require_columns(estimator, stream)
    return _rows(estimator, X, stream, _surveyed(estimator, stream, group, reset=False), group)


def _surveyed(estimator: BaseAutoencoder, stream: TableStream, group: ProcessGroup, *, reset: bool = True) -> Survey:
    who = type(estimator).__name__
    if reset:
        if len(stream) < 2:
            raise ValueError(f"{who}: X has {len(stream)} row, and at least 2 are needed to learn from.")
        know_columns(estimator, stream)
    masked = estimator.missing == "mask"
    return survey(stream, who, estimator._seed, estimator.validation_fraction, group, missing=masked)


def _rows(
    estimator: BaseAutoencoder, X: Any, stream: TableStream | None, surveyed: Survey | None, group: ProcessGroup
) -> Rows:
    if stream is None:
        return rows_of(X, estimator.scaling_)
    return StreamedRows(stream, estimator.scaling_, group, surveyed=surveyed)
