"""When is a network worth it? One command, run in the folder benchmarks; it resumes where it was interrupted:

    python -m worth_it run              measure all sets on this machine, those of `quick` and the cheapest first: hours
    python -m worth_it run --sets 120   the first 120 of that order
    python -m worth_it report           the rule, the table, the CSV and the plot, from the measurements
    python -m worth_it quick            measure thirty sets again; fails if they are worse than recorded
    python -m worth_it list             the catalogue, and which sets are on this machine

`make worth-it` installs the packages that ship the sets, runs and reports; `make worth-it QUICK=1` is `quick`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from worth_it.catalogue import KINDS, Set, catalogue, read
from worth_it.quick import QUICK
from worth_it.readers import Places, UnavailableError

RESULTS = Path(__file__).parent.parent / "results"
MEASUREMENTS = RESULTS / "worth_it.jsonl"


def ordered() -> list[Set]:
    """The thirty of `quick`, then the cheapest of each kind in turn, so an early stop leaves some of every kind."""
    by_kind = {
        kind: sorted((one for one in catalogue() if one.kind == kind), key=lambda one: (one.cells, one.name))
        for kind in KINDS
    }
    found = []
    while any(by_kind.values()):
        found += [sets.pop(0) for sets in by_kind.values() if sets]
    return sorted(found, key=lambda one: one.name not in QUICK)


def run(asked: argparse.Namespace, places: Places) -> None:
    """Measure what has not been measured yet."""
    import torch

    from worth_it.measure import SIZES, chosen_size, measured, n_numbers, size_of
    from worth_it.results import append, read_lines

    torch.set_num_threads(1)
    done: dict[tuple[str, str, int], dict[str, Any]] = {
        (one["set"], one["rule"], one["split"]): one for one in read_lines(asked.results)
    }
    sets = [one for one in ordered() if not asked.only or one.name in asked.only][: asked.sets]
    print(f"{len(sets)} sets; {len(done)} measurements exist already", flush=True)
    for rule in asked.sizes or SIZES:
        for number, one in enumerate(sets, 1):
            splits = [number for number in range(asked.splits) if (one.name, rule, number) not in done]
            if not splits or (one.name, rule, -1) in done:
                continue
            began = time.process_time()
            try:
                rows = read(one, places)
            except UnavailableError as error:
                print(f"unavailable: {one.name}: {error}", flush=True)
                continue
            try:
                n_features, n_rows = n_numbers(rows, one.kind), len(rows.values)
                size = chosen_size(rows, one.kind) if rule == "smallest" else size_of(rule, n_features, n_rows)
                same = {other: size_of(other, n_features, n_rows) for other in ("quarter", "two")}
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
                f"{rule} {number}/{len(sets)} {one.name} {found['error'] / found['pca']:.3f} {seconds:.0f} s",
                flush=True,
            )


def _before(rule: str, sizes: dict[str, int]) -> set[int]:
    """Sizes that a rule named earlier has measured."""
    return {sizes["quarter"]} if rule == "two" else set(sizes.values())


def report(asked: argparse.Namespace, places: Places) -> None:
    """Fit the rule, validate it, and write the report."""
    from worth_it.report import draw, write_csv, write_summary
    from worth_it.results import read_lines
    from worth_it.rule import features_of, fit_rule, table_of, validated, write_rule
    from worth_it.summary import outcomes

    sets = {one.name: one for one in catalogue()}
    lines = [line for line in read_lines(asked.results) if line["set"] in sets]
    found = outcomes(lines, sets.values())
    features = features_of(found, sets, places, asked.results.with_name("worth_it_features.jsonl"))
    kept, numbers, log_ratios, groups = table_of(found, features)
    scores, rule = validated(kept, numbers, log_ratios, groups), fit_rule(numbers, log_ratios)
    write_rule(rule, scores["all"])
    write_summary(asked.results.with_suffix(".json"), found, scores, rule, len(sets))
    write_csv(asked.results.with_suffix(".csv"), lines, sets)
    draw(asked.results.with_suffix(".png"), found)
    for group in ("all", "rest", "chose"):
        print(group, {name: round(value, 4) for name, value in scores[group].items()})
    for one in found:
        if one.winner == "closed form":
            print(f"worse than the closed form: {one.name}, {one.rule}: {one.ratio:.3f}, p = {one.p:.3g}")


def quick(asked: argparse.Namespace, places: Places) -> int:
    """Measure thirty sets again; the exit status is 1 if the defaults got worse."""
    from worth_it.quick import SPLITS, compared
    from worth_it.results import read_lines

    recorded = list(read_lines(asked.results))
    with tempfile.TemporaryDirectory() as folder:
        again = argparse.Namespace(**vars(asked))
        again.results = Path(folder) / "quick.jsonl"
        again.only, again.sizes, again.splits, again.sets = QUICK, ["quarter"], SPLITS, None
        run(again, places)
        lines, faults = compared(read_lines(again.results), recorded)
    print("\n".join([*lines, *faults, "the defaults are as good as recorded" if not faults else ""]).rstrip())
    return 1 if faults else 0


def show(places: Places) -> None:
    """Print the catalogue, a line per set."""
    for one in catalogue():
        try:
            rows, columns = read(one, places).values.shape
            here = f"{rows} x {columns}"
        except UnavailableError as error:
            here = f"unavailable: {error}"
        print(f"{one.name:34} {one.kind:10} {'chose' if one.chose_defaults else '':5} {one.package:16} {here}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "report", "quick", "list"))
    parser.add_argument("--packages", type=Path, help="where the packages of packages.txt were installed")
    parser.add_argument("--folder", type=Path, help="folder of files that no package ships: adbench, series, files")
    parser.add_argument("--results", type=Path, default=MEASUREMENTS)
    parser.add_argument("--sets", type=int, help="the number of sets to measure")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--sizes", nargs="+", choices=("quarter", "two", "smallest"))
    parser.add_argument("--splits", type=int, default=5)
    asked = parser.parse_args()
    places = Places(asked.packages, asked.folder)
    if asked.what == "quick":
        sys.exit(quick(asked, places))
    {"run": run, "report": report}.get(asked.what, lambda asked, places: show(places))(asked, places)


if __name__ == "__main__":
    main()
