"""Every kind of thing that can be saved: it comes back, its fit decides its bytes, and no number breaks its use."""

import copy
import dataclasses
import hashlib
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isthmus import (
    Autoencoder,
    AutoencoderOutlierDetector,
    Checkpoints,
    Denoiser,
    DenoisingAutoencoder,
    ItemAutoencoder,
    NestedAutoencoder,
    PretrainedClassifier,
    PretrainedRegressor,
    SeriesOutlierDetector,
    SparseAutoencoder,
    VariationalAutoencoder,
    WindowedAutoencoder,
)
from isthmus.ratings.network import train_network
from isthmus.storage import StorageError, load, save
from isthmus.storage.denoiser_folder import DenoiserKind
from isthmus.storage.registry import KINDS, TIMING_FILE, files_of
from isthmus.storage.safe_reading import checksum
from isthmus.storage.tensor_file import HeldTensors

X = np.random.default_rng(0).normal(size=(60, 2)) @ np.random.default_rng(1).normal(size=(2, 4)) + 3
X += 0.1 * np.random.default_rng(2).normal(size=X.shape)
HOLES = np.where(np.random.default_rng(3).random(X.shape) < 0.1, np.nan, X)
SERIES = np.sin(np.arange(160) / 5)[:, None] + 0.1 * np.random.default_rng(4).normal(size=(160, 2))
GAPPY = np.where(np.arange(320).reshape(160, 2) % 37 < 2, np.nan, SERIES)
HOURS = np.datetime64("2024-01-01") + np.arange(160) * np.timedelta64(1, "h")
LABELS = np.where(np.arange(60) % 3 == 0, np.where(X[:, 0] > 3, "up", "down"), None)
LIKES = sparse.csr_matrix(np.random.default_rng(5).random((90, 8)) < 0.4).astype(float)
QUICK = {"max_iter": 1, "hidden_layer_sizes": (3,), "random_state": 0}


def mixed():
    return pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 3, "x", "y"), "c": X[:, 2] > 3})


def with_network(model):
    model.network_, model.network_weight_ = train_network(LIKES, 1, 0), 0.5
    return model


def fitted(name):
    """One of each kind, and of those that differ in what their records hold."""
    quick = DenoisingAutoencoder(2, **QUICK)
    return {
        "autoencoder": lambda: Autoencoder(2, **QUICK).fit(X),
        "whitened": lambda: Autoencoder(2, whiten=True, rotate="varimax", **QUICK | {"hidden_layer_sizes": ()}).fit(X),
        "nested": lambda: NestedAutoencoder(2, **QUICK).fit(X),
        "variational": lambda: VariationalAutoencoder(2, variance=0.5, **QUICK).fit(X),
        "sparse": lambda: SparseAutoencoder(6, scale="standard", **QUICK).fit(X),
        "holes": lambda: Autoencoder(2, missing="mask", **QUICK).fit(HOLES),
        "mixed": lambda: Autoencoder(2, **QUICK).fit(mixed()),
        "bernoulli": lambda: Autoencoder(2, likelihood="bernoulli", scale="minmax", **QUICK).fit(X),
        "detector": lambda: AutoencoderOutlierDetector(autoencoder=Autoencoder(None, **QUICK), random_state=0).fit(X),
        "detector of a prior": lambda: AutoencoderOutlierDetector(
            autoencoder=VariationalAutoencoder(2, **QUICK), random_state=0, contamination=0.1
        ).fit(X),
        "denoiser": lambda: Denoiser("masking", 0.2, autoencoder=quick, random_state=0).fit(X),
        "blind denoiser": lambda: Denoiser(level=0.1, clean=False, autoencoder=quick, random_state=0).fit(X),
        "classifier": lambda: PretrainedClassifier(quick, n_steps=3, random_state=0).fit(X, LABELS),
        "linear classifier": lambda: PretrainedClassifier(quick, fine_tune=False, random_state=0).fit(
            X, (X[:, 0] > 3) + (X[:, 1] > 3)
        ),
        "items": lambda: ItemAutoencoder(max_iter=0, random_state=0).fit(LIKES),
        "items and network": lambda: with_network(ItemAutoencoder(max_iter=0, random_state=0).fit(LIKES)),
        "series": lambda: SeriesOutlierDetector(threshold="tracked", random_state=0).fit(SERIES, times=HOURS),
        "windowed": lambda: WindowedAutoencoder(2, window=16, network="none", random_state=0).fit(SERIES),
        "windowed network": lambda: WindowedAutoencoder(
            window=16, autoencoder=Autoencoder(2, **QUICK), random_state=0
        ).fit(SERIES[:90]),
        "regressor": lambda: PretrainedRegressor(quick, n_steps=3, random_state=0).fit(X, 1e3 * X[:, 0] ** 2),
    }[name]()


NAMES = (
    "series",
    "windowed",
    "windowed network",
    "items",
    "items and network",
    "autoencoder",
    "whitened",
    "nested",
    "variational",
    "sparse",
    "holes",
    "mixed",
    "bernoulli",
    "detector",
    "detector of a prior",
    "denoiser",
    "blind denoiser",
    "classifier",
    "linear classifier",
    "regressor",
)


def used(name, model):
    """All that a model is for, as arrays of numbers."""
    if name == "mixed":
        return [model.transform(mixed()), model.reconstruct(mixed()).to_numpy()[:, 0].astype(float)]
    if "items" in name:
        return [model.predict_scores(LIKES), model.recommend(["3", "7"], 2).scores]
    if "windowed" in name:
        codes = model.transform(SERIES)
        return [
            codes,
            model.inverse_transform(codes),
            model.denoise(SERIES),
            model.impute(GAPPY),
            model.sample(2),
            model.score_samples(SERIES),
        ]
    if "series" in name:
        found, later = model.detect(SERIES), copy.deepcopy(model).update(SERIES)
        return [found.scores, found.ranks, found.thresholds, found.expected(), later.scores, later.thresholds]
    if "detector" in name:
        return [model.decision_function(X), model.p_values(X), model.explain(X).contributions]
    if "denoiser" in name:
        return [model.denoise(X)] + (
            [model.score_field(X)] if model.corruption == "gaussian" and model.noise_level_ else []
        )
    if "classifier" in name:
        return [model.predict_proba(X)]
    if "regressor" in name:
        return [model.predict(X)]
    rows = HOLES if name == "holes" else X
    codes = model.transform(rows)
    found = [codes, model.inverse_transform(codes), model.reconstruct(rows), model.score_samples(rows), model.sample(3)]
    if name == "variational":
        found += [model.score_samples(rows, importance_samples=2), model.sample(3, codes="density", noise=True)]
    return found + ([model.impute(HOLES)] if name == "holes" else [])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of each, with the model it came from."""
    root = tmp_path_factory.mktemp("saved")
    models = {name: fitted(name) for name in NAMES}
    return {name: (model, save(model, root / name.replace(" ", "-"))) for name, model in models.items()}


def manifests(folder: Path) -> list[Path]:
    return sorted(folder.rglob("config.json"))


def rewrite(folder: Path, path: Path, change) -> None:
    """Change a manifest as a careful forger would: every checksum is made to fit."""
    config = json.loads(path.read_text())
    change(config)
    config.pop("sha256", None)
    path.write_text(json.dumps(config | {"sha256": checksum(config)}))
    if path.parent != folder:
        name = path.relative_to(folder).as_posix()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rewrite(folder, folder / "config.json", lambda outer: outer["files"].update({name: digest}))


# ---- there and back ------------------------------------------------------------------------------------


def test_every_kind_is_tried(saved):
    assert all(any(kind.owns(model) for model, _ in saved.values()) for kind in KINDS)
    assert len({kind.format for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_back_to_the_last_bit(name, saved):
    model, folder = saved[name]
    again = load(folder)
    assert type(again) is type(model)
    assert str(again.get_params()) == str(model.get_params())
    for one, other in zip(used(name, model), used(name, again), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert vars(again).keys() == vars(model).keys()
    if "classifier" in name:
        np.testing.assert_array_equal(again.classes_, model.classes_, strict=True)
        np.testing.assert_array_equal(again.predict(X), model.predict(X), strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_back_can_be_fitted_and_saved_again(name, saved, tmp_path):
    _, folder = saved[name]
    again = load(folder)
    assert files_of(again).keys() == files_of(saved[name][0]).keys()
    save(again, tmp_path / "again")
    for path in manifests(folder):
        assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()
    y = {"classifier": LABELS, "linear classifier": (X[:, 0] > 3).astype(int), "regressor": X[:, 0]}.get(name)
    again.fit(
        {"mixed": mixed(), "holes": HOLES, "series": SERIES, "windowed": SERIES, "windowed network": SERIES}.get(
            name, LIKES if "items" in name else X
        ),
        y,
    )


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [
        ([True, False], None),
        ([1, 2], None),
        ([1, 2], "int8"),
        ([0, 2.0], "float32"),
        (["b", "ü"], None),
        (["b", "a"], object),
    ],
    ids=str,
)
def test_classes_of_every_kind_come_back(classes, dtype, tmp_path):
    y = np.array(classes * 30, dtype=dtype)
    model = PretrainedClassifier(DenoisingAutoencoder(2, **QUICK), fine_tune=False, random_state=0).fit(X, y)
    again = load(save(model, tmp_path / "head"))
    np.testing.assert_array_equal(again.classes_, model.classes_, strict=True)
    np.testing.assert_array_equal(again.predict(X), model.predict(X), strict=True)


def test_classes_that_json_can_not_hold_are_refused(tmp_path):
    model = fitted("linear classifier")
    model.classes_ = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]")
    with pytest.raises(StorageError, match=r"^PretrainedClassifier cannot be saved: classes\.dtype must be 'bool' or"):
        save(model, tmp_path / "head")


class Mine(Autoencoder):
    """A class that loading could not find."""


@pytest.mark.parametrize("owner", [AutoencoderOutlierDetector, PretrainedClassifier])
def test_a_template_of_ones_own_class_is_refused(owner, tmp_path):
    quick = {} if owner is AutoencoderOutlierDetector else {"fine_tune": False}
    model = owner(autoencoder=Mine(2, **QUICK), random_state=0, **quick).fit(X, (X[:, 0] > 3).astype(int))
    with pytest.raises(StorageError, match=r"^Mine cannot be saved: .* own variants"):
        save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_what_is_none_of_the_kinds_is_refused(tmp_path):
    with pytest.raises(StorageError, match=r"^dict cannot be saved: it is none of isthmus's own estimators\.$"):
        save({}, tmp_path / "model")


# ---- the fit alone decides the bytes -------------------------------------------------------------------


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != TIMING_FILE
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_file_hashes(name, saved, tmp_path):
    _, folder = saved[name]
    assert hashes(save(fitted(name), tmp_path / "again")) == hashes(folder)
    for path in manifests(folder):
        named = json.loads(path.read_text())["files"]
        assert not any(TIMING_FILE in file for file in named)


def test_checkpoints_of_the_same_seed_have_the_same_file_hashes(tmp_path):
    for place in ("one", "other"):
        Autoencoder(2, **QUICK | {"max_iter": 3}).fit(
            X, checkpoints=Checkpoints(tmp_path / place, every_epochs=1, every_seconds=None)
        )
        (tmp_path / place / "lock").unlink()
    assert hashes(tmp_path / "one") == hashes(tmp_path / "other")
    assert len(hashes(tmp_path / "one")) == 8


def test_a_folder_without_its_times_says_so(saved, tmp_path):
    folder = shutil.copytree(saved["autoencoder"][1], tmp_path / "model")
    (folder / TIMING_FILE).unlink()
    with pytest.raises(StorageError, match=r"history\.seconds"):
        load(folder)


# ---- checksums and versions ----------------------------------------------------------------------------


def refused(folder, words):
    with pytest.raises(StorageError, match=words) as caught:
        load(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 600


@pytest.mark.parametrize("name", NAMES)
def test_a_checksum_can_not_be_switched_off(name, saved, tmp_path):
    """UnreadableError W2: null, or no key at all, in any manifest; and a number changed beside it."""
    folder = shutil.copytree(saved[name][1], tmp_path / "saved")
    for path in [*manifests(folder), *folder.rglob(TIMING_FILE)]:
        text = path.read_text()
        for key in ("sha256", "files", "format_version"):
            for without in (True, False):
                config = json.loads(text)
                config.pop(key) if without else config.update({key: None})
                path.write_text(json.dumps(config))
                refused(folder, "is damaged|is not a folder that")
        config = json.loads(text) | {"files": {"more": "0" * 64}}
        path.write_text(json.dumps(config))
        refused(folder, "checksum differs")
        path.write_text(text)
    load(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_format_3_gets_one_sentence(name, saved, tmp_path):
    folder = shutil.copytree(saved[name][1], tmp_path / "saved")
    for path in [*manifests(folder), *folder.rglob(TIMING_FILE)]:
        text = path.read_text()
        later = {"format": json.loads(text)["format"], "format_version": 3, "library_version": "9.9", "new": [1]}
        path.write_text(json.dumps(later))
        refused(folder, r"is in format 3, of isthmus '9\.9', and this isthmus .* reads formats up to 2; update|differs")
        path.write_text(text)


def test_a_model_inside_is_the_one_that_was_saved(saved, tmp_path):
    folder = shutil.copytree(saved["denoiser"][1], tmp_path / "saved")
    shutil.rmtree(folder / "autoencoder")
    shutil.copytree(saved["blind denoiser"][1] / "autoencoder", folder / "autoencoder")
    refused(folder, r"autoencoder/config\.json is not as it was saved")


# ---- numbers that would break use ----------------------------------------------------------------------

DISAGREEING = {
    "code_unit": (0.5, "fitted.code_unit must be .*, as the rest says, got 0.5"),
    "scaling_unit": (2.0, "scaling_unit must be the spread of every column or 1, got 2.0"),
    "completion_rank": (1, "fitted.completion_rank must be 0, as the rest says, got 1"),
    "history_rows": (1, "its history has 1 rows, and 2 have a time"),
    "n_kept_codes": (0, "the tensor 'generation.codes' must be none"),
}


@pytest.mark.parametrize("key", DISAGREEING)
def test_what_the_rest_of_a_folder_says_otherwise_is_refused(key, saved, tmp_path):
    folder = shutil.copytree(saved["autoencoder"][1], tmp_path / "saved")
    value, words = DISAGREEING[key]
    rewrite(folder, folder / "config.json", lambda config: config["record"]["fitted"].update({key: value}))
    refused(folder, words)


def test_a_level_beyond_all_rows_is_refused(saved):
    """Each of two numbers is possible, but not the square of their quotient."""
    kind = DenoiserKind()
    parts = kind.take_apart(saved["blind denoiser"][0])
    inside = load(saved["blind denoiser"][1] / "autoencoder")
    tiny = dataclasses.replace(inside.fitted_.scaling, unit=1e-90)
    inside.fitted_ = dataclasses.replace(inside.fitted_, scaling=tiny)
    record = dataclasses.replace(parts.record, noise_level=1e70)
    with pytest.raises(ValueError, match=r"noise_level=1e\+70 is beyond all bounds"):
        kind.put_together(record, HeldTensors(parts.tensors), {"autoencoder": inside}, None)


HOSTILE = (
    0, -1, 10**17, 0.5, 1e-320, 1e-60, 1e60, 1e160, 1e308, -1e308, "NaN", True, None, [1],
)  # fmt: skip


def places(plain, path=()):
    """Where there are numbers in a record."""
    entries = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in entries:
        if type(value) in (int, float) or (value is None and "hyperparameters" not in path):
            yield (*path, key)
        yield from places(value, (*path, key))


def put(config, path, value):
    for key in path[:-1]:
        config = config[key]
    config[path[-1]] = value


def one_of_each_role(folder):
    """The manifests, of the models that a detector fits to a part of its rows only the first."""
    roles = {path.parent.name.rstrip("0123456789"): path for path in reversed(manifests(folder))}
    return sorted(roles.values())


# the others' records hold nothing that these don't
RECORDS = sorted({*NAMES} - {"sparse", "bernoulli", "mixed", "detector", "linear classifier"})


def hostile_at(place, number, name):
    """All of them; but where twelve kinds hold the same record of a fit, a third in each, by turns."""
    return HOSTILE[(number + RECORDS.index(name)) % 3 :: 3] if place[0] == "fitted" else HOSTILE


@pytest.mark.parametrize("name", RECORDS)
def test_numbers_that_would_break_use_are_refused(name, saved, tmp_path):
    """Faults W3 and C4: every number of every record is set to hostile ones; load refuses, or use works."""
    folder, tried, taken = shutil.copytree(saved[name][1], tmp_path / "saved"), 0, []
    text = {each: each.read_text() for each in manifests(folder)}
    for path in one_of_each_role(folder):
        whole = json.loads(text[path])["record"]
        whole.pop("autoencoder", None)  # the settings of a model inside are tried where it stands alone
        if path.parent != folder:
            whole = {"fitted": whole["fitted"]}
        for number, place in enumerate(places(whole)):
            for value in hostile_at(place, number, name):
                rewrite(folder, path, lambda config, place=place, value=value: put(config["record"], place, value))
                tried += 1
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error")
                        if path.parent != folder:
                            load(path.parent)  # refused alone, as the whole would be, in a quarter of the time
                        model = load(folder)
                except StorageError:
                    continue
                try:
                    with np.errstate(all="ignore"):
                        found = used(name, model)
                except Exception as error:
                    raise AssertionError(f"{place} = {value!r} was loaded, and then: {error!r}") from error
                finally:
                    for each, before in text.items():
                        each.write_text(before)
                taken.append((place, value))
                assert all(np.isfinite(part).all() for part in found), f"{place} = {value!r} gives no number"
            for each, before in text.items():
                each.write_text(before)
    assert tried > 150
    assert len(taken) < tried
