"""Folders of the first format, converted to the present one when they are read.

config.json, model.safetensors          an autoencoder; the seconds of its history among its tensors
and next to these
    detector.json, detector.safetensors a detector around it
denoiser.json, model/                   a denoiser, its vectors in JSON; the very first without a checksum
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from isthmus.storage.kind import Opened
from isthmus.storage.manifest import Manifest, read_manifest
from isthmus.storage.record import from_plain
from isthmus.storage.safe_reading import StorageError
from isthmus.storage.tensor_file import HeldTensors, TensorFile

__all__ = ["opened_by_its_own_file", "opened_model", "present_name"]

MODEL, DETECTOR, DENOISER = "isthmus model", "isthmus detector", "isthmus denoiser"
CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"
RENAMED = {"straight": "skip", "bent": "residual"}  # parts of networks
LATER = {"completion_rank": 0, "layout": None, "n_kept_codes": 0}  # absent from the first models


@dataclass(frozen=True)
class _Vectors:
    """A denoiser's vectors, one number per column."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    fill: tuple[float, ...] | None = None
    hidden_variance: tuple[float, ...] | None = None


def present_name(name: str) -> str:
    """The present name of a tensor."""
    return ".".join(RENAMED.get(part, part) for part in name.split("."))


def opened_model(folder: Path, manifest: Manifest) -> Opened:
    """An autoencoder's folder, given its manifest."""
    old = manifest.record
    settings = {name: old.get(name) for name in ("variant", "hyperparameters")}
    given = settings["hyperparameters"]
    later = LATER | {"masked": isinstance(given, dict) and given.get("missing") == "mask"}
    facts = later | old.get("fitted", {})
    if isinstance(facts["layout"], dict):
        facts |= _present_layout(facts["layout"])
    record = {"settings": settings, "architecture": old.get("architecture"), "fitted": facts}
    return Opened(MODEL, record, TensorFile(folder, TENSOR_FILE, manifest.files[""], present_name), {})


def _present_layout(old: dict[str, Any]) -> dict[str, Any]:
    """The layout of a table, which used to hold the library of its DataFrame and that library's dtypes."""
    columns = [dict(column) for column in old["columns"]]
    dtypes = [str(column["dtype"]) for column in columns]
    for column, dtype in zip(columns, dtypes, strict=True):
        column["kind"] = "boolean" if column["kind"] == "truth" else column["kind"]
        column["dtype"] = _arrow_type(dtype)
    return {"layout": {"columns": columns}, "form": {"library": old["library"], "dtypes": dtypes, "lazy": False}}


def _arrow_type(dtype: str) -> str:
    """Arrow's name for a dtype of pandas or polars."""
    name, _, unit = dtype.replace("|", "[").partition("[")
    if name.lower() in ("datetime64", "datetime"):
        unit, _, zone = unit.rstrip("]").replace("[", ",").partition(",")
        return f"timestamp[{unit}, tz={zone.strip()}]" if zone.strip() else f"timestamp[{unit}]"
    known = {"float64": "double", "float32": "float", "boolean": "bool", "bool": "bool", "date": "date32[day]"}
    integer = name.lower().removeprefix("u").removeprefix("int").isdigit()
    return name.lower() if integer else known.get(name.lower(), "string")


def opened_by_its_own_file(folder: Path, formats: Collection[str]) -> Opened | None:
    """A detector's or a denoiser's folder, if it is one and ``formats`` has it."""
    if DENOISER in formats and os.path.lexists(folder / "denoiser.json"):
        return _opened_denoiser(folder)
    if DETECTOR in formats and os.path.lexists(folder / "detector.json"):
        return _opened_detector(folder)
    return None


def _opened_detector(folder: Path) -> Opened:
    manifest = read_manifest(folder, "detector.json", (DETECTOR,))
    facts = dict(manifest.record)
    left_open, rate = facts.pop("autoencoder_left_open"), facts.pop("false_alarm_rate")
    autoencoder = None
    if left_open is not None:
        settings = opened_model(folder, read_manifest(folder, CONFIG_FILE, (MODEL,))).record["settings"]
        autoencoder = settings | {"hyperparameters": settings["hyperparameters"] | dict.fromkeys(left_open)}
    surprises = {
        name: dict(zip(("center", "spread", "origin"), numbers, strict=True))
        for name, numbers in facts["surprises"].items()
    }
    facts |= {"autoencoder": autoencoder, "surprises": surprises}
    facts |= {"false_alarm_rate": "NaN" if rate is None else rate}
    tensors = TensorFile(folder, "detector.safetensors", manifest.files[""])
    return Opened(DETECTOR, facts, tensors, {"autoencoder": folder})


def _opened_denoiser(folder: Path) -> Opened:
    manifest = read_manifest(folder, "denoiser.json", (DENOISER,))
    facts: dict[str, Any] = {"blind_share": 1.0, "known_lost": False, **manifest.record, "autoencoder": None}
    names = ("low", "high", "fill", "hidden_variance")
    vectors = from_plain(_Vectors, {name: facts.pop(name) for name in names if name in facts})
    given = {name: getattr(vectors, name) for name in names if getattr(vectors, name) is not None}
    tensors = {name: torch.tensor(numbers, dtype=torch.float64) for name, numbers in given.items()}
    if (folder / "model").is_symlink() or not (folder / "model").is_dir():
        raise StorageError(f"{str(folder)!r} cannot be read: its model must be an autoencoder's folder.")
    return Opened(DENOISER, facts, HeldTensors(tensors), {"autoencoder": folder / "model"})
