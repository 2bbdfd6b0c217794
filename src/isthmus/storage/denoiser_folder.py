"""The stored form of a denoiser: its settings, the noise level, and its autoencoder.

Its tensors are the range of each column; for a blind one, the fill value of hidden cells and the variance of their
prediction error; and the scale of each column, if they were scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch

from isthmus.denoising.denoiser import Denoiser
from isthmus.input_validation import set_columns
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.record import fact, record
from isthmus.storage.settings import SEEDS, Settings, estimator_of, plain_seed, settings_of
from isthmus.storage.tensor_file import StoredTensors, TensorKind
from isthmus.variants.denoising import DenoisingAutoencoder

__all__ = ["DenoiserKind", "DenoiserRecord"]

MIN_LEVEL, LARGEST = 1e-100, 1e100  # the quotient of their squares is finite
VECTORS = ("low", "high")
BLIND_VECTORS = ("fill", "hidden_variance")


@record
class DenoiserRecord:
    """All of a denoiser but its tensors; ``autoencoder`` is the unfitted one it was given, if any."""

    corruption: Literal["gaussian", "masking", "salt_and_pepper"]
    level: float | None = fact(at_least=0, at_most=LARGEST)
    clean: bool
    image_shape: tuple[int, ...] | None = fact(at_least=1, lengths=(2, 3))
    random_state: int | None = fact(at_least=0, below=SEEDS)
    autoencoder: Settings | None
    feature_names: tuple[str, ...] | None
    noise_level: float | None = fact(at_least=0, at_most=LARGEST)
    blind: bool
    blind_share: float = fact(at_least=0, at_most=1)
    known_lost: bool
    scale: Literal["auto", "standard"] | None = None

    def __post_init__(self) -> None:
        for level in (self.level, self.noise_level):
            if self.corruption != "gaussian" and level is not None and level >= 1:
                raise ValueError(f"a share of cells must be below 1, got {level}")
            if level is not None and 0 < level < MIN_LEVEL:
                raise ValueError(f"a level must be 0 or at least {MIN_LEVEL}, got {level}")
        if self.blind and self.noise_level is None:
            raise ValueError("noise_level must be a number where there were no clean rows, got None")


class DenoiserKind(Kind):
    """`Denoiser`."""

    format = "isthmus denoiser"
    record = DenoiserRecord
    inner = ("autoencoder",)

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, Denoiser)

    def take_apart(self, estimator: Any) -> Parts:
        names, level, shape = getattr(estimator, "feature_names_in_", None), estimator.level, estimator.image_shape
        blind = estimator.blind_
        record = DenoiserRecord(
            corruption=estimator.corruption,
            level=None if level is None else float(level),
            clean=bool(estimator.clean),
            image_shape=None if shape is None else tuple(map(int, shape)),
            random_state=plain_seed(estimator.random_state),
            autoencoder=None if estimator.autoencoder is None else settings_of(estimator.autoencoder),
            feature_names=None if names is None else tuple(map(str, names)),
            noise_level=estimator.noise_level_,
            blind=blind,
            blind_share=float(estimator.blind_share_) if blind else 1.0,
            known_lost=estimator.known_lost_ if blind else False,
            scale=estimator.scale,
        )
        vectors = {name: getattr(estimator, f"_{name}") for name in (*VECTORS, *(BLIND_VECTORS if blind else ()))}
        if (estimator.scale_ != 1).any():
            vectors["scale"] = estimator.scale_
        tensors = {name: torch.from_numpy(np.array(part, dtype=np.float64)) for name, part in vectors.items()}
        return Parts(record, tensors, {"autoencoder": estimator.autoencoder_})

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> Denoiser:
        autoencoder, names = inner["autoencoder"], record.feature_names
        n_features = autoencoder.n_features_in_
        if not isinstance(autoencoder, DenoisingAutoencoder):
            raise ValueError("its autoencoder is no DenoisingAutoencoder")
        if (autoencoder.corruption == "blind_spot") is not record.blind:
            raise ValueError("its autoencoder and its record disagree on whether it was trained blind")
        if names is not None and len(names) != n_features:
            raise ValueError(f"feature_names must be {n_features} names, got {len(names)}")
        if (record.noise_level or 0) > LARGEST * autoencoder.scaling_.unit:
            raise ValueError(f"noise_level={record.noise_level} is beyond all bounds for rows like its autoencoder's")
        template = None if record.autoencoder is None else estimator_of(record.autoencoder)
        denoiser = Denoiser(
            record.corruption,
            record.level,
            clean=record.clean,
            image_shape=record.image_shape,
            scale=record.scale,
            autoencoder=template,
            random_state=record.random_state,
        )
        denoiser.autoencoder_, denoiser.blind_ = autoencoder, record.blind
        set_columns(denoiser, n_features, names)
        denoiser.noise_level_ = record.noise_level
        vectors = _vectors(tensors, n_features, blind=record.blind)
        denoiser.scale_ = vectors.pop("scale", np.ones(n_features))
        for name, part in vectors.items():
            setattr(denoiser, f"_{name}", part)
        if record.blind:
            denoiser.blind_share_, denoiser.known_lost_ = record.blind_share, record.known_lost
        return denoiser


def _vectors(tensors: StoredTensors, n_features: int, *, blind: bool) -> dict[str, np.ndarray]:
    names = (*VECTORS, *(BLIND_VECTORS if blind else ()), *(("scale",) if "scale" in tensors.kinds else ()))
    expected = {name: TensorKind("F64", (n_features,)) for name in names}
    vectors = {name: part.numpy() for name, part in tensors.read(expected).items()}
    for name, part in vectors.items():
        if not (np.abs(part) <= LARGEST).all():
            raise ValueError(f"{name} must not hold numbers beyond {LARGEST:g}")
    if (vectors["low"] > vectors["high"]).any() or (blind and vectors["hidden_variance"].min() < 0):
        raise ValueError("low must be at most high, and hidden_variance at least 0")
    if "scale" in vectors and vectors["scale"].min() < 1 / LARGEST:
        raise ValueError(f"scale must be at least {1 / LARGEST:g}")
    return vectors
