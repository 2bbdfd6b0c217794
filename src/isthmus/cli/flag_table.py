"""The hyperparameters of all variants in a file, so the command line answers before PyTorch is imported.

Hyperparameters are declared in classes that import PyTorch, which takes seconds; ``isthmus fit`` should describe the
file before that. ``flags.json`` is a copy of the declarations. It is written by ``python -m isthmus.cli.flag_table``,
and a test compares the two. If there is a variant it doesn't know, the declarations themselves are read.
"""

from __future__ import annotations

import functools
import json
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from isthmus.hyperparameter import Hyperparameter, hyperparameters

__all__ = ["TABLE", "Holders", "declared", "known", "written"]

TABLE = Path(__file__).with_name("flags.json")
TYPES: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "None": types.NoneType, "tuple": tuple[int, ...]
}  # fmt: skip

Holders = dict[str, dict[str, Hyperparameter]]


@functools.cache
def known(variants: tuple[str, ...]) -> Holders:
    """By name of each hyperparameter, its declaration in every variant that has it."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    if table["variants"] != list(variants):
        return declared()
    return {
        name: {variant: _from_plain(name, entry) for entry in entries for variant in entry["variants"]}
        for name, entries in table["hyperparameters"].items()
    }


def declared() -> Holders:
    """The same from the declarations."""
    from isthmus.variants import variants

    holders: Holders = {}
    for variant, kind in variants().items():
        for name, parameter in hyperparameters(kind).items():
            holders.setdefault(name, {})[variant] = parameter
    return holders


def written(holders: Holders) -> str:
    """The text of the table."""
    from isthmus.variants import variants

    table: dict[str, list[dict[str, Any]]] = {}
    for name, by_variant in holders.items():
        entries = table.setdefault(name, [])
        for variant, parameter in by_variant.items():
            plain = _to_plain(parameter)
            same = next(
                (entry for entry in entries if {**entry, "variants": None} == {**plain, "variants": None}), None
            )
            if same is None:
                entries.append(same := {"variants": [], **plain})
            same["variants"].append(variant)
    return json.dumps({"variants": list(variants()), "hyperparameters": table}, indent=1, ensure_ascii=False) + "\n"


def _to_plain(parameter: Hyperparameter) -> dict[str, Any]:
    """The fields that differ from the defaults of `Hyperparameter`, in JSON's types."""
    union = typing.get_origin(parameter.annotation) in (typing.Union, types.UnionType)
    members = typing.get_args(parameter.annotation) if union else (parameter.annotation,)
    names = [next(name for name, kind in TYPES.items() if kind == member) for member in members]
    facts = {
        field.name: getattr(parameter, field.name) for field in fields(Hyperparameter) if _differs(parameter, field)
    }
    return {**facts, "annotation": names}


def _differs(parameter: Hyperparameter, field: Any) -> bool:
    return field.name not in ("name", "annotation") and getattr(parameter, field.name) is not field.default


def _from_plain(name: str, entry: Mapping[str, Any]) -> Hyperparameter:
    facts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items() if key != "variants"
    }
    annotation = functools.reduce(operator.or_, (TYPES[member] for member in entry["annotation"]))
    return Hyperparameter(**facts | {"name": name, "annotation": annotation})


if __name__ == "__main__":
    TABLE.write_text(written(declared()), encoding="utf-8")
