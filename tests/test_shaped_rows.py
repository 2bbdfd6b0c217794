"""Rows with a shape through the library: arrays of any form, networks by shape, mirrored copies, figures, files."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import isthmus
from isthmus import Autoencoder, VariationalAutoencoder, fitting_run, network_trial
from isthmus.evaluation import evaluate
from isthmus.evaluation.neighbours import neighbours_kept, pair_scores, read_pairs
from isthmus.input_validation import fit_columns, input_rules
from isthmus.plots import plot_signals, plot_spectrograms
from isthmus.rows.augmented import AugmentedRows
from isthmus.rows.rows import dense_rows
from isthmus.rows.scaling import Scaling
from isthmus.tables import DataError, Table, read, write_sounds
from isthmus.tables.row_shape import RowShape, Signal
from isthmus.tables.spectrogram import log_magnitudes, spectrogram_shape, spectrogram_signal

FEW = {"max_iter": 2, "random_state": 0, "hidden_layer_sizes": (16,)}


def pictures(n: int = 60, side: int = 8, channels: int = 3) -> np.ndarray:
    """Discs of random place and colour, channels last."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    middle, colour = rng.uniform(0.2, 0.8, (n, 2, 1, 1)), rng.uniform(0.2, 1, (n, 1, 1, channels))
    disc = ((x - middle[:, 0]) ** 2 + (y - middle[:, 1]) ** 2 < 0.06)[..., None]
    return (disc * colour).astype(np.float32)


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
@pytest.mark.parametrize(
    "form",
    [
        lambda X: X,
        lambda X: np.moveaxis(X, -1, 1),
        lambda X: X[..., 0],
        list,
        lambda X: list(X[..., 0]),
        torch.from_numpy,
    ],
    ids=["channels last", "channels first", "grey", "list", "list of grey", "tensor"],
)
def test_pictures_come_back_in_the_form_in_which_they_went_in(kind, form, tmp_path):
    X = form(pictures())
    model = kind(3, **FEW).fit(X)
    again, one_row = model.reconstruct(X), tuple(np.shape(X)[1:])
    assert tuple(np.shape(again)) == (60, *one_row)
    assert model.fitted_.row_shape.axes[-1] == "width"
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), np.asarray(again), atol=1e-6)
    for saved in (model, _saved_and_loaded(model, tmp_path)):
        assert saved.sample(4).shape == (4, *one_row)
        assert saved.interpolate(X[0], X[1], steps=3).shape == saved.sample(3).shape


def _saved_and_loaded(model, folder):
    isthmus.save(model, folder / "model")
    return isthmus.load(folder / "model")


@pytest.mark.parametrize("form", [lambda X: X, lambda X: np.moveaxis(X, -1, 1), lambda X: X[..., 0], list])
def test_pictures_are_denoised_in_their_own_form(form):
    clean = pictures()
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    denoiser = isthmus.Denoiser(random_state=0).fit(form(noisy), form(clean))
    better = np.asarray(denoiser.denoise(form(noisy)))
    assert better.shape == np.shape(form(clean))
    assert np.square(better - form(clean)).mean() < 0.8 * np.square(form(noisy) - np.asarray(form(clean))).mean()


def test_an_ordered_code_reconstructs_pictures_at_every_size():
    X = pictures()
    assert isthmus.NestedAutoencoder(3, **FEW).fit(X).reconstruct(X, size=2).shape == X.shape


def test_features_are_learned_from_pictures():
    X, y = pictures(), np.arange(60) % 2
    classifier = isthmus.PretrainedClassifier(Autoencoder(2, **FEW), fine_tune=False)
    assert classifier.fit(X, y).predict(X).shape == (60,)


@pytest.mark.parametrize("odd", [(7, 8), (8, 7)])
def test_a_list_of_pictures_of_several_shapes_is_refused_and_never_batches(odd):
    X = [*pictures()[..., 0], np.zeros(odd)]
    with pytest.raises(ValueError, match=r"list of arrays of 2 shapes.*resize them to one shape.*np\.concatenate"):
        Autoencoder(3, **FEW).fit(X)


def test_no_pictures_are_refused_as_no_rows_are():
    X = pictures()
    model = Autoencoder(3, **FEW).fit(X)
    for use in (model.transform, model.score_samples, Autoencoder(3, **FEW).fit):
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            use(X[:0])


def test_where_the_channels_stand_makes_no_difference():
    X = pictures()
    last, first = (Autoencoder(3, **FEW).fit(one) for one in (X, np.moveaxis(X, -1, 1)))
    np.testing.assert_array_equal(last.transform(X), first.transform(np.moveaxis(X, -1, 1)))
    np.testing.assert_array_equal(np.moveaxis(last.reconstruct(X), -1, 1), first.reconstruct(np.moveaxis(X, -1, 1)))


def test_channels_last_in_words_is_understood_or_refused():
    X = pictures()
    assert Autoencoder(3, image_shape=(8, 8, 3), **FEW).fit(X).fitted_.row_shape.sizes == (3, 8, 8)
    with pytest.raises(ValueError, match=r"image_shape=\(8, 8, 3\) has its channels last"):
        Autoencoder(3, image_shape=(8, 8, 3), **FEW).fit(X.reshape(60, -1))


def test_arrays_of_channels_over_time_are_series():
    X = np.random.default_rng(0).standard_normal((30, 2, 100))
    model = Autoencoder(2, **FEW).fit(X)
    assert model.fitted_.row_shape == RowShape((2, 100), ("channel", "time"))
    assert model.reconstruct(X).shape == X.shape


@pytest.mark.parametrize("shape", [(3, 14, 12), (13, 14), (2, 80)])
def test_a_convolution_starts_at_pca_is_saved_and_polished(tmp_path, shape):
    X = np.random.default_rng(0).standard_normal((60, *shape)).astype(np.float32)
    start = Autoencoder(3, network="convolution", max_iter=0, random_state=0).fit(X)
    flat = X.reshape(60, -1)
    pca = PCA(3, svd_solver="full").fit(flat)
    np.testing.assert_allclose(
        start.reconstruct(X).reshape(60, -1), pca.inverse_transform(pca.transform(flat)), atol=1e-4
    )
    with torch.no_grad():  # the networks themselves, and not only what is kept of PCA
        x = torch.from_numpy(start.scaling_.apply(flat))
        again = start.scaling_.undo(start.model_.reconstruct(x).numpy())
    np.testing.assert_allclose(again, pca.inverse_transform(pca.transform(flat)), atol=1e-4)
    model = Autoencoder(3, network="convolution", max_iter=2, polish=1, random_state=0).fit(X)
    assert model.fitted_.architecture.stages
    isthmus.save(model, tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    assert loaded.fitted_.row_shape == model.fitted_.row_shape


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": "convolution"}, "needs rows with an order along one axis or two, and these have none"),
        ({"network": "convolution", "hidden_layer_sizes": (4,)}, "layers of your own exclude one another"),
        ({"mirrored": True}, "mirrored=True is for pictures, and these have no shape"),
        ({"shifted": 2}, "shifted=2 is for pictures, and these have no shape"),
        ({"network": "transformer"}, "must be one of 'perceptron', 'convolution'"),
    ],
)
def test_what_rows_without_a_shape_cannot_have(settings, words):
    with pytest.raises(ValueError, match=words):
        Autoencoder(2, max_iter=1, **settings).fit(np.random.default_rng(0).standard_normal((30, 9)))


def test_networks_are_tried_where_rows_have_a_shape_and_the_choice_is_the_seeds():
    X = pictures(80, side=8, channels=1)[..., 0]
    found = [Autoencoder(3, max_iter=1, polish=0, random_state=0).fit(X) for _ in range(2)]
    np.testing.assert_array_equal(found[0].transform(X), found[1].transform(X))
    assert bool(found[0].fitted_.architecture.stages) != bool(found[0].fitted_.architecture.hidden_widths)
    flat = Autoencoder(3, max_iter=1, polish=0, random_state=0).fit(X.reshape(80, -1))
    assert not flat.fitted_.architecture.stages


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_mirrored_rows_are_the_mirrored_pictures(spread):
    X = np.moveaxis(pictures(5), -1, 1).reshape(5, -1)
    rng = np.random.default_rng(0)
    scaling = Scaling(rng.standard_normal(192), spread * rng.uniform(1, 2, 192), 1.0)
    rows = AugmentedRows(dense_rows(X, scaling), RowShape.of_picture((3, 8, 8)), scaling)
    assert len(rows) == 10
    back = scaling.undo(rows.take(torch.tensor([2, 7])).numpy())
    np.testing.assert_allclose(back[0], X[2], atol=1e-5)
    np.testing.assert_allclose(back[1].reshape(3, 8, 8), X[2].reshape(3, 8, 8)[..., ::-1], atol=1e-5)


def test_batches_are_shifted_by_a_few_pixels_and_the_edge_is_reflected():
    X = np.moveaxis(pictures(12), -1, 1).reshape(12, -1)
    scaling = Scaling(np.full(192, 0.3), np.linspace(1, 2, 192), 1.0)
    rows = AugmentedRows(dense_rows(X, scaling), RowShape.of_picture((3, 8, 8)), scaling, mirrored=False, shift=2)
    padded = np.pad(X.reshape(12, 3, 8, 8), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    crops = {(i, j): padded[:, :, i : i + 8, j : j + 8].reshape(12, -1) for i in range(5) for j in range(5)}

    def moves(number):
        found, seen = [], []
        for batch in rows.epoch(0, number, 4):
            back = scaling.undo(batch.x.numpy())
            where = [
                (move, [int(np.abs(crop - row).max(1).argmin()) for row in back])
                for move, crop in crops.items()
                if all(np.abs(crop - row).max(1).min() < 1e-4 for row in back)
            ]
            (move, chosen), *others = where
            assert not others
            found.append(move)
            seen += chosen
        assert sorted(seen) == list(range(12))
        return found

    first = [moves(number) for number in range(6)]
    assert first == [moves(number) for number in range(6)]
    assert len({move for found in first for move in found}) > 5


# ---- sounds and series


def test_sounds_are_written_and_read_again(tmp_path):
    signal = spectrogram_signal(8000, 2000)
    clips = 0.5 * np.sin(np.arange(2000) * np.array([[0.2], [0.5]]))
    rows = log_magnitudes(clips, signal)
    paths = write_sounds(tmp_path, rows, signal, names=["a/one.flac", "two"])
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["a/one.wav", "two.wav"]
    again = read(tmp_path, row_shape=RowShape(spectrogram_shape(signal).sizes, ("frequency", "time"), signal))
    assert np.abs(again.values - rows[[0, 1]]).mean() < 0.06
    with pytest.raises(DataError, match="exists"):
        write_sounds(tmp_path, rows, signal, names=["a/one.flac", "two"])
    with pytest.raises(DataError, match=r"need rows of \d+ numbers"):
        write_sounds(tmp_path / "other", rows[:, 1:], signal)


@pytest.mark.parametrize("shape", [RowShape((50,), ("time",)), RowShape((2, 50), ("channel", "time"), Signal(100, 50))])
def test_lines_of_series(shape):
    X = np.random.default_rng(0).standard_normal((4, shape.n_numbers))
    figure = plot_signals(X, X + 0.1, shape, np.array(list("abcd")), n=3)
    assert len(figure.axes) == 3 * shape.n_channels
    (original, again) = figure.axes[0].lines[:2]
    np.testing.assert_allclose(again.get_ydata() - original.get_ydata(), 0.1)


def test_spectrograms_of_original_and_reconstruction():
    shape = RowShape((8, 5), ("frequency", "time"), Signal(800, 100, 16, 8))
    X = np.random.default_rng(0).random((3, 40))
    figure = plot_spectrograms(X, X, shape, n=2)
    assert len(figure.axes) == 4
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), X[1].reshape(8, 5))


# ---- embeddings


def test_neighbours_kept_is_all_of_a_copy_and_chance_of_noise():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 20))
    assert neighbours_kept(rows, rows @ np.linalg.qr(rng.standard_normal((20, 20)))[0]) == 1
    assert neighbours_kept(rows, rng.standard_normal((200, 20))) < 0.15
    assert neighbours_kept(rows[:20], rows[:20]) is None


def test_embeddings_are_evaluated_by_their_neighbours():
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((120, 3)) @ rng.standard_normal((3, 12))).astype(np.float32)
    table = Table(X, tuple(f"x{place}" for place in range(12)), row_shape=RowShape.of_features(12))
    model = Autoencoder(3, **FEW).fit(table)
    found = evaluate(model, X)
    assert found.pca_neighbours_kept > 0.3
    assert found.neighbours_kept is not None
    assert evaluate(Autoencoder(3, **FEW).fit(X), X).neighbours_kept is None


def test_scores_of_pairs(tmp_path):
    words = [f"w{place}" for place in range(9)]
    rows = np.random.default_rng(0).standard_normal((9, 4))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    similar = unit @ unit.T
    lines = [f"{words[a]},{words[b].upper()},{similar[a, b]}" for a in range(9) for b in range(a)]
    (tmp_path / "pairs.csv").write_text("\n".join(["word1,word2,score", *lines, "w1,absent,3"]))
    found = pair_scores(read_pairs(tmp_path / "pairs.csv"), words, rows, rows, -rows)
    assert (found.n_pairs, found.n_absent) == (36, 1)
    assert found.vectors == found.code == pytest.approx(1)
    assert "rank correlation" in found.sentence().lower()
    (tmp_path / "pairs.csv").write_text("a b\nc d\n")
    with pytest.raises(DataError, match="two words and a score"):
        read_pairs(tmp_path / "pairs.csv")


def test_later_rows_are_of_the_same_shape():
    """A fit that resumes learns from mirrored pictures as it did before."""
    pictures = np.random.default_rng(0).normal(size=(40, 3, 8, 8))
    model = isthmus.Autoencoder(2, max_iter=0, random_state=0).fit(pictures)
    later = fit_columns(model, None).rows(input_rules(model, reset=False), pictures, gaps=False)
    assert later.row_shape == model.fitted_.row_shape is not None


@pytest.mark.parametrize("name", ["few.vec", "long.txt"])
def test_vectors_of_unequal_length_are_named(name, tmp_path):
    """Also a word too many or too few of a handful; a number is not the end of a word with spaces."""
    n = 3 if name == "few.vec" else 50
    lengths = [n, n - 1, n, n + 1] + [n] * (0 if n == 3 else 30)
    lines = [f"w{row} {' '.join(['-0.5'] * length)}" for row, length in enumerate(lengths)]
    head = [f"{len(lines)} {n}"] if n == 3 else []
    (tmp_path / name).write_text("\n".join([*head, *lines]) + "\n")
    first = 2 + len(head)
    faults = rf"line {first} \('w1'\) has {n - 1} numbers, not {n}; line {first + 2} \('w3'\) has {n + 1} numbers"
    with pytest.raises(DataError, match=faults):
        read(tmp_path / name)


def test_networks_are_tried_in_batches_of_the_fit(monkeypatch):
    """Few rows have small batches: a trial of larger ones would take as long as the fit."""
    sizes, whole = [], network_trial.Training
    monkeypatch.setattr(
        network_trial,
        "Training",
        lambda model, objective, plan, *rest: (
            sizes.append(plan.batch_size) or whole(model, objective, dataclasses.replace(plan, epochs=1), *rest)
        ),
    )
    Autoencoder(2, max_iter=1, random_state=0).fit(pictures(120, side=12))
    assert sizes == [32, 32]


def test_convolutions_take_no_turns(monkeypatch):
    """The codes of all rows through a convolution cost several epochs; a perceptron takes turns with its codes."""
    turned = []
    whole = fitting_run.alternate
    monkeypatch.setattr(fitting_run, "alternate", lambda *given: turned.append(given[3].count) or whole(*given))
    for network in ("convolution", "perceptron"):
        Autoencoder(2, network=network, max_iter=8, random_state=0).fit(pictures(120, side=12))
    assert turned == [2]
