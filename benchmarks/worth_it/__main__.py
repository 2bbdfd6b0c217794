"""When is a network worth it? One command, which resumes where it was interrupted:

python -m worth_it run              measure all sets that are here, cheapest first (hours)
python -m worth_it run --sets 120   the first 120 of that order
python -m worth_it list             the catalogue, and which sets are here
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from worth_it.catalogue import KINDS, Set, catalogue, read
from worth_it.readers import Places, UnavailableError

RESULTS = Path(__file__).parent.parent / "results"
MEASUREMENTS = RESULTS / "worth_it.jsonl"


def ordered() -> list[Set]:
    """Kind by kind in turn, the cheapest of each first: an early stop leaves a bit of everything."""
    by_kind = {
        kind: sorted((one for one in catalogue() if one.kind == kind), key=lambda one: (one.cells, one.name))
        for kind in KINDS
    }
    found = []
    while any(by_kind.values()):
        found += [sets.pop(0) for sets in by_kind.values() if sets]
    return found


def run(asked: argparse.Namespace, places: Places) -> None:
    """Measure what is not measured yet."""
    import torch

    from worth_it.measure import SIZES, chosen_size, measured, n_numbers, size_of
    from worth_it.results import append, read_lines

    torch.set_num_threads(1)
    done: dict[tuple[str, str, int], dict[str, Any]] = {
        (one["set"], one["rule"], one["split"]): one for one in read_lines(asked.results)
    }
    sets = [one for one in ordered() if not asked.only or one.name in asked.only][: asked.sets]
    print(f"{len(sets)} sets; {len(done)} measurements are there already", flush=True)
    for rule in asked.sizes or SIZES:
        for place, one in enumerate(sets, 1):
            splits = [number for number in range(asked.splits) if (one.name, rule, number) not in done]
            if not splits or (one.name, rule, -1) in done:
                continue
            began = time.process_time()
            try:
                rows = read(one, places)
            except UnavailableError as error:
                print(f"not here: {one.name}: {error}", flush=True)
                continue
            try:
                n_features = n_numbers(rows, one.kind)
                size = chosen_size(rows, one.kind) if rule == "smallest" else size_of(rule, n_features)
                same = {other: size_of(other, n_features) for other in ("quarter", "two")}
                if rule == "smallest":
                    append(asked.results, {"set": one.name, "rule": rule, "split": -2, "size": size})
                if size is None or not 1 <= size < n_features or (rule != "quarter" and size in _before(rule, same)):
                    append(asked.results, {"set": one.name, "rule": rule, "split": -1, "size": size})
                    continue
                for number in splits:
                    found = measured(rows, one.kind, size, number, with_bits=rule == "quarter" and number == 0)
                    key = {"set": one.name, "kind": one.kind, "rule": rule, "size": size, "split": number}
                    append(asked.results, key | found)
            except (ValueError, RuntimeError, FloatingPointError) as error:
                append(asked.results, {"set": one.name, "rule": rule, "split": -1, "failed": str(error)[:300]})
                print(f"{one.name}, {rule}: {error}", flush=True)
                continue
            seconds = time.process_time() - began
            print(
                f"{rule} {place}/{len(sets)} {one.name} {found['error'] / found['pca']:.3f} {seconds:.0f} s", flush=True
            )


def _before(rule: str, sizes: dict[str, int]) -> set[int]:
    """Sizes that a rule named earlier has measured."""
    return {sizes["quarter"]} if rule == "two" else set(sizes.values())


def show(places: Places) -> None:
    """The catalogue, a line a set."""
    for one in catalogue():
        try:
            rows, columns = read(one, places).values.shape
            here = f"{rows} x {columns}"
        except UnavailableError as error:
            here = f"not here: {error}"
        print(f"{one.name:34} {one.kind:10} {'chose' if one.chose_defaults else '':5} {one.package:16} {here}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "list"))
    parser.add_argument("--packages", type=Path, help="where the packages of packages.txt were installed")
    parser.add_argument("--folder", type=Path, help="files that no package ships: folders adbench, series and files")
    parser.add_argument("--results", type=Path, default=MEASUREMENTS)
    parser.add_argument("--sets", type=int, help="only so many")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--sizes", nargs="+", choices=("quarter", "two", "smallest"))
    parser.add_argument("--splits", type=int, default=5)
    asked = parser.parse_args()
    places = Places(asked.packages, asked.folder)
    if asked.what == "list":
        show(places)
    else:
        run(asked, places)


if __name__ == "__main__":
    main()
