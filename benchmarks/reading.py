"""Reading a large CSV of mixed columns: peak memory, and the time of the first pass against pyarrow's own parser.

Each is measured in its own process, on one thread. The first pass finds every column's kind, its categories and its
missing cells, and writes the rows to an Arrow file in the scratch folder; pyarrow reads `pyarrow.csv.open_csv` to its
end. Run it as ``python benchmarks/reading.py --megabytes 1000``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BLOCK_ROWS = 100_000
CITIES = np.array(["Oslo", "Bergen", "Trondheim", "Stavanger", "Tromsø", "Bodø"])


def write_mixed(path: Path, n_bytes: int) -> int:
    """Write a table of ids, categories, dates, numbers with gaps, booleans and free text; return its number of rows."""
    generator = np.random.default_rng(0)
    day, n_rows = np.datetime64("2015-01-01"), 0
    with path.open("w", encoding="utf-8") as file:
        file.write("id,city,day,price,size,count,member,code,note\n")
        while file.tell() < n_bytes:
            n = BLOCK_ROWS
            price = np.where(generator.random(n) < 0.02, "", generator.gamma(2.0, 30.0, n).round(2).astype(str))
            columns = (
                np.arange(n_rows, n_rows + n), generator.choice(CITIES, n), day + generator.integers(0, 3000, n), price,
                generator.normal(size=n).round(5), generator.integers(0, 500, n),
                generator.choice(np.array(["yes", "no"]), n), generator.integers(0, 90, n),
                [f'"order {number:x}, as agreed with the customer"' for number in generator.integers(0, 1 << 40, n)],
            )  # fmt: skip
            file.writelines(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))
            n_rows += n
    return n_rows


def measured(what: str, path: Path) -> dict[str, float]:
    """Seconds, processor seconds and peak memory of one way of reading, in this process."""
    before = time.perf_counter(), time.process_time()
    if what == "pyarrow":
        import pyarrow
        from pyarrow import csv

        pyarrow.set_cpu_count(1)
        n_rows = sum(len(batch) for batch in csv.open_csv(path, read_options=csv.ReadOptions(use_threads=False)))
    else:
        from isthmus.tables import open_table

        stream = open_table(path, held_bytes=1 << 20)
        n_rows = len(stream)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    return {
        "rows": n_rows,
        "seconds": time.perf_counter() - before[0],
        "cpu_seconds": time.process_time() - before[1],
        "peak_megabytes": peak,
    }


def main() -> None:
    """Write the file, read it both ways in turn, print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--one", choices=("pyarrow", "isthmus"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one, given.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.csv"
        n_rows = write_mixed(path, given.megabytes * 10**6)
        runs: dict[str, list[dict[str, float]]] = {"pyarrow": [], "isthmus": []}
        for _ in range(given.repeats):
            for what, found in runs.items():
                command = [sys.executable, __file__, "--one", what, "--file", str(path)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found.append(json.loads(done.stdout))
        best = {what: min(found, key=lambda run: run["cpu_seconds"]) for what, found in runs.items()}
        ratio = best["isthmus"]["cpu_seconds"] / best["pyarrow"]["cpu_seconds"]
        size = path.stat().st_size
    print(json.dumps({"bytes": size, "rows": n_rows, "runs": runs, "cpu_ratio": ratio}, indent=1))


if __name__ == "__main__":
    main()
