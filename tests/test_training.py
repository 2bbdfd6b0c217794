"""How it learns: the plan, the rate, the loop, the rows, the scaling and the record."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import scipy.sparse
import torch

from conftest import curved_table
from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.history import History
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.bottleneck import GaussianBottleneck, NestedBottleneck, PointBottleneck
from isthmus.parts.corruption import GaussianNoise, NoCorruption
from isthmus.parts.draws import seeded, uniform_like
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.network import ACTIVATIONS, Architecture
from isthmus.parts.penalty import Contraction, Divergence, Sparsity
from isthmus.rows.rows import Batch, DenseRows, ScaledRows, combined_seed, dense_rows, rows_of
from isthmus.rows.scaling import Scaling, column_statistics, fit_scaling
from isthmus.rows.validation import validation_count
from isthmus.tables.finite import chunks
from isthmus.training import loop, schedule
from isthmus.training.chance import exceeds_chance
from isthmus.training.devices import WORK_FOR_THREADS, threads_for, use_bfloat16
from isthmus.training.loop import Training, means
from isthmus.training.objective import Objective
from isthmus.training.optimizer import flatten_parameters
from isthmus.training.plan import Plan, automatic_batch_size, automatic_epochs, automatic_widths
from isthmus.training.progress import progress_bar
from isthmus.training.schedule import rate


def build(seed=0, corruption=None, bottleneck=None, learned=False, **shape) -> AutoencoderModel:
    torch.manual_seed(seed)
    bottleneck = bottleneck or PointBottleneck()
    shape = Architecture(6, 2, bottleneck.outputs_per_latent, **{"hidden_widths": (8,), **shape})
    parts = (shape.build_encoder(), bottleneck, shape.build_decoder(), GaussianLikelihood(learned=learned))
    return AutoencoderModel(corruption or NoCorruption(), *parts)


def some_rows(n_rows=100, seed=0) -> DenseRows:
    return DenseRows(torch.from_numpy(curved_table(n_rows, seed=seed).astype(np.float32)))


PLAN = Plan(epochs=4, batch_size=20, learning_rate=1e-2)


# ---- the rate -------------------------------------------------------------------------------------------


def test_one_cycle_rises_and_falls_between_its_endpoints():
    plan = Plan(epochs=1, batch_size=1, learning_rate=0.5)
    assert rate(plan, 0.0) == pytest.approx(0.5 * schedule.FIRST_RATE)
    assert rate(plan, schedule.WARM_UP) == pytest.approx(0.5)
    assert rate(plan, 1.0) == pytest.approx(0.5 * schedule.LAST_RATE)
    rising = [rate(plan, p) for p in np.linspace(0, schedule.WARM_UP, 50)]
    falling = [rate(plan, p) for p in np.linspace(schedule.WARM_UP, 1, 50)]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    constant = Plan(epochs=1, batch_size=1, learning_rate=0.5, schedule="constant")
    assert {rate(constant, p) for p in (0.0, 0.3, 1.0)} == {0.5}


def test_the_loop_walks_the_whole_cycle(monkeypatch):
    seen = []

    def step(self, batch, learning_rate):
        self.state.steps += 1
        seen.append((batch.n_rows, learning_rate))

    monkeypatch.setattr(Training, "step", step)
    Training(build(), Objective({}), Plan(epochs=3, batch_size=30, learning_rate=1.0)).run(some_rows(100), None)
    assert [size for size, _ in seen] == [30, 30, 30, 10] * 3
    rates = [rate for _, rate in seen]
    assert rates[0] == pytest.approx(schedule.FIRST_RATE)
    assert rates[-1] == pytest.approx(schedule.LAST_RATE)
    assert max(rates) > 0.9


# ---- the loop -------------------------------------------------------------------------------------------


def test_the_best_validated_weights_come_back():
    training, validation = some_rows(60), some_rows(30, seed=1)
    weights = []
    plan = Plan(epochs=12, batch_size=10, learning_rate=0.05, schedule="constant", gradient_clip=None)
    work = Training(build(), Objective({}), plan)
    work.run(training, validation, lambda row: weights.append(work.flat.weights.clone()) or False)
    losses = work.history["validation_loss"]
    assert work.best_epoch == int(np.argmin(losses))
    assert torch.equal(work.flat.weights, weights[work.best_epoch])
    assert not torch.equal(work.flat.weights, weights[work.best_epoch - 1])
    assert float(work.measure(validation)["loss"].mean()) == losses[work.best_epoch]


@pytest.mark.parametrize(("gains", "best"), [((3.0, 1.0, -1.0, 1.0), 0), ((1.1, 0.9, 1.0, 1.0), 2), ((9.0,), 0)])
def test_a_start_that_is_an_answer_is_left_only_for_a_gain_beyond_chance(gains, best):
    """Mean gain 1 with standard error 0.82, 0.04, and of one row unknown; 1.5 standard errors are asked for."""
    plan = Plan(epochs=3, batch_size=20, learning_rate=1e-2, guards_start=True)
    work = Training(build(), Objective({}), plan)
    validation, start = some_rows(len(gains)), torch.full((len(gains),), 9.0)
    seen = iter([start, start, start - torch.tensor(gains), start])
    work.measure = lambda rows: {"loss": next(seen) if rows is validation else start}
    weights = []
    work.run(some_rows(20), validation, lambda row: weights.append(work.flat.weights.clone()) or False)
    assert work.best_epoch == best
    assert torch.equal(work.flat.weights, weights[best])
    assert not torch.equal(weights[0], weights[2])


def test_without_validation_the_last_weights_stand():
    weights = []
    plan = Plan(epochs=6, batch_size=10, learning_rate=1.0, schedule="constant", gradient_clip=None)
    work = Training(build(), Objective({}), plan)
    work.run(some_rows(40), None, lambda row: weights.append(work.flat.weights.clone()) or False)
    assert torch.equal(work.flat.weights, weights[-1])
    assert work.best_epoch == 6


def test_training_and_validation_are_measured_the_same_way():
    rows = some_rows(50)
    objective = Objective({"divergence": Divergence(0.1)})
    work = Training(build(corruption=GaussianNoise(0.5), bottleneck=GaussianBottleneck()), objective, PLAN)
    work.run(rows, rows)
    for part in ("loss", "reconstruction", "divergence", "mse"):
        assert work.history[f"train_{part}"] == work.history[f"validation_{part}"], part


def test_a_measure_draws_the_same_noise_every_time_and_the_mean_over_rows():
    work = Training(build(corruption=GaussianNoise(0.5)), Objective({"sparsity": Sparsity(0.1)}), PLAN)
    rows = some_rows(50)
    torch.manual_seed(1)
    first = means(work.measure(rows), "train")
    torch.manual_seed(2)
    assert means(work.measure(rows), "train") == first
    with seeded(loop.MEASURE_SEED):
        loss, forward = work.objective(work.model, rows.values)
    assert first["train_loss"] == pytest.approx(float(loss.total.detach().mean()), rel=1e-5)
    assert first["train_mse"] == pytest.approx(float((forward.output - rows.values).detach().square().mean()), rel=1e-5)


@pytest.mark.parametrize("output_activation", ["identity", "sigmoid"])
@pytest.mark.parametrize("bottleneck", [PointBottleneck(), NestedBottleneck(0.5)], ids=["point", "nested"])
def test_what_is_measured_without_autograd_is_the_objectives(bottleneck, output_activation):
    model = build(corruption=GaussianNoise(0.5), bottleneck=bottleneck)
    model.likelihood = GaussianLikelihood(0.3, bounded=output_activation == "sigmoid")
    work, rows = Training(model, Objective({}), PLAN), some_rows(50)
    assert work._plain is not None
    by_hand = work.measure(rows)
    work._plain = None
    for name, values in work.measure(rows).items():
        torch.testing.assert_close(by_hand[name], values, rtol=1e-5, atol=1e-6, msg=name)


def test_as_many_training_rows_are_measured_as_there_are_validation_rows(monkeypatch):
    counts = []
    measure = Training.measure
    monkeypatch.setattr(
        Training,
        "measure",
        lambda self, rows: counts.append(len(rows)) or measure(self, rows),
    )
    Training(build(), Objective({}), Plan(epochs=0, batch_size=9, learning_rate=1e-3)).run(some_rows(90), some_rows(25))
    assert counts == [25, 25]


def test_patience_counts_from_the_best_epoch():
    plan = Plan(epochs=50, batch_size=20, learning_rate=1e-12, patience=3, schedule="constant")
    work = Training(build(), Objective({}), plan)
    losses = iter([5.0, 4.0, 4.5, 4.375, 4.25, 9.0, 9.0])
    validation = some_rows(20)
    work.measure = lambda rows: {"loss": torch.tensor([next(losses) if rows is validation else 1.0])}
    work.run(some_rows(30), validation)
    assert work.history["validation_loss"] == [5.0, 4.0, 4.5, 4.375, 4.25]
    assert work.stop_reason == "no improvement for 3 epochs"
    assert not work.stopped_abnormally


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run(bad):
    work = Training(build(), Objective({}), Plan(epochs=9, batch_size=20, learning_rate=1e-2))
    losses = iter([5.0, 4.0, bad])
    validation = some_rows(20)
    work.measure = lambda rows: {"loss": torch.tensor([next(losses) if rows is validation else 1.0])}
    kept = []
    work.run(some_rows(30), validation, lambda row: kept.append(work.flat.weights.clone()) or False)
    assert len(work.history) == 2
    assert work.stopped_abnormally
    assert f"{bad} after epoch 2" in work.stop_reason
    assert torch.equal(work.flat.weights, kept[1])


def test_the_gradient_is_clipped_to_its_norm():
    rows = DenseRows(1e4 * some_rows(20).values)
    for clip in (None, 1.0, 1e12):
        work = Training(build(), Objective({}), Plan(epochs=1, batch_size=20, learning_rate=0.0, gradient_clip=clip))
        work.step(Batch(rows.values), 0.0)
        norm = float(work.flat.gradients.norm())
        assert norm == pytest.approx(1.0, rel=1e-4) if clip == 1.0 else norm > 1e4


# ---- the flat buffer ------------------------------------------------------------------------------------


def test_parameters_become_views_of_one_buffer():
    model = build(bottleneck=GaussianBottleneck(), learned=True)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    flat = flatten_parameters(model)
    buffer = flat.weights.untyped_storage().data_ptr()
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]), name
        assert weight.untyped_storage().data_ptr() == buffer, name
        assert weight.grad is not None, name
    assert len(flat.weights) == len(flat.gradients) == sum(weight.numel() for weight in before.values())
    with torch.no_grad():
        flat.weights.fill_(0.25)
    assert all((weight == 0.25).all() for weight in model.parameters())


@pytest.mark.parametrize("decay", [0.0, 5.0])
def test_steps_are_adamws_and_only_bent_matrices_decay(decay):
    rows, objective = some_rows(80).values / 5, Objective({"divergence": Divergence(1.0)})
    plain, trained = (build(bottleneck=GaussianBottleneck(), learned=True) for _ in range(2))
    residual = [w for name, w in plain.named_parameters() if ".residual." in name and w.dim() > 1]
    rest = [w for name, w in plain.named_parameters() if ".residual." not in name or w.dim() == 1]
    assert len(residual) == 4
    reference = torch.optim.AdamW([{"params": residual, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}])
    plan = Plan(epochs=1, batch_size=20, learning_rate=1.0, weight_decay=decay, gradient_clip=None)
    work = Training(trained, objective, plan)
    for learning_rate, batch in zip((1e-2, 3e-2, 1e-3, 1e-2), rows.split(20), strict=True):
        work.step(Batch(batch), learning_rate)
        torch.manual_seed(combined_seed(work.seed, -work.state.steps))
        reference.zero_grad()
        objective(plain, batch)[0].total.mean().backward()
        for group in reference.param_groups:
            group["lr"] = learning_rate
        reference.step()
    for (name, one), two in zip(plain.named_parameters(), trained.parameters(), strict=True):
        assert torch.allclose(one, two, rtol=1e-3, atol=1e-4), name


def test_a_finished_model_is_an_ordinary_module():
    model = build()
    work = Training(model, Objective({}), PLAN)
    work.run(some_rows(40), None)
    after = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    work.finish()
    for name, weight in model.named_parameters():
        assert torch.equal(weight, after[name])
        assert weight.grad is None
        assert weight.untyped_storage().nbytes() == 4 * weight.numel()
    model(some_rows(40).values).output.sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_a_resumed_training_goes_on_as_if_never_finished():
    models = []
    for pause in (False, True):
        model = build()
        work = Training(model, Objective({}), PLAN)
        for batch in some_rows(60).values.split(20):
            work.step(Batch(batch), 1e-2)
            if pause:
                work.finish()
                work.resume()
        models.append(model)
    for one, two in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(one, two)


GRADIENT_CASES = {
    **{name: ({"activation": name}, PointBottleneck, {}) for name in ACTIVATIONS},
    "plain": ({"principal": False}, PointBottleneck, {}),
    "linear": ({"hidden_widths": ()}, PointBottleneck, {}),
    "deep": ({"hidden_widths": (9, 7, 5)}, PointBottleneck, {"sparsity": Sparsity(0.1)}),
    "gaussian": ({}, GaussianBottleneck, {"divergence": Divergence(1.0)}),
    "contractive": ({}, PointBottleneck, {"contraction": Contraction(0.5)}),
}


@pytest.mark.parametrize("case", GRADIENT_CASES)
def test_a_step_takes_the_gradient_autograd_gives(case):
    """Whatever short cut training takes inside, its gradients are those of the plain modules."""
    shape, bottleneck, penalties = GRADIENT_CASES[case]
    rows, objective = some_rows(20).values, Objective(penalties)
    plain, trained = (build(bottleneck=bottleneck(), learned=True, **shape) for _ in range(2))
    for model in (plain, trained):
        for network, name in ((model.encoder, "output_scale"), (model.decoder, "input_scale")):
            scale = getattr(network, name)
            if scale is not None:
                scale.copy_(torch.linspace(0.5, 2, len(scale)))
    work = Training(trained, objective, Plan(epochs=1, batch_size=20, learning_rate=0.0, gradient_clip=None))
    work.step(Batch(rows), 0.0)
    torch.manual_seed(combined_seed(work.seed, -1))
    objective(plain, rows)[0].total.mean().backward()
    for (name, one), two in zip(plain.named_parameters(), trained.parameters(), strict=True):
        torch.testing.assert_close(
            two.grad, one.grad, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


# ---- the plan -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [2, 3, 4, 5, 10, 50, 128, 1437, 60_000])
def test_what_is_held_out_leaves_most_to_train_on(n_rows):
    assert validation_count(n_rows, 0.0) == 0
    count = validation_count(n_rows, None)
    assert count <= max(n_rows // 4, round(0.1 * n_rows))
    assert (count > 0) == (n_rows >= 4)
    assert count >= min(64, n_rows // 4)


def test_a_share_asked_for_is_held_out_as_asked():
    assert [validation_count(n_rows, 0.1) for n_rows in (4, 100, 60_000)] == [1, 10, 6000]
    assert validation_count(100, 0.999) == 99
    assert validation_count(100, 1e-9) == 1


@pytest.mark.parametrize("n_rows", [5, 15, 200])
def test_chance_alone_looks_like_a_gain_in_one_of_twenty_cases(n_rows):
    gains = torch.randn(4000, n_rows, generator=torch.Generator().manual_seed(n_rows))
    share = sum(exceeds_chance(row) for row in gains) / len(gains)
    assert 0.04 < share < 0.065
    assert exceeds_chance(gains[0] + 3)
    assert not exceeds_chance(torch.ones(1))


@pytest.mark.parametrize("distance", [1.0, 100.0])
def test_a_row_far_outside_the_others_is_learned_from(distance):
    values = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    values[7] *= distance / values[7].norm()
    held_out_in = 0
    for seed in range(20):
        with seeded(seed):
            learned, held_out = DenseRows(values).split(15)
        both = torch.cat([part.take(torch.arange(len(part))) for part in (learned, held_out)])
        assert len(held_out) == 15
        assert torch.equal(both.sort(0).values, values.sort(0).values)  # each row once
        held_out_in += bool((held_out.take(torch.arange(15)) == values[7]).all(1).any())
    assert (held_out_in == 0) == (distance > 1)


@pytest.mark.parametrize("n_rows", [2, 100, 1437, 60_000, 10**6])
def test_choices_left_open_are_sensible(n_rows):
    size = automatic_batch_size(n_rows)
    assert size & (size - 1) == 0
    assert 16 <= size <= 4096
    epochs = automatic_epochs(n_rows, size)
    assert 1 <= epochs <= 1000
    assert automatic_batch_size(10 * n_rows) >= size
    assert automatic_epochs(10 * n_rows, automatic_batch_size(10 * n_rows)) <= epochs
    assert all(width >= 1 for width in automatic_widths(n_features=n_rows % 999 + 1))


# ---- devices, threads, seeds, progress ------------------------------------------------------------------


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_threads_are_put_back(two_threads):
    for work, inside in ((WORK_FOR_THREADS / 2, 1), (WORK_FOR_THREADS * 2, 2)):
        with threads_for(work):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), threads_for(1):
        raise KeyError
    assert torch.get_num_threads() == 2
    Autoencoder(2, max_iter=1, hidden_layer_sizes=(4,)).fit(curved_table()).partial_fit(curved_table())
    assert torch.get_num_threads() == 2


def test_seeded_repeats_inside_and_leaves_the_generator_outside():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    drawn = []
    for _ in range(2):
        with seeded(11):
            drawn.append(uniform_like(torch.zeros(3)))
    assert torch.equal(*drawn)
    assert torch.equal(torch.rand(3), expected)


def test_half_precision_is_taken_where_asked_or_where_it_pays(monkeypatch):
    processor = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert use_bfloat16("auto", processor, WORK_FOR_THREADS)
    assert not use_bfloat16("auto", processor, WORK_FOR_THREADS / 2)
    assert not use_bfloat16("float32", processor, 1e12)
    assert use_bfloat16("bfloat16", processor, 1)
    assert not use_bfloat16("auto", torch.device("cuda"), 1e12)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert not use_bfloat16("auto", processor, 1e12)


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_half_precision_learns_as_well_and_leaves_float32_weights(kind):
    X = curved_table(1000)
    settings = {"hidden_layer_sizes": (32, 32), "max_iter": 15, "random_state": 0}
    full, half = (kind(2, precision=precision, **settings).fit(X) for precision in ("float32", "bfloat16"))
    assert all(weight.dtype == torch.float32 for weight in half.model_.parameters())
    assert half.history_["validation_mse"] != full.history_["validation_mse"]
    assert half.history_["validation_mse"][-1] == pytest.approx(full.history_["validation_mse"][-1], rel=0.1)
    assert half.history_["validation_mse"][-1] < half.history_["validation_mse"][0]


def test_the_progress_bar_shows_on_a_terminal_only(monkeypatch, capsys):
    row = {"epoch": 1.0, "train_mse": 0.5}
    for shown in (True, False):
        with progress_bar(3, shown=shown) as advance:
            advance(row)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress_bar(3, shown=True) as advance:
        advance(row)
    assert capsys.readouterr().out == ""


# ---- rows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_rows_come_by_index_in_order_and_shuffled(kind):
    X = curved_table(50)
    scaling = fit_scaling(column_statistics([X]), "standard", centred=True)
    rows = rows_of(X if kind == "dense" else scipy.sparse.csr_array(X), scaling)
    assert isinstance(rows, DenseRows if kind == "dense" else ScaledRows)
    expected = torch.from_numpy(scaling.apply(X))
    assert len(rows) == 50
    assert rows.n_features == 6
    torch.testing.assert_close(torch.cat(list(rows.batches(7))), expected)
    torch.testing.assert_close(torch.cat(list(rows.batches())), expected)
    assert [len(batch) for batch in rows.batches(20)] == [20, 20, 10]
    part = rows.subset(torch.tensor([3, 1, 40])).subset(torch.tensor([2, 0]))
    torch.testing.assert_close(part.take(torch.tensor([0, 1])), expected[[40, 3]])
    torch.testing.assert_close(torch.cat(list(part.batches(1))), expected[[40, 3]])
    shuffled = torch.cat([batch.x for batch in rows.epoch(0, 1, 16)])
    assert torch.equal(torch.cat([batch.x for batch in rows.epoch(0, 1, 16, first=2)]), shuffled[32:])
    assert not torch.equal(torch.cat([batch.x for batch in rows.epoch(0, 2, 16)]), shuffled)
    assert not torch.allclose(shuffled, expected)
    torch.testing.assert_close(shuffled.sort(0).values, expected.sort(0).values)


def test_dense_rows_are_scaled_in_slices(monkeypatch):
    X = curved_table(50)
    scaling = fit_scaling(column_statistics([X]), "minmax", centred=True)
    monkeypatch.setattr("isthmus.rows.rows.chunks", lambda X: chunks(X, cells=40))
    torch.testing.assert_close(dense_rows(X, scaling).values, torch.from_numpy(scaling.apply(X)))


# ---- scaling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["standard", "minmax", None])
@pytest.mark.parametrize("centred", [True, False])
def test_scaling_there_and_back(how, centred):
    X = np.column_stack([curved_table(80), np.full(80, -4.0)])
    statistics = column_statistics([X[:30], X[30:31], X[31:]])
    scaling = fit_scaling(statistics, how, centred=centred)
    scaled = scaling.apply(X)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaling.undo(scaled), X, atol=1e-5)
    assert scaling.log_volume == pytest.approx(np.log(scaling.spread).sum())
    assert (scaling.spread > 0).all()
    if how == "standard":
        np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(scaled[:, :6].std(0, ddof=1), 1, rtol=1e-5)
    elif how == "minmax":
        np.testing.assert_allclose(scaled[:, :6].min(0), 0, atol=1e-7)
        np.testing.assert_allclose(scaled[:, :6].max(0), 1, atol=1e-6)
    elif centred:
        np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-6)
        assert scaled.var(0, ddof=1).mean() == pytest.approx(1, rel=1e-5)
        assert np.unique(scaling.spread).tolist() == [scaling.unit]
    else:
        np.testing.assert_array_equal(scaled, X.astype(np.float32))


@pytest.mark.parametrize("offset", [0.0, 1e9, -1e12])
def test_column_statistics_in_one_pass(offset):
    X = curved_table(500) + offset
    found = column_statistics(chunks(X, cells=60))
    np.testing.assert_allclose(found.mean, X.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, (X - X.mean(0)).var(0, ddof=1), rtol=1e-6)
    np.testing.assert_array_equal(found.low, X.min(0))
    np.testing.assert_array_equal(found.high, X.max(0))
    assert found.n_rows == 500
    constant = column_statistics([np.full((7, 2), 0.1)])
    assert constant.variance.tolist() == [0, 0]


def test_chunks_cover_everything_once():
    X = np.arange(60.0).reshape(20, 3)
    for source in (X, scipy.sparse.csr_array(X)):
        parts = list(chunks(source, cells=12))
        assert [len(part) for part in parts] == [4] * 5
        np.testing.assert_array_equal(np.concatenate(parts), X)
    assert [len(part) for part in chunks(X, cells=1)] == [1] * 20


def test_timestamps_keep_their_seconds():
    seconds = np.arange(100.0)[:, None] + 1.7e9
    scaling = Scaling(np.array([1.7e9]), np.array([1.0]), 1.0)
    np.testing.assert_array_equal(scaling.apply(seconds).ravel(), np.arange(100))
    model = VariationalAutoencoder(1, max_iter=0).fit(seconds)
    np.testing.assert_allclose(model.reconstruct(seconds), seconds, atol=0.1)


# ---- the record -----------------------------------------------------------------------------------------


def test_history_is_a_table():
    history = History()
    assert len(history) == 0
    assert list(history) == []
    for epoch in range(3):
        history.append({"epoch": epoch, "loss": 1 / (epoch + 1)})
    assert history["epoch"] == [0, 1, 2]
    assert history[1] == {"epoch": 1, "loss": 0.5}
    assert history[-1]["epoch"] == 2
    assert [row["epoch"] for row in history] == [0, 1, 2]
    with pytest.raises(
        ValueError, match=r"^History: a row must have the columns \['epoch', 'loss'\], got \['epoch'\]\.$"
    ):
        history.append({"epoch": 3})
    with pytest.raises(KeyError):
        _ = history["accuracy"]


def test_the_flat_optimiser_is_torchs_adamw():
    torch.manual_seed(0)
    model = build()
    twin = copy.deepcopy(model)
    decayed = [w for name, w in twin.named_parameters() if ".residual." in name and w.dim() > 1]
    free = [w for name, w in twin.named_parameters() if not (".residual." in name and w.dim() > 1)]
    reference = torch.optim.AdamW(
        [{"params": decayed}, {"params": free, "weight_decay": 0.0}], lr=0.01, weight_decay=0.3
    )
    work = Training(model, Objective({}), Plan(epochs=1, batch_size=8, learning_rate=0.01, weight_decay=0.3))
    for _ in range(5):
        for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
            gradient = torch.randn_like(other)
            mine.grad.copy_(gradient)
            other.grad = gradient
        work.optimizer.step(0.01)
        reference.step()
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu", "tanh", "sigmoid"])
@pytest.mark.parametrize("start", ["principal", "random"])
def test_the_fused_pass_and_the_plain_one_lose_alike(activation, start, monkeypatch):
    X = np.random.default_rng(0).normal(size=(120, 7)) @ np.random.default_rng(1).normal(size=(7, 7))
    settings = {
        "activation": activation,
        "start": start,
        "hidden_layer_sizes": (16, 8),
        "max_iter": 4,
        "random_state": 0,
        "polish": 0,
    }
    for kind in (Autoencoder, VariationalAutoencoder):
        fused = kind(3, **settings).fit(X)
        with monkeypatch.context() as plain:
            plain.setattr("isthmus.training.loop.fuse", lambda *_: None)
            reference = kind(3, **settings).fit(X)
        assert fused.history_["train_loss"] == pytest.approx(reference.history_["train_loss"], rel=1e-4)
        assert fused.transform(X) == pytest.approx(reference.transform(X), rel=1e-3, abs=1e-3)


def test_a_run_of_few_steps_takes_smaller_batches_unless_they_are_given():
    table = curved_table(5200)

    def history(**settings):
        return Autoencoder(1, hidden_layer_sizes=(4,), random_state=0, **settings).fit(table).history_["train_loss"]

    assert history(max_iter=1) == history(max_iter=1, batch_size=64) != history(max_iter=1, batch_size=128)
    assert history() == history(batch_size=128)
