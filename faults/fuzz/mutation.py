"""Mutations that know the structure of a folder: a key dropped, renamed or doubled, a value of another kind or size."""

from __future__ import annotations

import json
import random
from typing import Any

from faults.fuzz.loaders import MARK

__all__ = ["mutated_bytes", "mutated_folder"]

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 10**17, -(10**17), 2**31, 2**63, 1e308, -1e-308, 0.5, float("nan"), float("inf"),
    "", "a", "../../etc/passwd", "/dev/zero", "\x1b[31m", "\u202e", "\ud800", "cpu", "cuda:99", "os.system", "A" * 5000,
    [], {}, [0], [1, 1], [[]], {"": 0}, [10**17], ["a", "a"], [None],
)  # fmt: skip


def mutated_folder(data: bytes, max_size: int, seed: int) -> bytes:
    """The custom mutator of libFuzzer: mostly the JSON or header of one file is changed, otherwise its bytes."""
    chance = random.Random(seed)
    parts = bytes(data).split(MARK)
    if len(parts) < 2:
        return mutated_bytes(bytes(data), chance)[:max_size]
    index = chance.randrange(1, len(parts))
    head, _, content = parts[index].partition(b"\n")
    if head.endswith(b".json") and chance.random() < 0.8:
        try:
            content = json.dumps(_changed(json.loads(content), chance)).encode()
        except (ValueError, RecursionError):
            content = mutated_bytes(content, chance)
    elif head.endswith(b".safetensors") and chance.random() < 0.5:
        content = _other_header(content, chance)
    elif chance.random() < 0.05:
        del parts[index]
        return MARK.join(parts)[:max_size]
    else:
        content = mutated_bytes(content, chance)
    parts[index] = head + b"\n" + content
    return MARK.join(parts)[:max_size]


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """A few bytes flipped, inserted, removed, doubled, or replaced by a number at the limit of its type."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        index = chance.randrange(len(found) + 1)
        length = chance.choice((1, 1, 2, 4, 8, 32))
        stretch = slice(index, index + length)
        how = chance.randrange(5)
        if how == 0:
            found[stretch] = bytes(byte ^ (1 << chance.randrange(8)) for byte in found[stretch])
        elif how == 1:
            found[index:index] = chance.randbytes(length)
        elif how == 2:
            del found[stretch]
        elif how == 3:
            found[index:index] = found[stretch]
        else:
            edge = chance.choice((0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1))
            found[stretch] = edge.to_bytes(8, chance.choice(("little", "big")))[:length]
    return bytes(found)


def _other_header(data: bytes, chance: random.Random) -> bytes:
    length = int.from_bytes(data[:8], "little")
    try:
        text = json.dumps(_changed(json.loads(data[8 : 8 + length]), chance)).encode()
    except (ValueError, RecursionError, OverflowError):
        return data[: chance.randrange(len(data) + 1)]
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _changed(found: Any, chance: random.Random) -> Any:
    """The same JSON with one error in it, at any depth."""
    if isinstance(found, dict) and found:
        key = chance.choice(list(found))
        if isinstance(found[key], (dict, list)) and found[key] and chance.random() < 0.7:
            return found | {key: _changed(found[key], chance)}
        how = chance.randrange(5)
        if how == 0:
            return {name: value for name, value in found.items() if name != key}
        if how == 1:
            return {(key + "x" if name == key else name): value for name, value in found.items()}
        if how == 2:
            return found | {key: found[chance.choice(list(found))]}
        if how == 3 and type(found[key]) in (int, float):
            return found | {key: found[key] * chance.choice((-1, 0, 2, 10**6)) + chance.choice((-1, 0, 1))}
        return found | {key: chance.choice(HOSTILE)}
    if isinstance(found, list) and found:
        index = chance.randrange(len(found))
        if isinstance(found[index], (dict, list)) and chance.random() < 0.7:
            return [*found[:index], _changed(found[index], chance), *found[index + 1 :]]
        entries = ([], [found[index]] * 2, [chance.choice(HOSTILE)])
        return [*found[:index], *chance.choice(entries), *found[index + 1 :]]
    return chance.choice(HOSTILE)
