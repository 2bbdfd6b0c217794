"""Properties that every variant has, over every file in the variants folder."""

from __future__ import annotations

import copy
import pickle
import re
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import isthmus
from conftest import curved_table
from isthmus.hyperparameter import hyperparameters
from isthmus.tables.finite import CHUNK_CELLS
from isthmus.training.loop import Training
from isthmus.training.objective import Objective
from isthmus.variants import variant, variants

QUICK = {"max_iter": 3, "hidden_layer_sizes": (16,), "batch_size": 32, "random_state": 0}


def quick(kind, n_components=2, **settings):
    return kind(n_components, **{**QUICK, **settings})


def is_sparse(kind) -> bool:
    return kind().make_bottleneck(2).sparse


def has_prior(kind) -> bool:
    return kind().make_bottleneck(2).has_prior


# ---- shapes and the start -------------------------------------------------------------------------------


def test_shapes_types_and_names(kind, table):
    model = quick(kind).fit(table)
    code = model.transform(table[:7])
    assert code.shape == (7, 2)
    assert code.dtype == np.float32
    reconstructed = model.inverse_transform(code)
    assert reconstructed.shape == (7, 6)
    np.testing.assert_allclose(model.reconstruct(table[:7]), reconstructed, rtol=1e-4, atol=1e-4)
    assert model.score_samples(table[:7]).shape == (7,)
    assert isinstance(model.score(table), float)
    assert list(model.get_feature_names_out()) == [f"{kind.__name__.lower()}{i}" for i in range(2)]
    assert model.n_features_in_ == 6
    assert len(model.history_) == model.fitted_.n_iter + 1


def test_the_face_has_the_variants_by_name():
    for name, kind in variants().items():
        assert getattr(isthmus, kind.__name__) is kind
        assert variant(name) is kind
        assert kind.__doc__
    with pytest.raises(ValueError, match=r"^variant: there is no 'magic'; choose from .*vanilla"):
        variant("magic")
    with pytest.raises(AttributeError, match="no attribute 'MagicAutoencoder'"):
        _ = isthmus.MagicAutoencoder


def linear_answer(kind, X: np.ndarray, size: int) -> np.ndarray:
    """What epoch 0 reconstructs: PCA's projection; for a Gaussian code, probabilistic PCA's posterior mean."""
    pca = PCA(size).fit(X)
    code = pca.transform(X)
    if has_prior(kind):
        code = code * (1 - pca.noise_variance_ / pca.explained_variance_)
    return pca.inverse_transform(code)


@pytest.mark.parametrize("size", [1, 2, 5, 16])
def test_epoch_0_is_pca(kind, digits, size):
    X = digits[0][:400]
    model = kind(size, max_iter=0, random_state=0).fit(X)
    np.testing.assert_allclose(model.reconstruct(X), linear_answer(kind, X, size), atol=1e-5)
    assert model.fitted_.n_iter == model.best_epoch_ == 0
    assert model.n_iter_ == 1  # the closed form counts as one iteration, as scikit-learn has it
    if not has_prior(kind) and not is_sparse(kind):
        np.testing.assert_allclose(model.transform(X), PCA(size).fit_transform(X), atol=1e-4)


def test_epoch_0_is_pca_of_the_scaled_columns(kind, table):
    for how, scaled in (
        ("standard", (table - table.mean(0)) / table.std(0, ddof=1)),
        ("minmax", (table - table.min(0)) / np.ptp(table, axis=0)),
    ):
        model = kind(2, max_iter=0, scale=how, random_state=0).fit(table)
        expected = linear_answer(kind, scaled, 2)
        undone = expected * model.scaling_.spread + model.scaling_.center
        np.testing.assert_allclose(model.reconstruct(table), undone, atol=1e-4)


def test_twice_as_many_rectified_units_as_features_copy_the_row(digits):
    X = digits[0][:300]
    model = variants()["sparse"](2 * X.shape[1], max_iter=0, random_state=0).fit(X)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-5)
    assert (model.transform(X) >= 0).all()


def test_top_k_starts_at_the_k_longest_principal_coordinates(digits):
    X = digits[0][:300]
    model = variants()["sparse"](12, top_k=4, max_iter=0, random_state=0).fit(X)
    code = PCA(12).fit_transform(X)
    kept = np.where(np.abs(code) >= np.sort(np.abs(code), axis=1)[:, -4:-3], code, 0)
    np.testing.assert_allclose(model.transform(X), kept, atol=1e-4)
    assert ((model.transform(X) != 0).sum(1) == 4).all()
    error = ((model.reconstruct(X) - X) ** 2).mean()
    assert error <= ((PCA(4).fit(X).inverse_transform(PCA(4).fit_transform(X)) - X) ** 2).mean()


def test_spare_units_start_silent_and_then_learn(kind):
    """More units than directions: the start reconstructs as well as PCA of all, and no unit stays unheard."""
    X = curved_table(n_features=3)
    size = 8
    if not is_sparse(kind) and quick(kind).make_penalties() == {} and kind.__name__ != "DenoisingAutoencoder":
        with pytest.raises(
            ValueError, match=f"{kind.__name__}: n_components=8 compresses nothing; it must be at most 3"
        ):
            quick(kind, size).fit(X)
        return
    start = quick(kind, size, max_iter=0).fit(X)
    np.testing.assert_allclose(start.reconstruct(X), linear_answer(kind, X, 3) if has_prior(kind) else X, atol=1e-2)
    quickly = {"learning_rate": 0.03, "max_iter": 10, "validation_fraction": 0}
    learnt = quick(kind, size, **quickly).fit(X)
    moved = (learnt.model_.decoder.skip.weight - start.model_.decoder.skip.weight).abs().sum(0)
    assert (moved > 0).all(), f"the decoder never listened to some unit: {moved}"


# ---- learning -------------------------------------------------------------------------------------------

IMAGES = {"image_shape": (2, 3), "channels": (4,), "hidden_layer_sizes": ()}
ZOO = {
    **{name: (name, {}) for name in variants()},
    "linear": ("denoising", {"hidden_layer_sizes": ()}),
    "convolutions": ("vanilla", IMAGES),
    "random start": ("vanilla", {"start": "random"}),
    "random convolutions": ("vanilla", {"start": "random", **IMAGES}),
    "learned variance": ("vanilla", {"variance": "learned"}),
    "bernoulli": ("vanilla", {"likelihood": "bernoulli", "scale": "minmax"}),
    "bernoulli, random": ("vanilla", {"likelihood": "bernoulli", "scale": "minmax", "start": "random"}),
    "bounded": ("vanilla", {"output_activation": "sigmoid", "start": "random", "scale": "minmax"}),
    "top-k": ("sparse", {"top_k": 1}),
    "activation rate": ("sparse", {"activation_rate": 0.1}),
    "estimated Jacobian": ("contractive", {"jacobian": "estimate"}),
    "exact Jacobian": ("contractive", {"jacobian": "exact"}),
    "swap noise": ("denoising", {"corruption": "swap"}),
    "masking": ("denoising", {"corruption": "masking"}),
    "salt and pepper": ("denoising", {"corruption": "salt_and_pepper"}),
    "everything": (
        "combined",
        {
            "bottleneck": "gaussian",
            "corruption": "masking",
            "sparsity": 0.1,
            "rate_weight": 0.1,
            "contraction": 0.1,
            "variance": "learned",
        },
    ),
    "combined, rectified": ("combined", {"bottleneck": "rectified", "sparsity": 0.1, "rate_weight": 0.1}),
    "combined, top-k": ("combined", {"bottleneck": "top_k", "top_k": 1}),
}


@pytest.fixture(params=ZOO, ids=str)
def trained(request, table):
    """A model a few steps in, and its loss on a batch, with gradients in place."""
    name, settings = ZOO[request.param]
    model = variants()[name](2, **{**QUICK, **settings})
    model.partial_fit(table).partial_fit(table)
    objective = Objective(model.make_penalties())
    torch.manual_seed(0)
    model.model_.zero_grad()
    batch = torch.from_numpy(model.scaling_.apply(table))
    return model, objective, objective(model.model_, batch)


def test_every_weight_gets_a_gradient(trained):
    """With no exception to list: no part of any model is built in vain."""
    model, _, (loss, _) = trained
    loss.total.mean().backward()
    idle = [name for name, weight in model.model_.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert idle == []


def test_every_named_loss_part_moves_a_weight(trained):
    model, objective, (loss, _) = trained
    assert set(loss.parts) == {"reconstruction", *objective.penalties}
    torch.testing.assert_close(sum(loss.parts.values()), loss.total)
    weights = [weight for weight in model.model_.parameters() if weight.requires_grad]
    for name, part in loss.parts.items():
        assert part.shape == (120,), name
        gradients = torch.autograd.grad(part.mean(), weights, retain_graph=True, allow_unused=True)
        assert any(gradient is not None and gradient.any() for gradient in gradients), name


def test_training_helps_on_bent_data(kind):
    X = curved_table(1000)
    start = kind(2, max_iter=0, polish=0, random_state=0).fit(X)
    model = kind(2, max_iter=60, polish=0, refit=False, random_state=0).fit(X)
    history = model.history_
    assert min(history["train_loss"]) < history["train_loss"][0]
    assert model.best_epoch_ == int(np.argmin(history["validation_loss"]))
    # A wider penalty may cost reconstructing; the loss chosen by may not.
    assert model.best_epoch_ > 0, f"{kind.__name__} never left PCA"
    assert not np.array_equal(model.transform(X), start.transform(X))


def test_history_has_a_column_for_each_part(kind, table):
    model = quick(kind).fit(table)
    parts = {"loss", "reconstruction", "mse", *model.make_penalties()}
    columns = {f"{side}_{part}" for side in ("train", "validation") for part in parts}
    assert set(model.history_.columns) == {"epoch", "learning_rate", "seconds"} | columns
    assert model.history_["epoch"] == [0, 1, 2, 3]
    for side in ("train", "validation"):
        summed = sum(model.history_[-1][f"{side}_{part}"] for part in parts - {"loss", "mse"})
        assert summed == pytest.approx(model.history_[-1][f"{side}_loss"], rel=1e-5)


# ---- randomness -----------------------------------------------------------------------------------------


def test_seeds_repeat_and_differ(kind, table):
    first, again, other = (quick(kind, validation_fraction=0, random_state=seed).fit(table) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.transform(table), again.transform(table))
    np.testing.assert_array_equal(first.score_samples(table), again.score_samples(table))
    assert not np.array_equal(first.transform(table), other.transform(table))


def test_global_generators_are_left_alone(kind, table):
    def state():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), np.random.get_state()[2]

    before = state()
    model = quick(kind).fit(table)
    model.partial_fit(table)
    model.transform(table)
    model.score_samples(table)
    model.inverse_transform(model.transform(table))
    model.sample(3, codes="density", noise=True)
    if has_prior(kind):
        model.score_samples(table, importance_samples=3)
        model.latent_report(table)
    assert state() == before


def test_answers_do_not_depend_on_the_global_seed(kind, table):
    model = quick(kind).fit(table)
    answers = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        answers.append((model.transform(table), model.score_samples(table), model.reconstruct(table)))
    for one, two in zip(*answers, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_row_scores_alike_in_any_company(kind, table):
    model = quick(kind).fit(table)
    for answer in (model.score_samples, model.transform, model.reconstruct):
        alone = np.concatenate([answer(table[row : row + 1]) for row in range(10)])
        np.testing.assert_allclose(alone, answer(table)[:10], rtol=1e-4, atol=1e-4)


def test_scores_fall_with_distance(kind, table):
    model = quick(kind).fit(table)
    far = table + 30 * np.random.default_rng(0).standard_normal(table.shape)
    assert model.score(far) < model.score(table)


# ---- scikit-learn ---------------------------------------------------------------------------------------


def test_check_estimator_expects_no_failures(kind):
    results = check_estimator(kind(2, max_iter=2), expected_failed_checks={}, on_fail="raise", on_skip=None)
    assert len(results) > 40
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}  # it needs an environment variable set before SciPy is imported


def test_copies_are_equal(kind, table):
    model = quick(kind).fit(table)
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(copied.transform(table), model.transform(table))
        np.testing.assert_array_equal(copied.score_samples(table), model.score_samples(table))
        assert copied.get_params() == model.get_params()
    unfitted = clone(model)
    assert unfitted.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        unfitted.transform(table)


def test_a_copy_goes_on_learning_as_the_original_does(kind, table):
    model = quick(kind).partial_fit(table)
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    before = model.reconstruct(table)
    model.partial_fit(table)
    assert not np.array_equal(model.reconstruct(table), before)
    for copied in copies:
        np.testing.assert_array_equal(copied.reconstruct(table), before)
        np.testing.assert_allclose(copied.partial_fit(table).reconstruct(table), model.reconstruct(table), rtol=1e-6)


def test_parameters_round_trip(kind):
    model = kind()
    parameters = model.get_params()
    assert set(parameters) == {*hyperparameters(kind), "encoder", "decoder", "random_state"}
    changed = {name: value for name, value in parameters.items() if name != "n_components"} | {"n_components": 5}
    assert kind().set_params(**changed).get_params() == changed
    assert kind(3).n_components == kind(n_components=3).n_components == 3
    with pytest.raises(TypeError, match="positional"):
        kind(3, (4,))


def test_fit_leaves_the_parameters_as_they_were_given(kind, table):
    model = quick(kind, hidden_layer_sizes=[8])
    before = {name: copy.deepcopy(value) for name, value in model.get_params().items()}
    assert model.fit(table).get_params() == before


def test_verbose_may_be_a_level(table, capsys):
    isthmus.Autoencoder(1, max_iter=1, hidden_layer_sizes=(2,), verbose=1).fit(table)
    assert "PCA" in capsys.readouterr().err
    with pytest.raises(ValueError, match="verbose must be true or false"):
        isthmus.Autoencoder(1, verbose=0.5).fit(table)


def test_hyperparameters_out_of_bounds_are_refused(kind, table):
    for name, known in hyperparameters(kind).items():
        wrong = {
            "at least": known.at_least is not None and known.at_least - 1,
            "above": known.above,
            "at most": known.at_most is not None and known.at_most + 1,
            "below": known.below,
        }
        for word, value in wrong.items():
            if value is None or value is False:
                continue
            model = kind(**{"max_iter": 1, name: value})
            sentence = rf"^{kind.__name__}: {name} must be .*{word} [-\d.]+.*, got {re.escape(repr(value))}\.$"
            with pytest.raises(ValueError, match=sentence):
                model.fit(table)
        if known.choices:
            named = f".*'{known.choices[0]}'"
            with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name} must be {named}.*, got 'magic'\.$"):
                kind(**{"max_iter": 1, name: "magic"}).fit(table)
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: n_components must be a whole number.*, got 2\.5\.$"):
        kind(2.5).fit(table)


REFUSALS = [
    ("sparse", {"sparsity": -1}, "SparseAutoencoder: sparsity must be at least 0, got -1."),
    ("vanilla", {"n_components": 0}, "n_components must be at least 1, got 0."),
    ("vanilla", {"n_components": True}, "n_components must be a whole number"),
    ("vanilla", {"n_components": 7}, "n_components=7 compresses nothing; it must be at most 6"),
    ("sparse", {"n_components": 385}, "n_components=385 is more than 64 latents per feature"),
    ("vanilla", {"validation_fraction": 1.0}, "validation_fraction must be at least 0 and below 1, got 1.0."),
    ("vanilla", {"learning_rate": float("nan")}, "learning_rate must be above 0, got nan."),
    ("vanilla", {"learning_rate": "fast"}, "learning_rate must be a number, got 'fast'."),
    (
        "vanilla",
        {"hidden_layer_sizes": (8, 0)},
        "hidden_layer_sizes must contain integers of at least 1, got",
    ),
    ("vanilla", {"hidden_layer_sizes": 8}, "hidden_layer_sizes must be whole numbers or None, got 8."),
    ("vanilla", {"variance": "guessed"}, "variance must be a number, 'learned' or None, got 'guessed'."),
    ("vanilla", {"channels": (4,)}, "channels=(4,) needs image_shape, the shape of one row."),
    ("vanilla", {"image_shape": (2, 4)}, "image_shape=(2, 4) must be (height, width)"),
    ("vanilla", {"output_activation": "sigmoid"}, "output_activation='sigmoid' needs start='random'"),
    (
        "vanilla",
        {"likelihood": "bernoulli"},
        "likelihood='bernoulli' needs values in [0, 1], but column 0 runs",
    ),
    ("vanilla", {"likelihood": "bernoulli", "scale": "standard"}, "once it is scaled; use scale='minmax'"),
    ("vanilla", {"device": "abacus"}, "device: 'abacus' is not available on this machine; it has"),
    (
        "denoising",
        {"corruption": "swap", "corruption_level": 1.5},
        "swap takes a share of cells between 0 and 1",
    ),
]


@pytest.mark.parametrize(("name", "settings", "sentence"), REFUSALS)
def test_the_words_of_a_refusal(table, name, settings, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        variants()[name](**{"max_iter": 1, **settings}).fit(table)


def test_set_output_names_the_columns(kind, table):
    frame = pd.DataFrame(table, columns=list("abcdef"), index=range(100, 220))
    model = quick(kind).fit(frame)
    names = [f"{kind.__name__.lower()}{i}" for i in range(2)]
    coded = model.set_output(transform="pandas").transform(frame)
    assert list(coded.columns) == names
    assert list(coded.index) == list(frame.index)
    polars = pytest.importorskip("polars")
    coded = model.set_output(transform="polars").transform(polars.DataFrame(frame.to_dict("list")))
    assert isinstance(coded, polars.DataFrame)
    assert coded.columns == names


def test_column_names_survive(kind, table):
    frame = pd.DataFrame(table, columns=list("abcdef"))
    model = quick(kind).fit(frame)
    assert list(model.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="X lacks 'a' and has 'z', unknown at fit"):
        model.transform(frame.rename(columns={"a": "z"}))
    spoilt = frame.copy()
    spoilt.loc[4, "c"] = np.nan
    words = "X has NaN in row 4, column c; drop or fill them first, or use missing='mask'"
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {words}\.$"):
        quick(kind, missing="error").fit(spoilt)
    with pytest.raises(ValueError, match="row 4, column c"):
        model.set_params(missing="error").transform(spoilt)


def test_in_a_pipeline_and_a_grid(kind, table):
    pipeline = make_pipeline(StandardScaler(), quick(kind)).fit(table)
    assert pipeline.transform(table).shape == (120, 2)
    assert list(pipeline.get_feature_names_out()) == [f"{kind.__name__.lower()}{i}" for i in range(2)]
    grid = GridSearchCV(quick(kind, max_iter=1), {"n_components": [1, 3]}, cv=2).fit(table)
    assert grid.best_params_ == {"n_components": 3}


# ---- kinds of input -------------------------------------------------------------------------------------


def test_sparse_input_gives_the_dense_answer(kind, table):
    holed = np.where(np.abs(table) > 1, table, 0)
    dense = quick(kind).fit(holed)
    for make in (scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array):
        model = quick(kind).fit(make(holed))
        np.testing.assert_allclose(model.transform(make(holed)), dense.transform(holed), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(model.score(make(holed)), dense.score(holed), rtol=1e-3)
        assert isinstance(model.reconstruct(make(holed)), np.ndarray)


def test_sparse_input_is_made_dense_a_batch_at_a_time(monkeypatch):
    X = scipy.sparse.random(CHUNK_CELLS // 500 + 2000, 500, density=0.005, format="csr", random_state=0)
    cells = []
    for kind in (scipy.sparse.csr_matrix, scipy.sparse.csr_array):
        original = kind.toarray

        def spy(self, *args, original=original, **kwargs):
            cells.append(self.shape[0] * self.shape[1])
            return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, "toarray", spy)
    model = variants()["vanilla"](2, max_iter=1, hidden_layer_sizes=(4,), random_state=0).fit(X)
    model.transform(X)
    assert cells
    assert max(cells) <= CHUNK_CELLS < X.shape[0] * X.shape[1]


def test_a_wide_and_long_start_repeats_and_leaves_the_generators_alone(monkeypatch):
    """The randomised decomposition draws; by the model's seed, batch by batch."""
    X = curved_table(90, 20)
    monkeypatch.setattr("isthmus.parts.principal.EXACT_FEATURES", 10)
    before = torch.get_rng_state().tolist()
    starts = [variants()["vanilla"](2, max_iter=0, random_state=0).fit(X) for _ in range(2)]
    assert torch.get_rng_state().tolist() == before
    np.testing.assert_array_equal(starts[0].transform(X), starts[1].transform(X))
    pca = PCA(2).fit(X)
    np.testing.assert_allclose(starts[0].reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=1e-3)


def test_number_format_comes_back(kind, table):
    for dtype in (np.float32, np.float64):
        model = quick(kind).fit(table.astype(dtype))
        assert model.inverse_transform(model.transform(table)).dtype == dtype
        assert model.reconstruct(table).dtype == dtype
    assert quick(kind).fit((table * 10).astype(int)).reconstruct(table).dtype == np.float64


def test_memory_maps_and_read_only_arrays(kind, table, tmp_path):
    np.save(tmp_path / "rows.npy", table)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    frozen = table.copy()
    frozen.flags.writeable = False
    expected = quick(kind).fit(table).transform(table)
    for rows in (mapped, frozen, np.asfortranarray(table), table[:, ::-1].copy()[:, ::-1]):
        model = quick(kind).fit(rows)
        np.testing.assert_allclose(model.transform(rows), expected, rtol=1e-4, atol=1e-5)
        code = model.transform(rows)
        code.flags.writeable = False
        model.inverse_transform(code)
        model.partial_fit(rows)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), table)


def test_a_large_offset_costs_no_digits(kind, table):
    """Timestamps: what is 1e9 away from zero is reconstructed as well as what is near it."""
    here = kind(2, max_iter=0, random_state=0).fit(table)
    there = kind(2, max_iter=0, random_state=0).fit(table + 1e9)
    np.testing.assert_allclose(there.reconstruct(table + 1e9) - 1e9, here.reconstruct(table), atol=1e-4)
    np.testing.assert_allclose(there.score_samples(table + 1e9), here.score_samples(table), rtol=1e-3, atol=1e-3)


def test_units_do_not_matter(kind, table):
    """Metres or millimetres: the same training, the same rows, densities shifted by the log of the volume."""
    metres, millimetres = quick(kind).fit(table), quick(kind).fit(table * 1000)
    np.testing.assert_allclose(
        millimetres.reconstruct(table * 1000), 1000 * metres.reconstruct(table), rtol=1e-3, atol=1
    )
    shift = metres.score_samples(table) - millimetres.score_samples(table * 1000)
    np.testing.assert_allclose(shift, 6 * np.log(1000), atol=0.02)


@pytest.mark.parametrize(
    "what", ["constant columns", "all constant", "one column", "two rows", "fewer rows than a batch"]
)
def test_odd_but_honest_tables(kind, table, what):
    X = {
        "constant columns": np.column_stack([np.full(120, 7.0), table, np.zeros(120)]),
        "all constant": np.full((40, 5), 3.7),
        "one column": table[:, :1],
        "two rows": table[:2],
        "fewer rows than a batch": table[:9],
    }[what]
    for scale in (None, "standard", "minmax"):
        model = quick(kind, 1, scale=scale, batch_size=64).fit(X)
        reconstructed = model.reconstruct(X)
        assert np.isfinite(reconstructed).all()
        assert np.isfinite(model.score_samples(X)).all()
        constant = np.ptp(X, axis=0) == 0
        np.testing.assert_allclose(reconstructed[:, constant], X[:, constant], atol=0.3)
    if what == "all constant":
        np.testing.assert_allclose(reconstructed, X, atol=1e-3)


def test_one_row_is_refused(kind, table):
    with pytest.raises(ValueError, match=f"1 sample.* minimum of 2 is required by {kind.__name__}"):
        quick(kind).fit(table[:1])


def test_bad_cells_are_named(kind, table):
    spoilt = table.copy()
    spoilt[3, 1], spoilt[5, 2] = np.inf, -np.inf
    with pytest.raises(
        ValueError,
        match=rf"^{kind.__name__}: X has infinity in row 3, column 1 and one more such cell; drop or fill",
    ):
        quick(kind).fit(spoilt)
    with pytest.raises(ValueError, match="X has NaN in row 2, column 0;"):
        quick(kind, missing="error").fit(
            scipy.sparse.csr_matrix(np.where(np.arange(720).reshape(120, 6) == 12, np.nan, table))
        )
    model = quick(kind).fit(table)
    with pytest.raises(ValueError, match=f"X has 5 features, but {kind.__name__} is expecting 6 features"):
        model.transform(table[:, :5])
    with pytest.raises(
        ValueError, match=rf"^{kind.__name__}: inverse_transform takes codes of 2 latents, got 3 columns\.$"
    ):
        model.inverse_transform(np.zeros((4, 3)))


def test_numbers_too_large_are_refused():
    X = curved_table()
    with pytest.raises(ValueError, match=r"^Autoencoder: X has values too large for float32 in column \d"):
        quick(isthmus.Autoencoder).fit(X * 1e200)
    with pytest.raises(ValueError, match=r"^Autoencoder: the loss is not finite before the first step"):
        quick(isthmus.Autoencoder, start="random").fit(X * 1e25)


def test_numbers_too_small_for_float32_are_refused():
    X = curved_table(50) * 1e-200
    with pytest.raises(
        ValueError, match=r"^Autoencoder: the range of X's columns is too small for float32, .*multiply X first"
    ):
        isthmus.Autoencoder(2).fit(X)


def test_every_model_samples(kind, table):
    model = quick(kind).fit(table)
    drawn = model.sample(5, random_state=1)
    assert drawn.shape == (5, 6)
    np.testing.assert_array_equal(drawn, model.sample(5, random_state=1))
    assert not np.array_equal(drawn, model.sample(5, random_state=2))
    with pytest.raises(ValueError, match=r"sample takes a whole number of rows, at least 1, got 0\."):
        model.sample(0)


def test_a_model_without_prior_says_so(kind, table):
    model = quick(kind).fit(table)
    if has_prior(kind):
        report = model.latent_report(table)
        assert report.kl.shape == (2,)
        assert report.active_units == 2
        return
    assert not hasattr(model, "latent_report")
    with pytest.raises(ValueError, match=r"codes='prior' needs a variational model"):
        model.sample(5, codes="prior")
    with pytest.raises(ValueError, match="importance_samples needs a variational model"):
        model.score_samples(table, importance_samples=3)


# ---- partial_fit, callbacks, interruptions --------------------------------------------------------------


def test_partial_fit_goes_on(kind):
    X = curved_table(300)
    model = kind(2, hidden_layer_sizes=(32,), random_state=0)
    objective = Objective(model.make_penalties())

    def loss():
        torch.manual_seed(0)
        return float(objective(model.model_, torch.from_numpy(model.scaling_.apply(X)))[0].total.mean().detach())

    losses = []
    for _ in range(12):
        model.partial_fit(X)
        losses.append(loss())
    assert model.n_iter_ == 12
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="expecting 6 features"):
        model.partial_fit(X[:, :5])


class Watcher:
    """A scikit-learn callback that keeps what it sees and can end the fit in two ways."""

    def __init__(self, X, stop_after=None, interrupt_after=None):
        self.X, self.stop_after, self.interrupt_after = X, stop_after, interrupt_after
        self.codes = []
        self.models = []

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None): ...

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        if context.task_name != "epoch":
            return False
        self.codes.append(fitted_estimator.transform(self.X))
        self.models.append(pickle.dumps(fitted_estimator.model_))
        if len(self.codes) - 1 == self.interrupt_after:
            raise KeyboardInterrupt
        return len(self.codes) - 1 == self.stop_after


@pytest.fixture
def callbacks():
    return pytest.importorskip("sklearn.callback")


def test_callbacks_see_every_epoch(kind, table, callbacks):
    watcher = Watcher(table)
    model = quick(kind, early_stopping=False, refit=False).set_callbacks(watcher).fit(table)
    assert len(watcher.codes) == 4
    np.testing.assert_array_equal(watcher.codes[0], quick(kind, max_iter=0).fit(table).transform(table))
    np.testing.assert_array_equal(watcher.codes[model.best_epoch_], model.transform(table))
    rows = torch.from_numpy(model.scaling_.apply(table))
    snapshot = pickle.loads(watcher.models[model.best_epoch_])  # an ordinary module, also with gradients on
    torch.testing.assert_close(snapshot.reconstruct(rows), model.model_.reconstruct(rows))


def test_a_callback_can_stop_the_fit(kind, table, callbacks):
    model = quick(kind, max_iter=20).set_callbacks(Watcher(table, stop_after=2)).fit(table)
    assert model.n_iter_ == 2
    assert len(model.history_) == 3


def test_the_progress_bar_of_scikit_learn_works(table, callbacks, capsys):
    model = quick(isthmus.Autoencoder).set_callbacks(callbacks.ProgressBar()).fit(table)
    assert model.n_iter_ == 3


def test_ctrl_c_at_an_epoch_keeps_the_best_so_far(kind, table, callbacks):
    watcher = Watcher(table, interrupt_after=4)
    model = quick(kind, max_iter=30, early_stopping=False, polish=0).set_callbacks(watcher)
    with pytest.warns(
        ConvergenceWarning, match=rf"^{kind.__name__}: training ended early, interrupted\. The best weights"
    ):
        model.fit(table)
    assert model.n_iter_ == 4
    assert model.best_epoch_ in (0, int(np.argmin(model.history_["validation_loss"])))
    if model.best_epoch_ > 0:
        np.testing.assert_array_equal(model.transform(table), watcher.codes[model.best_epoch_])
    else:
        of_all_rows = quick(kind, max_iter=0, polish=0).fit(table)
        np.testing.assert_allclose(model.transform(table), of_all_rows.transform(table), atol=1e-4)


def test_ctrl_c_within_an_epoch_keeps_the_best_so_far(kind, table, monkeypatch):
    step, taken = Training.step, []

    def interrupted(self, batch, learning_rate):
        taken.append(1)
        if len(taken) == 8:
            raise KeyboardInterrupt
        step(self, batch, learning_rate)

    monkeypatch.setattr(Training, "step", interrupted)
    model = quick(kind, early_stopping=False)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model.fit(table)
    assert model.n_iter_ == 2  # three steps an epoch: the eighth is in the third, which does not count
    assert model.best_epoch_ in (0, int(np.argmin(model.history_["validation_loss"])))
    assert np.isfinite(model.transform(table)).all()


def test_ctrl_c_before_the_start_is_measured_is_just_ctrl_c(table, monkeypatch):
    def interrupted(self, rows):
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick(isthmus.Autoencoder).fit(table)


def test_a_diverging_loss_ends_with_the_last_good_weights(kind, table):
    model = quick(kind, max_iter=20, learning_rate=1e30, gradient_clip=None, n_iter_no_change=20)
    with pytest.warns(
        ConvergenceWarning,
        match=r"the loss was (nan|inf) after epoch \d+ \(a smaller learning_rate may help\)",
    ):
        model.fit(table)
    assert all(np.isfinite(column).all() for column in model.history_.columns.values())
    assert model.best_epoch_ in (0, int(np.argmin(model.history_["validation_loss"])))
    assert np.isfinite(model.reconstruct(table)).all()
    if model.best_epoch_ == 0:
        np.testing.assert_allclose(model.reconstruct(table), linear_answer(kind, table, 2), atol=1e-4)


def test_no_validation_keeps_the_last_epoch(kind, table):
    model = quick(kind, validation_fraction=0).fit(table)
    assert model.best_epoch_ == model.n_iter_ == 3
    assert "validation_loss" not in model.history_.columns


def test_patience_ends_a_fit_that_brings_nothing(table):
    noise = np.random.default_rng(0).standard_normal((80, 6))
    model = quick(isthmus.Autoencoder, max_iter=300, n_iter_no_change=5, learning_rate=0.05, polish=0).fit(noise)
    # counted from three fifths of the run: until then the rate is high, and losses say little
    assert model.n_iter_ == max(180, int(np.argmin(model.history_["validation_loss"]))) + 5 < 300


def test_bfloat16_and_verbose_do_run(table, capsys):
    model = quick(isthmus.Autoencoder, precision="bfloat16", verbose=True).fit(table)
    assert np.isfinite(model.transform(table)).all()
    said = capsys.readouterr().err.splitlines()  # what to expect of the fit, and no progress that nobody watches
    assert len(said) <= 1 or sys.stderr.isatty()
    assert all(line.endswith(".") for line in said) or sys.stderr.isatty()
