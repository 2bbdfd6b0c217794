"""An ordered code: its draws, its order, and codes cut short."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

import isthmus
from conftest import curved_table
from isthmus import Autoencoder, NestedAutoencoder
from isthmus.parts.bottleneck import NestedBottleneck
from isthmus.rows.rows import Batch
from isthmus.training.fused import squared_error_pass
from isthmus.training.loop import Training
from isthmus.training.objective import Objective
from isthmus.training.plan import Plan


@pytest.fixture(scope="module")
def fitted() -> tuple[NestedAutoencoder, np.ndarray]:
    X = curved_table(300)
    return NestedAutoencoder(4, max_iter=20, random_state=0).fit(X), X


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_a_drawn_code_is_the_first_k_numbers_and_k_has_its_law(decay):
    torch.manual_seed(0)
    h = torch.randn(20_000, 4) + 10
    posterior = NestedBottleneck(decay)(h)
    code = posterior.sample()
    sizes = (code != 0).sum(1)
    for size in range(1, 5):
        rows = sizes == size
        assert torch.equal(code[rows, :size], h[rows, :size])
        assert (code[rows, size:] == 0).all()
    wanted = np.arange(1, 5) ** -decay
    np.testing.assert_allclose(np.bincount(sizes, minlength=5)[1:] / 20_000, wanted / wanted.sum(), atol=0.015)
    assert torch.equal(posterior.mean, h)  # who encodes is given all of it


def test_the_start_is_pca_at_every_size(digits):
    X = digits[0][:300]
    model = NestedAutoencoder(8, max_iter=0, random_state=0).fit(X)
    for size in (1, 3, 8):
        pca = PCA(size).fit(X)
        np.testing.assert_allclose(model.transform(X, size=size), pca.transform(X), atol=1e-4)
        np.testing.assert_allclose(model.reconstruct(X, size=size), pca.inverse_transform(pca.transform(X)), atol=1e-5)


def test_the_error_falls_with_every_number(digits):
    train, test, *_ = digits
    model = NestedAutoencoder(6, max_iter=20, random_state=0).fit(train)
    errors = [((model.reconstruct(test, size=size) - test) ** 2).mean() for size in range(1, 7)]
    assert (np.diff(errors) < 0).all()
    plain = Autoencoder(6, max_iter=20, random_state=0).fit(train).model_
    shuffled = np.array([*errors])
    with torch.no_grad():
        for size in range(1, 7):
            code = plain.encode(torch.from_numpy(model.scaling_.apply(test))).mean
            code[:, size:] = 0
            shuffled[size - 1] = ((model.scaling_.undo(plain.decode(code).numpy()) - test) ** 2).mean()
    assert errors[0] < shuffled[0]  # a code that is not asked for order has worse first numbers
    pca = PCA(6).fit(train)
    for size in (1, 2, 3):
        code = pca.transform(test)
        code[:, size:] = 0
        assert errors[size - 1] < ((pca.inverse_transform(code) - test) ** 2).mean()


def test_a_shorter_code_is_the_beginning_of_the_longer(fitted):
    model, X = fitted
    whole = model.transform(X)
    for size in (1, 2, 4):
        np.testing.assert_array_equal(model.transform(X, size=size), whole[:, :size])
        padded = np.pad(whole[:, :size], ((0, 0), (0, 4 - size)))
        np.testing.assert_array_equal(model.inverse_transform(whole[:, :size]), model.inverse_transform(padded))
        np.testing.assert_allclose(
            model.reconstruct(X, size=size), model.inverse_transform(whole[:, :size]), rtol=1e-5, atol=1e-5
        )
    assert model.n_components_ == 4


def test_names_follow_the_size(fitted):
    _, X = fitted
    named = isthmus.NestedAutoencoder(4, max_iter=0, random_state=0).set_output(transform="pandas").fit(X)
    codes = named.transform(X, size=2)
    assert isinstance(codes, pd.DataFrame)
    assert list(codes.columns) == ["nestedautoencoder0", "nestedautoencoder1"]
    assert list(named.transform(X).columns) == [f"nestedautoencoder{place}" for place in range(4)]
    assert len(named.get_feature_names_out()) == 4


def test_sizes_that_mean_nothing_are_refused(fitted):
    model, X = fitted
    for size in (0, 5, 2.5, True):
        with pytest.raises(ValueError, match=r"^NestedAutoencoder: transform takes a size from 1 to 4, got "):
            model.transform(X, size=size)
    with pytest.raises(
        ValueError, match=r"^NestedAutoencoder: inverse_transform takes codes of 4 latents, got 5 columns\.$"
    ):
        model.inverse_transform(np.zeros((2, 5)))
    plain = Autoencoder(2, max_iter=0).fit(X)
    with pytest.raises(ValueError, match=r"^Autoencoder: transform takes size only for an ordered code, as Nested"):
        plain.transform(X, size=1)
    with pytest.raises(ValueError, match=r"^Autoencoder: inverse_transform takes codes of 2 latents, got 1 columns\.$"):
        plain.inverse_transform(np.zeros((2, 1)))
    with pytest.raises(ValueError, match=r"^Autoencoder: reconstruct takes size only for an ordered code"):
        plain.reconstruct(X, size=1)
    for ask in (NestedAutoencoder(2).transform, NestedAutoencoder(2).reconstruct):
        with pytest.raises(NotFittedError):
            ask(X, size=1)


def test_the_written_out_step_has_autograds_gradients(table):
    """The same draws of k, the same gradients: the code's numbers left out get none."""
    model = NestedAutoencoder(3, hidden_layer_sizes=(8,), max_iter=0, random_state=0).fit(table)
    batch = Batch(torch.from_numpy(model.scaling_.apply(table)))
    for parameter in model.model_.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    torch.manual_seed(3)
    loss, _ = Objective({})(model.model_, batch.x)
    loss.total.mean().backward()
    wanted = {name: weight.grad.clone() for name, weight in model.model_.named_parameters()}
    training = Training(model.model_, Objective({}), Plan(epochs=1, batch_size=len(batch.x), learning_rate=0.1))
    by_hand = squared_error_pass(model.model_, training.objective)
    assert by_hand is not None
    training.flat.gradients.zero_()
    torch.manual_seed(3)
    by_hand.add_gradients(batch)
    for name, weight in model.model_.named_parameters():
        torch.testing.assert_close(weight.grad, wanted[name], rtol=1e-4, atol=1e-5, msg=name)
    training.finish()


def test_a_saved_model_is_still_ordered(fitted, tmp_path):
    model, X = fitted
    isthmus.save(model, tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(X, size=2), model.transform(X, size=2))


def test_the_decay_asked_for_is_the_bottlenecks():
    assert NestedAutoencoder(3, size_decay=0.9).make_bottleneck(2).decay == 0.9
