"""Values that other tests would let pass if they were changed by mistake: what the right ones are, and why."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch

import isthmus
from conftest import curved_table
from isthmus.distributed import ALONE
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.bottleneck import PointBottleneck
from isthmus.parts.corruption import NoCorruption
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.network import Architecture
from isthmus.rows.metadata import with_metadata
from isthmus.rows.rows import Batch, rows_of
from isthmus.rows.scaling import Scaling, column_statistics, concatenate_scalings, fit_scaling
from isthmus.rows.streamed import StreamedRows, survey
from isthmus.tables.input_rows import ValidRows
from isthmus.training.loop import Training
from isthmus.training.objective import Objective
from isthmus.training.plan import Plan, automatic_weight_decay

X = curved_table(200)


def gradient_norm(clip: float | None) -> float:
    """Of the gradient that the optimiser is given in one step on far rows."""
    torch.manual_seed(0)
    architecture = Architecture(6, 2, hidden_widths=(8,))
    encoder, decoder = architecture.build()
    model = AutoencoderModel(NoCorruption(), encoder, PointBottleneck(), decoder, GaussianLikelihood())
    training = Training(model, Objective({}), Plan(1, 50, 1e-3, gradient_clip=clip))
    training.step(Batch(torch.from_numpy(X[:50]).float()), 1e-3)
    return float(training.flat.gradients.norm())


def test_a_gradient_is_clipped_where_it_is_too_long_and_left_alone_where_it_is_not():
    whole = gradient_norm(None)
    assert whole > 2
    assert gradient_norm(1.0) == pytest.approx(1.0, rel=1e-5)
    assert gradient_norm(whole / 2) == pytest.approx(whole / 2, rel=1e-5)
    assert gradient_norm(2 * whole) == pytest.approx(whole, rel=1e-6)  # not stretched to the clip
    assert gradient_norm(1e12) == pytest.approx(whole, rel=1e-6)


def digest_of(form: str, rows: np.ndarray, beside: np.ndarray | None = None) -> str:
    scaling = fit_scaling(column_statistics([X]), "standard", centred=True)
    if form == "stream":
        stream = isthmus.open_table(rows)
        found = survey(stream, "test", 0, None, ALONE, missing=False)
        return StreamedRows(stream, scaling, surveyed=found).digest()
    if form == "beside":
        source = with_metadata(ValidRows(rows), beside, None)
        wide = concatenate_scalings([scaling, Scaling(np.zeros(1), np.ones(1), 1.0)])
        return rows_of(source.values, wide, source.widths).digest()
    values = scipy.sparse.csr_matrix(rows) if form == "sparse" else rows
    return rows_of(values, scaling).subset(torch.arange(len(rows))).digest()


@pytest.mark.parametrize("form", ["dense", "sparse", "stream"])
@pytest.mark.parametrize("place", [(0, 0), (57, 3), (199, 5)], ids=str)
def test_one_changed_cell_makes_other_rows(form, place):
    changed = X.copy()
    changed[place] += 1e-3
    assert digest_of(form, X) == digest_of(form, X.copy())
    assert digest_of(form, changed) != digest_of(form, X)


def test_what_stands_beside_rows_tells_them_apart_too():
    beside = np.zeros((200, 1))
    other = beside.copy()
    other[120] = 1
    assert digest_of("beside", X, beside) != digest_of("beside", X, other)


def test_a_fit_does_not_resume_on_other_rows(tmp_path):
    changed = X.copy()
    changed[57, 3] += 1e-3
    checkpoints = isthmus.Checkpoints(tmp_path / "work", every_epochs=1)
    isthmus.Autoencoder(2, max_iter=3, random_state=0).fit(X, checkpoints=checkpoints)
    with pytest.raises(isthmus.storage.StorageError, match="checkpoints of a fit to other rows"):
        isthmus.Autoencoder(2, max_iter=3, random_state=0).fit(changed, checkpoints=checkpoints)


@pytest.mark.parametrize(
    ("n_rows", "unexplained", "n_features", "decay"),
    [
        (1437, 0.5, 64, 350 / 718.5),
        (1000, 1.0, 5, 0.35),
        (100_000, 0.01, 20, 0.35),
        (50, 0.5, 30, 1.0),
        (10_000, 0.0, 64, 1.0),
        (35_000, 0.5, 10, 0.02),
        (7000, 0.5, 784, 1.225),
        (100, 0.5, 6400, 10.0),
    ],
)
def test_the_default_decay_is_350_over_the_rows_times_what_pca_leaves_out(n_rows, unexplained, n_features, decay):
    """docs/defaults.md: chosen on validation rows of many sets; PCA leaves out a thousandth at least.

    Of w = columns / 64, at least 1, it is w times as large, and at most √w.
    """
    assert automatic_weight_decay(n_rows, unexplained, n_features) == pytest.approx(decay)


def test_each_validation_row_is_measured_with_eight_draws_of_hidden_cells(monkeypatch):
    seen = []
    run = Training.run

    def spied(self, training, validation, *arguments):
        seen.append(len(validation))
        return run(self, training, validation, *arguments)

    monkeypatch.setattr(Training, "run", spied)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    isthmus.Autoencoder(2, missing="mask", max_iter=1, random_state=0).fit(holes)
    isthmus.Autoencoder(2, max_iter=1, random_state=0).fit(X)
    assert seen == [8 * 50, 50]


@pytest.mark.parametrize("settings", [{"variance": 1e-40}, {"variance": 1e-300}], ids=str)
def test_a_start_that_is_not_finite_gives_its_sentence(settings):
    with pytest.raises(ValueError, match=r"Autoencoder: variance=.* is too small for columns of variance"):
        isthmus.Autoencoder(2, random_state=0, max_iter=2, **settings).fit(X)


@pytest.mark.parametrize("settings", [{"start": "random"}, {"start": "random", "missing": "mask"}], ids=str)
def test_a_loss_that_is_no_number_before_the_first_step_gives_its_sentence(settings):
    with pytest.raises(ValueError, match="Autoencoder: the loss is not finite before the first step"):
        isthmus.Autoencoder(2, random_state=0, max_iter=2, **settings).fit(X * 1e25)
