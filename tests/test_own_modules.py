"""A network of one's own: any torch module of the right shapes, with the principal skip around it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

import isthmus
from conftest import curved_table
from isthmus.explorer.programs import UnknownLayerError
from isthmus.training.loop import Training
from isthmus.variants import variants

X = curved_table(300)
N_FEATURES = X.shape[1]


class Branched(nn.Module):
    """What no list of layers can say: two ways that meet, a norm that moves while training, and dropout."""

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.one, self.other = nn.Linear(n_in, 24), nn.Linear(n_in, 24)
        self.norm, self.drop, self.last = nn.BatchNorm1d(24), nn.Dropout(0.2), nn.Linear(24, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.drop(self.norm(torch.sin(self.one(x)) * self.other(x).relu())))


class Plain(nn.Module):
    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, 32), nn.Tanh(), nn.Linear(32, n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def modules(kind: type[nn.Module] = Branched, outputs: int = 1) -> dict[str, nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {"encoder": kind(N_FEATURES, 2 * outputs), "decoder": kind(2, N_FEATURES)}


def fitted(**settings):
    return isthmus.Autoencoder(2, **{"random_state": 0, "max_iter": 12, "device": "cpu", **modules(), **settings}).fit(
        X
    )


def test_it_starts_at_the_closed_form_and_improves_on_it():
    model = fitted(max_iter=40)
    np.testing.assert_allclose(
        fitted(max_iter=0).reconstruct(X),
        isthmus.Autoencoder(2, hidden_layer_sizes=(), random_state=0).fit(X).reconstruct(X),
        rtol=1e-4,
        atol=1e-4,
    )
    assert model.history_["validation_mse"][model.best_epoch_] < 0.7 * model.history_["validation_mse"][0]


@pytest.mark.parametrize("start", ["principal", "random"])
@pytest.mark.parametrize("kind", [Plain, Branched])
def test_history_says_what_reconstruct_gives(start, kind):
    model = isthmus.Autoencoder(
        2, start=start, random_state=0, max_iter=15, polish=0, refit=False, **modules(kind)
    ).fit(X)
    unit = model.scaling_.unit
    errors = ((model.reconstruct(X) - X) ** 2).mean(1) / unit**2
    best = model.history_[model.best_epoch_]
    n_held_out = 64
    mean = (n_held_out * best["validation_mse"] + (len(X) - n_held_out) * _training_mse(model)) / len(X)
    assert errors.mean() == pytest.approx(mean, rel=1e-4)


def _training_mse(model) -> float:
    """Over the training rows, which the history measures a sample of only."""
    from isthmus.parts.draws import seeded
    from isthmus.rows.rows import dense_rows

    with seeded(model.fitted_.seed):
        learned, _ = dense_rows(X, model.scaling_).split(64)
    rows = torch.cat(list(learned.batches()))
    with torch.inference_mode():
        return float((model.model_.reconstruct(rows) - rows).square().mean())


def test_fit_trains_a_copy():
    given = modules()
    before = copy.deepcopy({name: module.state_dict() for name, module in given.items()})
    isthmus.Autoencoder(2, random_state=0, max_iter=3, **given).fit(X)
    for name, module in given.items():
        assert module.training
        for key, value in module.state_dict().items():
            assert torch.equal(value, before[name][key])


def test_it_is_an_estimator_like_any_other():
    model = fitted()
    twin = clone(model)
    assert twin.get_params()["encoder"] is not model.get_params()["encoder"]
    np.testing.assert_array_equal(twin.fit(X).transform(X), model.transform(X))
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copied.transform(X), model.transform(X))
    search = GridSearchCV(
        isthmus.Autoencoder(2, max_iter=2, random_state=0, **modules()), {"learning_rate": [1e-3, 1e-2]}, cv=2
    ).fit(X)
    assert search.best_estimator_.transform(X).shape == (300, 2)


def test_draws_are_our_own():
    before = torch.get_rng_state()
    one = fitted()
    torch.rand(5)
    other = fitted()
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    torch.set_rng_state(before)
    fitted()
    assert torch.equal(before, torch.get_rng_state())


def test_every_variant_takes_an_encoder_of_ones_own(kind):
    bottleneck = kind().make_bottleneck(2)
    encoder = modules(Plain, bottleneck.outputs_per_latent)["encoder"]
    model = kind(2, encoder=encoder, random_state=0, max_iter=3).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert variants()  # the fixture goes over all of them


@pytest.mark.parametrize("part", ["encoder", "decoder", "model"])
def test_it_becomes_a_plain_module(part):
    model = fitted(polish=0)
    module = model.to_torch() if part == "model" else getattr(model, part).to_torch()
    codes = model.transform(X[:9])
    rows, wanted = {
        "encoder": (X[:9], codes),
        "decoder": (codes, model.inverse_transform(codes)),
        "model": (X[:9], model.reconstruct(X[:9])),
    }[part]
    with torch.no_grad():
        answer = module(torch.from_numpy(np.asarray(rows)))
    np.testing.assert_allclose(answer.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_it_goes_to_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = fitted(polish=0)
    isthmus.export_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (answer,) = session.run(None, {"rows": X[:9].astype(np.float32)})
    np.testing.assert_allclose(answer, model.reconstruct(X[:9]), rtol=1e-4, atol=1e-4)


def test_the_page_refuses_it_by_name(tmp_path):
    with pytest.raises(UnknownLayerError, match="the page cannot run a user's own network"):
        isthmus.explorer.write_explorer(fitted(), tmp_path / "page.html", X)
    assert not list(tmp_path.iterdir())


class Through(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"encoder": nn.Linear(N_FEATURES, 3)},
            r"Autoencoder: encoder must map rows of shape \(batch, 6\) to \(batch, 2\); "
            r"it returns shape \(batch, 3\)",
        ),
        (
            {"decoder": nn.Linear(3, N_FEATURES)},
            r"Autoencoder: decoder must map rows of shape \(batch, 2\) to \(batch, 6\); "
            r"for such rows it raises RuntimeError: mat1",
        ),
        ({"encoder": nn.GRU(N_FEATURES, 2)}, "it returns a tuple"),
        ({"encoder": np.tanh}, "encoder must be a torch.nn.Module, got ufunc"),
        ({"encoder": nn.Linear}, "encoder must be a torch.nn.Module, got type"),
        ({"encoder": nn.LazyLinear(2)}, r"encoder has lazy layers .* call it once on rows of shape \(2, 6\)"),
        ({"encoder": Through(lambda x: x[:, :2] * 1j)}, "real numbers; it returns complex64"),
        ({"encoder": Through(lambda x: x[:, :2] / 0)}, "for rows of zeros it returns NaN"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(given, words):
    with pytest.raises(ValueError, match=words):
        isthmus.Autoencoder(2, max_iter=1, **given).fit(X)


def test_weights_that_are_no_numbers_are_refused():
    encoder = nn.Linear(N_FEATURES, 2)
    nn.init.constant_(encoder.weight, float("nan"))
    with pytest.raises(ValueError, match="encoder has weights that are NaN or infinite"):
        isthmus.Autoencoder(2, encoder=encoder).fit(X)


def test_a_dictionary_is_not_replaced():
    with pytest.raises(ValueError, match="SparseAutoencoder: a sparse code is decoded by a dictionary"):
        isthmus.SparseAutoencoder(2, decoder=nn.Linear(2, N_FEATURES), max_iter=1).fit(X)


# ---- saved, resumed -------------------------------------------------------------------------------------


def test_it_is_saved_without_its_code_and_loaded_with_the_modules(tmp_path):
    model = fitted()
    folder = isthmus.save(model, tmp_path / "model")
    text = (folder / "config.json").read_text()
    assert "Branched" in text
    assert not list(folder.rglob("*.p*"))
    fresh = {"encoder": Branched(N_FEATURES, 2), "decoder": Branched(2, N_FEATURES)}
    loaded = isthmus.load(folder, **fresh)
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    np.testing.assert_array_equal(loaded.sample(3), model.sample(3))
    again = isthmus.save(loaded, tmp_path / "again")
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_a_load_without_the_modules_says_what_to_give(tmp_path):
    folder = isthmus.save(fitted(), tmp_path / "model")
    with pytest.raises(isthmus.storage.StorageError, match=r"own encoder, a .*Branched of 434 weights and decoder, a"):
        isthmus.load(folder)
    with pytest.raises(isthmus.storage.StorageError, match=r"give it again: isthmus.load\(path, encoder=..., decoder="):
        isthmus.load(folder, encoder=Branched(N_FEATURES, 2))
    with pytest.raises(isthmus.storage.StorageError, match="encoder is not the module the model was fitted with"):
        isthmus.load(folder, encoder=Plain(N_FEATURES, 2), decoder=Branched(2, N_FEATURES))
    plain = isthmus.save(isthmus.Autoencoder(2, max_iter=1).fit(X), tmp_path / "plain")
    with pytest.raises(isthmus.storage.StorageError, match="without a user's own encoder; leave it out"):
        isthmus.load(plain, encoder=Branched(N_FEATURES, 2))


def test_an_interrupted_fit_ends_with_the_same_bits(tmp_path, monkeypatch):
    whole = fitted(max_iter=8)
    step, taken = Training.step, []

    def interrupted(self, *arguments):
        taken.append(1)
        if len(taken) == 20:
            raise RuntimeError("killed")
        return step(self, *arguments)

    checkpoints = isthmus.Checkpoints(tmp_path / "work", every_seconds=0)
    monkeypatch.setattr(Training, "step", interrupted)
    with pytest.raises(RuntimeError, match="killed"):
        isthmus.Autoencoder(2, random_state=0, max_iter=8, device="cpu", **modules()).fit(X, checkpoints=checkpoints)
    monkeypatch.setattr(Training, "step", step)
    resumed = isthmus.Autoencoder(2, random_state=0, max_iter=8, device="cpu", **modules())
    resumed.fit(X, checkpoints=checkpoints)
    for name, value in whole.model_.state_dict().items():
        assert torch.equal(value, resumed.model_.state_dict()[name]), name
