"""A fitted denoiser as a folder: its autoencoder as any model is written, and the few facts beside it.

FOLDER/model/           the autoencoder, as `isthmus.storage` writes it
FOLDER/denoiser.json    what was asked, the level, and how far cells and hidden cells range
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.denoising.denoiser import Denoiser
from isthmus.denoising.noise import require_kind
from isthmus.storage.folder_writing import new_folder
from isthmus.storage.model_folder import files_of, load
from isthmus.storage.safe_reading import (
    StorageError,
    checksum,
    open_regular_file,
    parse_object,
    require_keys,
    shortened,
)
from isthmus.variants.denoising import DenoisingAutoencoder

__all__ = ["FACTS", "load_denoiser", "save_denoiser"]

MODEL, FACTS, FORMAT, FORMAT_VERSION = "model", "denoiser.json", "isthmus denoiser", 1
MOST_BYTES = 16 << 20
SETTINGS = ("corruption", "level", "clean", "image_shape")
VECTORS = ("_low", "_high")
BLIND_VECTORS = ("_fill", "_hidden_variance")
KEYS = {"format", *SETTINGS, "random_state", "feature_names", "noise_level", "blind", "low", "high"}
LATER_KEYS = {"format_version", "facts_sha256"}  # the first denoisers were written without
BLIND_KEYS = {"fill", "hidden_variance", "blind_share", "known_lost"}


def save_denoiser(denoiser: Denoiser, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a fitted denoiser to the folder ``path``, whole or not at all, and give the path.

    Raises
    ------
    StorageError
        If the folder exists (and may not be replaced, or is no denoiser's) or can't be written.
    """
    facts = _facts_of(denoiser)
    text = json.dumps(facts | {"facts_sha256": checksum(facts)}, indent=1).encode()
    model = {f"{MODEL}/{name}": data for name, data in files_of(denoiser.autoencoder_).items()}
    return new_folder(path, {**model, FACTS: text}, overwrite=overwrite)


def load_denoiser(path: str | os.PathLike[str]) -> Denoiser:
    """The denoiser in a folder; a `StorageError` where there is none, or a damaged one."""
    path = Path(path)
    if not (path / FACTS).exists():
        raise StorageError(
            f"{str(path)!r} is not a denoiser's folder: it has no {FACTS}; isthmus denoise --save makes one."
        )
    if os.path.lexists(path / MODEL / FACTS) or os.path.islink(path / MODEL):
        raise StorageError(f"{str(path)!r} cannot be read: its {MODEL} must be an autoencoder's folder; save it again.")
    autoencoder = load(path / MODEL)
    try:
        with open_regular_file(path, FACTS) as file:
            facts = parse_object(file.read(MOST_BYTES), FACTS)
        return _restored(facts, autoencoder)
    except StorageError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # what a stranger wrote may make anything raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300].rstrip(".; ")
        raise StorageError(f"{str(path)!r} cannot be read: {reason}; save the denoiser again.") from error


def _facts_of(denoiser: Denoiser) -> dict[str, Any]:
    seed = denoiser.random_state
    facts: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION}
    facts |= {name: getattr(denoiser, name) for name in SETTINGS}
    facts["level"] = None if denoiser.level is None else float(denoiser.level)
    facts["clean"] = bool(denoiser.clean)
    facts["image_shape"] = None if denoiser.image_shape is None else [int(size) for size in denoiser.image_shape]
    facts |= {"random_state": int(seed) if isinstance(seed, (int, np.integer)) else None}
    names = getattr(denoiser, "feature_names_in_", None)
    facts |= {"feature_names": None if names is None else [str(name) for name in names]}
    facts |= {"noise_level": denoiser.noise_level_, "blind": denoiser._blind}
    facts |= {name[1:]: getattr(denoiser, name).tolist() for name in VECTORS}
    if denoiser._blind:
        facts |= {name[1:]: getattr(denoiser, name).tolist() for name in BLIND_VECTORS}
        facts |= {"blind_share": denoiser._blind_share, "known_lost": denoiser._known_lost}
    return facts


def _restored(facts: dict[str, Any], autoencoder: Any) -> Denoiser:
    blind = facts.get("blind") is True
    version = facts.get("format_version", FORMAT_VERSION)
    if facts.get("format") != FORMAT or version != FORMAT_VERSION:
        raise ValueError(f"{FACTS} is of format {shortened(version)}, and {FORMAT_VERSION} is read; update isthmus")
    require_keys(facts, KEYS | (BLIND_KEYS if blind else set()), FACTS, optional=LATER_KEYS)
    said = facts.get("facts_sha256")
    if said is not None and said != checksum({name: fact for name, fact in facts.items() if name != "facts_sha256"}):
        raise ValueError(f"{FACTS} was changed after it was written")
    if not isinstance(autoencoder, DenoisingAutoencoder):
        raise ValueError("its model is no DenoisingAutoencoder")
    if (autoencoder.corruption == "blind_spot") is not blind:
        raise ValueError("its model and its facts disagree on whether it was trained blind")
    require_kind(facts["corruption"], FACTS)
    level = facts["noise_level"]
    if level is not None and not (
        _is_number(level) and level >= 0 and (facts["corruption"] == "gaussian" or level < 1)
    ):
        raise ValueError(f"{FACTS} has no possible noise_level")
    shape = facts["image_shape"]
    if shape is not None and not (isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape)):
        raise ValueError(f"{FACTS} has no possible image_shape")
    if facts["level"] is not None and not _is_number(facts["level"]):
        raise ValueError(f"{FACTS} has no possible level")
    denoiser = Denoiser(
        facts["corruption"],
        facts["level"],
        clean=facts["clean"] is True,
        image_shape=None if shape is None else tuple(shape),
        random_state=facts["random_state"],
    )
    denoiser.autoencoder_, denoiser._blind = autoencoder, blind
    denoiser.n_features_in_ = autoencoder.n_features_in_
    names = facts["feature_names"]
    if names is not None:
        if not (isinstance(names, list) and len(names) == denoiser.n_features_in_ and {*map(type, names)} == {str}):
            raise ValueError(f"{FACTS} must name its {denoiser.n_features_in_} columns")
        denoiser.feature_names_in_ = np.array(names, dtype=object)
    denoiser.noise_level_ = None if level is None else float(level)
    for name in (*VECTORS, *(BLIND_VECTORS if blind else ())):
        setattr(denoiser, name, _vector(facts[name[1:]], name[1:], denoiser.n_features_in_))
    if blind:
        if not (_is_number(facts["blind_share"]) and 0 <= facts["blind_share"] <= 1):
            raise ValueError(f"{FACTS} has no possible blind_share")
        denoiser._blind_share, denoiser._known_lost = float(facts["blind_share"]), facts["known_lost"] is True
    return denoiser


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _vector(values: Any, name: str, size: int) -> np.ndarray:
    if not isinstance(values, list) or len(values) != size or not all(map(_is_number, values)):
        raise ValueError(f"{FACTS} must hold {size} numbers as its {name}")
    return np.array(values, dtype=np.float64)
