"""The stored form of a `WindowedAutoencoder`: settings, held-out errors, and its autoencoder.

Its tensors are the units of the channels and two singular spectra.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.series.ssa import SingularSpectrum
from isthmus.series.windowed import CLOSED_FORM, WindowedAutoencoder
from isthmus.series.windows import Units
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.record import Setting, fact, record
from isthmus.storage.settings import Settings, estimator_of, hyperparameters_of, settings_of, unfitted
from isthmus.storage.tensor_file import StoredTensors, TensorKind, tensors_from

__all__ = ["WindowedKind", "WindowedRecord"]

LARGEST = 1e100
LONGEST = 1e5  # steps in a window


@record
class WindowedRecord:
    """All of a windowed autoencoder but its tensors; ``autoencoder`` is the unfitted one it was given, if any."""

    settings: dict[str, Setting]
    autoencoder: Settings | None
    channels: tuple[str, ...] = fact(lengths=(1, 100_000))
    has_names: bool = fact()
    kind: str = fact(lengths=(1, 100))
    length: int = fact(at_least=1, at_most=LONGEST)
    stride: int = fact(at_least=1, at_most=LONGEST)
    block_errors: dict[str, tuple[float, ...]] = fact(at_least=0, at_most=LARGEST)
    errors: dict[str, float] = fact(at_least=0, at_most=LARGEST)
    gap_errors: dict[str, float] = fact(at_least=0, at_most=LARGEST)

    def __post_init__(self) -> None:
        if self.kind not in self.block_errors or CLOSED_FORM not in self.block_errors:
            raise ValueError("block_errors must have those of its kind and of the closed form")
        if not all(key.isdigit() and len(key) < 6 for key in (*self.errors, *self.gap_errors)):
            raise ValueError("the keys of errors must be numbers of components")


class WindowedKind(Kind):
    """`WindowedAutoencoder`."""

    format = "isthmus windowed autoencoder"
    record = WindowedRecord
    inner = ("autoencoder",)

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, WindowedAutoencoder)

    def take_apart(self, estimator: Any) -> Parts:
        spectrum = estimator.spectrum_
        record = WindowedRecord(
            settings=hyperparameters_of(estimator),
            autoencoder=None if estimator.autoencoder is None else settings_of(estimator.autoencoder),
            channels=estimator.channels_,
            has_names=estimator.has_names_,
            kind=estimator.kind_,
            length=estimator.length_,
            stride=estimator.stride_,
            block_errors={name: tuple(errors) for name, errors in estimator.block_errors_.items()},
            errors={str(size): error for size, error in spectrum.block_errors.items()},
            gap_errors={str(size): error for size, error in estimator.filling_.block_errors.items()},
        )
        arrays = {
            "center": estimator.units_.center,
            "spread": estimator.units_.spread,
        }
        for name, one in (("spectrum", spectrum), ("filling", estimator.filling_)):
            arrays |= {f"{name}.mean": one.mean, f"{name}.components": one.components}
            arrays[f"{name}.eigenvalues"] = one.eigenvalues
        return Parts(record, tensors_from(arrays), {"autoencoder": estimator.autoencoder_})

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> WindowedAutoencoder:
        model = unfitted(WindowedAutoencoder, record.settings)
        model.autoencoder = None if record.autoencoder is None else estimator_of(record.autoencoder)
        n_channels, fitted = len(record.channels), inner["autoencoder"]
        n_cells = n_channels * record.length
        if fitted.n_features_in_ != n_cells:
            raise ValueError(
                f"its autoencoder has rows of {fitted.n_features_in_} numbers, and windows of {record.length} steps of "
                f"{n_channels} channels have {n_cells}"
            )
        n_components = fitted.n_components_
        shape = tensors.kinds["filling.components"].shape if "filling.components" in tensors.kinds else ()
        if len(shape) != 2 or not 1 <= shape[0] <= n_cells:
            raise ValueError("filling.components must have from 1 to as many rows as cells")
        spectra = {"spectrum": n_components, "filling": shape[0]}
        arrays = {
            name: part.numpy()
            for name, part in tensors.read(
                {
                    "center": TensorKind("F64", (n_channels,)),
                    "spread": TensorKind("F64", (n_channels,)),
                    **{f"{name}.mean": TensorKind("F64", (n_channels, record.length)) for name in spectra},
                    **{f"{name}.components": TensorKind("F64", (size, n_cells)) for name, size in spectra.items()},
                    **{f"{name}.eigenvalues": TensorKind("F64", (n_cells,)) for name in spectra},
                }
            ).items()
        }
        for name, part in arrays.items():
            some = part[~np.isinf(part)] if name == "spread" else part
            if not np.isfinite(some).all() or (len(some) and np.abs(some).max() > LARGEST):
                raise ValueError(f"{name} holds NaN, infinity or a number beyond {LARGEST:g}")
        if arrays["spread"].min() <= 1 / LARGEST or min(arrays[f"{name}.eigenvalues"].min() for name in spectra) < 0:
            raise ValueError("spread must be above 0, and eigenvalues at least 0")
        model.channels_, model.has_names_ = record.channels, record.has_names
        vars(model).update({"n_features_in_": n_channels})
        model.units_ = Units(arrays["center"], arrays["spread"])
        model.length_, model.stride_, model.n_components_ = record.length, record.stride, n_components
        model.spectrum_, model.filling_ = (
            SingularSpectrum(
                arrays[f"{name}.mean"],
                arrays[f"{name}.components"],
                arrays[f"{name}.eigenvalues"],
                {int(size): error for size, error in errors.items()},
            )
            for name, errors in (("spectrum", record.errors), ("filling", record.gap_errors))
        )
        model.block_errors_ = {name: list(part) for name, part in record.block_errors.items()}
        model.kind_, model.autoencoder_ = record.kind, fitted
        return model
