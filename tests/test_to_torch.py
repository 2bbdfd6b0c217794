"""A plain module says what the estimator says, in the user's units, and lives without it."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus import Autoencoder, SparseAutoencoder, VariationalAutoencoder


def assert_same(estimator, X, tolerance=1e-5):
    rows = torch.tensor(X)
    codes, reconstructed = estimator.transform(X), estimator.reconstruct(X)
    pairs = (
        (estimator.encoder.to_torch()(rows), codes),
        (estimator.decoder.to_torch()(torch.tensor(codes)), estimator.inverse_transform(codes)),
        (estimator.to_torch()(rows), reconstructed),
    )
    for found, wanted in pairs:
        np.testing.assert_allclose(
            found.detach().numpy(), wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max()
        )


def test_every_variant_says_the_same(kind, table):
    assert_same(kind(2, hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(table), table)


@pytest.mark.parametrize(
    "estimator",
    [
        Autoencoder(2, hidden_layer_sizes=()),
        Autoencoder(2, start="random", max_iter=2, polish=0),
        Autoencoder(2, scale="standard", max_iter=2),
        Autoencoder(2, scale="minmax", likelihood="bernoulli", max_iter=2),
        SparseAutoencoder(8, top_k=2, max_iter=2),
        SparseAutoencoder(4, top_k=4, max_iter=2),
        VariationalAutoencoder(2, max_iter=2),
    ],
    ids=str,
)
def test_every_part_says_the_same(estimator, table):
    assert_same(estimator.set_params(random_state=0).fit(table), table)


@pytest.mark.parametrize("n_latents", [2, 5])
@pytest.mark.parametrize("activation", ["silu", "gelu", "relu", "tanh", "sigmoid"])
def test_polished_codes_are_written_out(n_latents, activation, table):
    model = Autoencoder(n_latents, max_iter=12, activation=activation, random_state=0).fit(table)
    rows = torch.tensor(table)
    for polish in (None, 0, 1, 4):
        model.set_params(polish="auto" if polish is None else polish)
        codes = model.encoder.to_torch(polish)(rows).detach().numpy()
        np.testing.assert_allclose(codes, model.transform(table), rtol=1e-3, atol=1e-3 * np.abs(codes).max())
        np.testing.assert_allclose(model.to_torch(polish)(rows).detach().numpy(), model.reconstruct(table), atol=0.02)


@pytest.mark.parametrize("settings", [{"n_components": 2}, {"n_components": 5}, {"n_components": 2, "polish": 0}])
def test_what_rows_are_given_is_a_second_input(settings, table):
    given = np.random.default_rng(1).standard_normal((len(table), 3)) * [1.0, 50.0, 1e-3] + 7.0
    model = Autoencoder(max_iter=12, random_state=0, **settings).fit(table, given=given)
    rows, beside = torch.tensor(table), torch.tensor(given)
    codes, reconstructed = model.transform(table, given=given), model.reconstruct(table, given=given)
    found = model.encoder.to_torch()(rows, beside).detach().numpy()
    np.testing.assert_allclose(found, codes, rtol=1e-3, atol=1e-3 * np.abs(codes).max())
    decoded = model.decoder.to_torch()(torch.tensor(codes), beside).detach().numpy()
    np.testing.assert_allclose(decoded, model.inverse_transform(codes, given=given), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.to_torch()(rows, beside).detach().numpy(), reconstructed, atol=0.02)
    assert not np.allclose(model.encoder.to_torch()(rows, beside.flip(0)).detach().numpy(), codes, atol=0.01)


def test_what_can_t_be_written_out_is_refused():
    X = np.random.default_rng(0).random((200, 36))
    pictures = Autoencoder(2, image_shape=(6, 6), channels=(4,), max_iter=2, polish=2, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"to_torch\(polish=0\) gives the encoder's own codes"):
        pictures.encoder.to_torch()
    codes = pictures.encoder.to_torch(polish=0)(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(codes, pictures.set_params(polish=0).transform(X), rtol=1e-4, atol=1e-4)


def test_linear_encoder_is_the_projection_on_the_principal_directions(table):
    model = Autoencoder(2, hidden_layer_sizes=()).fit(table)
    centred = table - table.mean(0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    codes = model.encoder.to_torch()(torch.tensor(table)).detach().numpy()
    np.testing.assert_allclose(np.abs(codes), np.abs(centred @ directions.T), rtol=1e-3, atol=1e-4)


def test_timestamps_in_float64_keep_their_seconds(table):
    late = table.copy()
    late[:, 0] += 1.7e9
    model = Autoencoder(2, max_iter=2, random_state=0).fit(late)
    module = model.encoder.to_torch()
    np.testing.assert_allclose(module(torch.tensor(late)).detach().numpy(), model.transform(late), rtol=1e-4, atol=1e-4)


def test_training_a_copy_leaves_the_estimator_alone(table):
    model = Autoencoder(2, max_iter=2, random_state=0).fit(table)
    before, module = model.transform(table), model.encoder.to_torch()
    twin = copy.deepcopy(module)
    module(torch.tensor(table)).square().sum().backward()
    assert all(part.grad is not None for part in module.parameters())
    torch.optim.SGD(module.parameters(), lr=1e-3).step()
    assert not torch.equal(module(torch.tensor(table)), twin(torch.tensor(table)))
    np.testing.assert_array_equal(model.transform(table), before)
    module.load_state_dict(twin.state_dict())
    assert torch.equal(module(torch.tensor(table)), twin(torch.tensor(table)))


def test_a_saved_module_needs_no_isthmus(table, tmp_path):
    model = SparseAutoencoder(8, top_k=2, max_iter=2, random_state=0).fit(table)
    torch.save(model.to_torch(), tmp_path / "module.pt")
    np.save(tmp_path / "rows.npy", table)
    code = (
        "import sys; sys.modules['isthmus'] = None\n"
        "import numpy, torch\n"
        "module = torch.load('module.pt', weights_only=False)\n"
        "numpy.save('reconstructed.npy', module(torch.tensor(numpy.load('rows.npy'))).detach().numpy())"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "reconstructed.npy"), model.reconstruct(table), rtol=1e-5, atol=1e-5)


def test_what_is_not_fitted_has_no_module():
    model = isthmus.Autoencoder(2)
    assert model.encoder is None  # until `fit`, the network to use is a setting, and none was given
    assert model.decoder is None
    with pytest.raises(NotFittedError):
        model.to_torch()
